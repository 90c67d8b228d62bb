/** A mixture ready to be drawn from: its parts opened, its language loaded, images that cannot be used left out. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { WrongFile } from "../base/own_file.ts";
import { type Language, openLanguage } from "../text/language.ts";
import { defaultPrompts, type TaskConfig } from "../text/record_turns.ts";
import type { TemplateError } from "../text/template.ts";
import { namedTemplates } from "../text/templates.ts";
import { DataError } from "../base/data_error.ts";
import type { FormatError } from "../formats/format.ts";
import { formats } from "../formats/formats.ts";
import type { Policy } from "../formats/read.ts";
import type { ImageFile } from "../images/image_files.ts";
import { BUCKET_STEPS } from "./mixture_buckets.ts";
import { boxFormats, type MixtureConfig, type MixturePartConfig } from "./mixture_config.ts";
import { type MixtureData, openPart } from "./mixture_part.ts";
import type { RowCapacity } from "../text/rows.ts";

/** A part of an open mixture. */
export interface OpenPart {
  /** Its name. */
  readonly name: string;
  /** How often it is drawn from, relative to the others; its number of examples if absent. */
  readonly weight?: number;
  /** What happens at what cannot be used. */
  readonly policy: Policy;
  /** How its records are asked about. */
  readonly tasks: TaskConfig;
  /** Its examples. */
  readonly data: MixtureData;
  /** The examples that are drawn from, by number. */
  readonly used: Uint32Array;
  /** Examples that are left out since their image cannot be decoded. */
  readonly undecodable: number;
}

/** An open mixture. */
export interface OpenMixture {
  /** Hash of all that decides its examples: annotations, images, prompts, language, weights. */
  readonly hash: string;
  /** Its parts. */
  readonly parts: readonly OpenPart[];
  /** Its language. */
  readonly language: Language;
  /** Contents of a row. */
  readonly row: RowCapacity;
  /** Shorter lengths that rows of a step may have instead, ascending. */
  readonly buckets: readonly number[];
  /** Whether a row holds as many examples as fit. */
  readonly pack: boolean;
}

/** What opening a mixture can fail with. */
export type MixtureError = DataError | DecodeError | DiskError | FormatError | TemplateError;

const mixtureHash = (
  { parts, language, row, buckets, pack }: Omit<OpenMixture, "hash">,
): string =>
  hashOf({
    parts: parts.map(({ name, weight = null, data, used }) => ({
      name,
      weight,
      data: data.hash,
      left: used.length === data.count ? [] : leftOf(data.count, used),
    })),
    language: language.hash,
    row: { ...row },
    ...(buckets.length === 0 && !pack ? {} : { buckets, pack, together: BUCKET_STEPS }),
  });

const leftOf = (count: number, used: Uint32Array): readonly number[] => {
  const here = new Set(used);
  return Array.from({ length: count }, (_, i) => i).filter((i) => !here.has(i));
};

const tasksOf = (config: MixtureConfig, part: MixturePartConfig): TaskConfig => ({
  prompts: { ...defaultPrompts, ...config.prompts, ...part.prompts },
  boxes: boxFormats[config.text.boxes ?? "thousand"],
});

/** Bytes of the largest tokenizer.json that is read. */
const DOCUMENT_BYTES = 2 ** 28;

const readDocument = async (path: string): Promise<string> => {
  const { isFile, isDirectory, size } = await Deno.stat(path);
  if (!isFile && !isDirectory) throw new WrongFile("ENOTREG", `no file at ${path}, but a pipe or a device`);
  if (size > DOCUMENT_BYTES) {
    throw new WrongFile("EFBIG", `${size} bytes; at most ${DOCUMENT_BYTES} are read`);
  }
  return await Deno.readTextFile(path);
};

/** The language of a mixture, for as long as the scope lives. */
export const mixtureLanguage = (
  { text }: Pick<MixtureConfig, "text">,
): Effect.Effect<Language, DecodeError | DiskError | TemplateError, Scope.Scope> =>
  Effect.gen(function* () {
    const path = text.tokenizer, document = yield* onDisk("read", path, () => readDocument(path));
    const json = yield* fromEither(parseJson(path)(document));
    return yield* openLanguage(json, namedTemplates[text.template], path);
  });

/**
 * Opens a mixture for as long as the scope lives. Annotations are read once and kept in `cache` by their content; a record
 * that cannot be used ends it with its file, entry and field, or is counted in the part's report, as the policy says.
 */
export const openMixture = (
  config: MixtureConfig,
  cache: string,
): Effect.Effect<OpenMixture, MixtureError, Scope.Scope> =>
  Effect.gen(function* () {
    const language = yield* mixtureLanguage(config);
    const { length, images: places = 1, buckets = [], pack = false } = config.text;
    const row = { length, images: places };
    const parts = yield* Effect.forEach(config.parts, (part) =>
      Effect.gen(function* () {
        const { name, files, split, images, weight, turns = 1 } = part, tasks = tasksOf(config, part);
        const policy = part.policy ?? config.policy ?? "stop";
        const data = yield* openPart(name, {
          format: formats.find((f) => f.name === part.format)!,
          files,
          ...(split === undefined ? {} : { split }),
          ...(images === undefined ? {} : { images }),
          policy,
          tasks,
          language,
          row,
          turns,
        }, `${cache}/records`);
        const used = Uint32Array.from({ length: data.count }, (_, i) => i);
        return {
          name,
          ...(weight === undefined ? {} : { weight }),
          policy,
          tasks,
          data,
          used,
          undecodable: 0,
        };
      }));
    const opened = { parts, language, row, buckets, pack };
    return { hash: mixtureHash(opened), ...opened };
  });

/** All images of a mixture. */
export const mixtureImages = ({ parts }: Pick<OpenMixture, "parts">): readonly ImageFile[] =>
  parts.flatMap(({ data }) => data.imageFiles);

/**
 * The mixture without examples whose images cannot be decoded. A part whose policy is `stop`, or of which nothing is
 * left, is a DataError that names the image.
 */
export const withoutUndecodable = (
  mixture: OpenMixture,
  reasonOf: (content: string) => string | undefined,
): Effect.Effect<OpenMixture, DataError> =>
  Effect.gen(function* () {
    const parts = yield* Effect.forEach(mixture.parts, (part) =>
      Effect.gen(function* () {
        const { data, policy, name } = part;
        const bad = data.imageFiles.find(({ content }) => reasonOf(content) !== undefined);
        if (bad === undefined) return part;
        const used = part.used.filter((i) =>
          data.imagesOf(i).every((imageIndex) => reasonOf(data.imageFiles[imageIndex]!.content) === undefined)
        );
        if (policy === "skip" && used.length > 0) {
          return { ...part, used, undecodable: part.undecodable + part.used.length - used.length };
        }
        return yield* Effect.fail(
          new DataError({
            op: `mixture part ${name}`,
            got: `${bad.name}: ${reasonOf(bad.content)}`,
            expected: "images that can be decoded",
            hint: "get the file again, or read with the policy skip, which counts its examples",
          }),
        );
      }));
    return { ...mixture, parts, hash: mixtureHash({ ...mixture, parts }) };
  });
