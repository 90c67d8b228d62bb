/** Forward-mode derivative of a scan: one scan of values and tangents. */
import { isFloat } from "../dtype.ts";
import { zerosLike } from "../ops/elementwise.ts";
import { resultAt } from "../ops/call.ts";
import type { Tensor } from "../tensor.ts";
import { scanWith, spread } from "./scan_body.ts";
import { parametersLike } from "./trace.ts";

/** The forward mode that differentiates bodies; undefined is a tangent of zero. */
export type Tangents = (
  outputs: readonly Tensor[],
  wrt: readonly Tensor[],
  tangents: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[];

/** Tangents of all results of a scan from those of its operands. */
export const scanTangents = (
  tangentsOf: Tangents,
  loop: Tensor<"scan">,
  given: readonly (Tensor | undefined)[],
): readonly (Tensor | undefined)[] => {
  const { body, length, reverse, recompute } = loop.attributes;
  const { carries, slices, constants, parameters, next, ys } = body,
    n = carries.length,
    m = n + slices.length;
  const moves = parametersLike(parameters);
  const tangents = (moving: readonly boolean[]): readonly (Tensor | undefined)[] =>
    tangentsOf(
      body.results,
      parameters,
      parameters.map((_, i) => (i < n ? moving[i] : given[i] !== undefined) ? moves[i] : undefined),
    );
  const float = carries.map((c) => isFloat(c.dtype));
  const moving = spread(body, (i) => given[i] !== undefined && float[i]!, (now) => {
    const reached = tangents(now);
    return carries.map((_, i) => float[i]! && reached[i] !== undefined);
  });
  const moved = tangents(moving);
  const pick = (from: number, to: number): number[] =>
    parameters.flatMap((_, i) =>
      i >= from && i < to && (i < n ? moving[i] : given[i] !== undefined) ? [i] : []
    );
  const more = { carries: pick(0, n), slices: pick(n, m), constants: pick(m, parameters.length) };
  const stacked = ys.flatMap((_, i) => moved[n + i] === undefined ? [] : [i]);
  const move = (is: readonly number[]): Tensor[] => is.map((i) => moves[i]!);
  const operand = (is: readonly number[]): Tensor[] => is.map((i) => given[i] ?? zerosLike(loop.args[i]!));
  // values come first, so that the scan of the values alone is seen to be a part of this one
  const both = scanWith(
    {
      carries: [...carries, ...move(more.carries)],
      slices: [...slices, ...move(more.slices)],
      constants: [...constants, ...move(more.constants)],
      next: [...next, ...more.carries.map((i) => moved[i] ?? zerosLike(carries[i]!))],
      ys: [...ys, ...stacked.map((i) => moved[n + i]!)],
    },
    [
      ...loop.args.slice(0, n),
      ...operand(more.carries),
      ...loop.args.slice(n, m),
      ...operand(more.slices),
      ...loop.args.slice(m),
      ...operand(more.constants),
    ],
    { length, reverse, recompute },
  );
  const out: (Tensor | undefined)[] = body.results.map(() => undefined);
  more.carries.forEach((i, k) => out[i] = resultAt(both, n + k));
  const from = n + more.carries.length + ys.length;
  stacked.forEach((i, k) => out[n + i] = resultAt(both, from + k));
  return out;
};
