/** The innermost part of products: a tile of rows by columns in registers. */
import { get, i32, indent, set } from "./text.ts";

/** Steps of the summed index in one pass of the loop. */
const UNROLL = 4;
/** Columns of a packed panel. */
export const PANEL = 8;

/** Bytes from one element of an operand to the next. */
export interface Strides {
  /** Of the left operand, from row to row. */
  readonly row: number;
  /** Of the left operand, from one step of the summed index to the next. */
  readonly left: number;
  /** Of the right operand, from one step of the summed index to the next; its columns are neighbours. */
  readonly right: number;
}

/** How packed operands are: `a[k][rows]`, `b[k][8]`. */
const packedStrides = (rows: number): Strides => ({ row: 4, left: 4 * rows, right: 4 * PANEL });

/** The name of a tile's function; without strides, that of packed operands. */
export const tileName = (rows: number, quads: number, strides?: Strides): string =>
  `tile${rows}x${4 * quads}${
    strides === undefined ? "" : `r${strides.row}k${strides.left}b${strides.right}`
  }`;

/** The text of a tile's function by its name, if it is one. */
export const tileNamed = (name: string, madd: Madd): string | undefined => {
  const found = /^tile(\d+)x(\d+)(?:r(\d+)k(\d+)b(\d+))?$/.exec(name);
  if (found === null) return undefined;
  const [rows, columns, row, left, right] = found.slice(1).map(Number) as number[];
  const strides = found[3] === undefined ? packedStrides(rows!) : { row: row!, left: left!, right: right! };
  return tileText(name, rows!, columns! / 4, strides, madd);
};

type Madd = (a: string, b: string, c: string) => string;

/**
 * `$tile(a, b, c, k, line, more)`: adds `k` steps of the product to the rows of `c`, which are `line` bytes apart, or
 * starts them where `more` is 0. The steps are summed by themselves first: added one by one to what there is, the last
 * ones of a long sum would lose their digits.
 */
const tileText = (name: string, rows: number, quads: number, strides: Strides, madd: Madd): string => {
  const each = (f: (i: number, q: number) => string): string[] =>
    Array.from({ length: rows * quads }, (_, x) => f(Math.floor(x / quads), x % quads));
  const step = (u: number): string[] => [
    ...Array.from(
      { length: quads },
      (_, q) => set(`b${q}`, `(v128.load offset=${u * strides.right + 16 * q} ${get("b")})`),
    ),
    ...Array.from({ length: rows }, (_, i) => [
      set("x", `(v128.load32_splat offset=${u * strides.left + i * strides.row} ${get("a")})`),
      ...Array.from(
        { length: quads },
        (_, q) => set(`c${i}_${q}`, madd(get("x"), get(`b${q}`), get(`c${i}_${q}`))),
      ),
    ]).flat(),
  ];
  const loop = (label: string, count: string, steps: number): string[] => [
    `(if ${get(count)} (then (loop $${label}`,
    ...Array.from({ length: steps }, (_, u) => step(u)).flat(),
    set("a", `(i32.add ${get("a")} ${i32(steps * strides.left)})`),
    set("b", `(i32.add ${get("b")} ${i32(steps * strides.right)})`),
    `(br_if $${label} (local.tee $${count} (i32.sub ${get(count)} (i32.const 1))))`,
    ")))",
  ];
  const lines = (f: (i: number, q: number) => string): string[] => [
    set("to", get("c")),
    ...Array.from({ length: rows }, (_, i) => [
      ...Array.from({ length: quads }, (_, q) => f(i, q)),
      ...(i + 1 < rows ? [set("to", `(i32.add ${get("to")} ${get("line")})`)] : []),
    ]).flat(),
  ];
  const names = ["x", ...Array.from({ length: quads }, (_, q) => `b${q}`), ...each((i, q) => `c${i}_${q}`)];
  return [
    `(func $${name} (param $a i32) (param $b i32) (param $c i32) (param $k i32) (param $line i32) (param $more i32)`,
    ` (local $to i32) (local $rest i32) ${names.map((n) => `(local $${n} v128)`).join(" ")}`,
    indent([
      set("rest", `(i32.and ${get("k")} ${i32(UNROLL - 1)})`),
      set("k", `(i32.shr_u ${get("k")} ${i32(Math.log2(UNROLL))})`),
      ...loop("whole", "k", UNROLL),
      ...loop("part", "rest", 1),
      `(if ${get("more")} (then`,
      ...lines((i, q) =>
        set(`c${i}_${q}`, `(f32x4.add ${get(`c${i}_${q}`)} (v128.load offset=${16 * q} ${get("to")}))`)
      ),
      "))",
      ...lines((i, q) => `(v128.store offset=${16 * q} ${get("to")} ${get(`c${i}_${q}`)})`),
    ]),
    ")",
  ].join("\n");
};
