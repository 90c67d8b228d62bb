/**
 * Loop kernels whose lanes run over columns: rows of neighbours. Long reductions are taken in pieces, which are joined
 * in order: sums stay accurate, and where there are few rows the pieces are spread over the threads.
 */
import { columnName, type LoopKernel, type Output, type Reduction, walkValues } from "../graph/kernel.ts";
import { separate, variable } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import { Func, type Phase } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { laneLoop, numberLoop, rangeLoop } from "./loops.ts";
import { phaseOf, storeAll } from "./outputs.ts";
import { type Accumulator, accumulator, declareReductions, join, joinLanes, start, take } from "./reduce.ts";
import { copiesFor, costOf, indicesOf, type Split, splitFor } from "./schedule.ts";
import { type Frame, Scope } from "./scope.ts";
import { outerName, type Rewriter, unsplit } from "./split.ts";
import { add, get, i32, least, set, times } from "./text.ts";

/** Columns of a piece. */
const PIECE = 16384;
/** Rows at most, and pieces at least, of what is spread over threads. */
const FEW = 8, PIECES = 4;
/** Bytes of a piece's result: the best so far, and where it was. */
const RESULT = 32;

/** A loop over columns with its split. */
interface Columns {
  readonly name: string;
  readonly split: Split;
  /** Copies of the body of a loop under a rewriting. */
  readonly copies: (rewrite: Rewriter, length: number) => number;
  /** The most of them. */
  readonly most: number;
  /** Instructions of the whole loop. */
  readonly cost: number;
}

const columnsOf = (
  build: ValueBuilder,
  length: number,
  values: readonly Value[],
  places: Output["at"][],
): Columns => {
  const name = columnName(length), split = splitFor(build, values, places, name, length);
  const priced = (rewrite: Rewriter): number => costOf(values.map(rewrite.value), name) + 2 * places.length;
  const copies = (rewrite: Rewriter, count: number): number => {
    const wild = indicesOf(values.map(rewrite.value)).some((i) => separate(i, name) === undefined);
    return copiesFor(priced(rewrite), count / 4, wild);
  };
  const cost = split.parts.reduce((n, p) => n + Math.ceil(p.length / 4) * priced(p.rewrite), 0);
  const most = Math.max(
    copies(split.rewrite, split.length),
    ...split.parts.map((p) => copies(p.rewrite, p.length)),
  );
  return { name, split, copies, most, cost: split.outer * cost };
};

/** The text of a loop's body under a rewriting. */
type BodyOf = (rewrite: Rewriter) => (scope: Scope, copies: number, lanes: number) => void;

/** Writes the whole loop, part by part. */
const wholeLoop = (scope: Scope, func: Func, { name, split, copies }: Columns, bodyOf: BodyOf): void => {
  const inner = (s: Scope): void => {
    for (const { length, rewrite } of split.parts) {
      const range = { name, from: i32(0), to: length, length, copies: copies(rewrite, length) };
      laneLoop(s, func.locals, range, bodyOf(rewrite));
    }
  };
  if (split.outer > 1) numberLoop(scope, func.locals, outerName(name), split.outer, inner);
  else inner(scope);
};

/** Number of pieces of a loop, and how much of it makes one: outer iterations if it is split, columns otherwise. */
const piecesOf = ({ split }: Columns): { readonly count: number; readonly each: number } => {
  if (split.outer === 1) return { count: Math.ceil(split.length / PIECE), each: PIECE };
  const each = Math.max(1, Math.floor(PIECE / split.length));
  return { count: Math.ceil(split.outer / each), each };
};

/** Writes the part of the loop that makes up the piece whose number is in `$piece`. */
const pieceLoop = (scope: Scope, func: Func, columns: Columns, bodyOf: BodyOf): void => {
  const { name, split } = columns, { each } = piecesOf(columns), { locals } = func;
  const copies = columns.copies(split.rewrite, split.length), body = bodyOf(split.rewrite);
  for (const local of ["from", "to"]) locals.declare(local, "i32");
  const total = split.outer === 1 ? split.length : split.outer;
  scope.lines.push(
    set("from", times(get("piece"), each)),
    set("to", least(add(get("from"), i32(each)), total)),
  );
  if (split.outer === 1) {
    const range = { name, from: get("from"), to: get("to"), length: split.length, copies };
    laneLoop(scope, locals, range, body);
    return;
  }
  rangeLoop(scope, locals, outerName(name), get("from"), get("to"), (inner) => {
    laneLoop(inner, locals, { name, from: i32(0), to: split.length, length: split.length, copies }, body);
  });
};

/** Writes a reduction of some of the columns into `total`, which it starts. */
const reduceText = (
  scope: Scope,
  func: Func,
  r: Reduction,
  columns: Columns,
  total: Accumulator,
  loop: typeof wholeLoop,
): void => {
  const sums = [
    total,
    ...Array.from({ length: columns.most - 1 }, () => accumulator(r, func.locals)),
  ];
  for (const a of sums) scope.lines.push(...start(r, a));
  loop(scope, func, columns, (rewrite) => {
    const value = rewrite.value(r.value), place = rewrite.index(variable(columns.name, r.length));
    return (inner, copies, lanes) => {
      const texts = Array.from({ length: copies }, (_, c) => inner.value(value, c));
      texts.forEach((text, c) =>
        inner.lines.push(...take(r, sums[c]!, text, () => inner.lanesOf(place, c), lanes))
      );
    };
  });
  for (const a of sums.slice(1)) scope.lines.push(...join(r, total, a));
};

