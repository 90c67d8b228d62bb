/** A model's answers to the questions of a mixture's part, asked as a benchmark asks and read as evaluators take them. */
import { type RanksError, spreadTexts } from "../ranks/ranks.ts";
import type { ConfigError, TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { fromEither } from "../base/bridge.ts";
import type { AnyRecord } from "../formats/read.ts";
import type { OpenMixture, OpenPart } from "../mixtures/mixture_open.ts";
import type { Benchmark } from "../eval/benchmark.ts";
import { EvalError } from "../eval/error.ts";
import { strip } from "../eval/python_text.ts";
import type { BenchmarkRecord } from "../records/records.ts";
import { generateTexts, type GenerationError, openGenerator } from "../generate/generator.ts";
import type { DiskError } from "../base/disk.ts";
import { askedMessage, defaultPrompts } from "../text/record_turns.ts";
import { needOf } from "../text/rows.ts";
import type { TemplateError } from "../text/template.ts";
import type { FeatureStoreError } from "../train/feature_rows.ts";
import type { FeatureStore } from "../train/feature_store.ts";
import { causalLMOf, featureInputs } from "./causal_lm.ts";
import { levelsRead, type ModelParts, type ModelState } from "./model.ts";

/** A question and the image that it is asked about. */
export interface ImageQuestion {
  /** The question. */
  readonly record: BenchmarkRecord;
  /** The sha-256 of the image's bytes: the question's own, or another as a control. */
  readonly content: string;
}

/** The questions of a part, and how they are asked. */
export interface PartQuestions {
  /** The prompt, with places for question, choices and hint. */
  readonly prompt: string;
  /** The questions about an image, in the order of the part's examples. */
  readonly questions: readonly ImageQuestion[];
  /** Number of questions without an image, which are not asked. */
  readonly withoutImage: number;
}

const isBenchmark = (record: AnyRecord): record is BenchmarkRecord =>
  record.kind !== "conversation" && record.kind !== "pair";

const untold = (part: string, kind: string): EvalError =>
  new EvalError({
    op: `answer part ${part}`,
    got: `a record of kind ${kind}`,
    expected: "questions of a benchmark",
    hint: "evaluate on a part whose format is a benchmark's",
    ids: [],
  });

/** The prompt of a part: the benchmark's own, unless the mixture names another for that kind of record. */
const partPrompt = (
  { tasks: { prompts } }: Pick<OpenPart, "tasks">,
  { kind, prompt }: Pick<Benchmark, "kind" | "prompt">,
): string => prompts[kind] === defaultPrompts[kind] ? prompt : prompts[kind][0]!;

/** Every question of a part with its own image. */
export const partQuestions = (
  part: OpenPart,
  of: Benchmark,
): Effect.Effect<PartQuestions, DiskError | EvalError> =>
  Effect.gen(function* () {
    const questions: ImageQuestion[] = [];
    let withoutImage = 0;
    for (const index of part.used) {
      for (const { record, contents: [content] } of yield* part.data.example(index)) {
        if (!isBenchmark(record)) return yield* Effect.fail(untold(part.name, record.kind));
        if (content === undefined) withoutImage++;
        else questions.push({ record, content });
      }
    }
    return { prompt: partPrompt(part, of), questions, withoutImage };
  });

/** What answers. */
export interface RecordAnswering {
  /** The model around the bridge. */
  readonly model: ModelParts;
  /** Its state. */
  readonly state: Pick<ModelState, "bridge" | "params">;
  /** The mixture in whose language it is asked. */
  readonly mixture: Pick<OpenMixture, "language">;
  /** Features of the images, of the views that the bridge reads. */
  readonly store: FeatureStore;
  /** Questions per submit. */
  readonly batch: number;
  /** Maximum number of tokens of an answer. */
  readonly tokens: number;
}

/** Errors of answering. */
export type RecordAnswerError =
  | ConfigError
  | DiskError
  | EvalError
  | FeatureStoreError
  | GenerationError
  | RanksError
  | TemplateError
  | TreeError;

/**
 * Answers all questions, in their order; of several ranks, each answers its share of the batches. White space at the ends is cut, as the scripts of LLaVA that write result files
 * do (llava/eval/model_vqa_loader.py).
 */
export const answerRecords = (
  options: RecordAnswering,
  { prompt, questions }: PartQuestions,
): Effect.Effect<readonly string[], RecordAnswerError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { model, state: { bridge, params }, mixture: { language }, store, batch, tokens } = options;
    const levels = levelsRead(model, bridge);
    const asked = yield* Effect.forEach(questions, ({ record, content }) =>
      Effect.map(
        fromEither(language.prompt([askedMessage(record, prompt)])),
        (prompted) => ({ ...prompted, content }),
      ));
    const room = {
      rows: batch,
      prompt: asked.reduce((most, { ids }) => Math.max(most, needOf({ ids }).length), 1),
      tokens,
    };
    const marks = { ends: [...new Set(asked.flatMap(({ ends }) => ends))], pad: language.pad };
    const generator = yield* openGenerator(
      causalLMOf({ model, bridge, params }),
      room,
      marks,
    );
    const groups = Array.from(
      { length: Math.ceil(asked.length / batch) },
      (_, i) => asked.slice(i * batch, (i + 1) * batch),
    );
    const answers = yield* spreadTexts(groups, (some) =>
      Effect.gen(function* () {
        const rows = Array.from({ length: batch }, (_, i) => some[Math.min(i, some.length - 1)]!.content);
        const given = featureInputs(yield* store.read(rows), levels);
        const prompts = some.map(({ ids }) => ids);
        const texts = yield* generateTexts(generator, { prompts, given, limit: tokens, stride: tokens });
        yield* Effect.sleep(0);
        return some.map((_, i) => strip(language.decode(texts[i]!)));
      }));
    return answers.flat();
  }));
