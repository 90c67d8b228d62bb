/** Sums of products by a pattern of axis names (Einstein's convention), as products of matrices. */
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { matmul } from "./contraction.ts";
import { mul } from "./elementwise.ts";
import { broadcastTo, permute, reshape, slice } from "./movement.ts";
import { sum } from "./reduce.ts";

/** A tensor whose axes have names, no two the same. */
interface Named {
  readonly x: Tensor;
  readonly names: readonly string[];
}

const refuse = (pattern: string, got: string, expected: string): never => {
  throw new ShapeError({ op: `einsum ${pattern}`, got, expected, hint: "correct the pattern or the shapes" });
};

const unique = (names: readonly string[]): string[] => [...new Set(names)];
const minus = (a: readonly string[], b: readonly string[]): string[] => a.filter((n) => !b.includes(n));
const both = (a: readonly string[], b: readonly string[]): string[] => a.filter((n) => b.includes(n));

/** Names of one operand; an ellipsis represents axes named by their place from the end: `.1` is its last. */
const namesOf = (pattern: string, term: string, rank: number): string[] => {
  const [before, after, ...more] = term.split("...");
  if (more.length > 0 || !/^[A-Za-z]*$/.test(before! + (after ?? ""))) {
    refuse(pattern, `the term ${term}`, "letters and at most one ellipsis");
  }
  if (after === undefined) return [...term];
  const n = rank - before!.length - after.length;
  return [...before!, ...Array.from({ length: Math.max(0, n) }, (_, i) => `.${n - i}`), ...after];
};

/** The result's names where the pattern does not say: the ellipsis, then letters that occur once, in order. */
const implied = (terms: readonly (readonly string[])[]): string[] => {
  const flat = terms.flat(), dots = unique(flat.filter((n) => n.startsWith(".")));
  return [
    ...dots.sort((a, b) => Number(b.slice(1)) - Number(a.slice(1))),
    ...flat.filter((n) => !n.startsWith(".") && flat.indexOf(n) === flat.lastIndexOf(n)).sort(),
  ];
};

const lengthsOf = (named: readonly Named[]): Map<string, number> => {
  const lengths = new Map<string, number>();
  for (const { x, names } of named) {
    names.forEach((n, d) => {
      const known = lengths.get(n) ?? 1;
      lengths.set(n, known === 1 ? x.shape[d]! : known);
    });
  }
  return lengths;
};

const ordered = ({ x, names }: Named, order: readonly string[]): Tensor =>
  permute(order.map((n) => names.indexOf(n)))(x);

/** The diagonal for every name that occurs twice: every (n + 1)th element of the flattened pair of axes. */
const diagonal = ({ x, names }: Named): Named => {
  const again = names.findIndex((n, d) => names.indexOf(n) < d);
  if (again < 0) return { x, names };
  const first = names.indexOf(names[again]!), n = x.shape[again]!;
  const rest = names.map((_, d) => d).filter((d) => d !== first && d !== again);
  const lead = rest.map((d) => x.shape[d]!), flat = permute([...rest, first, again])(x);
  const one = slice([...lead.map(() => 0), 0], [...lead, n * n], [...lead.map(() => 1), n + 1])(
    reshape([...lead, n * n])(flat),
  );
  return diagonal({ x: one, names: [...rest.map((d) => names[d]!), names[first]!] });
};

const summed = ({ x, names }: Named, keep: readonly string[]): Named => {
  const axes = names.map((_, d) => d).filter((d) => !keep.includes(names[d]!));
  return axes.length === 0 ? { x, names } : { x: sum({ axes })(x), names: both(names, keep) };
};

/** The product of two, summed over the names that neither the result nor a later operand needs. */
const pair = (a: Named, b: Named, keep: readonly string[]): Named => {
  const left = summed(a, [...b.names, ...keep]), right = summed(b, [...a.names, ...keep]);
  const shared = both(left.names, right.names), batch = both(shared, keep), inner = minus(shared, keep);
  const rows = minus(left.names, shared), columns = minus(right.names, shared);
  const length = (t: Named) => (n: string) => t.x.shape[t.names.indexOf(n)]!;
  const size = (t: Named, names: readonly string[]) => names.reduce((p, n) => p * length(t)(n), 1);
  const names = [...batch, ...rows, ...columns];
  if (inner.length === 0 || !isFloat(left.x.dtype)) {
    const ones = (list: readonly string[]) => list.map(() => 1);
    const order = [...names, ...inner];
    const p = reshape([...batch, ...rows].map(length(left)).concat(ones(columns), inner.map(length(left))))(
      ordered(left, [...batch, ...rows, ...inner]),
    );
    const q = reshape(
      batch.map(length(right)).concat(ones(rows), [...columns, ...inner].map(length(right))),
    )(ordered(right, [...batch, ...columns, ...inner]));
    return summed({ x: mul(p, q), names: order }, names);
  }
  const lead = batch.map(length(left)), k = size(left, inner);
  const p = reshape([...lead, size(left, rows), k])(ordered(left, [...batch, ...rows, ...inner]));
  const q = reshape([...lead, k, size(right, columns)])(ordered(right, [...batch, ...inner, ...columns]));
  const shape = [...lead, ...rows.map(length(left)), ...columns.map(length(right))];
  return { x: reshape(shape)(matmul(q)(p)), names };
};

/**
 * Sum of products by a pattern: `einsum("bhqd,bhkd->bhqk")(q, k)`. A name that is not in the result is summed over, a
 * name twice in one operand takes the diagonal, `...` represents any leading axes, which broadcast. Without `->` the
 * result has the names that occur once, in alphabetical order. Operands are multiplied from the first to the last.
 * @throws {ShapeError} for a pattern that does not fit the operands.
 */
export const einsum = (pattern: string): (...xs: readonly Tensor[]) => Tensor => (...xs) => {
  const [left, right, ...more] = pattern.replaceAll(" ", "").split("->");
  const terms = left!.split(",");
  if (more.length > 0 || terms.length !== xs.length || xs.length === 0) {
    refuse(pattern, `${xs.length} operands`, `${terms.length} terms, and at most one arrow`);
  }
  const given = xs.map((x, i): Named => ({ x, names: namesOf(pattern, terms[i]!, x.shape.length) }));
  const lengths = lengthsOf(given);
  for (const { x, names } of given) {
    const fits = names.length === x.shape.length &&
      names.every((n, d) => x.shape[d] === lengths.get(n) || (x.shape[d] === 1 && n.startsWith(".")));
    if (!fits) {
      refuse(
        pattern,
        `shapes ${xs.map((t) => show(t.shape)).join(", ")}`,
        "one length for each name",
      );
    }
  }
  const dots = implied(given.map((t) => t.names)).filter((n) => n.startsWith("."));
  const result = right === undefined
    ? implied(given.map((t) => t.names))
    : namesOf(pattern, right, dots.length + right.replace("...", "").length);
  if (unique(result).length < result.length || result.some((n) => !lengths.has(n))) {
    refuse(pattern, `the result ${right}`, "names of the operands, each once");
  }
  const full = given.map(({ x, names }) =>
    diagonal({ x: broadcastTo(names.map((n) => lengths.get(n)!))(x), names })
  );
  const product = full.slice(1).reduce(
    (a, b, i) => pair(a, b, unique([...result, ...full.slice(i + 2).flatMap((t) => t.names)])),
    full[0]!,
  );
  return ordered(summed(product, result), result);
};
