/** Packing: lines of an operand laid side by side, so that the tile reads both operands front to back. */
import { get, i32, type Locals, repeat, set } from "./text.ts";

/** How the lines of an operand are in memory. */
export type Layout =
  /** Neighbours along the summed index. */
  | "along k"
  /** Neighbours from line to line. */
  | "along lines"
  /** Neither. */
  | "scattered";

/** Options of packing. */
export interface Packing {
  /** Lines side by side: 4, 6 or 8. */
  readonly lines: number;
  /** How they are. */
  readonly layout: Layout;
  /** Text of the address of a table with the address of each line. */
  readonly table: string;
  /** Bytes from one step of the summed index to the next. */
  readonly stride: number;
  /** Text of the number of bytes to skip in every line. */
  readonly skip: string;
  /** Steps of the summed index. */
  readonly count: number;
  /** Text of the address to write to. */
  readonly to: string;
}

/** Four lanes out of the eight of two values. */
export const shuffle = (lanes: readonly number[], a: string, b: string): string =>
  `(i8x16.shuffle ${lanes.flatMap((l) => [0, 1, 2, 3].map((i) => 4 * l + i)).join(" ")} ${a} ${b})`;

/** Two lines of four steps each, to four pairs. */
const interleaved = (a: string, b: string): readonly [string, string] => [
  shuffle([0, 4, 1, 5], a, b),
  shuffle([2, 6, 3, 7], a, b),
];

/** Statements that pack `count` steps of some lines. */
export const packText = (
  locals: Locals,
  { lines, layout, table, stride, skip, count, to }: Packing,
): string[] => {
  const pointer = (i: number): string => locals.declare(`p${i}`, "i32");
  for (const name of ["to", "left"]) locals.declare(name, "i32");
  const used = layout === "along lines" ? 1 : lines;
  const out: string[] = [];
  for (let i = 0; i < used; i++) {
    out.push(set(pointer(i), `(i32.add (i32.load offset=${4 * i} ${table}) ${skip})`));
  }
  out.push(set("to", to));
  const advance = (steps: number): string[] => [
    ...Array.from(
      { length: used },
      (_, i) => set(`p${i}`, `(i32.add ${get(`p${i}`)} ${i32(stride * steps)})`),
    ),
    set("to", `(i32.add ${get("to")} ${i32(4 * lines * steps)})`),
    set("left", `(i32.sub ${get("left")} ${i32(steps)})`),
  ];
  const loop = (steps: number, body: readonly string[], total: number): void => {
    if (total <= 0) return;
    out.push(
      set("left", i32(total)),
      ...repeat(locals.unique("l"), get("left"), [...body, ...advance(steps)], true),
    );
  };
  if (layout === "along lines") {
    const body: string[] = [];
    let i = 0;
    for (; i + 4 <= lines; i += 4) {
      body.push(`(v128.store offset=${4 * i} ${get("to")} (v128.load offset=${4 * i} ${get("p0")}))`);
    }
    for (; i + 2 <= lines; i += 2) {
      body.push(`(i64.store offset=${4 * i} ${get("to")} (i64.load offset=${4 * i} ${get("p0")}))`);
    }
    loop(1, body, count);
    return out;
  }
  const whole = layout === "along k" ? count - count % 4 : 0;
  if (layout === "along k") loop(4, transposed(locals, lines), whole);
  const single = Array.from(
    { length: lines },
    (_, i) => `(i32.store offset=${4 * i} ${get("to")} (i32.load ${get(`p${i}`)}))`,
  );
  loop(1, single, count - whole);
  return out;
};

/** Four steps of every line: transposes four lines at once, then pairs. */
const transposed = (locals: Locals, lines: number): string[] => {
  const out: string[] = [];
  for (let i = 0; i < lines; i++) {
    out.push(set(locals.declare(`w${i}`, "v128"), `(v128.load ${get(`p${i}`)})`));
  }
  for (const t of ["t0", "t1", "t2", "t3"]) locals.declare(t, "v128");
  let i = 0;
  for (; i + 4 <= lines; i += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((j) => get(`w${i + j}`)) as [string, string, string, string];
    const [low0, high0] = interleaved(a, b), [low1, high1] = interleaved(c, d);
    out.push(set("t0", low0), set("t1", high0), set("t2", low1), set("t3", high1));
    const rows = [
      shuffle([0, 1, 4, 5], get("t0"), get("t2")),
      shuffle([2, 3, 6, 7], get("t0"), get("t2")),
      shuffle([0, 1, 4, 5], get("t1"), get("t3")),
      shuffle([2, 3, 6, 7], get("t1"), get("t3")),
    ];
    rows.forEach((row, u) => out.push(`(v128.store offset=${4 * (u * lines + i)} ${get("to")} ${row})`));
  }
  for (; i + 2 <= lines; i += 2) {
    const [low, high] = interleaved(get(`w${i}`), get(`w${i + 1}`));
    out.push(set("t0", low), set("t1", high));
    for (let u = 0; u < 4; u++) {
      out.push(
        `(v128.store64_lane offset=${4 * (u * lines + i)} ${u % 2} ${get("to")} ${get(u < 2 ? "t0" : "t1")})`,
      );
    }
  }
  return out;
};
