/**
 * Integers that a kernel computes, as sums of scaled unknowns, and what is known of them on a path through its text:
 * sums that are not above 0. Bounds follow by adding multiples of what is known until few unknowns are left.
 */

/** An unknown integer. */
export interface Unknown {
  /** Tells unknowns apart; equal numbers computed in equal ways are one unknown. */
  readonly id: number;
  /** How it comes about, as far as that bounds it. */
  readonly from:
    | { readonly kind: "given"; readonly min: number; readonly max: number }
    | { readonly kind: "quotient" | "remainder"; readonly of: Sum; readonly by: number }
    | { readonly kind: "least" | "greatest"; readonly of: readonly [Sum, Sum] }
    | { readonly kind: "either"; readonly when: Condition; readonly then: Sum; readonly otherwise: Sum };
  /** Sums of it that are never above 0. */
  readonly laws: readonly Sum[];
}

/** `constant + sum of coefficient * unknown`. */
export interface Sum {
  /** Unknowns by id with their coefficients, none of which is 0. */
  readonly terms: ReadonlyMap<number, { readonly of: Unknown; readonly by: number }>;
  /** The constant part. */
  readonly constant: number;
}

/** What may hold or not. */
export type Condition =
  /** The sum is not above 0. */
  | { readonly kind: "not above 0"; readonly sum: Sum; readonly key: string }
  /** The sum is not below 0, and not above another. */
  | { readonly kind: "within"; readonly sum: Sum; readonly high: Sum; readonly key: string }
  | { readonly kind: "both"; readonly of: readonly [Condition, Condition]; readonly key: string }
  | { readonly kind: "not"; readonly of: Condition; readonly key: string }
  | { readonly kind: "unknown"; readonly key: string };

/** A known integer. */
export const whole = (constant: number): Sum => ({ terms: new Map(), constant });

/** The sum of one unknown. */
export const one = (of: Unknown): Sum => ({ terms: new Map([[of.id, { of, by: 1 }]]), constant: 0 });

/** a + k b. */
export const plus = (a: Sum, b: Sum, k = 1): Sum => {
  const terms = new Map(a.terms);
  for (const [id, { of, by }] of b.terms) {
    const sum = (terms.get(id)?.by ?? 0) + k * by;
    if (sum === 0) terms.delete(id);
    else terms.set(id, { of, by: sum });
  }
  return { terms, constant: a.constant + k * b.constant };
};

/** k a. */
export const times = (a: Sum, k: number): Sum => plus(whole(0), a, k);

/** Equal for equal sums. */
export const keyOf = ({ terms, constant }: Sum): string =>
  `${[...terms].sort(([a], [b]) => a - b).map(([id, { by }]) => `${by}.${id}`).join("+")}+${constant}`;

const gcd = (a: number, b: number): number => b === 0 ? Math.abs(a) : gcd(b, a % b);

/** The same statement `sum <= 0` of integers, with coefficients that have no common divisor. */
const tightened = (sum: Sum): Sum => {
  const by = [...sum.terms.values()].reduce((g, t) => gcd(g, t.by), 0);
  if (by <= 1) return sum;
  const terms = new Map([...sum.terms].map(([id, t]) => [id, { of: t.of, by: t.by / by }] as const));
  return { terms, constant: Math.ceil(sum.constant / by) };
};

/** What is known at a place of a text. */
export interface Path {
  /** Sums that are not above 0. */
  readonly facts: readonly Sum[];
  /** Conditions that are known to hold or not, by key. */
  readonly decided: ReadonlyMap<string, boolean>;
  /** Bounds that were found. */
  readonly found: Map<string, number>;
  /** Facts that follow with a law of a quotient. */
  readonly derived: Map<Sum, readonly Sum[]>;
}

/** Nothing is known. */
export const nowhere = (): Path => ({ facts: [], decided: new Map(), found: new Map(), derived: new Map() });

/** Facts beside others, with the laws of the quotients that they speak of. */
const added = (before: readonly Sum[], facts: readonly Sum[]): readonly Sum[] => {
  const unknowns = new Set(facts.flatMap((f) => [...f.terms.values()].map((t) => t.of)));
  const laws = [...unknowns].flatMap((u) => u.from.kind === "quotient" ? u.laws : []);
  return [...before, ...facts.map(tightened), ...laws];
};

/** What is known where some sums are not above 0, too. */
export const known = (path: Path, facts: readonly Sum[]): Path => ({
  facts: added(path.facts, facts),
  decided: path.decided,
  found: new Map(),
  derived: new Map(),
});

