/**
 * Loops over stacked layers. `scan` traces its body once, whatever the length: a model of 32 equal layers is described,
 * differentiated and compiled as fast as one of 2, and its parameters are a few large arrays instead of many small ones.
 */
import { DTypeError, ShapeError, TreeError } from "../errors.ts";
import { tensors } from "../grad.ts";
import { isElementwise } from "../ops/elementwise.ts";
import { broadcastTo, isMovement, reshape } from "../ops/movement.ts";
import { resultsOf } from "../ops/call.ts";
import { full } from "../ops/source.ts";
import { equals, show } from "../shape.ts";
import { substitute } from "../substitute.ts";
import { is, isGiven, isTensor, type Tensor, topological } from "../tensor.ts";
import type { Tree } from "../tree.ts";
import { dependents, scanWith } from "./scan_body.ts";
import { isPlain, mapTensors, parametersLike, tracing } from "./trace.ts";

/** What a scan runs over. */
export interface ScanOptions<C, X> {
  /** Inputs of the first iteration; `[]` or `{}` where iterations do not depend on each other. */
  readonly carry: C;
  /** Tensors stacked along axis 0: turn i is given slice i of each. */
  readonly xs?: X;
  /** Number of iterations; that of the slices by default, and needed where there are none. */
  readonly length?: number;
  /** From the last slice to the first: results stay at the places of their slices. False by default. */
  readonly reverse?: boolean;
  /**
   * Whether the backward pass keeps the carries alone and recomputes each iteration, rather than keep what the iterations
   * computed: memory falls to one carry per iteration, for one more forward pass. False by default.
   */
  readonly recompute?: boolean;
}

/** What a body may give: the next carry, or that with something to stack. */
export type ScanStep<C, Y> = readonly [C] | readonly [C, Y];

const entriesOf = (tree: unknown): [string, Tensor][] =>
  tree === undefined ? [] : tensors.entries(tree as Tree<Tensor>);

/** Checks that a part of the arguments is a tree of tensors. */
const checkTree = (name: string, tree: unknown): [string, Tensor][] => {
  const found: Tensor[] = [];
  const fits = (v: unknown): boolean =>
    isTensor(v)
      ? found.push(v) > 0
      : Array.isArray(v)
      ? v.every(fits)
      : isPlain(v) && Object.values(v).every(fits);
  if (tree !== undefined && !fits(tree)) {
    throw new TreeError({
      op: "scan",
      got: `${name} with something that is no tensor`,
      expected: "tensors in lists and records",
      hint: "wrap numbers with constant(), and close over what is not a tensor",
    });
  }
  return entriesOf(tree);
};

const at = (path: string): string => path === "" ? "" : ` at ${path}`;

const lengthOf = (xs: readonly [string, Tensor][], given: number | undefined): number => {
  const refuse = (got: string, expected: string, hint: string): never => {
    throw new ShapeError({ op: "scan", got, expected, hint });
  };
  if (given !== undefined && !(Number.isInteger(given) && given >= 0)) {
    refuse(`a length of ${given}`, "a whole number of iterations", "count them");
  }
  for (const [path, { shape }] of xs) {
    if (shape.length === 0) {
      refuse(`a scalar in xs${at(path)}`, "an axis of slices", "stack the slices first");
    }
  }
  const lengths = new Set([...xs.map(([, x]) => x.shape[0]!), ...(given === undefined ? [] : [given])]);
  if (lengths.size === 0) refuse("neither xs nor a length", "one of them", "name the number of iterations");
  if (lengths.size > 1) {
    const slices = xs.map(([path, x]) => `${show(x.shape)}${at(path)}`).join(", ");
    refuse(
      `${slices === "" ? "" : `xs ${slices}`}${given === undefined ? "" : ` for a length of ${given}`}`,
      "one length along axis 0",
      "stack as many slices of each",
    );
  }
  return [...lengths][0]!;
};

/** The parts of a body's result, or an error that says what is wrong with it. */
const stepOf = (result: unknown): readonly [unknown, unknown] => {
  if (Array.isArray(result) && (result.length === 1 || result.length === 2)) return [result[0], result[1]];
  throw new TreeError({
    op: "scan",
    got: isTensor(result)
      ? "a body that returns a tensor"
      : Array.isArray(result)
      ? `a body that returns a list of ${result.length}`
      : `a body that returns ${result === null ? "null" : typeof result}`,
    expected: "[carry, y], or [carry] where nothing is stacked",
    hint: "return the next carry first",
  });
};

/** Refuses a next carry of another form than the one before. */
const checkCarry = (before: readonly [string, Tensor][], after: readonly [string, Tensor][]): void => {
  const paths = (es: readonly [string, Tensor][]) =>
    es.map(([path]) => path === "" ? "a tensor" : path).join(", ");
  if (paths(before) !== paths(after)) {
    throw new TreeError({
      op: "scan",
      got: `a next carry of ${paths(after) || "nothing"}`,
      expected: paths(before) || "nothing, like the first carry",
      hint: "return a carry of the same form, and what is to be stacked as y",
    });
  }
  before.forEach(([path, a], i) => {
    const b = after[i]![1];
    if (a.dtype !== b.dtype) {
      throw new DTypeError({
        op: "scan",
        got: `a next carry of ${b.dtype}${at(path)}`,
        expected: `${a.dtype}, as it came in`,
        hint: "cast it, or start with a carry of that element type",
      });
    }
    if (!equals(a.shape, b.shape)) {
      throw new ShapeError({
        op: "scan",
        got: `a next carry of shape ${show(b.shape)}${at(path)}`,
        expected: `${show(a.shape)}, as it came in`,
        hint: "keep the carry's shape in every iteration",
      });
    }
  });
};

