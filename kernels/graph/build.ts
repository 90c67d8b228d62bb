/** Builds a kernel from the roots that shall share it, or says that they cannot. */
import {
  type AttentionOp,
  is,
  isAttention,
  isReduce,
  parameterOf,
  type ReduceOp,
  resultsOf,
  type ScanBody,
  segmentsOf,
  sizeOf,
  type Tensor,
} from "@chain-of-sight/core";
import { type Index, int, linear, plus, scale, unravel, variable } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import {
  type AttentionKernel,
  columnName,
  type ContractionKernel,
  type Kernel,
  type LoopKernel,
  type Output,
  readsOf,
  type Reduction,
  type ScatterKernel,
  type SegmentValues,
  workspaceOf,
} from "./kernel.ts";
import { Incompatible, lowering } from "./lower.ts";
import { type Inside, repeatKernel } from "./repeat.ts";
import { attentionIndex, operandIndex, type Roots } from "./roots.ts";

/** Rows of reductions may have outputs this long at most; longer ones are faster as kernels of their own. */
const LONGEST_ROW = 16384;
/** Fewer rows than this leave a device idle if whole rows are given to one worker. */
const MIN_ROWS = 32;

/** What a group of roots may become. */
export interface Members {
  /** Roots computed here, by growing id. */
  readonly members: readonly Tensor[];
  /** Those that others need. */
  readonly stored: ReadonlySet<Tensor>;
}

/** The kernel of a group, or undefined if its members cannot share one. */
export const buildKernel = (
  group: Members,
  roots: Roots,
  maxBindings: number,
  inside: (body: ScanBody) => Inside,
): Kernel | undefined => {
  try {
    const tuple = group.members.find((t) => is("result", t))?.args[0];
    if (tuple !== undefined && is("scan", tuple)) return repeat(group, inside);
    const kernel = group.members.some((t) => is("matmul", t))
      ? contraction(group, roots)
      : tuple !== undefined && isAttention(tuple.op)
      ? attention(tuple as Tensor<AttentionOp>, roots)
      : group.members.some((t) => is("scatterAdd", t))
      ? scatter(group, roots)
      : loop(group, roots);
    const written = [...kernel.outputs.map((o) => o.tensor), ...workspaceOf(kernel)];
    const tensors = new Set([...readsOf(kernel), ...written]);
    const bindings = [...tensors].reduce((n, t) => n + roots.bindingsOf(t), 0);
    return bindings <= maxBindings ? kernel : undefined;
  } catch (e) {
    if (e instanceof Incompatible) return undefined;
    throw e;
  }
};

/** The results of one scan share its kernel, and nothing else does. */
const repeat = ({ members }: Members, inside: (body: ScanBody) => Inside): Kernel | undefined => {
  const loop = members[0]!.args[0]!;
  return is("scan", loop) && members.every((t) => is("result", t) && t.args[0] === loop)
    ? repeatKernel(members, inside(loop.attributes.body))
    : undefined;
};

const refuse = (why: string): never => {
  throw new Incompatible(why);
};

/** The column variable: named after its length, so that loops of different lengths never share expressions. */
const column = (length: number): Index => variable(columnName(length), length);

const loop = ({ members, stored }: Members, roots: Roots): LoopKernel => {
  const own = new Set(members), reductions = members.filter((t) => isReduce(t.op));
  const maps = members.filter((t) => !isReduce(t.op));
  const rows = reductions.length > 0 ? sizeOf(reductions[0]!.shape) : sizeOf(members[0]!.shape);
  if (reductions.some((r) => sizeOf(r.shape) !== rows)) refuse("reductions of other row counts");
  const row = variable("row", rows);
  let columns = 1;
  for (const t of maps) {
    const size = sizeOf(t.shape);
    if (size === rows) continue;
    if (reductions.length === 0 || rows === 0 || size % rows !== 0) refuse("outputs of other sizes");
    if (columns !== 1 && columns !== size / rows) refuse("rows of several lengths");
    columns = size / rows;
    if (columns > LONGEST_ROW || (rows < MIN_ROWS && columns > 256)) {
      refuse("too few rows for their length");
    }
  }
  const build = new ValueBuilder();
  const place = (t: Tensor, length: number): Index =>
    sizeOf(t.shape) === rows ? row : plus(scale(row, length), column(length));
  let length = columns;
  const lower = lowering(build, (t, at) => {
    if (!own.has(t)) return roots.load(build, t, at);
    const here = linear(at, t.shape);
    if (isReduce(t.op)) return here.key === row.key ? build.reduced(t) : refuse("a reduction of another row");
    return here.key === place(t, length).key ? undefined : refuse("a member at another place");
  });
  const stages: Reduction[] = reductions.map((t) => {
    const x = t.args[0]!, axes = (t.attributes as { readonly axes: readonly number[] }).axes;
    const inner = axes.map((a) => x.shape[a]!);
    length = sizeOf(inner);
    const at = unravel(row, t.shape), along = unravel(column(length), inner);
    axes.forEach((a, i) => at[a] = along[i]!);
    return { tensor: t, op: t.op as ReduceOp, length, value: lower(x, at) };
  });
  length = columns;
  const outputs: Output[] = members.filter((t) => stored.has(t)).map((t) => {
    if (isReduce(t.op)) return { tensor: t, value: build.reduced(t), at: row, perRow: true };
    const at = place(t, columns), perRow = sizeOf(t.shape) === rows;
    return { tensor: t, value: lower(t, unravel(at, t.shape)), at, perRow };
  });
  return { kind: "loop", rows, columns, reductions: stages, outputs };
};

