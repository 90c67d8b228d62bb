/** Pairs of images and texts in WebDataset archives: tar files in which members of one name are one sample. */
import * as t from "io-ts";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import tar from "tar-stream";
import { nullable, wordsCodec } from "../base/codecs.ts";
import { joined } from "../base/file_bytes.ts";
import { imageKinds, kindOf } from "../images/image_kind.ts";
import { MAX_ENCODED } from "../images/image_files.ts";
import { jsonOf, textOf } from "./decoding.ts";
import { brokenFile, type Entry, type Format, FormatError, type Machine } from "./format.ts";
import { each, field, leftOut, refused, taken } from "./machine.ts";
import type { FileSource } from "./source.ts";
import type { PairRecord } from "./training.ts";

/** A member of an archive. */
interface Member {
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
type MaxBytes = (name: string) => number;

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
async function* membersOf(source: FileSource, keeping: MaxBytes): AsyncGenerator<Member> {
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

/** Maximum number of bytes of a text or a JSON member. */
const MOST_TEXT = 2 ** 22;
/** Maximum number of bytes of samples whose members do not stand together, which wait for the rest; a sample counts for 1 kB more. */
const MOST_WAITING = 2 ** 29;
/** Endings of images; what an image is, its bytes decide. */
const images: readonly string[] = [
  ...["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "tif", "tiff", "avif"],
  // refused by their name
  ...["bmp", "heic", "heif", "jp2", "jxl"],
];

/** Folder and name up to the first dot, and what follows in small letters: `00000/000001`, `jpg`. */
const partsOf = (name: string): readonly [string, string] => {
  const dot = name.indexOf(".", name.lastIndexOf("/") + 1);
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1).toLowerCase()];
};

/** Files that no one packed on purpose: `._0.jpg` of macOS, `.DS_Store`, `__MACOSX/`, files in hidden folders. */
const isHidden = (name: string): boolean =>
  name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");

const keeping = (name: string): number => {
  const ending = partsOf(name)[1];
  return isHidden(name)
    ? 0
    : images.includes(ending)
    ? MAX_ENCODED
    : ["txt", "json"].includes(ending)
    ? MOST_TEXT
    : 0;
};

/** The members of a sample by what they are. */
interface Sample {
  readonly image?: { readonly name: string; readonly bytes: Uint8Array };
  readonly txt?: string;
  readonly json?: unknown;
}

interface Judged {
  readonly value: Sample;
  readonly fault?: Entry["fault"];
}

const sampleOf = (members: readonly Member[]): Judged => {
  const value: { -readonly [K in keyof Sample]: Sample[K] } = {}, seen = new Set<string>();
  for (const { name, bytes, size, link } of members) {
    const kind = partsOf(name)[1], place = images.includes(kind) ? "image" : kind;
    const fault = (got: string, expected: string): Judged => ({
      value,
      fault: field(place || "(member)", got, expected),
    });
    if (seen.has(place)) return fault(name, "one of a kind for each sample");
    seen.add(place);
    if (link !== undefined) {
      return fault(`${name}, a link to ${link}`, "the file itself: pack with the links followed");
    }
    const most = keeping(name);
    if (size > most && most > 0) return fault(`${name} of ${size} bytes`, `at most ${most} bytes`);
    if (bytes === undefined) continue;
    if (place === "image") value.image = { name, bytes };
    else {
      const read = place === "json" ? jsonOf(bytes) : textOf(bytes);
      if ("fault" in read) return { value, fault: { ...read.fault, path: place } };
      if (place === "json") value.json = read.value;
      else value.txt = (read.value as string).trim();
    }
  }
  return { value };
};

const hasText = ({ txt, json }: Sample): boolean =>
  txt !== undefined || (typeof json === "object" && json !== null && "caption" in json);

const isWhole = ({ value, fault }: Judged): boolean =>
  fault !== undefined || (value.image !== undefined && hasText(value));

async function* samples(source: FileSource, role: string): AsyncGenerator<readonly Entry[]> {
  let index = 0, run: Member[] = [], runKey: string | undefined, held = 0;
  const waiting = new Map<string, Member[]>(), given = new Set<string>();
  const entry = (key: string, rest: Partial<Entry>): Entry => ({
    file: source.name,
    role,
    section: "",
    index: index++,
    key,
    record: key || "the empty name",
    ...rest,
  });
  const bytesIn = (members: readonly Member[]): number =>
    members.reduce((n, { bytes }) => n + (bytes?.length ?? 0), 1024);
  const give = (key: string, members: readonly Member[]): Entry => {
    const { value, fault } = sampleOf(members);
    given.add(key);
    if (fault !== undefined) return entry(key, { fault });
    const nothing = value.image === undefined && !hasText(value);
    return entry(key, nothing ? { skipped: "members without an image and a text" } : { value });
  };
  /** A sample whose members stood together, or more of one that waits. */
  const close = (): readonly Entry[] => {
    if (runKey === undefined) return [];
    const key = runKey, before = waiting.get(key), members = [...(before ?? []), ...run];
    [run, runKey] = [[], undefined];
    if (given.has(key)) {
      const images = members.some(({ bytes, name }) => bytes !== undefined && partsOf(name)[1] !== "json");
      return [
        images
          ? entry(key, { fault: field("(key)", members[0]!.name, "one sample of this name") })
          : entry(key, { skipped: "more members of a sample that was given" }),
      ];
    }
    if (before !== undefined) held -= bytesIn(before);
    waiting.delete(key);
    if (isWhole(sampleOf(members))) return [give(key, members)];
    waiting.set(key, members);
    held += bytesIn(members);
    const out: Entry[] = [];
    for (const [oldest, some] of waiting) {
      if (held <= MOST_WAITING) break;
      waiting.delete(oldest);
      held -= bytesIn(some);
      out.push(give(oldest, some));
    }
    return out;
  };
  try {
    for await (const member of membersOf(source, keeping)) {
      const [key] = partsOf(member.name);
      if (isHidden(member.name)) {
        yield [entry(member.name, { skipped: "hidden members" })];
        continue;
      }
      if (runKey !== key) {
        yield close();
        runKey = key;
      }
      run.push(member);
    }
  } catch (cause) {
    // a sample that was whole before the archive broke is given
    if (isWhole(sampleOf(run))) yield close();
    throw cause;
  }
  yield close();
  for (const [key, members] of waiting) yield [give(key, members)];
}

const Sample = t.intersection([
  t.type({ image: t.type({ name: wordsCodec(), bytes: t.unknown }) }),
  t.partial({ txt: wordsCodec(), json: t.partial({ caption: nullable(wordsCodec()) }) }),
]);

const pairs = each<t.TypeOf<typeof Sample>, PairRecord>(Sample, ({ image, txt, json }, entry) => {
  const caption = txt ?? json?.caption, bytes = image.bytes as Uint8Array, kind = kindOf(bytes);
  if (bytes.length === 0) return refused(entry, field("image", "no bytes", "an encoded image"));
  if (kind?.read === false) {
    return refused(entry, field("image", `${image.name}, ${kind.name}`, imageKinds));
  }
  return caption === undefined
    ? refused(entry, field("txt", "nothing", "a text here or under caption of json"))
    : taken<PairRecord>(
      entry,
      [{
        kind: "pair",
        id: `${entry.file.replace(/^.*\//, "")}/${entry.key}`,
        image: image.name,
        caption,
      }],
      { imageBytes: bytes },
    );
});

/**
 * WebDataset archives: the text is `.txt`, or `caption` of `.json`; other members are not read. Members of a sample need
 * not stand together. Hidden members, and names that have neither an image nor a text, are left out and counted.
 */
export const webDataset: Format<PairRecord> = {
  name: "webdataset",
  reads:
    "WebDataset archives (.tar, .tar.gz) of images with txt or json, such as CC3M and COYO made by img2dataset",
  files: [{ name: "archives", many: true }],
  open: samples,
  machine: (): Machine<PairRecord> => {
    const { take, end } = pairs();
    return {
      take: (entry) => entry.skipped === undefined ? take(entry) : [leftOut(entry, entry.skipped)],
      end,
    };
  },
  unique: true,
};