const EXPENSIVE: ReadonlySet<string> = new Set([
  "exp",
  "log",
  "sin",
  "cos",
  "tanh",
  "erf",
  "expm1",
  "log1p",
  "sigmoid",
  "pow",
]);

/** Whether a node costs next to nothing to compute in every iteration. */
const isCheap = (t: Tensor): boolean =>
  is("constant", t) || is("iota", t) || isMovement(t.op) || (isElementwise(t.op) && !EXPENSIVE.has(t.op));

const isView = (t: Tensor): boolean =>
  is("reshape", t) || is("permute", t) || is("expand", t) || is("slice", t) || is("flip", t);

/** What iterations read that is the same for all of them and worth a place in memory: it becomes an operand. */
const captured = (results: readonly Tensor[], parameters: readonly Tensor[]): Tensor[] => {
  const own = dependents(results, parameters), kept = new Set<Tensor>(), out = new Set<Tensor>();
  for (const t of topological(results)) {
    if (own.has(t)) continue;
    if (isGiven(t) || !isCheap(t) || t.args.some((a) => kept.has(a))) kept.add(t);
  }
  const offer = (t: Tensor): void => {
    if (own.has(t) || !kept.has(t)) return;
    // a view of it is read in place: what it is a view of becomes the operand
    if (isView(t)) offer(t.args[0]!);
    else out.add(t);
  };
  for (const t of own) t.args.forEach(offer);
  results.forEach(offer);
  return topological(results).filter((t) => out.has(t));
};

/**
 * Applies `body(carry, x)` along axis 0 of `xs`: each iteration is given what the iteration before returned and its slice, and
 * returns `[carry, y]`. Gives the last carry and the stacked `y`. What the body closes over is the same in every iteration.
 * Composes with all transforms. With no iterations at all, the carry comes back as it is and stacks are empty.
 *
 * ```ts
 * import { add, f32, i32, input, interpret, mul, scan, type Tensor } from "@chain-of-sight/core";
 * // h_i = a_i h_{i-1} + 1, and every state on the way
 * const [last, states] = scan((h: Tensor, a: Tensor) => {
 *   const next = add(mul(h, a), 1);
 *   return [next, next];
 * }, { carry: input("h", []), xs: input("a", [3]) });
 * const [end, way] = interpret([last, states], { h: f32([], [1]), a: f32([3], [1, 2, 3]) });
 * if (!(end!.data[0] === 16 && way!.data.join() === "2,5,16")) throw new Error("not so");
 * ```
 * @throws {ShapeError} if slices differ in number, or an iteration changes the shape of the carry; {DTypeError} if it
 * changes its element type; {TreeError} if it changes its form, or returns something else.
 */
export const scan = <C extends Tree<Tensor>, X extends Tree<Tensor> | undefined = undefined, Y = undefined>(
  body: (carry: C, x: X) => ScanStep<C, Y>,
  options: ScanOptions<C, X>,
): readonly [C, Y] => {
  const { carry, xs, reverse = false, recompute = false } = options;
  const first = checkTree("a carry", carry), stacked = checkTree("xs", xs);
  const length = lengthOf(stacked, options.length);
  const slices = stacked.map(([, t]) => ({ shape: t.shape.slice(1), dtype: t.dtype }));
  return tracing("scan", [...first.map(([, t]) => t), ...slices], (parameters) => {
    const n = first.length, carries = parameters.slice(0, n), own = parameters.slice(n);
    let i = 0, j = 0;
    const [next, y] = stepOf(body(
      mapTensors(carry, () => carries[i++]!),
      mapTensors(xs, () => own[j++]!) as X,
    ));
    const after = checkTree("a next carry", next), ys = checkTree("a y", y).map(([, t]) => t);
    checkCarry(first, after);
    if (length === 0) return [carry, mapTensors(y, (t) => full([0, ...t.shape], 0, t.dtype)) as Y];
    const results = [...after.map(([, t]) => t), ...ys], closure = captured(results, parameters);
    const constants = parametersLike(closure), inside = new Map(closure.map((t, k) => [t, constants[k]!]));
    const operands = [...first.map(([, t]) => t), ...stacked.map(([, t]) => t), ...closure];
    if (operands.length === 0) {
      return [
        carry,
        mapTensors(y, (t) => broadcastTo([length, ...t.shape])(reshape([1, ...t.shape])(t))) as Y,
      ];
    }
    const over = substitute(results, inside);
    const all = resultsOf(scanWith(
      { carries, slices: own, constants, next: over.slice(0, n), ys: over.slice(n) },
      operands,
      { length, reverse, recompute },
    ));
    let k = 0, l = n;
    return [mapTensors(carry, () => all[k++]!), mapTensors(y, () => all[l++]!) as Y];
  });
};
