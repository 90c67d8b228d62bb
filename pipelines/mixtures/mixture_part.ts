/** One data set of a mixture, ready to be drawn from: prepared once by content, its examples read from disk by number. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { decodeEither } from "../base/bridge.ts";
import { type DiskError, diskError, onDisk, openScoped, tempName } from "../base/disk.ts";
import { hashOf, sha256 } from "../base/hash.ts";
import { writeJson } from "../runs/run_directory.ts";
import { DataError } from "../base/data_error.ts";
import { countCodec } from "../base/codecs.ts";
import type { FormatError } from "../formats/format.ts";
import type { AnyRecord } from "../formats/read.ts";
import { fileContents, fileHash } from "../images/file_contents.ts";
import { type ImageFile, imageFile, type ImageLocation } from "../images/image_files.ts";
import {
  type KeptRecord,
  type PartReport,
  prepare,
  preparedFiles,
  type PreparedImage,
  type PreparedReport,
  type PrepareOptions,
} from "./mixture_prepare.ts";
import { distinctImages, grouped } from "./mixture_rows.ts";
import { joins, joinTokens, type KeptTokens, unpackTokens } from "./prepared_tokens.ts";
import type { RowCapacity, RowTokens } from "../text/rows.ts";

/**
 * Reads the records of an example.
 * @internal
 */
export type ReadExample = (index: number) => Effect.Effect<readonly DrawnRecord[], DiskError>;

/** Chooses one of so many ways. */
export type Choose = (ways: number) => number;

/**
 * The tokens of an example by its number; of each of its records one way.
 * @internal
 */
export type TokenReader = (index: number, choose: Choose) => Effect.Effect<RowTokens, DiskError>;

/** A record of a prepared data set. */
export interface DrawnRecord extends KeptRecord {
  /** The sha-256 of the bytes of each of its images, hexadecimal: the keys of the images everywhere. */
  readonly contents: readonly string[];
}

/** A prepared data set. */
export interface MixtureData {
  /** Hash of its annotation files, the way they were read, and the content of its images. */
  readonly hash: string;
  /** Number of its examples. */
  readonly count: number;
  /** Its images, one for each content: the same bytes under two names are one image. */
  readonly imageFiles: readonly ImageFile[];
  /** The images of an example, in the order of their marks. */
  readonly imagesOf: (index: number) => readonly number[];
  /** The first of them; undefined for an example of text alone. */
  readonly imageOf: (index: number) => number | undefined;
  /** What an example takes of a row at most, whichever of its prompts and answers are learned. */
  readonly needOf: (index: number) => RowCapacity;
  /** The tokens of an example, as they were encoded when its files were read. */
  readonly rowTokens: TokenReader;
  /** The records of an example: one, or several about one image. */
  readonly example: ReadExample;
  /** Result of the files. */
  readonly report: PartReport;
}

const keptImage = t.union([
  t.type({ name: t.string, path: t.string }),
  t.type({ name: t.string, content: t.string, range: t.readonly(t.tuple([t.number, t.number])) }),
]);
const counts = t.record(t.string, t.number);
const reportType = t.type({
  entries: countCodec(),
  taken: countCodec(),
  refused: countCodec(),
  leftOut: counts,
  records: countCodec(),
  fields: counts,
  refusals: t.readonlyArray(t.string),
  answersLeftOut: countCodec(),
  missing: countCodec(),
  tokens: countCodec(),
});
const doneType = t.type({ report: reportType, hashes: t.record(t.string, t.string) });
const checked: readonly string[] = [
  preparedFiles.records,
  preparedFiles.offsets,
  preparedFiles.images,
  preparedFiles.imageStarts,
  preparedFiles.tokens,
  preparedFiles.imageFiles,
  preparedFiles.rows,
  preparedFiles.rowStarts,
  preparedFiles.recordRows,
];

const hashesOf = (folder: string): Effect.Effect<Readonly<Record<string, string>>, DiskError> =>
  Effect.map(
    Effect.forEach(checked, (name) => fileHash(`${folder}/${name}`)),
    (hashes) => Object.fromEntries(checked.map((name, i) => [name, hashes[i]!])),
  );

/** Whether one of the images that were missing is there now. */
const anyThere = (folder: string): Effect.Effect<boolean, DiskError> =>
  onDisk("read", folder, async () => {
    const paths = linesIn(await Deno.readTextFile(`${folder}/${preparedFiles.missing}`)) as readonly string[];
    for (const path of paths) {
      if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return true;
    }
    return false;
  });

const linesIn = (text: string): readonly unknown[] =>
  text === "" ? [] : text.trimEnd().split("\n").map((line) => JSON.parse(line) as unknown);

