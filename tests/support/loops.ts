/** Programs with loops, each written once for `scan` and for the same turns one after the other. */
import * as cs from "@chain-of-sight/core";
import type { Bindings, NdArray, Shape, Tensor } from "@chain-of-sight/core";
import { booleans, floats, integers } from "./random.ts";

/** The form of `scan`. */
export type Scan = typeof cs.scan;

/** Meaning of `scan`, turn by turn. */
export const unrolled: Scan = (body, { carry, xs, length, reverse = false }) => {
  const leaves = xs === undefined ? [] : cs.tensors.leaves(xs as Tensor), n = leaves[0]?.shape[0] ?? length!;
  const stacks: unknown[] = [];
  let now = carry;
  for (let turn = 0; turn < n; turn++) {
    const at = reverse ? n - 1 - turn : turn;
    const slice = xs === undefined ? undefined : cs.tensors.map(
      xs as Tensor,
      (x) => cs.reshape(x.shape.slice(1))(cs.sliceAxis(0, at, at + 1)(x)),
    );
    const [next, y] = body(now, slice as never);
    now = next;
    stacks[at] = y;
  }
  const all = stacks.map((y) => y === undefined ? [] : cs.tensors.leaves(y as Tensor));
  let i = 0;
  const y = stacks[0] === undefined ? undefined : cs.tensors.map(stacks[0] as Tensor, () => {
    const k = i++;
    return cs.stack(all.map((row) => row[k]!));
  });
  return [now, y as never];
};

/** A program: parameters by name, and results of them. */
export interface LoopProgram {
  /** The trials. */
  readonly name: string;
  /** Shapes of the f32 parameters. */
  readonly params: Readonly<Record<string, Shape>>;
  /** Other inputs. */
  readonly given?: Bindings;
  /** The results. */
  readonly of: (scan: Scan) => (p: Readonly<Record<string, Tensor>>) => readonly Tensor[];
}

const step = (w: Tensor) => (h: Tensor): Tensor => cs.tanh(cs.matmul(w)(h));

/** A recurrent program of some sizes. */
const recurrent = (
  name: string,
  turns: number,
  d: number,
  options: { readonly reverse?: boolean } = {},
): LoopProgram => ({
  name: `${name}: ${turns} turns of [${d}, ${d}]`,
  params: { h: [d, d], w: [turns, d, d], b: [turns, d] },
  of: (scan) => ({ h, w, b }) => {
    const [last, ys] = scan(
      (c: Tensor, x: { readonly w: Tensor; readonly b: Tensor }) => {
        const next = cs.add(step(x.w)(c), x.b);
        return [next, { square: cs.mul(next, next), rows: cs.sum({ axes: [1] })(next) }];
      },
      { carry: h!, xs: { w: w!, b: b! }, ...options },
    );
    return [last, ys.square, ys.rows];
  },
});

const counts = integers("counts", [4, 3], 0, 5), mask = booleans("mask", [4, 3, 2]);

