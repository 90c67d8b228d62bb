/**
 * Annotation files made ready to be drawn from: records as lines with their offsets, tokens and images.
 * Files are read once, by stream; what does not fit a row or has no image is refused here, with its place, before
 * anything is trained. Of a record memory holds 20 bytes or so, of an image its name.
 */
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import * as E from "fp-ts/lib/Either.js";
import { type DiskError, onDisk, writeAll } from "../base/disk.ts";
import { sha256 } from "../base/hash.ts";
import { answerCount, imagesOf } from "../text/record_turns.ts";
import { errorOf, type Format, type FormatError, type Place, type Verdict } from "../formats/format.ts";
import { field, refused } from "../formats/machine.ts";
import {
  addVerdict,
  type AnyRecord,
  emptyReport,
  type Policy,
  readFormat,
  type ReadReport,
} from "../formats/read.ts";
import { MAX_ENCODED } from "../images/image_files.ts";
import { type ImageFolder, imageName } from "./mixture_config.ts";
import { type EncodedRecord, type EncodeOptions, encodeRecord } from "./prepared_tokens.ts";

/** A record as it is kept. */
export interface KeptRecord {
  /** The annotation file. */
  readonly file: string;
  /** The entry of the file. */
  readonly entry: string;
  /** Numbers of its images in the prepared list. */
  readonly imageFiles: readonly number[];
  /** How many of its answers a row has room for. */
  readonly answers: number;
  /** The record. */
  readonly record: AnyRecord;
}

/** An image as it is kept: its file, or its content and the bytes that it has in the pack. */
export type PreparedImage =
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly content: string; readonly range: readonly [number, number] };

/** Result of a part's files, before records are grouped into rows. */
export interface PreparedReport extends ReadReport {
  /** Answers of long conversations that a row has no room for. */
  readonly answersLeftOut: number;
  /** Records whose image was not in its folder. */
  readonly missing: number;
  /** Tokens of all records, each in its longest way. */
  readonly tokens: number;
}

/** Result of a part's files. */
export interface PartReport extends PreparedReport {
  /** Examples that the records make: records about one image may share one. */
  readonly rows: number;
}

/** What preparing needs to know. */
export interface PrepareOptions extends EncodeOptions {
  /** The format. */
  readonly format: Format<AnyRecord>;
  /** Its files. */
  readonly files: readonly string[];
  /** The split to take. */
  readonly split?: string;
  /** Where images are. */
  readonly images?: ImageFolder;
  /** What happens at what cannot be used. */
  readonly policy: Policy;
}

/** Names of the files of a prepared part. */
export const preparedFiles = {
  records: "records.jsonl",
  offsets: "offsets.bin",
  images: "images.bin",
  imageStarts: "image_starts.bin",
  tokens: "tokens.bin",
  rows: "rows.bin",
  rowStarts: "row_starts.bin",
  recordRows: "record_rows.bin",
  imageFiles: "images.jsonl",
  pack: "image_bytes.bin",
  missing: "missing.jsonl",
} as const;

/** A file that is written in large pieces. */
class Piecewise {
  #parts: Uint8Array[] = [];
  #held = 0;
  written = 0;
  constructor(readonly file: Deno.FsFile) {}

  async add(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes);
    this.#held += bytes.length;
    this.written += bytes.length;
    if (this.#held >= 1 << 20) await this.flush();
  }

  async flush(): Promise<void> {
    for (const part of this.#parts) await writeAll(this.file, part);
    this.#parts = [];
    this.#held = 0;
  }
}

const encoder = new TextEncoder();
const line = (value: unknown): Uint8Array => encoder.encode(`${JSON.stringify(value)}\n`);

const isOutside = (image: string): boolean => image.startsWith("/") || image.split(/[\\/]/).includes("..");

/** Bytes of a file; nothing if there is none. */
const sizeOf = (path: string): number | undefined => {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile ? size : undefined;
  } catch {
    return undefined;
  }
};

interface Numbers {
  readonly offsets: number[];
  readonly imageFiles: number[];
  /** How many of them are those of the records before each. */
  readonly imageStarts: number[];
  readonly tokens: number[];
  /** Where packed tokens begin, in bytes. */
  readonly rowStarts: number[];
  /** How many of them stand before those of each record. */
  readonly recordRows: number[];
}