/** The report of a folder that is whole; nothing if there is none, or it is damaged, or a missing image has come since. */
const standing = (folder: string): Effect.Effect<PreparedReport | undefined, never> =>
  Effect.gen(function* () {
    const text = yield* onDisk("read", folder, () => Deno.readTextFile(`${folder}/done.json`));
    const done = decodeEither(doneType, folder)(JSON.parse(text));
    if (E.isLeft(done)) return undefined;
    if (done.right.report.missing > 0 && (yield* anyThere(folder))) return undefined;
    const hashes = yield* hashesOf(folder);
    if (checked.every((name) => hashes[name] === done.right.hashes[name])) return done.right.report;
    yield* Effect.logWarning(`annotations are read again: ${folder} is damaged`);
    return undefined;
  }).pipe(Effect.catchCause(() => Effect.succeed(undefined)));

const removed = (folder: string): Effect.Effect<void> =>
  Effect.promise(() => Deno.remove(folder, { recursive: true }).catch(() => undefined));

const renamed = (from: string, to: string): Effect.Effect<void, DiskError> =>
  onDisk("rename", to, () => Deno.rename(from, to));

/**
 * Prepares into a folder of its own and gives it its name whole. Of two processes the later one takes the other's, which
 * may be in use already; only what is damaged is removed.
 */
const prepared = (
  options: PrepareOptions,
  folder: string,
): Effect.Effect<PreparedReport, FormatError | DiskError> =>
  Effect.gen(function* () {
    const before = yield* standing(folder);
    if (before !== undefined) return before;
    const temp = tempName(folder);
    return yield* Effect.gen(function* () {
      yield* onDisk("make", temp, () => Deno.mkdir(temp, { recursive: true }));
      const report = yield* prepare(options, temp);
      yield* writeJson(`${temp}/done.json`, { report, hashes: yield* hashesOf(temp) });
      return yield* renamed(temp, folder).pipe(
        Effect.as(report),
        Effect.catch(() =>
          Effect.flatMap(standing(folder), (other) =>
            other !== undefined
              ? Effect.succeed(other)
              : Effect.as(Effect.andThen(removed(folder), renamed(temp, folder)), report))
        ),
      );
    }).pipe(Effect.ensuring(removed(temp)));
  });

/** Contents of a part's images, in the order of its list. */
const contentsOf = (
  folder: string,
  kept: readonly PreparedImage[],
): Effect.Effect<readonly string[], DiskError> =>
  Effect.gen(function* () {
    const paths = kept.flatMap((image) => "path" in image ? [image.path] : []);
    const read = paths.length === 0 ? [] : yield* fileContents(paths, `${folder}/prints.json`);
    let at = 0;
    return kept.map((image) => "path" in image ? read[at++]! : image.content);
  });

const spotOf = (folder: string, image: PreparedImage): ImageLocation =>
  "path" in image
    ? { name: image.path, path: image.path }
    : { name: image.name, path: `${folder}/${preparedFiles.pack}`, range: image.range };

/** The bytes of a file from one offset to the next. */
const readSlice = (file: Deno.FsFile, from: number, to: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(to - from);
  file.seekSync(from, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) {
    const got = file.readSync(bytes.subarray(at));
    if (got === null) throw new Deno.errors.UnexpectedEof(`an end at byte ${from + at}`);
    at += got;
  }
  return bytes;
};

const reading = (file: Deno.FsFile, offsets: Float64Array) => (record: number): KeptRecord =>
  JSON.parse(new TextDecoder().decode(readSlice(file, offsets[record]!, offsets[record + 1]!))) as KeptRecord;

/** Reads packed tokens: of a record the way that is chosen, as it begins a row or follows another record. */
const tokenReading = (
  file: Deno.FsFile,
  starts: Float64Array,
  firstRows: Uint32Array,
  forms: 1 | 2,
) =>
(record: number, choose: Choose, follows: boolean): KeptTokens => {
  const first = firstRows[record]!, ways = (firstRows[record + 1]! - first) / forms;
  const row = first + choose(ways) + (follows ? ways : 0);
  return unpackTokens(new Int32Array(readSlice(file, starts[row]!, starts[row + 1]!).buffer));
};

/** A benchmark's record with the content of its image, by which intervals and controls tell images apart. */
const withContent = (record: AnyRecord, [content]: readonly string[]): AnyRecord =>
  record.kind === "conversation" || record.kind === "pair" || content === undefined
    ? record
    : { ...record, content };

const empty = (name: string, report: PreparedReport): DataError =>
  new DataError({
    op: `mixture part ${name}`,
    got: `no example: of ${report.entries} entries ${report.refused} were refused${
      report.refusals[0] === undefined ? "" : `, first ${report.refusals[0]}`
    }`,
    expected: "one example or more",
    hint: "correct the files, or leave the part out",
  });

