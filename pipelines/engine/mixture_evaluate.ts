/** Evaluation on the parts of a mixture: answers, controls, scores by official rules, and what they rest on. */
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as E from "fp-ts/lib/Either.js";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import type { OpenMixture, OpenPart } from "../mixtures/mixture_open.ts";
import type { Benchmark } from "../eval/benchmark.ts";
import { shuffledImages } from "../eval/controls.ts";
import { type KeptPrediction, type Predictions } from "../eval/predictions.ts";
import { benchmarkNamed, benchmarksWith } from "../eval/registry.ts";
import type { ScoreReport } from "../eval/report.ts";
import { answeredBy, keptAnswer, wayScores } from "../eval/rescore.ts";
import { byImage } from "../eval/slices.ts";
import { leadHas, onLead } from "../ranks/ranks.ts";
import { existing } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import {
  answerRecords,
  type PartQuestions,
  partQuestions,
  type RecordAnswerError,
  type RecordAnswering,
} from "../stages/answer_records.ts";
import type { ModelState } from "../stages/model.ts";
import { predictionsPath, readPredictions, writePredictions } from "../stages/predictions.ts";

/** Scores of one part, and what they rest on. */
export interface PartScores {
  /** The benchmark by whose rules. */
  readonly benchmark: string;
  /** How questions are asked. */
  readonly prompt: string;
  /** The model about each question's own image. */
  readonly scores: ScoreReport;
  /** The same model about another image for each question; null where the part has only one image. */
  readonly shuffled: ScoreReport | null;
  /** Questions that were asked. */
  readonly asked: number;
  /** Entries of the part's files that were not asked, by reason; those of other splits are not counted. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Images that questions are about, and how many of them training showed too, distinguished by their content. */
  readonly images: { readonly asked: number; readonly trained: number };
}

/** Key of the control that exchanges images. */
const SHUFFLE = 1;

const leftOutOf = (
  { data: { report }, undecodable }: OpenPart,
  { withoutImage }: PartQuestions,
): Readonly<Record<string, number>> => {
  const reasons = Object.entries({
    ...Object.fromEntries(Object.entries(report.leftOut).filter(([reason]) => !reason.startsWith("split "))),
    refused: report.refused,
    "image cannot be decoded": undecodable,
    "no image": withoutImage,
  });
  return Object.fromEntries(reasons.filter(([, count]) => count > 0));
};

/** The images that the examples of some mixtures show, by content. */
export const imagesShown = (mixtures: readonly OpenMixture[]): ReadonlySet<string> => {
  const shown = new Set<string>();
  for (const { parts } of mixtures) {
    for (const { data, used } of parts) {
      for (const index of used) data.imagesOf(index).forEach((i) => shown.add(data.imageFiles[i]!.content));
    }
  }
  return shown;
};

const predictionsOf = (
  of: Benchmark,
  { questions }: PartQuestions,
  seen: readonly string[],
  shuffled:
    | { readonly answers: readonly string[]; readonly questions: PartQuestions["questions"] }
    | undefined,
): readonly KeptPrediction[] =>
  questions.map(({ record }, i) => ({
    benchmark: of.name,
    record,
    answers: {
      seen: keptAnswer(of, record, seen[i]!),
      ...(shuffled === undefined
        ? {}
        : { shuffled: keptAnswer(of, record, shuffled.answers[i]!, shuffled.questions[i]!.content) }),
    },
  }));

/** The questions about other images; nothing where there is only one, which has no other. */
const elsewhere = ({ questions, ...asked }: PartQuestions): PartQuestions | undefined => {
  const own = questions.map(({ record, content }) => ({ ...record, content }));
  const other = shuffledImages(own, SHUFFLE);
  return E.isLeft(other) ? undefined : {
    ...asked,
    questions: questions.map(({ record }, i) => ({ record, content: other.right[i]!.content! })),
  };
};

/** One part of a mixture as it is evaluated. */
export interface PartEvaluation extends Omit<RecordAnswering, "state"> {
  /** The run directory, which keeps the predictions. */
  readonly directory: string;
  /** The model. */
  readonly state: Pick<ModelState, "bridge" | "params" | "identity">;
  /** The mixture that the part belongs to. */
  readonly mixture: OpenMixture;
  /** Name of the part. */
  readonly part: string;
  /** Name of its predictions; that of the part by default. */
  readonly title?: string;
  /** Name of the benchmark by whose rules it is scored. */
  readonly benchmark: string;
  /** The images that training showed, by content. */
  readonly trained: ReadonlySet<string>;
}

/** The predictions of a part: as they were kept, if they come from the same model and questions, else made and kept. */
const predicted = (
  options: PartEvaluation,
  of: Benchmark,
  part: OpenPart,
  asked: PartQuestions,
): Effect.Effect<Predictions, RecordAnswerError | DecodeError, Device> =>
  Effect.gen(function* () {
    const { directory, state, mixture, tokens } = options, { prompt } = asked;
    const title = options.title ?? part.name, path = predictionsPath(directory, title);
    const boxes = part.tasks.boxes.name;
    const identity = hashOf({
      evaluate: state.identity,
      mixture: mixture.hash,
      part: part.name,
      benchmark: of.name,
      prompt,
      tokens,
      boxes,
      shuffle: SHUFFLE,
    });
    const found = (yield* existing(path)) ? yield* Effect.option(readPredictions(path)) : Option.none();
    const before = Option.filter(found, ({ head }) => head.identity === identity);
    if ((yield* leadHas(Option.isSome(before))) && Option.isSome(before)) return before.value;
    const seen = yield* answerRecords(options, asked);
    const other = of.controls.includes("shuffled") ? elsewhere(asked) : undefined;
    const shuffled = other && { answers: yield* answerRecords(options, other), questions: other.questions };
    const predictions = predictionsOf(of, asked, seen, shuffled);
    const scores = yield* fromEither(wayScores(predictions, () => E.right(of)));
    const head = {
      format: 1,
      evaluation: title,
      identity,
      boxes,
      prompts: { [of.name]: prompt },
      scores,
    } as const;
    const made: Predictions = { head, predictions };
    yield* onLead(writePredictions(path, made));
    return made;
  });

/** Answers and scores one part, and keeps the predictions in the run directory; credits are summed by image. */
export const evaluatePart = (
  options: PartEvaluation,
): Effect.Effect<
  PartScores & { readonly credits: ReturnType<typeof byImage> },
  RecordAnswerError | DecodeError,
  Device
> =>
  Effect.gen(function* () {
    const part = options.mixture.parts.find(({ name }) => name === options.part)!;
    const of = yield* fromEither(benchmarkNamed(options.benchmark, benchmarksWith(part.tasks.boxes)));
    const asked = yield* partQuestions(part, of);
    const { predictions } = yield* predicted(options, of, part, asked);
    const { seen, shuffled = null } = (yield* fromEither(wayScores(predictions, () =>
      E.right(of))))[of.name]!;
    const images = new Set(asked.questions.map(({ content }) => content));
    return {
      benchmark: of.name,
      prompt: asked.prompt,
      scores: seen!,
      shuffled,
      credits: byImage(
        answeredBy(predictions, "seen"),
        predictions.map(({ answers }) => answers.seen!.credit),
      ),
      asked: asked.questions.length,
      leftOut: leftOutOf(part, asked),
      images: {
        asked: images.size,
        trained: [...images].filter((image) => options.trained.has(image)).length,
      },
    };
  });
