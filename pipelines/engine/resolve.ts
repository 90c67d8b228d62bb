/** An experiment with the files that it names looked at: the parts of its model, and the content of all that it reads. */
import { type LlamaConfig, type VisionTower } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { DataError } from "../base/data_error.ts";
import { hashOf } from "../base/hash.ts";
import { benchmarks } from "../eval/registry.ts";
import { fileContents } from "../images/file_contents.ts";
import { loadMixture } from "../mixtures/mixture_config.ts";
import {
  type MixtureError,
  mixtureLanguage,
  type OpenMixture,
  openMixture,
} from "../mixtures/mixture_open.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import type { ModelParts } from "../stages/model.ts";
import { shippedSizes } from "../decoder/shipped.ts";
import { embeddingRows } from "../stages/scene_source.ts";
import type { Language } from "../text/language.ts";
import { visionTower } from "../vision/tower.ts";
import { type LoadError, openDecoder, openVisionTower } from "../weights/huggingface/load.ts";
import {
  type Experiment,
  type MixtureQuestions,
  mixturesOf,
  type RunDecoder,
  trainsOf,
} from "./experiment.ts";
import { type SourceFault, sourceHashes } from "./model_sources.ts";
import { locateRun } from "./run_location.ts";

/** An experiment, the parts of its model, and hashes of what it reads. */
export interface Resolved {
  /** The experiment. */
  readonly experiment: Experiment;
  /** The parts of its model. */
  readonly parts: ModelParts;
  /** Hashes by folder of a model or file of a mixture. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Tokens of a row by file of a mixture. */
  readonly lengths: Readonly<Record<string, number>>;
}

/** What resolving can fail with. */
export type ResolveError = MixtureError | SourceFault;

/** Standard deviation of weights that start random, unless an experiment says another. */
const INIT = 0.02;

const partsWith = ({ model }: Experiment, tower: VisionTower, decoder: LlamaConfig): ModelParts => ({
  tower,
  decoder,
  bridgeHeads: model.bridgeHeads,
  init: model.init ?? INIT,
  ...(model.adapter === undefined ? {} : { adapter: model.adapter }),
  ...(model.pyramid === undefined ? {} : { pyramid: model.pyramid }),
  ...(model.isolator === undefined ? {} : { isolator: model.isolator }),
});

/** An encoding: its document, and the number of its tokens. */
type Encoding = Pick<Language, "json" | "size">;

const encodings = new Map<string, Encoding>();

const worldEncoding = (world: NonNullable<Experiment["world"]>): Encoding => {
  const key = hashOf(world), known = encodings.get(key) ?? tokenizerFor(world);
  encodings.set(key, known);
  return known;
};

const towerOf = ({ model: { vision } }: Experiment): Effect.Effect<VisionTower, LoadError> => {
  if (vision.from !== "huggingface") return Effect.succeed(visionTower);
  const { folder, levels, blocks } = vision;
  return Effect.map(
    openVisionTower(folder, blocks === undefined ? {} : { blocks }),
    ({ config }) => ({ config, levels }),
  );
};

/** The language of the mixtures of an experiment, for as long as the scope lives; nothing without any. */
export const experimentLanguage = (
  experiment: Pick<Experiment, "stages">,
): Effect.Effect<Language | undefined, MixtureError, Scope.Scope> => {
  const [file] = mixturesOf(experiment);
  return file === undefined ? Effect.succeed(undefined) : Effect.flatMap(loadMixture(file), mixtureLanguage);
};

const tooFew = (vocabulary: number, size: number, folder: string): DataError =>
  new DataError({
    op: `read ${folder}`,
    got: `a decoder with ${vocabulary} tokens`,
    expected: `the ${size} tokens of the mixtures' tokenizer, or more`,
    hint: "name the tokenizer of that decoder in the mixtures",
  });

/** The decoder of a run; one that knows another encoding is refused. */
const runDecoder = (
  { folder, arm }: RunDecoder,
  wanted: Encoding,
  hint: string,
): Effect.Effect<LlamaConfig, ResolveError> =>
  Effect.scoped(Effect.gen(function* () {
    const { experiment } = yield* locateRun(folder, arm), language = yield* experimentLanguage(experiment);
    const known = language ?? worldEncoding(experiment.world!);
    if (hashOf(known.json) === hashOf(wanted.json)) return (yield* partsFor(experiment, language)).decoder;
    return yield* Effect.fail(
      new DataError({
        op: `start from the decoder of ${folder}`,
        got: `a decoder that knows another tokenizer, of ${known.size} tokens`,
        expected: `the tokenizer of this experiment, of ${wanted.size} tokens`,
        hint,
      }),
    );
  }));

