/** Vectorisation of a scan: one scan whose iterations process the whole batch. */
import { broadcastTo, permute } from "../ops/movement.ts";
import { resultAt } from "../ops/call.ts";
import type { Tensor } from "../tensor.ts";
import type { Batched } from "./batching.ts";
import { scanWith, spread } from "./scan_body.ts";
import { parametersLike } from "./trace.ts";

/** Outputs with the new axis in front, from such values of some nodes; undefined where an output is the same for all. */
export type Vectorise = (
  outputs: readonly Tensor[],
  mapped: ReadonlyMap<Tensor, Tensor>,
  n: number,
) => readonly (Tensor | undefined)[];

/** Axes 0 and 1 change places: stacks have the iterations in front, mapped tensors what is mapped over. */
const swapped = (x: Tensor): Tensor => permute([1, 0, ...x.shape.slice(2).map((_, i) => i + 2)])(x);

/** All results of a scan, with the new axis in front. */
export const scanBatched = (
  vectorise: Vectorise,
  loop: Tensor<"scan">,
  args: readonly Batched[],
  size: number,
): readonly Tensor[] => {
  const { body } = loop.attributes;
  const { carries, slices, parameters, next, ys } = body, n = carries.length, m = n + slices.length;
  const wide = parametersLike(parameters.map(({ shape, dtype }) => ({ shape: [size, ...shape], dtype })));
  const values = (mapped: readonly boolean[]): readonly (Tensor | undefined)[] =>
    vectorise(
      body.results,
      new Map(
        parameters.flatMap((t, i) => (i < n ? mapped[i] : args[i]!.mapped) ? [[t, wide[i]!] as const] : []),
      ),
      size,
    );
  const mapped = spread(body, (i) => args[i]!.mapped, (now) => {
    const reached = values(now);
    return carries.map((_, i) => reached[i] !== undefined);
  });
  const reached = values(mapped);
  const is = (i: number): boolean => i < n ? mapped[i]! : args[i]!.mapped;
  const some = (from: number, to: number): Tensor[] =>
    parameters.slice(from, to).map((t, k) => is(from + k) ? wide[from + k]! : t);
  const widened = (x: Tensor): Tensor => broadcastTo([size, ...x.shape])(x);
  const many = scanWith(
    {
      carries: some(0, n),
      slices: some(n, m),
      constants: some(m, parameters.length),
      next: next.map((t, i) => mapped[i] ? reached[i] ?? widened(t) : t),
      ys: ys.map((t, i) => reached[n + i] ?? t),
    },
    args.map(({ x, mapped: already }, i) =>
      i < n ? is(i) && !already ? widened(x) : x : already && i < m ? swapped(x) : x
    ),
    loop.attributes,
  );
  // what is the same for all is read from the new scan too: the old one's operands are of one example
  return body.results.map((_, i) => {
    const result = resultAt(many, i);
    if (i < n) return mapped[i] ? result : widened(result);
    return reached[i] === undefined ? widened(result) : swapped(result);
  });
};