/** The programs: aligned and unaligned slices, with and without slices and stacks, and what bodies may hold. */
export const loopPrograms: readonly LoopProgram[] = [
  recurrent("unaligned slices", 4, 3),
  recurrent("aligned slices", 3, 8),
  recurrent("two turns", 2, 5),
  recurrent("one turn", 1, 3),
  recurrent("backwards", 4, 3, { reverse: true }),
  {
    name: "no slices and no stacks; a constant, a view and an expensive expression from outside",
    params: { h: [2, 3], w: [3, 3], b: [3] },
    of: (scan) => ({ h, w, b }) => {
      const expensive = cs.exp(cs.mul(b!, 0.5));
      const [last] = scan(
        (c: Tensor) => [cs.add(step(cs.transpose(w!))(c), cs.mul(expensive, b!))],
        { carry: h!, length: 5 },
      );
      return [last];
    },
  },
  {
    name: "no carry: turns alongside each other",
    params: { x: [4, 2, 3], b: [3] },
    of: (scan) => ({ x, b }) => {
      const [, ys] = scan((_: readonly Tensor[], t: Tensor) => [[], cs.mul(cs.sin(t), b!)], {
        carry: [],
        xs: x!,
      });
      return [ys];
    },
  },
  {
    name: "carries that change places, one that stays, and one result twice",
    params: { a: [2, 3], b: [2, 3], s: [3] },
    of: (scan) => ({ a, b, s }) => {
      const [last, ys] = scan(
        (c: { readonly a: Tensor; readonly b: Tensor; readonly s: Tensor }) => {
          const next = cs.sin(cs.add(c.a, c.s));
          return [{ a: c.b, b: next, s: c.s }, [next, next, c.a] as const];
        },
        { carry: { a: a!, b: b!, s: s! }, length: 3 },
      );
      return [last.a, last.b, last.s, ...ys];
    },
  },
  {
    name: "one tensor as first carry, constant and slices' source; a number as carry",
    params: { x: [4, 4] },
    of: (scan) => ({ x }) => {
      const [last, sums] = scan(
        (c: { readonly m: Tensor; readonly total: Tensor }, row: Tensor) => {
          const m = cs.add(cs.mul(c.m, 0.5), cs.mul(x!, row));
          return [{ m, total: cs.add(c.total, cs.sum()(cs.mul(m, m))) }, c.total];
        },
        { carry: { m: x!, total: cs.constant(0) }, xs: x! },
      );
      return [last.m, last.total, sums];
    },
  },
  {
    name: "integer carries, integer and bool slices and stacks",
    params: { h: [2, 3], table: [5, 2] },
    given: { counts, mask },
    of: (scan) => ({ h, table }) => {
      const ids = cs.input("counts", counts.shape, "i32"), masks = cs.input("mask", mask.shape, "bool");
      const [last, ys] = scan(
        (
          c: { readonly n: Tensor; readonly h: Tensor },
          x: { readonly ids: Tensor; readonly mask: Tensor },
        ) => {
          const rows = cs.mul(cs.gather(table!)(x.ids), cs.cast("f32")(cs.add(c.n, 1)));
          const h = cs.tanh(cs.add(c.h, cs.transpose(cs.select(x.mask, rows, 0))));
          return [{ n: cs.add(c.n, 1), h }, { seen: cs.add(x.ids, c.n), positive: cs.less(0, h) }];
        },
        { carry: { n: cs.constant(0, "i32"), h: h! }, xs: { ids, mask: masks } },
      );
      return [last.n, last.h, ys.seen, ys.positive];
    },
  },
  {
    name: "a loop in a loop",
    params: { h: [2, 3], w: [3, 2, 3, 3], b: [3] },
    of: (scan) => ({ h, w, b }) => {
      const [last, ys] = scan(
        (c: Tensor, ws: Tensor) => {
          const [inner, seen] = scan(
            (i: Tensor, x: Tensor) => {
              const next = cs.add(step(x)(i), cs.mul(c, b!));
              return [next, cs.sum({ axes: [0] })(next)];
            },
            { carry: c, xs: ws, reverse: true },
          );
          return [inner, seen];
        },
        { carry: h!, xs: w! },
      );
      return [last, ys];
    },
  },
  {
    name: "a loop over what a loop has stacked",
    params: { h: [3], x: [5, 3] },
    of: (scan) => ({ h, x }) => {
      const body = (c: Tensor, t: Tensor) => {
        const next = cs.sin(cs.add(cs.mul(c, 0.7), t));
        return [next, next] as const;
      };
      const [a, first] = scan(body, { carry: h!, xs: x! });
      const [b, second] = scan(body, { carry: a, xs: first, reverse: true });
      return [b, second];
    },
  },
  ...([["remat inside", false], ["recomputed", true]] as const).map(([name, recompute]): LoopProgram => ({
    name: `${name}: attention and a gated perceptron`,
    params: {
      x: [1, 5, 4],
      q: [3, 4, 4],
      k: [3, 4, 4],
      v: [3, 4, 4],
      up: [3, 4, 6],
      down: [3, 6, 4],
      g: [3, 4],
    },
    of: (scan) => ({ x, ...ws }) => {
      const block = (h: Tensor, p: Readonly<Record<string, Tensor>>): Tensor => {
        const n = cs.mul(
          h,
          cs.mul(cs.rsqrt(cs.add(cs.mean({ axes: [-1], keep: true })(cs.mul(h, h)), 1e-3)), p.g!),
        );
        const heads = (m: Tensor) => cs.permute([0, 2, 1, 3])(cs.reshape([1, 5, 2, 2])(cs.matmul(m)(n)));
        const seen = cs.attend(heads(p.q!), heads(p.k!), heads(p.v!), { causal: true, scale: 0.7 }).values;
        const z = cs.add(h, cs.reshape([1, 5, 4])(cs.permute([0, 2, 1, 3])(seen)));
        return cs.add(z, cs.matmul(p.down!)(cs.silu(cs.matmul(p.up!)(z))));
      };
      const inner = recompute ? block : cs.remat(block);
      const [last] = scan((h: Tensor, p: Readonly<Record<string, Tensor>>) => [inner(h, p)], {
        carry: x!,
        xs: ws as Record<string, Tensor>,
        recompute,
      });
      return [last];
    },
  })),
];

/** Inputs of a program. */
export const paramsOf = (p: LoopProgram): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(p.params).map(([name, shape]) => [name, cs.input(name, shape)]));

/** Numbers for its inputs; `f32` in float64 where `exact`. */
export const numbersOf = (p: LoopProgram, exact = false): Record<string, NdArray> => ({
  ...Object.fromEntries(
    Object.entries(p.params).map(([name, shape]) => {
      const { data } = floats(`${p.name} ${name}`, shape, -1, 1);
      return [name, { dtype: "f32" as const, shape, data: exact ? Float64Array.from(data) : data }];
    }),
  ),
  ...p.given,
});

/** A scalar that moves with every result. */
export const weighed = (results: readonly Tensor[]): Tensor =>
  results.filter((t) => t.dtype === "f32").map((t) => {
    const n = t.shape.reduce((a, b) => a * b, 1),
      weights = cs.add(cs.mul(cs.cast("f32")(cs.iota([n])), 0.1), 0.3);
    return cs.sum()(cs.mul(cs.sin(cs.reshape([n])(t)), weights));
  }).reduce((a, b) => cs.add(a, b));
