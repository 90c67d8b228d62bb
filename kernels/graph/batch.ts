/**
 * Batches: maps of one form, each over tensors of its own, as one map. Their tensors lie side by side in memory, in
 * one order for each place in the form, so that the map runs straight through: an optimiser's update of hundreds of
 * parameters is one dispatch.
 */
import { bytesOf, is, parameterOf, sizeOf, type Tensor } from "@chain-of-sight/core";
import { type Index, variable } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import { ALIGNMENT, type Pack } from "../plan/memory.ts";
import { type Kernel, type LoopKernel, readsOf } from "./kernel.ts";

/** Kernels with what they need of memory. */
export interface Batched {
  /** The kernels. */
  readonly kernels: readonly Kernel[];
  /** What must lie side by side. */
  readonly packs: readonly Pack[];
  /** Constant arrays that they read. */
  readonly tables: ReadonlyMap<Tensor, Int32Array>;
}

/** Tensors that a batch holds side by side. */
export interface Run {
  /** All of them. */
  readonly whole: Tensor;
  /** Each of them. */
  readonly tensors: readonly Tensor[];
  /** Where each starts, in elements. */
  readonly at: ReadonlyMap<Tensor, number>;
}

/** What batching must know besides the kernels. */
export interface BatchNeeds {
  /** Results of the program. */
  readonly outputs: ReadonlySet<Tensor>;
  /** Outputs and the inputs whose memory they take over. */
  readonly donated: ReadonlyMap<Tensor, Tensor>;
  /** Something equal for tensors that may lie side by side, beyond being alike. */
  readonly kindOf: (t: Tensor) => string;
  /** Most bytes that lie side by side. */
  readonly mostBytes: number;
}

const STEP = ALIGNMENT / 4;

const up = (n: number): number => Math.ceil(n / STEP) * STEP;

/** Lays tensors side by side, in as few packs as the limit allows. */
export const packedTogether = (tensors: readonly Tensor[], name: string, mostBytes: number): Pack[] => {
  const packs: { tensor: Tensor; at: number }[][] = [[]];
  let end = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor.shape);
    if (end > 0 && 4 * (up(end) + size) > mostBytes) {
      packs.push([]);
      end = 0;
    }
    packs.at(-1)!.push({ tensor, at: up(end) });
    end = up(end) + size;
  }
  return packs.map((parts, i) => {
    const { tensor, at } = parts.at(-1)!;
    return { whole: parameterOf({ of: name, index: i }, [at + sizeOf(tensor.shape)], tensor.dtype), parts };
  });
};

/** A map whose tensors may lie beside those of others: what it reads and writes at its row, by place in its form. */
interface Candidate {
  readonly kernel: LoopKernel;
  readonly form: string;
  /** Tensors read at the row, each once. */
  readonly reads: readonly Tensor[];
  /** Tensors of which every row reads the same element. */
  readonly elements: ReadonlySet<Tensor>;
  /** Whether it writes the next version of an input. */
  readonly updates: boolean;
}

/** The form of a map in words that are equal for equal forms, or undefined if it is more than a map. */
const candidateOf = (kernel: LoopKernel, needs: BatchNeeds): Candidate | undefined => {
  if (kernel.reductions.length > 0 || kernel.columns !== 1 || kernel.rows <= 1) return undefined;
  // places are counted in elements of four bytes
  if ([...readsOf(kernel), ...kernel.outputs.map((o) => o.tensor)].some((t) => bytesOf(t.dtype) !== 4)) {
    return undefined;
  }
  const row = variable("row", kernel.rows), reads: Tensor[] = [], words = new Map<Value, string>();
  const elements = new Set<Tensor>();
  const lines: string[] = [];
  const atRow = (t: Tensor, at: Index): boolean => at.key === row.key && sizeOf(t.shape) === kernel.rows;
  const wordOf = (v: Value): string | undefined => {
    if (v.kind === "literal") return `${Object.is(v.value, -0) ? "-0" : v.value}:${v.dtype}`;
    if (v.kind === "load") {
      if (v.at.terms.length === 0) {
        elements.add(v.from);
        return `t${v.from.id}[${v.at.constant}]`;
      }
      if (!atRow(v.from, v.at) || needs.donated.has(v.from)) return undefined;
      if (!reads.includes(v.from)) reads.push(v.from);
      return `column ${reads.indexOf(v.from)}`;
    }
    if (v.kind !== "apply") return undefined;
    const args = inFormOf(v).map(visit);
    return args.includes(undefined) ? undefined : `${v.op}:${v.dtype}(${args.join(",")})`;
  };
  // what is replaced comes first where the order decides nothing: sums with it have one form
  const replaced = new Set(kernel.outputs.map((o) => needs.donated.get(o.tensor)));
  const isReplaced = (v: Value): boolean => v.kind === "load" && replaced.has(v.from);
  const inFormOf = ({ op, args }: Value & { readonly kind: "apply" }): readonly Value[] =>
    (op === "add" || op === "mul") && isReplaced(args[1]!) ? args.toReversed() : args;
  const visit = (v: Value): string | undefined => {
    const known = words.get(v);
    if (known !== undefined) return known;
    const word = wordOf(v);
    if (word === undefined) return undefined;
    if (v.kind !== "apply") return word;
    lines.push(word);
    words.set(v, `v${lines.length - 1}`);
    return words.get(v);
  };
  for (const { tensor, value, at } of kernel.outputs) {
    const word = visit(value), target = needs.donated.get(tensor);
    if (word === undefined || !atRow(tensor, at) || !needs.outputs.has(tensor)) return undefined;
    if (target !== undefined && !reads.includes(target)) return undefined;
    lines.push(`${word} -> ${target === undefined ? "new" : reads.indexOf(target)} ${tensor.dtype}`);
  }
  const columns = reads.map((t) => `${t.dtype} ${needs.kindOf(t)}`);
  const updates = kernel.outputs.some((o) => needs.donated.has(o.tensor));
  return { kernel, reads, elements, updates, form: [...lines, ...columns].join("\n") };
};

