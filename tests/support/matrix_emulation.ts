/**
 * Runs the text of a kernel that uses subgroup matrices, without any GPU: statements become JavaScript, lanes become
 * generators that meet at barriers, and each matrix belongs to the first lane of its subgroup. Every access outside
 * an array throws, so that nothing is hidden by clamping.
 */
import type { Dispatch } from "@chain-of-sight/kernels";

/** A matrix: rows of numbers. */
type Matrix = number[][];

const zeroed = (rows: number, columns: number): Matrix =>
  Array.from({ length: rows }, () => new Array<number>(columns).fill(0));

/** An array that refuses what lies outside of it. */
class Cells {
  readonly data: Float64Array;
  readonly #each: number;
  /** Numbers, `each` to an element. */
  constructor(data: Float64Array, each: number) {
    this.data = data;
    this.#each = each;
  }
  #place(at: number): number {
    if (!Number.isInteger(at) || at < 0 || (at + 1) * this.#each > this.data.length) {
      throw new Error(`element ${at} of an array of ${this.data.length / this.#each}`);
    }
    return at * this.#each;
  }
  get(at: number): number | number[] {
    const from = this.#place(at);
    return this.#each === 1 ? this.data[from]! : [...this.data.subarray(from, from + this.#each)];
  }
  set(at: number, value: number): void {
    this.data[this.#place(at)] = value;
  }
}

const f16 = (x: number): number => Math.f16round(x);

/** What the statements call. */
const library = {
  f16,
  f32: (x: number) => x,
  half4: (...x: readonly (number | readonly number[])[]) => x.length === 0 ? [0, 0, 0, 0] : x.flat().map(f16),
  min: Math.min,
  select: (no: unknown, yes: unknown, when: boolean) => when ? yes : no,
  tanh_of: Math.tanh,
  load: (rows: number, columns: number, layout: string, from: Cells, at: number, stride: number): Matrix =>
    zeroed(rows, columns).map((line, r) =>
      line.map((_, q) => from.get(at + (layout === "row_major" ? r * stride + q : q * stride + r)) as number)
    ),
  product: (a: Matrix, b: Matrix, c: Matrix): Matrix =>
    c.map((line, r) => line.map((sum, q) => a[r]!.reduce((n, x, s) => n + x * b[s]![q]!, sum))),
  store: (layout: string, to: Cells, at: number, c: Matrix, stride: number): void =>
    c.forEach((line, r) =>
      line.forEach((x, q) => to.set(at + (layout === "row_major" ? r * stride + q : q * stride + r), x))
    ),
  zeroed,
};

type Rule = readonly [RegExp, string];

/** Rules of whole statements; a matrix type says columns, then rows. */
const statements: readonly Rule[] = [
  [/^var (\w+): subgroup_matrix_result<f32, (\d+), (\d+)>;$/, "let $1 = zeroed($3, $2);"],
  [
    /^let (\w+) = subgroupMatrixLoad<subgroup_matrix_(?:left|right)<f16, (\d+), (\d+)>, (\w+)>\(&(\w+), (.+), (\w+)\);$/,
    'let $1 = first ? load($3, $2, "$4", $5, $6, $7) : undefined;',
  ],
  [
    /^(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), \1\);$/,
    "if (first) $1 = product($2, $3, $1);",
  ],
  [/^subgroupMatrixStore<(\w+)>\(&(\w+), (.+), (\w+), (\w+)\);$/, 'if (first) store("$1", $2, $3, $4, $5);'],
  [/^workgroupBarrier\(\);$/, "yield;"],
  [/^var (\w+): u32;$/, "let $1 = 0;"],
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
    .replace(/\bv\.([xyzw])/g, (_, lane: string) => `v${"xyzw".indexOf(lane)}`)
    // whole numbers divide toward zero
    .replace(/([\w.]+|\([^()]*\)) \/ (\d+)u\b/g, "Math.floor($1 / $2)")
    .replace(/\b(\d+(?:\.\d+)?(?:e-?\d+)?)[ufh]\b/g, "$1");
  return reads(plain).replace(/\bv([0-3])\b/g, "v[$1]");
};

/** Runs a dispatch on the numbers of each slot, four bytes each. */
export const emulate = (
  { code, bindings, workgroups }: Dispatch,
  lanes: number,
  slots: ReadonlyMap<number, Float64Array>,
): void => {
  const lines = code.split("\n"), start = lines.findIndex((l) => l.startsWith("fn main("));
  const workers = Number(/@workgroup_size\((\d+)/.exec(code)![1]);
  const storage = [...code.matchAll(/@binding\((\d+)\) var<storage, \w+> (\w+): array<(vec4)?/g)];
  const shared = [...code.matchAll(/var<workgroup> (\w+): array<\w+, (\d+)>;/g)];
  const body = lines.slice(start + 1, lines.lastIndexOf("}")).map((l) => translated(l.trim())).join("\n");
  const names = ["lane", "group", "first", ...storage.map((s) => s[2]!), ...shared.map((s) => s[1]!)];
  const make = new Function(
    ...Object.keys(library),
    ...names,
    `return (function*() {\n${body}\n})();`,
  ) as (...parts: readonly unknown[]) => Generator<undefined, void, undefined>;
  const global = storage.map(([, i, , wide]) =>
    new Cells(slots.get(bindings[Number(i)]!.slot)!, wide === undefined ? 1 : 4)
  );
  for (let z = 0; z < workgroups[2]; z++) {
    for (let y = 0; y < workgroups[1]; y++) {
      for (let x = 0; x < workgroups[0]; x++) {
        // what nobody wrote must not be read
        const local = shared.map(([, , n]) => new Cells(new Float64Array(Number(n)).fill(NaN), 1));
        const running = Array.from({ length: workers }, (_, lane) =>
          make(
            ...Object.values(library),
            { x: lane },
            { x, y, z },
            lane % lanes === 0,
            ...global,
            ...local,
          ));
        for (let done = false; !done;) {
          const ends = running.map((r) => r.next().done);
          done = ends.every((e) => e);
          if (!done && ends.some((e) => e)) throw new Error("a lane missed a barrier");
        }
      }
    }
  }
};
