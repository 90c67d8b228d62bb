/** A model's way from annotation files to scores, as a JSON file describes it. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { decode, type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { batchSize, rowLength, seed } from "../base/numbers.ts";
import { closed, oneOf } from "../base/codecs.ts";
import { benchmarks } from "../eval/registry.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { languageCodec, type LanguageConfig } from "../stages/language_config.ts";
import { type Arm, armCodec, modelCodec, type ModelConfig } from "../stages/model.ts";

/** One training on a mixture. */
export interface MixtureStage {
  /** The mixture's file. */
  readonly mixture: string;
  /** How it trains. */
  readonly training: LanguageConfig;
}

/** What answers are asked of in the end, and how they are scored. */
export interface MixtureQuestions {
  /** The mixture's file; its parts hold the questions. */
  readonly mixture: string;
  /** The benchmark by whose rules the answers to a part are scored, by the name of the part. */
  readonly benchmarks: Readonly<Record<string, string>>;
  /** Questions per submit. */
  readonly batch: number;
  /** Most tokens of an answer. */
  readonly tokens: number;
}

/** Everything that decides a run on mixtures, beside the files that it names. */
export interface MixtureRunConfig {
  /** Key of initial weights and of the order of examples. */
  readonly seed: number;
  /** The bridge, and how it grows. */
  readonly arm: Arm;
  /** The decoder. */
  readonly model: ModelConfig;
  /** Pictures per submit when features are computed. */
  readonly featureBatch: number;
  /** Pre-training. */
  readonly pretrain: MixtureStage;
  /** Fine-tuning. */
  readonly finetune: MixtureStage;
  /** Evaluation. */
  readonly evaluate: MixtureQuestions;
}

const stage = closed(t.type({ mixture: t.string, training: languageCodec() }));
const known = oneOf(benchmarks.map(({ name }) => name));
const questions = closed(
  t.type({ mixture: t.string, benchmarks: t.record(t.string, known), batch: batchSize, tokens: rowLength }),
);
const runType = closed(
  t.type({
    seed,
    arm: armCodec(),
    model: modelCodec(),
    featureBatch: batchSize,
    pretrain: stage,
    finetune: stage,
    evaluate: questions,
  }),
);

/** Codec of {@link MixtureRunConfig}. */
export const mixtureRunCodec = (): t.Type<MixtureRunConfig, unknown, unknown> =>
  runType as unknown as t.Type<MixtureRunConfig, unknown, unknown>;

/** Reads the configuration of a run; the mixtures' paths are relative to the folder of its file. */
export const loadMixtureRun = (path: string): Effect.Effect<MixtureRunConfig, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const config = yield* onDisk("read", path, () => Deno.readTextFile(path)).pipe(
      Effect.flatMap((text) => fromEither(parseJson(path)(text))),
      Effect.flatMap(decode(mixtureRunCodec(), path)),
    );
    const at = <A extends { readonly mixture: string }>(of: A): A => ({
      ...of,
      mixture: of.mixture.startsWith("/") ? of.mixture : `${folderOf(path)}/${of.mixture}`,
    });
    return {
      ...config,
      pretrain: at(config.pretrain),
      finetune: at(config.finetune),
      evaluate: at(config.evaluate),
    };
  });
