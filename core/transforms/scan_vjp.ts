/**
 * The backward pass of a scan is a scan from its last iteration to its first, whose body is the pullback of the body. What a
 * turn back needs of the iteration forward is stacked by a scan equal to the first but for more results (`mergeScans` makes
 * them one), or recomputed from the carries where the scan says so.
 */
import { type DType, isFloat } from "../dtype.ts";
import { add, cast, isElementwise, zerosLike } from "../ops/elementwise.ts";
import { isMovement } from "../ops/movement.ts";
import { resultAt, resultsOf } from "../ops/call.ts";
import { isMark } from "../ops/mark.ts";
import type { ScanBody } from "../ops/scan.ts";
import { full } from "../ops/source.ts";
import { substitute } from "../substitute.ts";
import { is, operandsOf, type Tensor, topological } from "../tensor.ts";
import { dependents, partsOf, scanWith, spread } from "./scan_body.ts";
import { parametersLike } from "./trace.ts";

/** The reverse mode that differentiates bodies. */
export type Pullback = (
  outputs: readonly Tensor[],
  cotangents: readonly Tensor[],
  wrt: readonly Tensor[],
) => readonly Tensor[];

/** `x` in an element type. */
const held = (dtype: DType, x: Tensor): Tensor => x.dtype === dtype ? x : cast(dtype)(x);

/** Carries that depend on wanted operands, over any number of iterations. */
const activeCarries = (body: ScanBody, wanted: readonly boolean[]): boolean[] => {
  const { carries, parameters, next } = body;
  return spread(body, (i) => wanted[i]!, (active) => {
    const seeds = parameters.filter((_, i) => i < carries.length ? active[i] : wanted[i]);
    const reached = dependents(next, seeds);
    return next.map((t) => reached.has(t));
  });
};

/** Whether an iteration back recomputes a node rather than read it from a stack. */
const isLight = (t: Tensor): boolean =>
  is("iota", t) || is("constant", t) || is("randomBits", t) || isElementwise(t.op) || isMark(t.op) ||
  (isMovement(t.op) && t.op !== "concat");

/**
 * What iterations forward must leave for iterations back: carries, and the nodes that are expensive to recompute, where nothing
 * nearer to the cotangents is. Between them stand light nodes only, which take no memory of their own.
 */
const residuals = (
  body: ScanBody,
  back: readonly Tensor[],
  late: ReadonlySet<Tensor>,
  carriesOnly: boolean,
): Tensor[] => {
  const carries = new Set(body.carries), given = new Set([...body.slices, ...body.constants]);
  const kept = new Set<Tensor>(), seen = new Set<Tensor>(), stack = [...back];
  while (stack.length > 0) {
    const t = stack.pop()!;
    if (seen.has(t)) continue;
    seen.add(t);
    if (late.has(t)) stack.push(...t.args);
    else if (carries.has(t)) kept.add(t);
    else if (given.has(t)) continue;
    else if (carriesOnly || isLight(t)) stack.push(...operandsOf(t));
    else kept.add(t);
  }
  return topological(back).filter((t) => kept.has(t));
};

/**
 * Cotangents of a scan's operands from those of its results. `wanted` says for which operands; a result without a
 * cotangent has none to give.
 */
export const scanCotangents = (
  pullback: Pullback,
  loop: Tensor<"scan">,
  cotangents: readonly (Tensor | undefined)[],
  wanted: readonly boolean[],
): readonly (Tensor | undefined)[] => {
  const { body, length, reverse, recompute } = loop.attributes;
  const { carries, slices, constants, next, ys } = body, n = carries.length, m = n + slices.length;
  const active = activeCarries(body, wanted);
  const chosen = <A>(xs: readonly A[], keep: (i: number) => boolean): number[] =>
    xs.flatMap((_, i) => keep(i) ? [i] : []);
  const moving = chosen(carries, (i) => active[i]! && isFloat(carries[i]!.dtype));
  const given = chosen(ys, (i) => cotangents[n + i] !== undefined && isFloat(ys[i]!.dtype));
  const along = chosen(slices, (i) => wanted[n + i]! && isFloat(slices[i]!.dtype));
  const still = chosen(constants, (i) => wanted[m + i]! && isFloat(constants[i]!.dtype));

  const at = parametersLike([...moving.map((i) => carries[i]!), ...given.map((i) => ys[i]!)]);
  const wrt = [
    ...moving.map((i) => carries[i]!),
    ...along.map((i) => slices[i]!),
    ...still.map((i) => constants[i]!),
  ];
  const back = pullback([...moving.map((i) => next[i]!), ...given.map((i) => ys[i]!)], at, wrt);
  const kept = residuals(body, back, dependents(back, at), recompute);
  const stacks = parametersLike(kept);
  const over = substitute(back, new Map(kept.map((t, i) => [t, stacks[i]!])));
  const stacked = moving.length + along.length;
  // what gets no cotangent in any iteration gets none at all
  const touched = still.map((i, k) => over[stacked + k] !== zerosLike(constants[i]!));
  const summed = still.filter((_, k) => touched[k]);
  // in f32: what iterations give adds up before it is rounded
  const sums = parametersLike(summed.map((i) => ({ shape: constants[i]!.shape, dtype: "f32" })));
  const parts = over.slice(stacked).filter((_, k) => touched[k]);

  const forward = kept.length === 0
    ? []
    : resultsOf(scanWith({ ...partsOf(body), ys: [...ys, ...kept] }, loop.args, loop.attributes));
  const firstCarries = [
    ...moving.map((i) => cotangents[i] ?? zerosLike(carries[i]!)),
    ...summed.map((i) => full(constants[i]!.shape, 0)),
  ];
  const backward = scanWith(
    {
      carries: [...at.slice(0, moving.length), ...sums],
      slices: [...slices, ...at.slice(moving.length), ...stacks],
      constants,
      next: [...over.slice(0, moving.length), ...sums.map((s, i) => add(s, held("f32", parts[i]!)))],
      ys: over.slice(moving.length, stacked),
    },
    [
      ...firstCarries,
      ...loop.args.slice(n, m),
      ...given.map((i) => cotangents[n + i]!),
      ...kept.map((_, i) => forward[next.length + ys.length + i]!),
      ...loop.args.slice(m),
    ],
    { length, reverse: !reverse, recompute },
  );
  const out: (Tensor | undefined)[] = loop.args.map(() => undefined);
  const results = moving.length + summed.length;
  moving.forEach((i, k) => out[i] = resultAt(backward, k));
  summed.forEach((i, k) => out[m + i] = held(constants[i]!.dtype, resultAt(backward, moving.length + k)));
  along.forEach((i, k) => out[n + i] = resultAt(backward, results + k));
  return out;
};
