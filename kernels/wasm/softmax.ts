/**
 * Functions of attention's inner parts. The scores of one key's queries are contiguous, so that SIMD lanes run over queries:
 * the largest score and the sum of a query need no joining of lanes.
 */
import { type Dialect, exponential, madd } from "./inline.ts";
import { locals, params } from "./rows.ts";
import { get, i32, indent, repeat, set } from "./text.ts";

const constant = (x: string): string => `(v128.const f32x4 ${x} ${x} ${x} ${x})`;
const least = (a: string, b: string): string => `(select ${a} ${b} (i32.lt_s ${a} ${b}))`;
const most = (a: string, b: string): string => `(select ${a} ${b} (i32.gt_s ${a} ${b}))`;

/** A function whose numbers are read from memory once, into locals. */
const withNumbers = (
  head: string,
  body: (number: (x: number) => string) => readonly string[],
  place: (x: number) => string,
): string => {
  const known = new Map<number, string>();
  const lines = body((x) => {
    if (!known.has(x)) known.set(x, `n${known.size}`);
    return get(known.get(x)!);
  });
  const names = [...known.values()];
  return [
    `${head} ${locals(names, "v128")}`,
    indent([...[...known].map(([x, name]) => set(name, place(x))), ...lines]),
    ")",
  ].join("\n");
};

/** Statements for every key from `$i` to a bound; `$p` (and others) move from row to row. */
const eachKey = (
  label: string,
  bound: string,
  pointers: readonly string[],
  body: readonly string[],
): string[] =>
  repeat(label, `(i32.lt_s ${get("i")} ${get(bound)})`, [
    ...body,
    ...pointers.map((p) => set(p, `(i32.add ${get(p)} ${get("line")})`)),
    set("i", `(i32.add ${get("i")} ${i32(1)})`),
  ], false);

/** Keys that all four queries see, and keys that any of them sees: query `l` sees keys up to `$base + l`. */
const bounds: readonly string[] = [
  set("full", most(i32(0), least(get("n"), `(i32.add ${get("base")} ${i32(1)})`))),
  set("part", most(i32(0), least(get("n"), `(i32.add ${get("base")} ${i32(4)})`))),
];
/** Lanes whose query sees key `$i`. */
const seen = `(i32x4.le_s (i32x4.splat (i32.sub ${get("i")} ${get("base")})) (v128.const i32x4 0 1 2 3))`;
const ZERO = "(v128.const i32x4 0 0 0 0)";

const restart = (pointers: Readonly<Record<string, string>>): string[] => [
  set("i", i32(0)),
  ...Object.entries(pointers).map(([to, from]) => set(to, get(from))),
];

/**
 * `$softmaxquad(at, line, base, n, state, gap)`: turns the scores of four queries with `n` keys into exponentials. At
 * `state` are the largest score so far, `gap` bytes on the sum, and `gap` more on the factor for what was summed before.
 */
const softmaxQuad = (dialect: Dialect, place: (x: number) => string): string =>
  withNumbers(
    `(func $softmaxquad ${params(["at", "line", "base", "n", "state", "gap"])} ${
      locals(["i", "p", "full", "part"], "i32")
    } ${locals(["x", "t", "r", "best", "sum", "before"], "v128")}`,
    (number) => {
      const exp = exponential(get("x"), { number, spare: (name) => name, dialect }, true);
      const take = (x: string): string => set("best", `(f32x4.pmax ${get("best")} ${x})`);
      const store = (y: string): string[] => [
        set("r", y),
        `(v128.store ${get("p")} ${get("r")})`,
        set("sum", `(f32x4.add ${get("sum")} ${get("r")})`),
      ];
      const score = set("x", `(f32x4.sub (v128.load ${get("p")}) ${get("best")})`);
      const sumAt = `(i32.add ${get("state")} ${get("gap")})`;
      return [
        ...bounds,
        set("before", `(v128.load ${get("state")})`),
        set("best", get("before")),
        ...restart({ p: "at" }),
        ...eachKey("max", "full", ["p"], [take(`(v128.load ${get("p")})`)]),
        ...eachKey("maxpart", "part", ["p"], [
          take(`(v128.bitselect (v128.load ${get("p")}) ${constant("-inf")} ${seen})`),
        ]),
        `(v128.store ${get("state")} ${get("best")})`,
        // where every score is -inf, exponentials are 0 rather than those of inf - inf
        set("best", `(f32x4.pmax ${get("best")} ${number(-3e38)})`),
        ...restart({ p: "at" }),
        ...eachKey("exp", "full", ["p"], [score, ...exp.lines, ...store(exp.result)]),
        ...eachKey("exppart", "part", ["p"], [
          score,
          ...exp.lines,
          ...store(`(v128.and ${exp.result} ${seen})`),
        ]),
        ...eachKey("zero", "n", ["p"], [`(v128.store ${get("p")} ${ZERO})`]),
        set("x", `(f32x4.sub ${get("before")} ${get("best")})`),
        ...exp.lines,
        set("r", exp.result),
        `(v128.store (i32.add ${sumAt} ${get("gap")}) ${get("r")})`,
        `(v128.store ${sumAt} ${madd(`(v128.load ${sumAt})`, get("r"), get("sum"), dialect)})`,
      ];
    },
    place,
  );

