/** A model's answers to the records of a mixture's part, in the words of its training, as evaluators take them. */
import type { ConfigError, TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { fromEither } from "../bridge.ts";
import type { AnyRecord } from "../data/formats/read.ts";
import type { OpenMixture, OpenPart } from "../data/mixture_open.ts";
import { EvalError } from "../eval/error.ts";
import type { Answered, BenchmarkRecord } from "../eval/records.ts";
import { type GenerationError, openGenerator, writeTexts } from "../generate/generator.ts";
import type { DiskError } from "../runs/disk.ts";
import { askedOf } from "../text/record_turns.ts";
import type { TemplateError } from "../text/template.ts";
import type { FeatureStoreError } from "../train/feature_rows.ts";
import type { FeatureStore } from "../train/feature_store.ts";
import { featureInputs, writerOf } from "./answer.ts";
import { levelsRead, type ModelConfig, type ModelState } from "./model.ts";

/** What answers are asked of. */
export interface RecordAnswering {
  /** The model behind the bridge. */
  readonly model: ModelConfig;
  /** Its state. */
  readonly state: Pick<ModelState, "bridge" | "params">;
  /** The mixture that the part belongs to. */
  readonly mixture: Pick<OpenMixture, "language">;
  /** The questions. */
  readonly part: OpenPart;
  /** Features of the pictures, of the views that the bridge reads. */
  readonly store: FeatureStore;
  /** Questions per submit. */
  readonly batch: number;
  /** Most tokens of an answer. */
  readonly tokens: number;
  /** Whose picture a question is asked about: its own (the default), or that of the next example, as a control. */
  readonly sees?: "own" | "next";
}

/** What answering can fail with. */
export type RecordAnswerError =
  | ConfigError
  | DiskError
  | EvalError
  | FeatureStoreError
  | GenerationError
  | TemplateError
  | TreeError;

interface Asked {
  readonly record: BenchmarkRecord;
  readonly ids: readonly number[];
  readonly ends: readonly number[];
  readonly content: string;
}

const isBenchmark = (record: AnyRecord): record is BenchmarkRecord =>
  record.kind !== "conversation" && record.kind !== "pair";

const untold = (part: string, kind: string): EvalError =>
  new EvalError({
    op: `answer part ${part}`,
    got: `a record of kind ${kind}`,
    expected: "questions of a benchmark",
    mend: "evaluate on a part whose format is a benchmark's",
    ids: [],
  });

/** Every question of a part, with its first prompt and the picture that it is asked about. */
const questionsOf = (
  { mixture, part, sees = "own" }: RecordAnswering,
): Effect.Effect<readonly Asked[], DiskError | EvalError | TemplateError> =>
  Effect.map(
    Effect.forEach(Array.from(part.used, (index, i) => ({ index, i })), ({ index, i }) =>
      Effect.gen(function* () {
        const seen = sees === "own" ? index : part.used[(i + 1) % part.used.length]!;
        const { content } = part.data.pictures[part.data.pictureOf(seen)]!;
        return yield* Effect.forEach(yield* part.data.example(index), ({ record }) =>
          Effect.gen(function* () {
            if (!isBenchmark(record)) {
              return yield* Effect.fail(untold(part.name, record.kind));
            }
            const words = askedOf(record, part.tasks.prompts[record.kind][0]!);
            const prompt = yield* fromEither(
              mixture.language.prompt([{ role: "user", content: words }]),
            );
            return { record, ...prompt, content };
          }));
      })),
    (some) =>
      some.flat(),
  );

/** Answers all questions of a part, in the order of its examples. */
export const answerRecords = (
  options: RecordAnswering,
): Effect.Effect<readonly Answered[], RecordAnswerError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { model, state: { bridge, params }, mixture: { language }, store, batch, tokens } = options;
    const asked = yield* questionsOf(options), levels = levelsRead(model, bridge);
    const room = { rows: batch, prompt: Math.max(...asked.map(({ ids }) => ids.length)), tokens };
    const marks = { ends: [...new Set(asked.flatMap(({ ends }) => ends))], pad: language.pad };
    const generator = yield* openGenerator(
      writerOf({ model, bridge, params, tokenizer: language }),
      room,
      marks,
    );
    const answered: Answered[] = [];
    for (let from = 0; from < asked.length; from += batch) {
      const some = asked.slice(from, from + batch);
      const rows = Array.from({ length: batch }, (_, i) => some[Math.min(i, some.length - 1)]!.content);
      const given = featureInputs(yield* store.read(rows), levels);
      const prompts = some.map(({ ids }) => ids);
      const texts = yield* writeTexts(generator, { prompts, given, limit: tokens, stride: tokens });
      answered.push(...some.map(({ record }, i) => ({ record, answer: language.decode(texts[i]!) })));
      yield* Effect.sleep(0);
    }
    return answered;
  }));