const alone = (name: string): DataError =>
  new DataError({
    op: `mixture part ${name}`,
    got: "several records in a row, and a template that lays out a turn by its place",
    expected: "a template that lays out every turn but the first alike",
    hint: "set turns to 1, or choose another template",
  });

/** The key of a part: the content of its files and all that decides how they are read. */
const keyOf = (options: PrepareOptions, hashes: readonly string[]): string => {
  const { format, split = null, images = null, policy, tasks, language, row, turns } = options;
  return hashOf({
    prepared: 7,
    format: format.name,
    files: hashes,
    split,
    images: images as { readonly folder: string } | null,
    policy,
    prompts: tasks.prompts,
    boxes: tasks.boxes.name,
    language: language.hash,
    row: { ...row },
    turns,
  });
};

/**
 * Opens a data set for as long as the scope lives; its annotations are read once and kept in `cache` by their content.
 * A part without any example is a DataError.
 */
export const openPart = (
  name: string,
  options: PrepareOptions,
  cache: string,
): Effect.Effect<MixtureData, DataError | DiskError | FormatError, Scope.Scope> =>
  Effect.gen(function* () {
    if (options.turns > 1 && !joins(options.language)) return yield* Effect.fail(alone(name));
    const hashes = yield* Effect.forEach(options.files, fileHash), key = keyOf(options, hashes);
    const folder = `${cache}/${key.slice(0, 24)}`;
    yield* onDisk("make", cache, () => Deno.mkdir(cache, { recursive: true }));
    const report = yield* prepared(options, folder);
    const file = yield* openScoped(`${folder}/${preparedFiles.records}`);
    const bytes = (part: string) => onDisk("read", folder, () => Deno.readFile(`${folder}/${part}`));
    const offsets = new Float64Array((yield* bytes(preparedFiles.offsets)).buffer);
    const listed = new Uint32Array((yield* bytes(preparedFiles.images)).buffer);
    const imageStarts = new Uint32Array((yield* bytes(preparedFiles.imageStarts)).buffer);
    if (offsets.length < 2) return yield* Effect.fail(empty(name, report));
    const tokens = new Uint32Array((yield* bytes(preparedFiles.tokens)).buffer);
    const lines = new TextDecoder().decode(yield* bytes(preparedFiles.imageFiles));
    const kept = linesIn(lines).filter(keptImage.is) as readonly PreparedImage[];
    const contents = yield* contentsOf(folder, kept), read = reading(file, offsets);
    const tokensIn = tokenReading(
      yield* openScoped(`${folder}/${preparedFiles.rows}`),
      new Float64Array((yield* bytes(preparedFiles.rowStarts)).buffer),
      new Uint32Array((yield* bytes(preparedFiles.recordRows)).buffer),
      options.turns > 1 ? 2 : 1,
    );
    const { numbers, firsts } = distinctImages(contents);
    const imagesOf = (record: number): readonly number[] =>
      Array.from(listed.subarray(imageStarts[record], imageStarts[record + 1]), (image) => numbers[image]!);
    // records about one image may share a row; others are alone with themselves
    const shared = Float64Array.from(tokens, (_, record) => {
      const [first, ...more] = imagesOf(record);
      return first === undefined || more.length > 0 ? firsts.length + record : first;
    });
    const examples = grouped(shared, tokens, { turns: options.turns, length: options.row.length });
    const drawn = (record: number): DrawnRecord => {
      const raw = read(record), own = raw.imageFiles.map((image) => contents[image]!);
      return {
        ...raw,
        imageFiles: imagesOf(record),
        contents: own,
        record: withContent(raw.record, own),
      };
    };
    const { images: _images, ...elsewhere } = options; // images may be moved; what they hold decides
    return {
      hash: hashOf({ key: keyOf(elsewhere, hashes), imageFiles: sha256(contents.join()) }),
      count: examples.length,
      imageFiles: firsts.map((first) => imageFile(spotOf(folder, kept[first]!), contents[first]!)),
      imagesOf: (index) => imagesOf(examples[index]![0]!),
      imageOf: (index) => imagesOf(examples[index]![0]!)[0],
      needOf: (index) => ({
        length: examples[index]!.reduce((sum, record) => sum + tokens[record]!, 0),
        images: imagesOf(examples[index]![0]!).length,
      }),
      rowTokens: (index, choose) =>
        Effect.try({
          try: () => joinTokens(examples[index]!.map((record, i) => tokensIn(record, choose, i > 0))),
          catch: (cause) => diskError("read", `${folder}/${preparedFiles.rows}`, cause),
        }),
      example: (index) =>
        Effect.try({
          try: () => examples[index]!.map(drawn),
          catch: (cause) => diskError("read", `${folder}/${preparedFiles.records}`, cause),
        }),
      report: { ...report, rows: examples.length },
    };
  });
