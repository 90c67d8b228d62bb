/** Functions on rows of numbers in memory: turned, copied, scaled, looked through. */
import { type Dialect, madd } from "./inline.ts";
import { shuffle } from "./pack.ts";
import { get, i32, indent, repeat, set } from "./text.ts";

/** Parameters of a function. */
export const params = (names: readonly string[]): string => names.map((n) => `(param $${n} i32)`).join(" ");

/** Locals of a function. */
export const locals = (names: readonly string[], type: string): string =>
  names.map((n) => `(local $${n} ${type})`).join(" ");

const ZERO = "(v128.const i32x4 0 0 0 0)";

/**
 * `$turn8(from, line, rows, count, to, scale)` and `$turn4`: rows of `count` neighbours, side by side in lanes, each
 * multiplied by `scale`. Lanes beyond the last row repeat it.
 */
const turn = (lanes: 4 | 8): string => {
  const all = Array.from({ length: lanes }, (_, i) => i), words = get("count");
  const load = (i: number): string => set(`w${i}`, `(f32x4.mul (v128.load ${get(`p${i}`)}) ${get("scale")})`);
  const whole: string[] = [];
  for (let i = 0; i < lanes; i += 4) {
    whole.push(
      ...[0, 1, 2, 3].map((j) => load(i + j)),
      set("t0", shuffle([0, 4, 1, 5], get(`w${i}`), get(`w${i + 1}`))),
      set("t1", shuffle([2, 6, 3, 7], get(`w${i}`), get(`w${i + 1}`))),
      set("t2", shuffle([0, 4, 1, 5], get(`w${i + 2}`), get(`w${i + 3}`))),
      set("t3", shuffle([2, 6, 3, 7], get(`w${i + 2}`), get(`w${i + 3}`))),
    );
    [["t0", "t2"], ["t1", "t3"]].forEach(([a, b], half) =>
      [[0, 1, 4, 5], [2, 3, 6, 7]].forEach((order, odd) =>
        whole.push(
          `(v128.store offset=${4 * ((2 * half + odd) * lanes + i)} ${get("to")} ${
            shuffle(order, get(a!), get(b!))
          })`,
        )
      )
    );
  }
  const single = Array.from({ length: lanes / 4 }, (_, q) => {
    const x = [1, 2, 3].reduce(
      (v, l) => `(v128.load32_lane ${l} ${get(`p${4 * q + l}`)} ${v})`,
      `(v128.load32_zero ${get(`p${4 * q}`)})`,
    );
    return `(v128.store offset=${16 * q} ${get("to")} (f32x4.mul ${x} ${get("scale")}))`;
  });
  const advance = (steps: number): string[] => [
    ...all.map((i) => set(`p${i}`, `(i32.add ${get(`p${i}`)} ${i32(4 * steps)})`)),
    set("to", `(i32.add ${get("to")} ${i32(4 * lanes * steps)})`),
    set("count", `(i32.sub ${words} ${i32(steps)})`),
  ];
  return [
    `(func $turn${lanes} ${params(["from", "line", "rows", "count", "to"])} (param $scale v128) ${
      locals(all.map((i) => `p${i}`), "i32")
    } ${locals([...all.map((i) => `w${i}`), "t0", "t1", "t2", "t3"], "v128")}`,
    indent([
      set("p0", get("from")),
      ...all.slice(1).map((i) =>
        set(
          `p${i}`,
          `(i32.add ${get(`p${i - 1}`)} (select ${get("line")} ${i32(0)} (i32.gt_s ${get("rows")} ${
            i32(i)
          })))`,
        )
      ),
      ...repeat("whole", `(i32.ge_s ${words} ${i32(4)})`, [...whole, ...advance(4)], false),
      ...repeat("single", words, [...single, ...advance(1)], false),
    ]),
    ")",
  ].join("\n");
};

/** `$copyrows(from, line, rows, quads, to, toline)`: rows of groups of four numbers, closer together. */
const copyRows = (): string =>
  [
    `(func $copyrows ${params(["from", "line", "rows", "quads", "to", "toline"])} ${
      locals(["q", "p", "o"], "i32")
    }`,
    indent(repeat("rows", get("rows"), [
      ...[set("p", get("from")), set("o", get("to")), set("q", get("quads"))],
      ...repeat("quads", get("q"), [
        `(v128.store ${get("o")} (v128.load ${get("p")}))`,
        set("p", `(i32.add ${get("p")} ${i32(16)})`),
        set("o", `(i32.add ${get("o")} ${i32(16)})`),
        set("q", `(i32.sub ${get("q")} ${i32(1)})`),
      ], true),
      set("from", `(i32.add ${get("from")} ${get("line")})`),
      set("to", `(i32.add ${get("to")} ${get("toline")})`),
      set("rows", `(i32.sub ${get("rows")} ${i32(1)})`),
    ], false)),
    ")",
  ].join("\n");