const contraction = ({ members, stored }: Members, roots: Roots): ContractionKernel => {
  const cores = members.filter((t): t is Tensor<"matmul"> => is("matmul", t));
  if (cores.length !== 1 || members.some((t) => isReduce(t.op) || is("scatterAdd", t))) {
    refuse("not one product");
  }
  const core = cores[0]!, own = new Set(members), build = new ValueBuilder();
  const [m, n] = core.shape.slice(-2) as [number, number], k = core.args[0]!.shape.at(-1)!;
  const batch = sizeOf(core.shape.slice(0, -2)), total = sizeOf(core.shape);
  if (members.some((t) => sizeOf(t.shape) !== total)) refuse("an epilogue of another size");
  const flat = linear([variable("batch", batch), variable("row", m), variable("col", n)], [batch, m, n]);
  const lower = lowering(build, (t, at) => {
    if (!own.has(t)) return roots.load(build, t, at);
    if (linear(at, t.shape).key !== flat.key) return refuse("an epilogue at another place");
    return t === core ? build.accumulator(core) : undefined;
  });
  const operand = (t: Tensor, axes: readonly [string, string]) => {
    const value = lower(t, operandIndex(t, axes));
    return value.kind === "load" ? value : refuse("an operand that is not in memory");
  };
  return {
    kind: "contraction",
    core,
    size: { batch, m, n, k },
    left: operand(core.args[0]!, ["row", "k"]),
    right: operand(core.args[1]!, ["k", "col"]),
    outputs: members.filter((t) => stored.has(t)).map((t) => ({
      tensor: t,
      value: lower(t, unravel(flat, t.shape)),
      at: flat,
      perRow: false,
    })),
  };
};

const segmentValues = (
  table: Tensor,
  lower: (t: Tensor, at: readonly Index[]) => Value,
  build: ValueBuilder,
): SegmentValues => {
  const [batch, , positions] = table.shape as [number, number, number], none = build.literal(0, "i32");
  const read = (line: number, axis: string): Value =>
    lower(table, [variable("batch", batch), int(line), variable(axis, positions)]);
  const row = read(0, "row"), some = build.apply("less", [none, row], "bool");
  return {
    row: build.apply("select", [some, row, build.literal(-1, "i32")], "i32"),
    key: build.apply("maximum", [read(0, "key"), none], "i32"),
    from: read(1, "edge"),
    to: read(2, "edge"),
  };
};

const attention = (node: Tensor<AttentionOp>, roots: Roots): AttentionKernel => {
  const build = new ValueBuilder();
  const lower = lowering(build, (t, at) => roots.load(build, t, at));
  const read = (t: Tensor, axis: "row" | "key") => {
    const value = lower(t, attentionIndex(t, axis));
    return value.kind === "load" ? value : refuse("an operand that is not in memory");
  };
  const [q, k, v, ...more] = node.args as [Tensor, Tensor, Tensor, ...Tensor[]];
  const [ct, lse, delta] = node.op === "attention" ? [] : more;
  const [batch, heads, queries, width] = q.shape as [number, number, number, number];
  const [, groups, keys] = k.shape as [number, number, number, number];
  const at = [variable("batch", batch), variable("head", heads), variable("row", queries)];
  const table = segmentsOf(node);
  return {
    kind: "attention",
    node,
    size: { batch, heads, groups, queries, keys, width },
    query: read(q, "row"),
    key: read(k, "key"),
    value: read(v, "key"),
    back: ct === undefined
      ? undefined
      : { cotangent: read(ct, "row"), lse: lower(lse!, at), delta: lower(delta!, at) },
    segments: table === undefined ? undefined : segmentValues(table, lower, build),
    outputs: resultsOf(node).map((tensor) => ({
      tensor,
      value: build.literal(0, "f32"),
      at: int(0),
      perRow: false,
    })),
  };
};

const scatter = ({ members }: Members, roots: Roots): ScatterKernel => {
  const t = members[0]!;
  if (members.length !== 1 || !is("scatterAdd", t)) return refuse("scatter is alone");
  const [ids, updates] = t.args as [Tensor, Tensor], build = new ValueBuilder();
  const positions = sizeOf(ids.shape), inner = t.shape.slice(1), width = sizeOf(inner);
  const lower = lowering(build, (x, at) => roots.load(build, x, at));
  const row = variable("row", positions), other = variable("other", positions), col = variable("col", width);
  const id = lower(ids, unravel(row, ids.shape));
  return {
    kind: "scatter",
    positions,
    width,
    tableRows: t.attributes.rows,
    id,
    otherId: lower(ids, unravel(other, ids.shape)),
    update: lower(updates, [...unravel(other, ids.shape), ...unravel(col, inner)]),
    links: parameterOf({ of: "links of scatterAdd", index: t.id }, [Math.max(1, positions)], "u32"),
    outputs: [{ tensor: t, value: build.literal(0, "f32"), at: int(0), perRow: false }],
  };
};