/** What is known where a condition holds, or does not. */
export const assume = (path: Path, condition: Condition, holds: boolean): Path => {
  const facts: Sum[] = [], decided = new Map(path.decided);
  const take = (c: Condition, yes: boolean): void => {
    decided.set(c.key, yes);
    if (c.kind === "not") take(c.of, !yes);
    else if (c.kind === "both" && yes) c.of.forEach((each) => take(each, true));
    else if (c.kind === "not above 0") facts.push(yes ? c.sum : plus(whole(1), c.sum, -1));
    else if (c.kind === "within" && yes) facts.push(times(c.sum, -1), plus(c.sum, c.high, -1));
    else if (c.kind === "within" && atLeast(path, c.sum, 1) >= 0) {
      facts.push(plus(plus(c.high, c.sum, -1), whole(1)));
    }
  };
  take(condition, holds);
  return { facts: added(path.facts, facts), decided, found: new Map(), derived: new Map() };
};

/** Whether a place cannot be reached: a fact that was added last contradicts what was known. */
export const impossible = (before: Path, after: Path): boolean =>
  after.facts.slice(before.facts.length).some((fact) => atLeast(before, fact, 2) > 0);

const isDecided = ({ decided }: Path, { key }: Condition): boolean | undefined => decided.get(key);

/** Least and greatest value of an unknown by itself. */
const rangeOf = (path: Path, { from }: Unknown, depth: number): readonly [number, number] => {
  const of = (s: Sum): readonly [number, number] => [atLeast(path, s, depth), atMost(path, s, depth)];
  switch (from.kind) {
    case "given":
      return [from.min, from.max];
    case "quotient": {
      const [min, max] = of(from.of);
      return [Math.floor(min / from.by), Math.floor(max / from.by)];
    }
    case "remainder": {
      const [min, max] = of(from.of);
      return Math.floor(min / from.by) === Math.floor(max / from.by)
        ? [min - Math.floor(min / from.by) * from.by, max - Math.floor(min / from.by) * from.by]
        : [0, from.by - 1];
    }
    case "least":
    case "greatest": {
      const [a, b] = from.of.map(of) as [readonly [number, number], readonly [number, number]];
      const pick = from.kind === "least" ? Math.min : Math.max;
      return [pick(a[0], b[0]), pick(a[1], b[1])];
    }
    case "either": {
      const [a, b] = [of(from.then), of(from.otherwise)];
      return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
    }
  }
};

/** An unknown that is one of two, put in place. */
const settle = (sum: Sum, unknown: Unknown, as: Sum): Sum => {
  const { by } = sum.terms.get(unknown.id)!;
  return plus(plus(sum, one(unknown), -by), as, by);
};

/** Beyond this, products of whole numbers may be rounded: nothing is concluded from them. */
const EXACT = 2 ** 50;

const tooGreat = ({ terms, constant }: Sum): boolean =>
  Math.abs(constant) > EXACT || [...terms.values()].some(({ by }) => Math.abs(by) > EXACT);

/** Greatest value of a sum, or more; `depth` is how many facts may be added. */
export const atMost = (path: Path, asked: Sum, depth: number): number => {
  if (asked.terms.size === 0) return asked.constant;
  if (tooGreat(asked)) return Infinity;
  const key = `${depth}:${keyOf(asked)}`, before = path.found.get(key);
  if (before !== undefined) return before;
  const found = search(path, asked, depth);
  path.found.set(key, found);
  return found;
};

/** Facts that are sharper with the law of a quotient: what is left has a common divisor, and is rounded. */
const derivedOf = (path: Path, law: Sum): readonly Sum[] => {
  const before = path.derived.get(law);
  if (before !== undefined) return before;
  const sharper = path.facts.flatMap((fact) => {
    if (![...law.terms].some(([id, { by }]) => fact.terms.get(id)?.by === -by)) return [];
    const both = plus(fact, law), rounded = tightened(both);
    return rounded === both ? [] : [rounded];
  });
  path.derived.set(law, sharper);
  return sharper;
};

/** What follows where an unknown of the sum is one of two: known which, or in both cases. */
const byCases = (path: Path, asked: Sum, depth: number): number => {
  for (const { of } of asked.terms.values()) {
    if (of.from.kind !== "either") continue;
    const { when, then, otherwise } = of.from, yes = isDecided(path, when);
    if (yes !== undefined) return atMost(path, settle(asked, of, yes ? then : otherwise), depth);
    return depth === 0 ? Infinity : Math.max(
      atMost(assume(path, when, true), settle(asked, of, then), depth - 1),
      atMost(assume(path, when, false), settle(asked, of, otherwise), depth - 1),
    );
  }
  return Infinity;
};

