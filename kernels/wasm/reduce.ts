/** Reductions: accumulators of four lanes, joined in a fixed order. */
import type { DType } from "@chain-of-sight/core";
import type { Reduction } from "../graph/kernel.ts";
import { beatsText, laneMask, literal, maxText, sumText } from "./dialect.ts";
import { get, type Locals, set } from "./text.ts";

/** Element type of what is reduced. */
export const elementOf = (r: Reduction): DType => r.tensor.args[0]!.dtype;

/** What changes nothing when it is reduced. */
const neutral = (r: Reduction): string =>
  r.op === "sum"
    ? literal(0, r.tensor.dtype)
    : literal(elementOf(r) === "f32" ? -Infinity : elementOf(r) === "i32" ? -2147483648 : 0, elementOf(r));

/** The locals of one accumulator. */
export interface Accumulator {
  /** Sum, maximum, or the best so far. */
  readonly best: string;
  /** Where the best was; for argmax alone. */
  readonly at: string | undefined;
}

/** An accumulator's locals. */
export const accumulator = (r: Reduction, locals: Locals): Accumulator => ({
  best: locals.fresh("r", "v128"),
  at: r.op === "argmax" ? locals.fresh("r", "v128") : undefined,
});

/** Statements that start an accumulator. */
export const start = (r: Reduction, a: Accumulator): string[] => [
  set(a.best, neutral(r)),
  ...(a.at === undefined ? [] : [set(a.at, literal(0, "i32"))]),
];

/** Statements that take in a value (a local or constant) found at `at`, of which `lanes` count. */
export const take = (
  r: Reduction,
  a: Accumulator,
  value: string,
  at: () => string,
  lanes: number,
): string[] => {
  const x = lanes === 4 || r.op === "argmax"
    ? value
    : `(v128.bitselect ${value} ${neutral(r)} ${laneMask(lanes)})`;
  if (a.at === undefined) return [set(a.best, joinedText(r, get(a.best), x))];
  const wins = beatsText(x, get(a.best), elementOf(r));
  return [
    set("wins", lanes === 4 ? wins : `(v128.and ${wins} ${laneMask(lanes)})`),
    set(a.best, `(v128.bitselect ${x} ${get(a.best)} ${get("wins")})`),
    set(a.at, `(v128.bitselect ${at()} ${get(a.at)} ${get("wins")})`),
  ];
};

const joinedText = (r: Reduction, a: string, b: string): string =>
  r.op === "sum" ? sumText(a, b, r.tensor.dtype) : maxText(a, b, elementOf(r));

/** Statements that take a second accumulator into the first. Positions of equals: the lower wins. */
export const join = (r: Reduction, a: Accumulator, b: Accumulator): string[] => {
  if (a.at === undefined || b.at === undefined) {
    return [set(a.best, joinedText(r, get(a.best), get(b.best)))];
  }
  const type = elementOf(r), theirs = beatsText(get(b.best), get(a.best), type);
  const even = `(v128.not ${beatsText(get(a.best), get(b.best), type)})`;
  return [
    set("wins", `(v128.or ${theirs} (v128.and ${even} (i32x4.lt_s ${get(b.at)} ${get(a.at)})))`),
    set(a.best, `(v128.bitselect ${get(b.best)} ${get(a.best)} ${get("wins")})`),
    set(a.at, `(v128.bitselect ${get(b.at)} ${get(a.at)} ${get("wins")})`),
  ];
};

const HALF = "8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7", NEXT = "4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11";

/** Statements that leave an accumulator's result in every lane of it. `spare` is overwritten. */
export const joinLanes = (r: Reduction, a: Accumulator, spare: Accumulator): string[] =>
  [HALF, NEXT].flatMap((order) => {
    const turned = (name: string) => `(i8x16.shuffle ${order} ${get(name)} ${get(name)})`;
    return [
      set(spare.best, turned(a.best)),
      ...(a.at === undefined ? [] : [set(spare.at!, turned(a.at))]),
      ...join(r, a, spare),
    ];
  });

/** Declares what reductions need besides accumulators. */
export const declareReductions = (locals: Locals): void => {
  locals.declare("wins", "v128");
};