/** `$strange(from, line, rows, quads)`: whether rows hold NaN or infinities. */
const strange = (dialect: Dialect): string =>
  [
    `(func $strange ${params(["from", "line", "rows", "quads"])} (result i32) ${locals(["q", "p"], "i32")} ${
      locals(["x"], "v128")
    }`,
    indent([
      ...repeat("rows", get("rows"), [
        ...[set("p", get("from")), set("q", get("quads"))],
        ...repeat("quads", get("q"), [
          set("x", madd(`(v128.load ${get("p")})`, ZERO, get("x"), dialect)),
          set("p", `(i32.add ${get("p")} ${i32(16)})`),
          set("q", `(i32.sub ${get("q")} ${i32(1)})`),
        ], true),
        set("from", `(i32.add ${get("from")} ${get("line")})`),
        set("rows", `(i32.sub ${get("rows")} ${i32(1)})`),
      ], false),
      `(v128.any_true (f32x4.ne ${get("x")} ${get("x")}))`,
    ]),
    ")",
  ].join("\n");

/** `$scalerows(at, line, rows, quads, factor)`: each row times its own factor. */
const scaleRows = (): string =>
  [
    `(func $scalerows ${params(["at", "line", "rows", "quads", "factor"])} ${locals(["q", "p"], "i32")} ${
      locals(["x"], "v128")
    }`,
    indent(repeat("rows", get("rows"), [
      ...[set("p", get("at")), set("q", get("quads")), set("x", `(v128.load32_splat ${get("factor")})`)],
      ...repeat("quads", get("q"), [
        `(v128.store ${get("p")} (f32x4.mul (v128.load ${get("p")}) ${get("x")}))`,
        set("p", `(i32.add ${get("p")} ${i32(16)})`),
        set("q", `(i32.sub ${get("q")} ${i32(1)})`),
      ], true),
      set("at", `(i32.add ${get("at")} ${get("line")})`),
      set("factor", `(i32.add ${get("factor")} ${i32(4)})`),
      set("rows", `(i32.sub ${get("rows")} ${i32(1)})`),
    ], false)),
    ")",
  ].join("\n");

/**
 * `$putrows(from, line, rows, count, to, toline, scale)`: rows of `count` numbers times `scale`, to rows that may
 * follow each other without a gap.
 */
const putRows = (): string =>
  [
    `(func $putrows ${params(["from", "line", "rows", "count", "to", "toline"])} (param $scale v128) ${
      locals(["q", "p", "o"], "i32")
    }`,
    indent(repeat("rows", get("rows"), [
      ...[set("p", get("from")), set("o", get("to")), set("q", get("count"))],
      ...repeat("quads", `(i32.ge_s ${get("q")} ${i32(4)})`, [
        `(v128.store ${get("o")} (f32x4.mul (v128.load ${get("p")}) ${get("scale")}))`,
        set("p", `(i32.add ${get("p")} ${i32(16)})`),
        set("o", `(i32.add ${get("o")} ${i32(16)})`),
        set("q", `(i32.sub ${get("q")} ${i32(4)})`),
      ], false),
      ...repeat("single", get("q"), [
        `(v128.store32_lane 0 ${get("o")} (f32x4.mul (v128.load32_zero ${get("p")}) ${get("scale")}))`,
        set("p", `(i32.add ${get("p")} ${i32(4)})`),
        set("o", `(i32.add ${get("o")} ${i32(4)})`),
        set("q", `(i32.sub ${get("q")} ${i32(1)})`),
      ], false),
      set("from", `(i32.add ${get("from")} ${get("line")})`),
      set("to", `(i32.add ${get("to")} ${get("toline")})`),
      set("rows", `(i32.sub ${get("rows")} ${i32(1)})`),
    ], false)),
    ")",
  ].join("\n");

/** The text of each function. */
export const rowFunctions: Readonly<Record<string, (dialect: Dialect) => string>> = {
  turn4: () => turn(4),
  turn8: () => turn(8),
  copyrows: copyRows,
  strange,
  scalerows: scaleRows,
  putrows: putRows,
};
