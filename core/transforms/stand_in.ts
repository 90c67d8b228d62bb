/**
 * Stand-ins: inputs that take the place of a function's arguments while it is traced, so that a transform sees what
 * depends on the arguments and nothing else. A closure over the very same tensor stays a constant, as it should: the
 * inner derivative of `x => mul(x, grad(y => add(x, y))(x))` is 1, not 2.
 */
import { together } from "../origin.ts";
import { input } from "../ops/source.ts";
import { substitute } from "../substitute.ts";
import { isTensor, type Tensor } from "../tensor.ts";

let traces = 0;

/** Inputs of the forms of the tensors, with paths that no other input has. */
export const standIns = (
  like: readonly { readonly shape: Tensor["shape"]; readonly dtype: Tensor["dtype"] }[],
): Tensor[] => {
  const trace = traces++;
  return together(() => like.map(({ shape, dtype }, i) => input(`stand-in ${trace}.${i}`, shape, dtype)));
};

/** Every tensor in a value, through lists and plain records. */
const tensorsIn = (value: unknown): Tensor[] =>
  isTensor(value)
    ? [value]
    : Array.isArray(value)
    ? value.flatMap(tensorsIn)
    : isPlain(value)
    ? Object.values(value).flatMap(tensorsIn)
    : [];

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** A value with its tensors replaced, through lists and plain records; all else stays. */
export const mapTensors = <T>(value: T, f: (t: Tensor) => Tensor): T => {
  const walk = (v: unknown): unknown =>
    isTensor(v)
      ? f(v)
      : Array.isArray(v)
      ? v.map(walk)
      : isPlain(v)
      ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, walk(x)]))
      : v;
  return walk(value) as T;
};

/** A value with stand-ins replaced, inside all tensors of its lists and plain records, by what they stand for. */
export const replaceIn = <T>(value: T, by: ReadonlyMap<Tensor, Tensor>): T =>
  rewriteIn(value, (found) => substitute(found, by));

/** A value with the tensors of its lists and plain records rewritten, all of them together. */
export const rewriteIn = <T>(value: T, rewrite: (roots: readonly Tensor[]) => readonly Tensor[]): T => {
  const found = [...new Set(tensorsIn(value))], replaced = rewrite(found);
  const becomes = new Map(found.map((t, i) => [t, replaced[i]!]));
  return mapTensors(value, (t) => becomes.get(t)!);
};
