/**
 * Runs the text of a kernel that uses subgroup matrices, without any GPU: statements become JavaScript, lanes become
 * generators that meet at barriers, and each matrix belongs to the first lane of its subgroup. Every access outside
 * an array throws, so that nothing is hidden by clamping; so does a lane that meets, between two barriers, what another
 * one writes, and a matrix that is where units do not take it.
 */
import type { Dispatch } from "@chain-of-sight/kernels";

/** A matrix: rows of numbers. */
type Matrix = number[][];

const zeroed = (rows: number, columns: number): Matrix =>
  Array.from({ length: rows }, () => new Array<number>(columns).fill(0));

/** Who is at work: the lane, and the number of barriers before. */
interface Clock {
  lane: number;
  turn: number;
}

/** An array that refuses what is outside of it, and what lanes do there without a barrier between. */
class Cells {
  readonly data: Float64Array;
  readonly #each: number;
  readonly #bytes: number;
  readonly #clock: Clock | undefined;
  // of every number: the last turn in which it was written or read, and by whom; -2 for several
  readonly #written: Int32Array;
  readonly #writer: Int32Array;
  readonly #read: Int32Array;
  readonly #reader: Int32Array;
  /** Numbers of some bytes, `each` to an element; watched where there is a clock. */
  constructor(data: Float64Array, each: number, bytes: number, clock?: Clock) {
    this.data = data;
    this.#each = each;
    this.#bytes = bytes;
    this.#clock = clock;
    const watched = clock === undefined ? 0 : data.length, never = () => new Int32Array(watched).fill(-1);
    [this.#written, this.#writer, this.#read, this.#reader] = [never(), never(), never(), never()];
  }
  #place(at: number, count = this.#each): number {
    if (!Number.isInteger(at) || at < 0 || at * this.#each + count > this.data.length) {
      throw new Error(`element ${at} of an array of ${this.data.length / this.#each}`);
    }
    return at * this.#each;
  }
  #take(at: number): number {
    const clock = this.#clock;
    if (clock !== undefined) {
      if (this.#written[at] === clock.turn && this.#writer[at] !== clock.lane) {
        throw new Error(
          `lane ${clock.lane} reads number ${at} alongside lane ${this.#writer[at]} that writes it`,
        );
      }
      const again = this.#read[at] === clock.turn && this.#reader[at] !== clock.lane;
      this.#reader[at] = again ? -2 : clock.lane;
      this.#read[at] = clock.turn;
    }
    return this.data[at]!;
  }
  #give(at: number, value: number): void {
    const clock = this.#clock;
    if (clock !== undefined) {
      const others = this.#written[at] === clock.turn && this.#writer[at] !== clock.lane ||
        this.#read[at] === clock.turn && this.#reader[at] !== clock.lane;
      if (others) throw new Error(`lane ${clock.lane} writes number ${at} that another lane uses`);
      this.#written[at] = clock.turn;
      this.#writer[at] = clock.lane;
    }
    this.data[at] = value;
  }
  get(at: number): number | number[] {
    const from = this.#place(at);
    return this.#each === 1
      ? this.#take(from)
      : Array.from({ length: this.#each }, (_, i) => this.#take(from + i));
  }
  set(at: number, value: number | readonly number[]): void {
    const from = this.#place(at), values = typeof value === "number" ? [value] : value;
    if (values.length !== this.#each) throw new Error(`${values.length} numbers for ${this.#each}`);
    values.forEach((x, i) => this.#give(from + i, x));
  }
  /** Places of a matrix's numbers, line by line; units want lines at multiples of 16 bytes or of their own length. */
  lines(at: number, stride: number, lines: number, length: number): number[][] {
    const least = Math.min(16, length * this.#bytes), step = this.#each * this.#bytes;
    if (at * step % least !== 0 || stride * step % least !== 0 || stride * this.#each < length) {
      throw new Error(`a matrix at ${at} with stride ${stride} of ${step} bytes`);
    }
    return Array.from({ length: lines }, (_, l) => {
      const from = this.#place(at + l * stride, length);
      return Array.from({ length }, (_, i) => from + i);
    });
  }
  /** A number by its place. */
  one(place: number): number {
    return this.#take(place);
  }
  /** Writes a number to its place. */
  put(place: number, value: number): void {
    this.#give(place, value);
  }
  /** All of it, for every lane. */
  whole(): Cells {
    return new Cells(this.data.map((_, i) => this.#take(i)), this.#each, this.#bytes);
  }
}

/** Calls `visit` for each place of a matrix of rows and columns. */
const eachPlace = (
  [rows, columns]: readonly [number, number],
  layout: string,
  cells: Cells,
  at: number,
  stride: number,
  visit: (place: number, row: number, column: number) => void,
): void =>
  layout === "row_major"
    ? cells.lines(at, stride, rows, columns).forEach((line, r) => line.forEach((p, q) => visit(p, r, q)))
    : cells.lines(at, stride, columns, rows).forEach((line, q) => line.forEach((p, r) => visit(p, r, q)));

const f16 = (x: number): number => Math.f16round(x);

/** What the statements call. */
const library = {
  f16,
  f32: (x: number) => x,
  half4: (...x: readonly (number | readonly number[])[]) => x.length === 0 ? [0, 0, 0, 0] : x.flat().map(f16),
  min: Math.min,
  max: Math.max,
  exp2: (x: number) => 2 ** x,
  log: Math.log,
  fma: (a: number, b: number, c: number) => a * b + c,
  clamp: (x: number, low: number, high: number) => Math.min(high, Math.max(low, x)),
  i32: Math.trunc,
  u32: Math.trunc,
  eight_of: (...x: readonly (readonly number[])[]) =>
    x.length === 0 ? new Array<number>(8).fill(0) : x.flat(),
  four_of: (...x: readonly number[]) => x,
  not_a_number: NaN,
  infinity: Infinity,
  select: (no: unknown, yes: unknown, when: boolean) => when ? yes : no,
  tanh_of: Math.tanh,
  load: (rows: number, columns: number, layout: string, from: Cells, at: number, stride: number): Matrix => {
    const out = zeroed(rows, columns);
    eachPlace([rows, columns], layout, from, at, stride, (p, r, q) => out[r]![q] = from.one(p));
    return out;
  },
  product: (a: Matrix, b: Matrix, c: Matrix): Matrix =>
    c.map((line, r) => line.map((sum, q) => a[r]!.reduce((n, x, s) => n + x * b[s]![q]!, sum))),
  store: (layout: string, to: Cells, at: number, c: Matrix, stride: number): void =>
    eachPlace([c.length, c[0]!.length], layout, to, at, stride, (p, r, q) => to.put(p, c[r]![q]!)),
  zeroed,
};

type Rule = readonly [RegExp, string];

/** Rules of whole statements; a matrix type says columns, then rows. */
const statements: readonly Rule[] = [
  [/^var (\w+): subgroup_matrix_result<f32, (\d+), (\d+)>;$/, "let $1 = zeroed($3, $2);"],
  [/^var (\w+) = subgroup_matrix_result<f32, (\d+), (\d+)>\(\);$/, "let $1 = zeroed($3, $2);"],
  [
    /^(let |)(\w+) = subgroupMatrixLoad<subgroup_matrix_\w+<f(?:16|32), (\d+), (\d+)>, (\w+)>\(&(\w+), (.+), (\w+)\);$/,
    '$1$2 = first_lane ? load($4, $3, "$5", $6, $7, $8) : undefined;',
  ],
  [
    /^(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), \1\);$/,
    "if (first_lane) $1 = product($2, $3, $1);",
  ],
  [
    /^subgroupMatrixStore<(\w+)>\(&(\w+), (.+), (\w+), (\w+)\);$/,
    'if (first_lane) store("$1", $2, $3, $4, $5);',
  ],
  [/^(?:workgroup|storage)Barrier\(\);$/, 'yield "barrier";'],
  // what a subgroup does together separates no one's memory
  [
    /^let (\w+) = subgroupShuffleXor\((\w+), (\d+)u\);$/,
    'passed.set(lane.x, $2); yield "subgroup"; let $1 = passed.get(lane.x ^ $3); yield "subgroup";',
  ],
  [
    /^let (\w+) = subgroupAny\((.+)\);$/,
    'passed.set(lane.x, $2); yield "subgroup"; let $1 = mates.some((l) => passed.get(l)); yield "subgroup";',
  ],
  [
    /^let (\w+) = workgroupUniformLoad\(&(\w+)\);$/,
    'yield "barrier"; let $1 = $2.whole(); yield "barrier";',
  ],
  [/^var (\w+): [uif]32;$/, "let $1 = 0;"],
  [/^(\w+)\[(.+)\] = \1\[\2\] \* (\w+);$/, "$1.set($2, $1.get($2).map((x) => x * $3));"],
  [/^(\w+)\[(.+)\] = (.+);$/, "$1.set($2, $3);"],
  [/^for \(var /, "for (let "],
];

/** Index brackets become calls, from the inside out. */
const reads = (text: string): string => {
  const next = text.replace(/\b([a-z]\w*)\[([^[\]]*)\]/g, "$1.get($2)");
  return next === text ? text : reads(next);
};

const translated = (line: string): string => {
  const rule = statements.find(([from]) => from.test(line));
  const plain = (rule === undefined ? line : line.replace(rule[0], rule[1]))
    .replace(/vec4<f16>\(/g, "half4(")
    .replace(/vec4<u32>\(/g, "eight_of(")
    .replace(/vec4(?:f|<i32>)\(/g, "four_of(")
    .replace(/bitcast<vec2<u32>>\(/g, "(")
    .replace(/bitcast<f32>\(nan_bits\)/g, "not_a_number")
    .replace(
      /bitcast<f32>\((neg_)?inf_bits\)/g,
      (_, neg?: string) => neg === undefined ? "infinity" : "-infinity",
    )
    .replace(/^var /, "let ")
    // parts of vectors, which places in arrays are not
    .replace(
      /\b(?!lane\b|group\b)(\w+)\.([xyzw])\b/g,
      (_, v: string, part: string) => `${v}.at(${"xyzw".indexOf(part)})`,
    )
    // whole numbers divide toward zero
    .replace(/([\w.]+|\([^()]*\)) \/ (\d+u|high)\b/g, "Math.floor($1 / $2)")
    .replace(/\b(\d+(?:\.\d+)?(?:e[-+]?\d+)?)[ufhi]\b/g, "$1");
  return reads(plain);
};

/** Numbers in an element of a type, and bytes of one of them; eight f16 are four words. */
const shapeOf = (type: string): readonly [each: number, bytes: number] =>
  type === "vec4<u32>" ? [8, 2] : [type.startsWith("vec4") ? 4 : 1, type.includes("f16") ? 2 : 4];

/** Runs a dispatch on the numbers of each slot. */
export const emulate = (
  { code, bindings, workgroups }: Dispatch,
  lanes: number,
  slots: ReadonlyMap<number, Float64Array>,
): void => {
  const lines = code.split("\n"), start = lines.findIndex((l) => l.startsWith("fn main("));
  const workers = Number(/@workgroup_size\((\d+)/.exec(code)![1]);
  const storage = [...code.matchAll(/@binding\((\d+)\) var<storage, \w+> (\w+): array<(vec4<\w+>|\w+)/g)];
  const shared = [...code.matchAll(/var<workgroup> (\w+): array<(\w+(?:<\w+>)?), (\d+)>;/g)];
  const body = lines.slice(start + 1, lines.lastIndexOf("}")).map((l) => translated(l.trim())).join("\n");
  const names = [
    ...["lane", "group", "subgroup_lane", "first_lane", "mates", "passed"],
    ...storage.map((s) => s[2]!),
    ...shared.map((s) => s[1]!),
  ];
  const make = new Function(
    ...Object.keys(library),
    ...names,
    `return (function*() {\n${body}\n})();`,
  ) as (...parts: readonly unknown[]) => Generator<"barrier" | "subgroup", void, undefined>;
  const global = storage.map(([, i, , type]) =>
    new Cells(slots.get(bindings[Number(i)]!.slot)!, ...shapeOf(type!))
  );
  const mates = (lane: number): number[] => Array.from({ length: lanes }, (_, i) => lane - lane % lanes + i);
  for (let z = 0; z < workgroups[2]; z++) {
    for (let y = 0; y < workgroups[1]; y++) {
      for (let x = 0; x < workgroups[0]; x++) {
        const clock: Clock = { lane: 0, turn: 0 }, passed = new Map<number, unknown>();
        // what nobody wrote must not be read
        const local = shared.map(([, , type, n]) => {
          const [each, bytes] = shapeOf(type!);
          return new Cells(new Float64Array(each * Number(n)).fill(NaN), each, bytes, clock);
        });
        const running = Array.from({ length: workers }, (_, lane) =>
          make(
            ...Object.values(library),
            { x: lane },
            { x, y, z },
            lane % lanes,
            lane % lanes === 0,
            mates(lane),
            passed,
            ...global,
            ...local,
          ));
        for (let done = false; !done;) {
          const met = running.map((r, lane) => {
            clock.lane = lane;
            const { done, value } = r.next();
            return done ? "end" : value;
          });
          if (met.some((m) => m !== met[0])) throw new Error("a lane missed a barrier");
          done = met[0] === "end";
          if (met[0] === "barrier") clock.turn++;
        }
      }
    }
  }
};