/** Merges maps of one form whose results nothing else reads. Gives the kernels in any order, and the runs they made. */
export const batchMaps = (
  kernels: readonly Kernel[],
  needs: BatchNeeds,
): {
  readonly kernels: readonly Kernel[];
  readonly packs: readonly Pack[];
  readonly runs: readonly Run[];
} => {
  const read = new Set(kernels.flatMap(readsOf)), taken = new Set<Tensor>();
  const byForm = new Map<string, Candidate[]>();
  const found = kernels.flatMap((k) =>
    k.kind !== "loop" || k.outputs.some((o) => read.has(o.tensor)) || 4 * up(k.rows) > needs.mostBytes
      ? []
      : candidateOf(k, needs) ?? []
  );
  const columns = new Set(found.flatMap((c) => c.reads)), replaced = new Set(needs.donated.values());
  for (const c of found) {
    // an element of what lies side by side: another version by then, or bound twice by one that writes there
    if ([...c.elements].some((t) => columns.has(t) && (c.updates || replaced.has(t)))) continue;
    if (c.reads.some((t) => taken.has(t))) continue;
    for (const t of c.reads) taken.add(t);
    byForm.set(c.form, [...byForm.get(c.form) ?? [], c]);
  }
  const gone = new Set<Kernel>(), batches: Kernel[] = [], packs: Pack[] = [], runs: Run[] = [];
  for (const family of byForm.values()) {
    for (const group of chunked(byPath(family), needs.mostBytes).filter((g) => g.length > 1)) {
      const batch = merged(group, batches.length);
      for (const { kernel } of group) gone.add(kernel);
      batches.push(batch.kernel);
      packs.push(...batch.packs);
      runs.push(...batch.packs.map(({ whole, parts }) => ({
        whole,
        tensors: parts.map((p) => p.tensor),
        at: new Map(parts.map((p) => [p.tensor, p.at])),
      })));
    }
  }
  const kept = kernels.filter((k) => !gone.has(k));
  return { kernels: [...kept, ...batches], packs, runs };
};

/** In the order of the first of the paths that each reads, so that programs over one state lay it out alike. */
const byPath = (family: readonly Candidate[]): readonly Candidate[] => {
  const paths = new Map(family.map((c) => [
    c,
    c.reads.flatMap((t) => is("input", t) ? [t.attributes.path] : []).reduce((a, b) => a < b ? a : b, "~"),
  ]));
  return family.toSorted((a, b) =>
    paths.get(a)! < paths.get(b)! ? -1 : paths.get(a)! > paths.get(b)! ? 1 : 0
  );
};

/** Groups whose tensors fit side by side. */
const chunked = (family: readonly Candidate[], mostBytes: number): Candidate[][] => {
  const groups: Candidate[][] = [[]];
  let end = 0;
  for (const c of family) {
    if (4 * (end + up(c.kernel.rows)) > mostBytes) {
      groups.push([]);
      end = 0;
    }
    groups.at(-1)!.push(c);
    end += up(c.kernel.rows);
  }
  return groups;
};

/** One map for many. */
const merged = (
  group: readonly Candidate[],
  index: number,
): { readonly kernel: LoopKernel; readonly packs: readonly Pack[] } => {
  const { kernel, reads } = group[0]!;
  const side = (tensors: readonly Tensor[], name: string): Pack =>
    packedTogether(tensors, `batch ${index} ${name}`, Infinity)[0]!;
  const columns = reads.map((_, c) => side(group.map((g) => g.reads[c]!), `read ${c}`));
  const results = kernel.outputs.map((_, c) =>
    side(group.map((g) => g.kernel.outputs[c]!.tensor), `written ${c}`)
  );
  const rows = sizeOf(results[0]!.whole.shape), row = variable("row", rows), build = new ValueBuilder();
  const known = new Map<Value, Value>();
  const rebuild = (v: Value): Value => {
    if (v.kind === "literal") return build.literal(v.value, v.dtype);
    if (v.kind === "load") {
      const c = v.at.terms.length === 0 ? -1 : reads.indexOf(v.from);
      return c < 0 ? build.load(v.from, v.at) : build.load(columns[c]!.whole, row);
    }
    if (v.kind === "apply") return build.apply(v.op, v.args.map(renewed), v.dtype);
    throw new Error(`a map with ${v.kind}`);
  };
  const renewed = (v: Value): Value => {
    const seen = known.get(v) ?? rebuild(v);
    known.set(v, seen);
    return seen;
  };
  const ops = [...new Set(kernel.outputs.map((o) => o.tensor.op))].join("+");
  return {
    kernel: {
      kind: "loop",
      rows,
      columns: 1,
      reductions: [],
      outputs: kernel.outputs.map((o, c) => ({
        tensor: results[c]!.whole,
        value: renewed(o.value),
        at: row,
        perRow: true,
      })),
      title: `${ops} of ${group.length} tensors`,
    },
    packs: [...columns, ...results],
  };
};
