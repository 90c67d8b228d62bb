/** Scores of answers about scenes, with intervals over scenes. */
import * as t from "io-ts";
import type { Scene } from "../scenes/record.ts";
import type { Question } from "../scenes/tasks.ts";
import { bootstrap, type Interval, pairedDifference } from "../base/bootstrap.ts";
import { type CountItem, countRight } from "../eval/count.ts";
import { type PresenceItem, type PresenceReport, presenceRight, scorePresence } from "../eval/presence.ts";
import { type ReferItem, scoreRefer } from "../eval/refer.ts";
import { share } from "../eval/report.ts";
import { nullableNumberCodec } from "../base/nullable_number.ts";
import type { TypeOf } from "../base/bridge.ts";

/** A question and what was answered. */
export interface Answered {
  /** Place of the scene in its set. */
  readonly scene: number;
  /** The question. */
  readonly question: Question;
  /** The answer. */
  readonly answer: string;
}

/** Scores with 95 % intervals, all from 0 to 1. */
export interface Scores extends TypeOf<typeof scoresCodec> {}

const amount = nullableNumberCodec();
const interval = t.strict({ value: amount, low: amount, high: amount });
/** @internal */
export const scoresCodec = t.strict({
  /** F1 of presence questions. */
  presenceF1: interval,
  /** Share of right presence answers. */
  presenceAccuracy: interval,
  /** Share of presence answers that say yes. */
  yesRate: amount,
  /** F1 by kind of negative. */
  presenceByKind: t.record(t.string, amount),
  /** Share of exactly right counts. */
  countAccuracy: interval,
  /** Share of boxes with an intersection over union of at least 0.5. */
  referAccuracy: interval,
  /** Mean intersection over union. */
  referIou: amount,
  /** Share of boxes whose middle is in the true one. */
  referCentre: amount,
  /** Number of questions of each kind. */
  questions: t.strict({ presence: amount, count: amount, refer: amount }),
});

/** The answers of every scene: what intervals draw from, since answers about one image are not independent. */
export const byScene = (answered: readonly Answered[]): readonly (readonly Answered[])[] => {
  const groups = new Map<number, Answered[]>();
  for (const a of answered) groups.set(a.scene, [...groups.get(a.scene) ?? [], a]);
  return [...groups.keys()].toSorted((a, b) => a - b).map((scene) => groups.get(scene)!);
};

const presenceItems = (answered: readonly Answered[]): readonly PresenceItem[] =>
  answered.flatMap(({ question: q, answer }) =>
    q.kind === "presence" ? [{ negative: q.negative, truth: q.truth, answer }] : []
  );
const countItems = (answered: readonly Answered[]): readonly CountItem[] =>
  answered.flatMap(({ question: q, answer }) => q.kind === "count" ? [{ truth: q.truth, answer }] : []);
const referItems = (answered: readonly Answered[]): readonly ReferItem[] =>
  answered.flatMap(({ question: q, answer }) => q.kind === "refer" ? [{ truth: q.truth, answer }] : []);

/** F1 of the presence answers among some. */
export const presenceF1 = (answered: readonly Answered[]): number =>
  scorePresence(presenceItems(answered)).f1;

/** How intervals are drawn. */
export interface ScoreOptions {
  /** Cells per side on which boxes are spoken. */
  readonly grid: number;
  /** Number of resamples. */
  readonly resamples: number;
  /** Key of the resampling. */
  readonly seed: number;
}

/** Scores of answers. There must be one or more. */
export const scoresOf = (answered: readonly Answered[], options: ScoreOptions): Scores => {
  const groups = byScene(answered);
  const over = (statistic: (some: readonly Answered[]) => number): Interval =>
    bootstrap(groups, (drawn) => statistic(drawn.flat()), options);
  const presence: PresenceReport = scorePresence(presenceItems(answered));
  const refer = scoreRefer(referItems(answered), options.grid);
  return {
    presenceF1: over(presenceF1),
    presenceAccuracy: over((some) => share(presenceItems(some), presenceRight)),
    yesRate: presence.yesRate,
    presenceByKind: Object.fromEntries(Object.entries(presence.byKind).map(([kind, { f1 }]) => [kind, f1])),
    countAccuracy: over((some) => share(countItems(some), countRight)),
    referAccuracy: over((some) => scoreRefer(referItems(some), options.grid).accuracy),
    referIou: refer.meanIou,
    referCentre: refer.centreHit,
    questions: { presence: presence.n, count: countItems(answered).length, refer: refer.n },
  };
};

/** How much greater the presence F1 of `a` is than that of `b` on the same scenes, with its interval. */
export const f1Gain = (
  a: readonly Answered[],
  b: readonly Answered[],
  { resamples, seed }: ScoreOptions,
): Interval =>
  pairedDifference(byScene(a), byScene(b), (drawn) => presenceF1(drawn.flat()), { resamples, seed });

/** What questions are asked about some scenes: those that are wanted, in the order of the scenes. */
export const evalQuestions = (
  scenes: readonly Scene[],
  ask: (scene: Scene) => readonly Question[],
): readonly { readonly scene: number; readonly question: Question }[] =>
  scenes.flatMap((scene, i) => ask(scene).map((question) => ({ scene: i, question })));
