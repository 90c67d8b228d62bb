/**
 * Derivatives and vectorisation of calls: each makes a closed function of the called one and calls that, or puts it in
 * place. A region to be recomputed is computed from arguments that come after its cotangents, so that the second
 * computation neither is one with the first nor can be done before it is needed.
 */
import { applied, closed } from "../close.ts";
import { isFloat } from "../dtype.ts";
import { zerosLike } from "../ops/elementwise.ts";
import { callOf, resultAt, resultsOf } from "../ops/call.ts";
import type { ClosedFunction } from "../ops/closed.ts";
import { after } from "../ops/mark.ts";
import { broadcastTo } from "../ops/movement.ts";
import type { Tensor } from "../tensor.ts";
import type { Batched } from "./batching.ts";
import { customBatched, customCotangents, customTangents } from "./custom_transforms.ts";
import type { Tangents } from "./scan_jvp.ts";
import type { Vectorise } from "./scan_vmap.ts";
import type { Pullback } from "./scan_vjp.ts";
import { parametersLike } from "./trace.ts";

/** The backward pass of a function. */
interface Backward {
  /** From its arguments and cotangents of some of its results: the cotangents that are not zero. */
  readonly function: ClosedFunction;
  /** The parameter that each of them belongs to. */
  readonly gives: readonly number[];
}

const known = new WeakMap<ClosedFunction, Map<string, Backward>>();

/** The backward pass for some results and parameters: made once for functions that many call. */
const backwardOf = (
  pullback: Pullback,
  body: ClosedFunction,
  from: readonly number[],
  to: readonly number[],
): Backward => {
  const key = `${from.join(",")};${to.join(",")}`;
  const ways = known.get(body) ?? new Map<string, Backward>(), before = ways.get(key);
  if (before !== undefined) return before;
  const outputs = from.map((i) => body.results[i]!), wrt = to.map((i) => body.parameters[i]!);
  const cotangents = parametersLike(outputs), back = pullback(outputs, cotangents, wrt);
  const touched = to.flatMap((_, k) => back[k] === zerosLike(wrt[k]!) ? [] : [k]);
  const made = {
    function: closed([...body.parameters, ...cotangents], touched.map((k) => back[k]!)),
    gives: touched.map((k) => to[k]!),
  };
  known.set(body, ways.set(key, made));
  return made;
};

/** Places that fit a condition. */
const placesOf = <A>(xs: readonly A[], fits: (x: A, i: number) => boolean): number[] =>
  xs.flatMap((x, i) => fits(x, i) ? [i] : []);

/** Cotangents of a call's arguments from those of its results; `wanted` says for which arguments. */
export const callCotangents = (
  pullback: Pullback,
  call: Tensor<"call">,
  cotangents: readonly (Tensor | undefined)[],
  wanted: readonly boolean[],
): readonly (Tensor | undefined)[] => {
  const { body, recompute, rule } = call.attributes;
  if (rule !== undefined) return customCotangents(call, rule, cotangents, wanted);
  const from = placesOf(cotangents, (ct) => ct !== undefined), cts = from.map((i) => cotangents[i]!);
  const to = placesOf(body.parameters, (p, i) => wanted[i]! && isFloat(p.dtype));
  const back = backwardOf(pullback, body, from, to);
  const late = (x: Tensor): Tensor => cts.reduce((y, ct) => after(ct)(y), x);
  const found = applied(back.function, [...recompute ? call.args.map(late) : call.args, ...cts]);
  const out: (Tensor | undefined)[] = call.args.map(() => undefined);
  back.gives.forEach((i, k) => out[i] = found[k]);
  return out;
};

/** Tangents of a call's results from those of its arguments: results of a call of the function's derivative. */
export const callTangents = (
  tangentsOf: Tangents,
  call: Tensor<"call">,
  given: readonly (Tensor | undefined)[],
): readonly (Tensor | undefined)[] => {
  const { body: { parameters, results }, rule, ...region } = call.attributes;
  if (rule !== undefined) return customTangents(call, rule, given);
  const moving = placesOf(given, (t) => t !== undefined);
  const moves = parametersLike(moving.map((i) => parameters[i]!));
  const moved = tangentsOf(results, parameters, given.map((_, i) => moves[moving.indexOf(i)]));
  const places = placesOf(moved, (t) => t !== undefined);
  const body = closed([...parameters, ...moves], places.map((i) => moved[i]!));
  const tangents = resultsOf(callOf([...call.args, ...moving.map((i) => given[i]!)], { body, ...region }));
  return results.map((_, i) => tangents[places.indexOf(i)]);
};

/** A call's results with a new axis in front. */
export const callBatched = (
  vectorise: Vectorise,
  call: Tensor<"call">,
  args: readonly Batched[],
  n: number,
): readonly Tensor[] => {
  const { body: { parameters, results }, rule, ...region } = call.attributes;
  if (rule !== undefined) return customBatched(vectorise, call, rule, args, n);
  const wide = parametersLike(parameters.map(({ shape, dtype }) => ({ shape: [n, ...shape], dtype })));
  const mapped = new Map(parameters.flatMap((p, i) => args[i]!.mapped ? [[p, wide[i]!] as const] : []));
  const reached = vectorise(results, mapped, n);
  const own = parameters.map((p) => mapped.get(p) ?? p), xs = args.map(({ x }) => x);
  // what is the same for all is no result of the old call: its arguments are of one example
  const [some, rest] = [placesOf(reached, (t) => t !== undefined), placesOf(reached, (t) => t === undefined)];
  const still = placesOf(args, ({ mapped: already }) => !already);
  const many = callOf(xs, { body: closed(own, some.map((i) => reached[i]!)), ...region });
  const one = rest.length === 0 || still.length === 0 ? undefined : callOf(still.map((i) => xs[i]!), {
    body: closed(still.map((i) => parameters[i]!), rest.map((i) => results[i]!)),
    ...region,
  });
  const widened = (x: Tensor): Tensor => broadcastTo([n, ...x.shape])(x);
  return results.map((t, i) =>
    reached[i] !== undefined
      ? resultAt(many, some.indexOf(i))
      : widened(one === undefined ? t : resultAt(one, rest.indexOf(i)))
  );
};
