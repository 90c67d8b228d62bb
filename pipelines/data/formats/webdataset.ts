/** Pairs of pictures and texts in WebDataset archives: tar files in which members of one name are one sample. */
import * as t from "io-ts";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import tar from "tar-stream";
import { nullable, wordsCodec } from "./codecs.ts";
import { jsonOf } from "./decoding.ts";
import { brokenFile, type Entry, type Format, FormatError } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";
import { type FileSource, joined } from "./source.ts";
import type { PairRecord } from "./training.ts";

/** Most bytes of one member. */
const MOST = 1 << 28;
const pictures: readonly string[] = ["jpg", "jpeg", "png", "webp"];

interface Member {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Folder and name up to the first dot, and what follows: `00000/000001`, `jpg`. */
const partsOf = (name: string): readonly [string, string] => {
  const dot = name.indexOf(".", name.lastIndexOf("/") + 1);
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1).toLowerCase()];
};

const entryOf = (source: FileSource, role: string, index: number, members: readonly Member[]): Entry => {
  const key = partsOf(members[0]!.name)[0];
  const base = { file: source.name, role, section: "", index, key, record: key || "the empty name" };
  const value: Record<string, unknown> = {};
  for (const { name, bytes } of members) {
    const kind = partsOf(name)[1], place = pictures.includes(kind) ? "picture" : kind;
    if (place in value) return { ...base, fault: field(place, name, "one of a kind for each sample") };
    if (place === "picture") value.picture = { name, bytes };
    else if (kind === "json") {
      const json = jsonOf(bytes);
      if ("fault" in json) return { ...base, fault: { ...json.fault, path: "json" } };
      value.json = json.value;
    } else if (kind === "txt") {
      try {
        value.txt = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
      } catch {
        return { ...base, fault: field("txt", "bytes that are not UTF-8", "text in UTF-8") };
      }
    } else value[kind] = null;
  }
  return { ...base, value };
};

async function* samples(source: FileSource, role: string): AsyncGenerator<readonly Entry[]> {
  const archive = tar.extract();
  // errors of either side end the iteration below
  const fed = pipeline(Readable.from(source.chunks()), archive).catch(() => undefined);
  let members: Member[] = [], index = 0;
  try {
    for await (const member of archive) {
      const { name, size, type } = member.header as { name: string; size?: number; type?: string };
      if ((size ?? 0) > MOST) {
        throw brokenFile(source.name, `${name} of ${size} bytes`, `members of at most ${MOST}`);
      }
      const parts: Uint8Array[] = [];
      for await (const part of member) parts.push(part as Uint8Array);
      if (type !== "file" && type !== "contiguous-file") continue;
      if (members.length > 0 && partsOf(members[0]!.name)[0] !== partsOf(name)[0]) {
        yield [entryOf(source, role, index++, members)];
        members = [];
      }
      members.push({ name, bytes: joined(parts) });
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const place = members.length === 0 ? "before its first member" : `behind ${members.at(-1)!.name}`;
    throw brokenFile(source.name, `${why} ${place}`, "a whole tar archive");
  } finally {
    archive.destroy();
    await fed;
  }
  if (members.length > 0) yield [entryOf(source, role, index, members)];
}

const Sample = t.intersection([
  t.type({ picture: t.type({ name: wordsCodec(), bytes: t.unknown }) }),
  t.partial({ txt: wordsCodec(), json: t.partial({ caption: nullable(wordsCodec()) }) }),
]);

/** WebDataset archives: the text is `.txt`, or `caption` of `.json`; other members are not read. */
export const webDataset: Format<PairRecord> = {
  name: "webdataset",
  reads:
    "WebDataset archives of pictures (jpg, png, webp) with txt or json, such as CC3M and COYO made by img2dataset",
  files: [{ name: "archives", many: true }],
  open: samples,
  machine: each(Sample, ({ picture, txt, json }, entry) => {
    const caption = txt ?? json?.caption, bytes = picture.bytes as Uint8Array;
    if (bytes.length === 0) return refused(entry, field("picture", "no bytes", "an encoded picture"));
    return caption === undefined
      ? refused(entry, field("txt", "nothing", "a text here or under caption of json"))
      : taken<PairRecord>(
        entry,
        [{
          kind: "pair",
          id: `${entry.file.replace(/^.*\//, "")}/${entry.key}`,
          image: picture.name,
          caption,
        }],
        { picture: bytes },
      );
  }),
  unique: true,
};