/** Whether a reduction needs the result of another. */
const independent = (r: Reduction): boolean => {
  let alone = true;
  walkValues([r.value], (v) => {
    if (v.kind === "reduced") alone = false;
  });
  return alone;
};

/** Where a spread reduction leaves the results of its pieces. */
interface Spread {
  readonly pieces: number;
  readonly offset: number;
}

/** The phase that computes the pieces of a reduction. */
const piecesPhase = (
  kernel: LoopKernel,
  build: ValueBuilder,
  r: Reduction,
  { pieces, offset }: Spread,
  shared: number,
  dialect: Dialect,
): Phase => {
  const func = new Func(), { locals } = func, columns = columnsOf(build, r.length, [r.value], []);
  declareReductions(locals);
  for (const name of ["row", "piece"]) locals.declare(name, "i32");
  const top = new Scope({ locals, dialect, buffer: func.buffer, result: () => "" });
  const unit = top.loop(["unit", "row", "piece"]), total = accumulator(r, locals);
  unit.lines.push(
    set("row", `(i32.div_u ${get("unit")} ${i32(pieces)})`),
    set("piece", `(i32.rem_u ${get("unit")} ${i32(pieces)})`),
  );
  reduceText(unit, func, r, columns, total, pieceLoop);
  const to = add(func.shared(), times(get("unit"), RESULT));
  unit.lines.push(`(v128.store offset=${offset} ${to} ${get(total.best)})`);
  if (total.at !== undefined) unit.lines.push(`(v128.store offset=${offset + 16} ${to} ${get(total.at)})`);
  const phase = phaseOf(kernel, func, top, unit, kernel.rows * pieces, columns.cost / pieces);
  return { ...phase, label: `pieces ${kernel.rows}x${r.length} ${r.op}`, writes: [], shared };
};

/** Renders a loop kernel whose lanes run over columns. */
export const overColumns = (given: LoopKernel, dialect: Dialect): Phase[] => {
  const build = new ValueBuilder(), { value } = unsplit(build);
  const kernel: LoopKernel = {
    ...given,
    reductions: given.reductions.map((r) => ({ ...r, value: value(r.value) })),
    outputs: given.outputs.map((o) => ({ ...o, value: value(o.value) })),
  };
  const func = new Func(), { locals } = func, results = new Map<number, string>();
  const frame: Frame = { locals, dialect, buffer: func.buffer, result: (v) => get(results.get(v.of.id)!) };
  declareReductions(locals);
  for (const name of ["row", "piece"]) locals.declare(name, "i32");
  const top = new Scope(frame), unit = top.loop(["unit", "row"]);
  unit.lines.push(set("row", get("unit")));

  const loops = kernel.reductions.map((r) => columnsOf(build, r.length, [r.value], []));
  const spread = new Map<Reduction, Spread>();
  let shared = 0, cost = 20;
  kernel.reductions.forEach((r, i) => {
    const pieces = piecesOf(loops[i]!).count;
    if (kernel.rows > FEW || pieces < PIECES || !independent(r)) return;
    spread.set(r, { pieces, offset: shared });
    shared += kernel.rows * pieces * RESULT;
  });
  kernel.reductions.forEach((r, i) => {
    const total = accumulator(r, locals), part = accumulator(r, locals), columns = loops[i]!;
    const own = spread.get(r), pieces = own?.pieces ?? piecesOf(columns).count;
    if (pieces <= 1) reduceText(unit, func, r, columns, total, wholeLoop);
    else {
      unit.lines.push(...start(r, total));
      numberLoop(unit, locals, "piece", pieces, (scope) => {
        if (own === undefined) reduceText(scope, func, r, columns, part, pieceLoop);
        else {
          const from = add(func.shared(), times(add(times(get("row"), pieces), get("piece")), RESULT));
          scope.lines.push(set(part.best, `(v128.load offset=${own.offset} ${from})`));
          if (part.at !== undefined) {
            scope.lines.push(set(part.at, `(v128.load offset=${own.offset + 16} ${from})`));
          }
        }
        scope.lines.push(...join(r, total, part));
      });
    }
    unit.lines.push(...joinLanes(r, total, part));
    results.set(r.tensor.id, total.at ?? total.best);
    cost += 12 + (own === undefined ? columns.cost : pieces);
  });

  storeAll(unit, kernel.outputs.filter((o) => o.perRow), 1);
  const wide = kernel.outputs.filter((o) => !o.perRow);
  if (wide.length > 0) {
    const columns = columnsOf(build, kernel.columns, wide.map((o) => o.value), wide.map((o) => o.at));
    wholeLoop(unit, func, columns, (rewrite) => {
      const outputs = wide.map((o) => ({ ...o, value: rewrite.value(o.value), at: rewrite.index(o.at) }));
      return (scope, copies) => storeAll(scope, outputs, copies);
    });
    cost += columns.cost;
  }
  const last: Phase = { ...phaseOf(kernel, func, top, unit, kernel.rows, cost), shared };
  return [...[...spread].map(([r, s]) => piecesPhase(kernel, build, r, s, shared, dialect)), last];
};