/**
 * `$pairquad(at, other, line, base, n, state, gap, scale)`: turns the scores of four queries and `n` keys into
 * probabilities, and the products of cotangents and values at `other` into gradients of scores before their scale. At
 * `state` are the logarithms of the normalisers, `gap` bytes on the deltas.
 */
const pairQuad = (dialect: Dialect, place: (x: number) => string): string =>
  withNumbers(
    `(func $pairquad ${params(["at", "other", "line", "base", "n", "state", "gap"])} (param $scale v128) ${
      locals(["i", "p", "o", "full", "part"], "i32")
    } ${locals(["x", "t", "r", "lse", "delta"], "v128")}`,
    (number) => {
      const exp = exponential(get("x"), { number, spare: (name) => name, dialect }, true);
      const score = set("x", `(f32x4.sub (v128.load ${get("p")}) ${get("lse")})`);
      const dp = `(f32x4.sub (v128.load ${get("o")}) ${get("delta")})`;
      const ds = `(f32x4.mul (f32x4.mul ${get("r")} ${dp}) ${get("scale")})`;
      return [
        ...bounds,
        set("lse", `(v128.load ${get("state")})`),
        set("delta", `(v128.load (i32.add ${get("state")} ${get("gap")}))`),
        ...restart({ p: "at", o: "other" }),
        ...eachKey("exp", "full", ["p", "o"], [
          score,
          ...exp.lines,
          set("r", exp.result),
          `(v128.store ${get("p")} ${get("r")})`,
          `(v128.store ${get("o")} ${ds})`,
        ]),
        ...eachKey("exppart", "part", ["p", "o"], [
          score,
          ...exp.lines,
          set("r", exp.result),
          `(v128.store ${get("p")} (v128.and ${get("r")} ${seen}))`,
          `(v128.store ${get("o")} (v128.and ${ds} ${seen}))`,
        ]),
        ...eachKey("zero", "n", ["p", "o"], [
          `(v128.store ${get("p")} ${ZERO})`,
          `(v128.store ${get("o")} ${ZERO})`,
        ]),
      ];
    },
    place,
  );

/**
 * `$maskquad(at, line, n, mine, ids)`: sets scores of four queries with `n` keys to -inf where the segment of a query,
 * at `mine`, is not that of the key, at `ids`.
 */
const maskQuad = (): string =>
  [
    `(func $maskquad ${params(["at", "line", "n", "mine", "ids"])} ${locals(["i", "p"], "i32")} ${
      locals(["own"], "v128")
    }`,
    indent([
      set("own", `(v128.load ${get("mine")})`),
      ...restart({ p: "at" }),
      ...eachKey("mask", "n", ["p"], [
        `(v128.store ${get("p")} (v128.bitselect (v128.load ${get("p")}) ${
          constant("-inf")
        } (i32x4.eq (v128.load32_splat ${get("ids")}) ${get("own")})))`,
        set("ids", `(i32.add ${get("ids")} ${i32(4)})`),
      ]),
    ]),
    ")",
  ].join("\n");

/** The text of each function, given where numbers are read from. */
export const softmaxFunctions = (
  place: (x: number) => string,
): Readonly<Record<string, (dialect: Dialect) => string>> => ({
  softmaxquad: (dialect) => softmaxQuad(dialect, place),
  pairquad: (dialect) => pairQuad(dialect, place),
  maskquad: maskQuad,
});