/** Sees to one verdict after the other: what is used is written, what is not comes back refused. */
const keeper = (options: PrepareOptions, folder: string) => {
  const numbers: Numbers = {
    offsets: [0],
    imageFiles: [],
    imageStarts: [0],
    tokens: [],
    rowStarts: [0],
    recordRows: [0],
  };
  // embedded images are known by the sha-256 of their bytes, others by their path until their content is read
  const contents = new Map<string, number>(), paths = new Map<string, number>();
  const next = (): number => contents.size + paths.size;
  // images that later entries of the same annotation file name, by file and name
  const shared = new Map<string, number>();
  const open = (name: string) =>
    new Piecewise(Deno.openSync(`${folder}/${name}`, { write: true, create: true, truncate: true }));
  const records = open(preparedFiles.records), imageFiles = open(preparedFiles.imageFiles);
  const pack = open(preparedFiles.pack), lost = open(preparedFiles.missing);
  const rows = open(preparedFiles.rows);
  const files = [records, imageFiles, pack, lost, rows];
  let answersLeftOut = 0, missing = 0;

  const embedded = async (name: string, bytes: Uint8Array): Promise<number> => {
    const content = sha256(bytes), before = contents.get(content);
    if (before !== undefined) return before;
    const number = next(), from = pack.written;
    await pack.add(bytes);
    await imageFiles.add(line({ name, content, range: [from, pack.written] } satisfies PreparedImage));
    contents.set(content, number);
    return number;
  };
  const inFolder = async (image: string, images: ImageFolder): Promise<number | string> => {
    const name = imageName(images, image), path = `${images.folder}/${name}`, before = paths.get(path);
    if (before !== undefined) return before;
    if (isOutside(name)) return `a file in ${images.folder}`;
    const size = sizeOf(path);
    if (size === undefined) {
      missing++;
      await lost.add(line(path));
      return `a file: there is no ${path}`;
    }
    if (size > MAX_ENCODED) return `a file of at most ${MAX_ENCODED} bytes: ${path} has ${size}`;
    const number = next();
    await imageFiles.add(line({ name: image, path } satisfies PreparedImage));
    paths.set(path, number);
    return number;
  };
  const imageOf = async (
    file: string,
    image: string,
    bytes: Uint8Array | undefined,
  ): Promise<number | string> => {
    const name = `${file}\n${image}`;
    if (bytes !== undefined) {
      const number = await embedded(image, bytes);
      if (options.format.sharesImages === true) shared.set(name, number);
      return number;
    }
    const earlier = shared.get(name);
    if (earlier !== undefined) return earlier;
    if (options.images === undefined) return "an image in the file, or a folder of images under images";
    return inFolder(image, options.images);
  };

  const keep = async (verdict: Verdict<AnyRecord>): Promise<Verdict<AnyRecord>> => {
    if (verdict.verdict !== "taken" || verdict.records.length === 0) return verdict;
    const { place, imageBytes: bytes } = verdict,
      ready: { readonly kept: KeptRecord; readonly encoded: EncodedRecord }[] = [];
    let left = 0;
    for (const record of verdict.records) {
      const got = encodeRecord(record, options);
      if (E.isLeft(got)) return refused(place, field(...got.left));
      const encoded = got.right, imageFiles: number[] = [];
      for (const image of imagesOf(record).slice(0, encoded.images)) {
        const imageIndex = await imageOf(place.file, image, bytes);
        if (typeof imageIndex === "string") return refused(place, field("image", image, imageIndex));
        imageFiles.push(imageIndex);
      }
      left += record.kind === "conversation" ? answerCount(record.messages) - encoded.answers : 0;
      const kept = {
        file: place.file,
        entry: entryText(place),
        imageFiles,
        answers: encoded.answers,
        record,
      };
      ready.push({ kept, encoded });
    }
    for (const { kept, encoded: { forms, tokens } } of ready) {
      await records.add(line(kept));
      numbers.offsets.push(records.written);
      numbers.imageFiles.push(...kept.imageFiles);
      numbers.imageStarts.push(numbers.imageFiles.length);
      numbers.tokens.push(tokens);
      for (const words of forms) {
        await rows.add(new Uint8Array(words.buffer));
        numbers.rowStarts.push(rows.written);
      }
      numbers.recordRows.push(numbers.rowStarts.length - 1);
    }
    answersLeftOut += left;
    return verdict;
  };

  const end = async (): Promise<void> => {
    for (const file of files) await file.flush();
    const write = (name: string, values: Float64Array | Uint32Array) =>
      Deno.writeFile(`${folder}/${name}`, new Uint8Array(values.buffer as ArrayBuffer));
    await write(preparedFiles.offsets, Float64Array.from(numbers.offsets));
    await write(preparedFiles.images, Uint32Array.from(numbers.imageFiles));
    await write(preparedFiles.imageStarts, Uint32Array.from(numbers.imageStarts));
    await write(preparedFiles.tokens, Uint32Array.from(numbers.tokens));
    await write(preparedFiles.rowStarts, Float64Array.from(numbers.rowStarts));
    await write(preparedFiles.recordRows, Uint32Array.from(numbers.recordRows));
  };
  return {
    keep,
    end,
    close: () => files.forEach(({ file }) => file.close()),
    left: () => ({ answersLeftOut, missing, tokens: numbers.tokens.reduce((a, b) => a + b, 0) }),
  };
};

const entryText = ({ record, at }: Place): string => at === undefined ? record : `${record} at byte ${at}`;

/** Reads a part's files into a folder. Fails at the first thing that cannot be used if the policy is `stop`. */
export const prepare = (
  options: PrepareOptions,
  folder: string,
): Effect.Effect<PreparedReport, FormatError | DiskError> =>
  Effect.scoped(Effect.gen(function* () {
    const { format, files, policy, split } = options;
    const keeping = yield* Effect.acquireRelease(
      Effect.sync(() => keeper(options, folder)),
      (open) => Effect.sync(() => open.close()),
    );
    const verdicts = readFormat(format, files, { policy, ...(split === undefined ? {} : { split }) });
    let report = emptyReport;
    yield* Stream.runForEach(verdicts, (verdict) =>
      Effect.gen(function* () {
        const kept = yield* onDisk("write", folder, () => keeping.keep(verdict));
        report = addVerdict(report, kept);
        if (kept.verdict === "refused" && policy === "stop") {
          return yield* Effect.fail(errorOf(format.name, kept));
        }
      }));
    yield* onDisk("write", folder, () => keeping.end());
    return { ...report, ...keeping.left() };
  }));
