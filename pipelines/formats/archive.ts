/**
 * Members of tar archives, plain or compressed by gzip, in their order. Members are read as they stream by; what no
 * format reads is passed over without being kept.
 */
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import tar from "tar-stream";
import { brokenFile, FormatError } from "./format.ts";
import { type FileSource } from "./source.ts";
import { joined } from "../base/file_bytes.ts";

/** A member of an archive. */
export interface Member {
  /** Its path, without `./` before it. */
  readonly name: string;
  /** Its bytes; none of members that are not wanted, or too long. */
  readonly bytes?: Uint8Array;
  /** Its length. */
  readonly size: number;
  /** Where a link leads, for members that are links to others. */
  readonly link?: string;
}

/** The most bytes that are kept of a member by name; 0 for members that are passed over. */
export type Keeping = (name: string) => number;

const compressions: readonly (readonly [sign: string, name: string])[] = [
  ["PK\x03\x04", "a ZIP archive"],
  ["BZh", "an archive compressed by bzip2"],
  ["\xfd7zXZ", "an archive compressed by xz"],
  ["\x28\xb5\x2f\xfd", "an archive compressed by zstd"],
  ["7z\xbc\xaf", "a 7-Zip archive"],
  ["Rar!", "a RAR archive"],
];

/** Bytes of a tar archive that are looked at: one block. */
const BLOCK = 512;

/** Whether the archive is compressed by gzip; other compressions are refused by their name. */
const isGzip = async (source: FileSource): Promise<boolean> => {
  const head = String.fromCharCode(...await source.slice(0, Math.min(source.size, BLOCK)));
  const other = compressions.find(([sign]) => head.startsWith(sign));
  if (other === undefined) return head.startsWith("\x1f\x8b");
  throw brokenFile(
    source.name,
    other[1],
    "a tar archive, plain or compressed by gzip",
    "pack it again as tar",
  );
};

const fileTypes: readonly (string | null | undefined)[] = ["file", "contiguous-file"];
const linkTypes: readonly (string | null | undefined)[] = ["link", "symlink"];

const reasonOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause);

/** The members of an archive that are files or links. Throws a `FormatError` that names the last whole member. */
export async function* membersOf(source: FileSource, keeping: Keeping): AsyncGenerator<Member> {
  const archive = tar.extract(), bytes = Readable.from(source.chunks());
  // errors of any part end the iteration below
  const fed = (await isGzip(source) ? pipeline(bytes, createGunzip(), archive) : pipeline(bytes, archive))
    .catch(() => undefined);
  let last: string | undefined;
  try {
    for await (const member of archive) {
      const { name: path, size = 0, type, linkname } = member.header;
      const name = path.replace(/^(\.\/)+/, ""), most = fileTypes.includes(type) ? keeping(name) : 0;
      const parts: Uint8Array[] = [];
      for await (const part of member) if (size <= most) parts.push(part as Uint8Array);
      last = name;
      if (linkTypes.includes(type)) yield { name, size: 0, link: linkname ?? "nothing" };
      else if (fileTypes.includes(type)) {
        yield { name, size, ...(size <= most && most > 0 ? { bytes: joined(parts) } : {}) };
      }
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    const place = last === undefined ? "before the end of its first member" : `behind the member ${last}`;
    throw brokenFile(source.name, `${reasonOf(cause)} ${place}`, "a whole tar archive");
  } finally {
    archive.destroy();
    await fed;
  }
}