/** The parts of the model of an experiment; `language` is that of its mixtures. */
const partsFor = (
  experiment: Experiment,
  language: Language | undefined,
): Effect.Effect<ModelParts, ResolveError> =>
  Effect.gen(function* () {
    const { world, model: { decoder } } = experiment, tower = yield* towerOf(experiment);
    const encoding = language ?? worldEncoding(world!), vocabulary = embeddingRows(encoding.size);
    if (decoder.from === "run") {
      const hint = language === undefined
        ? "give the world the data and the vocabulary of that run"
        : "name the tokenizer of that run in the mixtures; `cos export --format huggingface` writes it";
      return partsWith(experiment, tower, yield* runDecoder(decoder, encoding, hint));
    }
    if (decoder.from !== "huggingface") {
      const { width, layers, heads, ff } = decoder.from === "shipped" ? shippedSizes : decoder;
      return partsWith(experiment, tower, { vocabulary, width, layers, heads, kvHeads: heads, ff });
    }
    const { config } = yield* openDecoder(decoder.folder), size = language?.size ?? 0;
    return config.vocabulary >= size
      ? partsWith(experiment, tower, config)
      : yield* Effect.fail(tooFew(config.vocabulary, size, decoder.folder));
  });

/** The parts of the model of an experiment, without a look at its data. */
export const openParts = (experiment: Experiment): Effect.Effect<ModelParts, ResolveError> =>
  Effect.scoped(
    Effect.flatMap(experimentLanguage(experiment), (language) => partsFor(experiment, language)),
  );

const sameLanguage = (mixtures: readonly OpenMixture[]): Effect.Effect<void, DataError> =>
  new Set(mixtures.map(({ language }) => language.hash)).size <= 1 ? Effect.void : Effect.fail(
    new DataError({
      op: "run on mixtures",
      got: "mixtures with different tokenizers or templates",
      expected: "one language in all stages",
      hint: "name the same tokenizer and template in every mixture",
    }),
  );

/** Refuses scores of parts that are not there, or whose annotations hold other questions than the benchmark's. */
const checkQuestions = (
  { data, benchmarks: wanted }: MixtureQuestions,
): Effect.Effect<void, ResolveError> =>
  Effect.gen(function* () {
    const { parts } = yield* loadMixture(data);
    const refuse = (got: string, expected: string, hint: string) =>
      Effect.fail(new DataError({ op: "run on mixtures", got, expected, hint }));
    for (const [name, benchmark] of Object.entries(wanted)) {
      const part = parts.find((one) => one.name === name);
      if (part === undefined) {
        return yield* refuse(
          `scores of the part ${name}`,
          `one of ${parts.map(({ name }) => name).join(", ")}`,
          "name a part of the mixture of evaluation",
        );
      }
      const { kind } = benchmarks.find((of) => of.name === benchmark)!;
      const fitting = benchmarks.filter((of) => of.annotations.includes(part.format));
      if (fitting.every((of) => of.kind !== kind)) {
        return yield* refuse(
          `the part ${name} of format ${part.format}, to be scored as ${benchmark}`,
          fitting.length === 0
            ? "annotations of a benchmark"
            : `one of ${fitting.map(({ name }) => name).join(", ")} for annotations of that format`,
          "name the benchmark that the annotations belong to",
        );
      }
    }
  });

/**
 * Looks at everything that an experiment names: models by their configurations and content, mixtures by their records.
 * What was read is remembered in `cache`.
 */
export const resolve = (experiment: Experiment, cache: string): Effect.Effect<Resolved, ResolveError> =>
  Effect.scoped(Effect.gen(function* () {
    const { stages } = experiment, files = mixturesOf(experiment);
    for (const spec of stages) {
      if ("evaluate" in spec && "benchmarks" in spec.evaluate) yield* checkQuestions(spec.evaluate);
    }
    const opened = yield* Effect.forEach(
      files,
      (file) => Effect.flatMap(loadMixture(file), (config) => openMixture(config, cache)),
    );
    yield* sameLanguage(opened);
    const parts = yield* partsFor(experiment, opened[0]?.language);
    const starts = trainsOf(experiment).flatMap(({ warmStart }) => warmStart?.checkpoint ?? []);
    const started = starts.length === 0
      ? []
      : yield* fileContents(starts, `${cache}/starts-${hashOf(starts).slice(0, 16)}.json`);
    return {
      experiment,
      parts,
      hashes: {
        ...yield* sourceHashes(experiment, cache),
        ...Object.fromEntries([
          ...files.map((file, i) => [file, opened[i]!.hash] as const),
          ...starts.map((file, i) => [file, started[i]!] as const),
        ]),
      },
      lengths: Object.fromEntries(files.map((file, i) => [file, opened[i]!.row.length])),
    };
  }));
