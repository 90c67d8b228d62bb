/**
 * The same rule for many tensors: functions of tensors that do the same to every number become one multi-tensor node.
 * What the numbers share (rates, factors) is computed once and packed into one small tensor.
 */
import { closed } from "../close.ts";
import { add, cast, isElementwise, mul } from "../ops/elementwise.ts";
import type { ClosedFunction } from "../ops/closed.ts";
import { resultAt } from "../ops/call.ts";
import { foreachOf, foreachSumOf } from "../ops/foreach.ts";
import { make } from "../ops/make.ts";
import { concat, reshape, sliceAxis } from "../ops/movement.ts";
import { constant } from "../ops/source.ts";
import { recordOf } from "../ops/table.ts";
import { equals, sizeOf } from "../shape.ts";
import { is, type Tensor, topological } from "../tensor.ts";
import { parametersLike } from "./trace.ts";

/** One application of a rule: tensors of one shape, and a function of such tensors. */
export interface Application {
  /** What it reads place by place. */
  readonly args: readonly Tensor[];
  /** Its results, each of the shape of the arguments. May read numbers (`[]`) from outside. */
  readonly rule: (...args: readonly Tensor[]) => readonly Tensor[];
}

/** A rule as a function of numbers, and the numbers from outside that it reads after its own. */
interface OfNumbers {
  readonly body: ClosedFunction;
  readonly shared: readonly Tensor[];
}

/** The number that a view repeats at every place. */
const numberBelow = (t: Tensor): Tensor | undefined =>
  t.shape.length === 0 ? t : is("expand", t) || is("reshape", t) ? numberBelow(t.args[0]!) : undefined;

/** Results as functions of the numbers at a place; undefined where they read more than that. */
const ofNumbers = (results: readonly Tensor[], parameters: readonly Tensor[]): OfNumbers | undefined => {
  const { shape } = parameters[0]!, own = new Set(parameters), within = new Set<Tensor>();
  // what is older than the parameters cannot depend on them: a factor may represent all gradients
  const first = Math.min(...parameters.map(({ id }) => id));
  const order = topological(results, { stop: { has: (t) => own.has(t) || t.id < first } });
  for (const t of order) if (own.has(t) || t.args.some((a) => within.has(a))) within.add(t);
  const numbers = parametersLike(parameters.map(({ dtype }) => ({ shape: [], dtype })));
  const becomes = new Map(parameters.map((p, i) => [p, numbers[i]!])), shared = new Map<Tensor, Tensor>();
  const outside = (t: Tensor): Tensor | undefined => {
    const number = numberBelow(t);
    if (number === undefined || is("constant", number)) return number;
    if (number.dtype !== "f32" && number.dtype !== "bool") return undefined;
    const [packed] = parametersLike([{ shape: [], dtype: "f32" }]) as [Tensor];
    const own = shared.get(number) ?? packed;
    shared.set(number, own);
    return cast(number.dtype)(own);
  };
  for (const t of order) {
    if (!within.has(t) || own.has(t)) continue;
    if (!isElementwise(t.op) || !equals(t.shape, shape)) return undefined;
    const args = t.args.map((a) => becomes.get(a) ?? outside(a));
    if (args.includes(undefined)) return undefined;
    becomes.set(t, make(recordOf(t.op), args as Tensor[], t.attributes));
  }
  const found = results.map((t) => becomes.get(t));
  return found.includes(undefined) ? undefined : {
    body: closed([...numbers, ...shared.values()], found as Tensor[]),
    shared: [...shared.keys()],
  };
};

const packed = (numbers: readonly Tensor[]): Tensor | undefined =>
  numbers.length === 0 ? undefined : concat(numbers.map((t) => reshape([1])(cast("f32")(t))), 0);

/**
 * The results of every application. Those whose rules do the same to numbers are one node; a rule that is more than a
 * function of the numbers at each place is applied to its tensors as it is.
 */
export const foreach = (applications: readonly Application[]): readonly (readonly Tensor[])[] => {
  const groups = new Map<string, { readonly of: OfNumbers; readonly members: number[] }>();
  const found: (readonly Tensor[])[] = applications.map(({ args, rule }, i) => {
    const parameters = parametersLike(args), of = ofNumbers(rule(...parameters), parameters);
    if (of === undefined) return rule(...args);
    const key = `${of.body.id};${of.shared.map((t) => t.id)}`, group = groups.get(key) ?? { of, members: [] };
    group.members.push(i);
    groups.set(key, group);
    return [];
  });
  for (const { of: { body, shared }, members } of groups.values()) {
    const columns = applications[members[0]!]!.args.map((_, c) =>
      members.map((i) => applications[i]!.args[c]!)
    );
    const node = foreachOf(columns, packed(shared), body);
    members.forEach((i, at) =>
      found[i] = body.results.map((_, r) => resultAt(node, r * members.length + at))
    );
  }
  return found;
};

/** The sums of the squares of all numbers of some f32 tensors, none of them empty, one after the other, `[tensors]`. */
export const stackedSquares = (tensors: readonly Tensor[]): Tensor => {
  const [x] = parametersLike([constant(0)]) as [Tensor];
  return foreachSumOf(tensors, closed([x], [mul(x, x)]));
};

/** The sum of the squares of all numbers of each of some f32 tensors, `[]` each. */
export const squaredNorms = (tensors: readonly Tensor[]): readonly Tensor[] => {
  const some = tensors.filter((t) => sizeOf(t.shape) > 0);
  const all = some.length === 0 ? undefined : stackedSquares(some);
  return tensors.map((t) => {
    const at = some.indexOf(t);
    return at < 0 || all === undefined ? constant(0) : reshape([])(sliceAxis(0, at, at + 1)(all));
  });
};

/** Copies of tensors, as one node for all of them. */
export const copiesOf = (tensors: readonly Tensor[]): readonly Tensor[] =>
  foreach(tensors.map((t): Application => ({ args: [t], rule: (x) => [x!] }))).map(([copied]) => copied!);

/** The sum of pairs of tensors, as one node for all pairs. */
export const sumsOfPairs = (pairs: readonly (readonly [Tensor, Tensor])[]): readonly Tensor[] =>
  foreach(pairs.map((args): Application => ({ args, rule: (a, b) => [add(a!, b!)] }))).map(([sum]) => sum!);
