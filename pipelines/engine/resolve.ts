/** An experiment with the files that it names looked at: the parts of its model, and the content of all that it reads. */
import { type LlamaConfig, type VisionTower } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { DataError } from "../base/data_error.ts";
import { onDisk } from "../base/disk.ts";
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
import { embeddingRows, vocabularyOf } from "../stages/scene_source.ts";
import type { Language } from "../text/language.ts";
import { visionTower } from "../vision/tower.ts";
import { type LoadError, openDecoder, openVisionTower } from "../weights/huggingface/load.ts";
import { modelFolder } from "../weights/huggingface/hub.ts";
import { openSource } from "../weights/source.ts";
import { type Experiment, type MixtureQuestions, mixturesOf, trainsOf } from "./experiment.ts";

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
export type ResolveError = LoadError | MixtureError;

/** Standard deviation of weights that start random, unless an experiment says another. */
const INIT = 0.02;

const partsWith = ({ model }: Experiment, tower: VisionTower, decoder: LlamaConfig): ModelParts => ({
  tower,
  decoder,
  bridgeHeads: model.bridgeHeads,
  init: model.init ?? INIT,
  ...(model.adapter === undefined ? {} : { adapter: model.adapter }),
});

/** A decoder of this repository, that starts random or from the shipped one. */
const smallDecoder = ({ model }: Experiment, vocabulary: number): LlamaConfig | undefined => {
  if (model.decoder.from === "huggingface") return undefined;
  const { width, layers, heads, ff } = model.decoder.from === "shipped" ? shippedSizes : model.decoder;
  return { vocabulary, width, layers, heads, kvHeads: heads, ff };
};

const vocabularies = new Map<string, number>();

/** Rows of the embedding of a drawn world. */
const worldVocabulary = (world: NonNullable<Experiment["world"]>): number => {
  const key = hashOf(world), known = vocabularies.get(key) ?? vocabularyOf(tokenizerFor(world));
  vocabularies.set(key, known);
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

/** The parts of the model of an experiment; `size` is the number of tokens of its mixtures' language. */
const partsFor = (
  experiment: Experiment,
  size: number | undefined,
): Effect.Effect<ModelParts, LoadError | DataError> =>
  Effect.gen(function* () {
    const { world, model: { decoder } } = experiment, tower = yield* towerOf(experiment);
    const vocabulary = size === undefined ? worldVocabulary(world!) : embeddingRows(size);
    if (decoder.from !== "huggingface") {
      return partsWith(experiment, tower, smallDecoder(experiment, vocabulary)!);
    }
    const { config } = yield* openDecoder(decoder.folder);
    return size === undefined || config.vocabulary >= size
      ? partsWith(experiment, tower, config)
      : yield* Effect.fail(tooFew(config.vocabulary, size, decoder.folder));
  });

/** The parts of the model of an experiment, without a look at its data. */
export const openParts = (experiment: Experiment): Effect.Effect<ModelParts, ResolveError> =>
  Effect.scoped(
    Effect.flatMap(experimentLanguage(experiment), (language) => partsFor(experiment, language?.size)),
  );

/** Hash of a model's configuration and weights, by content; those that did not change are not read again. */
export const modelHash = (where: string, cache: string): Effect.Effect<string, LoadError> =>
  Effect.gen(function* () {
    const folder = yield* modelFolder(where), { tensors } = yield* openSource(folder);
    const paths = [`${folder}/config.json`, ...new Set(tensors.map(({ file }) => file))];
    yield* onDisk("make", cache, () => Deno.mkdir(cache, { recursive: true }));
    return hashOf(yield* fileContents(paths, `${cache}/models-${hashOf(folder).slice(0, 16)}.json`));
  });

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
    const { stages, model: { vision, decoder } } = experiment, files = mixturesOf(experiment);
    for (const spec of stages) {
      if ("evaluate" in spec && "benchmarks" in spec.evaluate) yield* checkQuestions(spec.evaluate);
    }
    const opened = yield* Effect.forEach(
      files,
      (file) => Effect.flatMap(loadMixture(file), (config) => openMixture(config, cache)),
    );
    yield* sameLanguage(opened);
    const parts = yield* partsFor(experiment, opened[0]?.language.size);
    const folders = [vision, decoder].flatMap((of) => of.from === "huggingface" ? [of.folder] : []);
    const contents = yield* Effect.forEach(folders, (folder) => modelHash(folder, cache));
    const starts = trainsOf(experiment).flatMap(({ warmStart }) => warmStart?.checkpoint ?? []);
    const started = starts.length === 0
      ? []
      : yield* fileContents(starts, `${cache}/starts-${hashOf(starts).slice(0, 16)}.json`);
    return {
      experiment,
      parts,
      hashes: Object.fromEntries([
        ...files.map((file, i) => [file, opened[i]!.hash] as const),
        ...folders.map((folder, i) => [folder, contents[i]!] as const),
        ...starts.map((file, i) => [file, started[i]!] as const),
      ]),
      lengths: Object.fromEntries(files.map((file, i) => [file, opened[i]!.row.length])),
    };
  }));