const search = (path: Path, asked: Sum, depth: number): number => {
  let best = asked.constant;
  for (const { of, by } of asked.terms.values()) {
    const [min, max] = rangeOf(path, of, Math.max(0, depth - 1)), most = by > 0 ? by * max : by * min;
    best += Math.abs(most) > EXACT ? Infinity : most;
  }
  best = Math.min(best, byCases(path, asked, depth));
  if (depth === 0) return best;
  const laws = [...asked.terms.values()].flatMap(({ of }) => of.laws);
  const derived = [...asked.terms.values()].flatMap(({ of }) =>
    of.from.kind === "quotient" ? of.laws.flatMap((law) => derivedOf(path, law)) : []
  );
  for (const fact of [...path.facts, ...derived, ...laws]) {
    for (const [id, { by }] of fact.terms) {
      const mine = asked.terms.get(id)?.by ?? 0;
      if (mine * by <= 0) continue;
      // asked <= asked - k fact for every k >= 0: here the k that removes this unknown, over a common divisor
      const g = gcd(mine, by), scale = Math.abs(by) / g, k = Math.abs(mine) / g;
      best = Math.min(best, Math.floor(atMost(path, plus(times(asked, scale), fact, -k), depth - 1) / scale));
    }
  }
  return best;
};

/** Least value of a sum, or less. */
export const atLeast = (path: Path, sum: Sum, depth: number): number => -atMost(path, times(sum, -1), depth);

/** Makes unknowns, equal ones once. */
export class Unknowns {
  #count = 0;
  readonly #known = new Map<string, Sum>();

  #share(key: string, from: Unknown["from"], laws: (x: Sum) => readonly Sum[]): Sum {
    const before = this.#known.get(key);
    if (before !== undefined) return before;
    // laws name the unknown itself, which is made first
    const held: Sum[] = [], sum = one({ id: this.#count++, from, laws: held });
    held.push(...laws(sum).map(tightened));
    this.#known.set(key, sum);
    return sum;
  }

  /** A number of which the range is known alone; every call gives another. */
  given(min: number, max: number): Sum {
    return min === max ? whole(min) : one({ id: this.#count++, from: { kind: "given", min, max }, laws: [] });
  }

  /** A condition of which nothing is known. */
  condition(): Condition {
    return { kind: "unknown", key: `?${this.#count++}` };
  }

  /** The part that `k` divides term by term, divided by it, and the rest, whose constant is from 0 to `k - 1`. */
  #split(a: Sum, k: number): readonly [Sum, Sum] {
    const some = [...a.terms], c = Math.floor(a.constant / k);
    return [
      {
        terms: new Map(
          some.filter(([, t]) => t.by % k === 0).map(([id, t]) => [id, { of: t.of, by: t.by / k }]),
        ),
        constant: c,
      },
      { terms: new Map(some.filter(([, t]) => t.by % k !== 0)), constant: a.constant - c * k },
    ];
  }

  /** Greatest integer not above a / k. */
  quotient(path: Path, a: Sum, k: number): Sum {
    const [upper, rest] = this.#split(a, k), same = this.#same(path, rest, k);
    if (same !== undefined) return plus(upper, whole(same));
    const part = this.#share(`${keyOf(rest)}/${k}`, { kind: "quotient", of: rest, by: k }, (q) => [
      plus(times(q, k), rest, -1),
      plus(plus(rest, q, -k), whole(1 - k)),
    ]);
    return plus(upper, part);
  }

  /** The one quotient that all values of a sum have, if they have one. */
  #same(path: Path, a: Sum, k: number): number | undefined {
    const min = Math.floor(atLeast(path, a, 3) / k), max = Math.floor(atMost(path, a, 3) / k);
    return min === max ? min : undefined;
  }

  /** a - k (a div k). */
  remainder(path: Path, a: Sum, k: number): Sum {
    const [, rest] = this.#split(a, k);
    for (const sum of [rest, a]) {
      const same = this.#same(path, sum, k);
      if (same !== undefined) return plus(sum, whole(-same * k));
    }
    return this.#share(`${keyOf(rest)}%${k}`, { kind: "remainder", of: rest, by: k }, () => []);
  }

  /** The least or the greatest of two. */
  pick(kind: "least" | "greatest", a: Sum, b: Sum): Sum {
    const sign = kind === "least" ? 1 : -1;
    return this.#share(`${kind}(${keyOf(a)},${keyOf(b)})`, { kind, of: [a, b] }, (x) => [
      times(plus(x, a, -1), sign),
      times(plus(x, b, -1), sign),
    ]);
  }

  /** One of two, as a condition says. */
  either(when: Condition, then: Sum, otherwise: Sum): Sum {
    const [a, b] = [keyOf(then), keyOf(otherwise)];
    return a === b ? then : this.#share(
      `(${when.key}?${a}:${b})`,
      { kind: "either", when, then, otherwise },
      () => [],
    );
  }
}
