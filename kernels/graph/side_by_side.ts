/**
 * Products of one operand with several weights as one product with the weights side by side, on devices that store a copy
 * of weights anyway: in mixed precision the maps to queries, keys and values are one product, and one copy of three
 * weights. Backward, the sum of their operand's cotangents is one product too.
 */
import {
  add,
  cast,
  concat,
  is,
  isGiven,
  mapBody,
  matmul,
  reshape,
  sliceAxis,
  type Tensor,
  topological,
  transpose,
} from "@chain-of-sight/core";
import { type Become, remadeWith, replaced } from "./rewrite.ts";

/** Minimum number of products of one operand that become one: of two, what is fused behind each is worth more. */
const MINIMUM = 3;

/** A copy of a weight in another element type. */
const isCopy = (t: Tensor): boolean => is("cast", t) && t.shape.length === 2 && isGiven(t.args[0]!);

/** The weight `w` of a product `x w^T`. */
const weightOf = (t: Tensor): Tensor | undefined => {
  const right = is("matmul", t) ? t.args[1]! : undefined;
  return right !== undefined && is("permute", right) && isCopy(right.args[0]!) ? right.args[0] : undefined;
};

/** The slices along an axis of some tensors side by side, and all of them. */
const together = (parts: readonly Tensor[], axis: number) => {
  const whole = concat(parts, axis);
  let end = 0;
  const slices = parts.map((t) => sliceAxis(axis, end, end += t.shape[axis]!)(whole));
  return { whole, slices };
};

/** Groups of products of one operand, by the operand; each weight is in one of them. */
const groupsOf = (roots: readonly Tensor[]): readonly (readonly Tensor[])[] => {
  const groups = new Map<Tensor, Tensor[]>(), taken = new Set<Tensor>();
  for (const t of topological(roots)) {
    const weight = weightOf(t), group = groups.get(t.args[0]!) ?? [];
    if (weight === undefined || taken.has(weight)) continue;
    taken.add(weight);
    groups.set(t.args[0]!, [...group, t]);
  }
  return [...groups.values()].filter((g) => g.length >= MINIMUM);
};

/** A product below views and casts that keep all of its elements in order. */
const productBelow = (t: Tensor): Tensor | undefined =>
  is("matmul", t) ? t : is("reshape", t) || is("cast", t) ? productBelow(t.args[0]!) : undefined;

/** Most additions below each other that are read as one sum. */
const DEEPEST = 8;

const termsOf = (t: Tensor, depth = DEEPEST): readonly Tensor[] =>
  is("add", t) && depth > 0 ? t.args.flatMap((a) => termsOf(a, depth - 1)) : [t];

/** A sum among whose terms are the products of all weights of a group. */
interface Sum {
  /** All weights. */
  readonly weights: Tensor;
  /** What they are multiplied with. */
  readonly factors: readonly Tensor[];
  /** The products. */
  readonly products: readonly Tensor[];
  /** The terms alongside them. */
  readonly others: readonly Tensor[];
}

const sumsOf = (
  roots: readonly Tensor[],
  groups: readonly ReturnType<typeof together>[],
): ReadonlyMap<Tensor, Sum> => {
  const groupOf = new Map(groups.flatMap((g) => g.slices.map((slice) => [slice, g] as const)));
  const sums = new Map<Tensor, Sum>(), taken = new Set<Tensor>();
  for (const t of topological(roots)) {
    if (!is("add", t)) continue;
    const terms = termsOf(t), right = terms.map((x) => productBelow(x)?.args[1]);
    const group = groupOf.get(right.find((w) => w !== undefined && groupOf.has(w))!);
    if (group === undefined || !group.slices.every((s) => right.includes(s))) continue;
    const products = group.slices.map((s) => terms[right.indexOf(s)]!);
    const factors = products.map((x) => productBelow(x)!.args[0]!);
    const below = new Set(topological(factors.flatMap((f) => f.args)));
    // none of the factors may depend on another, and none may be part of another sum
    if (factors.some((f) => below.has(f) || taken.has(f)) || new Set(factors).size < factors.length) continue;
    factors.forEach((f) => taken.add(f));
    sums.set(t, {
      weights: group.whole,
      factors,
      products,
      others: terms.filter((x) => !products.includes(x)),
    });
  }
  return sums;
};

const forward = (roots: readonly Tensor[]) => {
  const groups = groupsOf(roots).map((products) => {
    const { whole, slices } = together(products.map((t) => weightOf(t)!), 0);
    return { products, weights: { whole, slices }, left: products[0]!.args[0]! };
  });
  const found = new Map<Tensor, (become: Become) => Tensor>();
  for (const { products, weights, left } of groups) {
    const parts = products.map((t) => weightOf(t)!);
    parts.forEach((w, i) => found.set(w, () => weights.slices[i]!));
    let end = 0;
    for (const t of products) {
      const from = end, to = end += t.shape[1]!;
      found.set(t, (become) => sliceAxis(1, from, to)(matmul(transpose(weights.whole))(become(left))));
    }
  }
  return {
    roots: replaced(roots, (t, become) => found.get(t)?.(become)),
    groups: groups.map(({ weights }) => weights),
  };
};

const backward = (roots: readonly Tensor[], groups: readonly ReturnType<typeof together>[]): Tensor[] => {
  const sums = sumsOf(roots, groups);
  const sumOf = new Map([...sums.values()].flatMap((sum) => sum.factors.map((f) => [f, sum] as const)));
  const wholes = new Map<Sum, ReturnType<typeof together>>();
  const factorsOf = (sum: Sum, become: Become): ReturnType<typeof together> => {
    const known = wholes.get(sum) ?? together(sum.factors.map((f) => remadeWith(f, become)), 1);
    wholes.set(sum, known);
    return known;
  };
  return replaced(roots, (t, become) => {
    const part = sumOf.get(t), sum = sums.get(t);
    if (part !== undefined) return factorsOf(part, become).slices[part.factors.indexOf(t)]!;
    if (sum === undefined) return undefined;
    const product = matmul(become(sum.weights))(factorsOf(sum, become).whole);
    const whole = reshape(t.shape)(cast(t.dtype)(product));
    return sum.others.reduce((a, other) => add(a, become(other)), whole);
  });
};

/** Whether no product is left that {@link sideBySide} would merge. */
export const areMerged = (roots: readonly Tensor[]): boolean =>
  groupsOf(roots).length === 0 &&
  topological(roots).every((t) => !is("scan", t) || areMerged(t.attributes.body.results));

/** The roots with products of one operand as one where it saves kernels, bodies of scans included. */
export const sideBySide = (roots: readonly Tensor[]): readonly Tensor[] => {
  if (areMerged(roots)) return roots;
  const { roots: forwards, groups } = forward(roots);
  return replaced(
    backward(forwards, groups),
    (t, become) =>
      is("scan", t)
        ? mapBody(remadeWith(t, become) as Tensor<"scan">, (results) => [...sideBySide(results)])
        : undefined,
  );
};
