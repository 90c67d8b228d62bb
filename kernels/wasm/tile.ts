/** The innermost part of large products: a tile of rows by columns in registers, from packed operands. */
import { get, i32, indent, set } from "./text.ts";

/** Steps of the summed index in one pass of the loop. */
const UNROLL = 4;
/** Columns of a packed panel. */
export const PANEL = 8;

/**
 * `$tileRxC(a, b, c, k, line, more)`: adds `k` steps of `a[k][R] b[k][8]` to the rows of `c`, which lie `line` bytes
 * apart, or starts them where `more` is 0.
 */
export const tileText = (
  rows: number,
  quads: number,
  madd: (a: string, b: string, c: string) => string,
): string => {
  const each = (f: (i: number, q: number) => string): string[] =>
    Array.from({ length: rows * quads }, (_, x) => f(Math.floor(x / quads), x % quads));
  const step = (u: number): string[] => [
    ...Array.from(
      { length: quads },
      (_, q) => set(`b${q}`, `(v128.load offset=${4 * u * PANEL + 16 * q} ${get("b")})`),
    ),
    ...Array.from({ length: rows }, (_, i) => [
      set("x", `(v128.load32_splat offset=${4 * (u * rows + i)} ${get("a")})`),
      ...Array.from(
        { length: quads },
        (_, q) => set(`c${i}_${q}`, madd(get("x"), get(`b${q}`), get(`c${i}_${q}`))),
      ),
    ]).flat(),
  ];
  const loop = (label: string, count: string, steps: number): string[] => [
    `(if ${get(count)} (then (loop $${label}`,
    ...Array.from({ length: steps }, (_, u) => step(u)).flat(),
    set("a", `(i32.add ${get("a")} ${i32(4 * steps * rows)})`),
    set("b", `(i32.add ${get("b")} ${i32(4 * steps * PANEL)})`),
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
    `(func $tile${rows}x${
      4 * quads
    } (param $a i32) (param $b i32) (param $c i32) (param $k i32) (param $line i32) (param $more i32)`,
    ` (local $to i32) (local $rest i32) ${names.map((n) => `(local $${n} v128)`).join(" ")}`,
    indent([
      `(if ${get("more")} (then`,
      ...lines((i, q) => set(`c${i}_${q}`, `(v128.load offset=${16 * q} ${get("to")})`)),
      "))",
      set("rest", `(i32.and ${get("k")} ${i32(UNROLL - 1)})`),
      set("k", `(i32.shr_u ${get("k")} ${i32(Math.log2(UNROLL))})`),
      ...loop("whole", "k", UNROLL),
      ...loop("part", "rest", 1),
      ...lines((i, q) => `(v128.store offset=${16 * q} ${get("to")} ${get(`c${i}_${q}`)})`),
    ]),
    ")",
  ].join("\n");
};
