/**
 * Random nestings of transforms. Each program is written once, over marks: with those of the library, and with what
 * they mean without them (a region is its function, a loop its iterations one after the other, a map a call for each
 * example, a hand-written derivative the function's own).
 */
import * as cs from "@chain-of-sight/core";
import type { Bindings, Tensor } from "@chain-of-sight/core";
import { unrolled } from "../support/loops.ts";
import { floats, stream } from "../support/random.ts";

type Binary = (x: Tensor, w: Tensor) => Tensor;
type Mark = (f: Binary) => Binary;

/** The transforms that a program is written over. */
interface Marks {
  readonly remat: <F extends cs.Traceable>(f: F) => F;
  readonly scope: Mark;
  readonly custom: Mark;
  readonly scan: typeof cs.scan;
  readonly map: (f: (x: Tensor) => Tensor) => (rows: Tensor) => Tensor;
}

const dot = (a: Tensor, b: Tensor): Tensor => cs.sum()(cs.mul(a, b));

/** The derivative that a function has, as a rule of its own. */
const own: Mark = (f) =>
  cs.customVjp(f, {
    forward: (x, w) => [f(x, w), { x, w }],
    backward: ({ x, w }, ct) => {
      const g = cs.grad((p: { readonly x: Tensor; readonly w: Tensor }) => dot(f(p.x, p.w), ct))({ x, w });
      return [g.x, g.w];
    },
  });

const marked: Marks = {
  remat: cs.remat,
  scope: cs.scope("part") as Mark,
  custom: own,
  scan: cs.scan,
  map: (f) => cs.vmap(f),
};

const plain: Marks = {
  remat: (f) => f,
  scope: (f) => f,
  custom: (f) => f,
  scan: unrolled,
  map: (f) => (rows) =>
    cs.stack(
      Array.from({ length: rows.shape[0]! }, (_, i) => f(cs.reshape([N])(cs.sliceAxis(0, i, i + 1)(rows)))),
    ),
};

/** Length of all vectors: equal shapes are what parameters could be confused by. */
const N = 3;

/** A function over marks. */
type Piece = (marks: Marks) => Binary;

const table = cs.cos(cs.mul(cs.cast("f32")(cs.iota([N])), 0.7)), even = cs.equal(cs.mod(cs.iota([N]), 2), 0);
const key = cs.input("key", [2], "u32");

const leaves: readonly Binary[] = [
  (x, w) => cs.sin(cs.mul(x, w)),
  (x, w) => cs.add(cs.mul(x, 0.5), w),
  (x, w) => cs.tanh(cs.add(cs.mul(x, table), w)),
  (x, w) => cs.mul(cs.softmax()(w), cs.sin(x)),
  (x, w) => cs.select(even, cs.mul(x, w), cs.cos(x)),
  (x, w) => cs.add(cs.full([N], 0.25), cs.mul(cs.sum({ axes: [0] })(cs.mul(x, w)), 0.3)),
  (x, w) =>
    cs.reshape([N])(cs.matmul(cs.reshape([N, N])(cs.concat([table, w, table])))(cs.reshape([1, N])(x))),
  (x, w) => cs.add(x, cs.stopGradient(cs.sin(cs.mul(w, x)))),
  (x) => cs.dropout(cs.foldIn(key)(cs.constant(5, "i32")), 0.3)(x),
];

/** A random piece; deeper ones nest more transforms. */
const pieceOf = (next: () => number, depth: number): Piece => {
  const pick = (n: number): number => Math.floor(next() * n);
  if (depth === 0) {
    const leaf = leaves[pick(leaves.length)]!;
    return () => leaf;
  }
  const inner = pieceOf(next, depth - 1), other = pieceOf(next, next() < 0.4 ? depth - 1 : 0);
  const reverse = next() < 0.5, recompute = next() < 0.5;
  const ways: readonly Piece[] = [
    // regions: of arguments, of what is closed over, of constants, in each other
    (m) => m.remat(inner(m)),
    (m) => (x, w) => m.remat((y: Tensor) => inner(m)(y, w))(other(m)(x, w)),
    (m) => (x, w) =>
      m.remat((k: Tensor, y: Tensor) => m.remat((z: Tensor) => inner(m)(cs.mul(z, k), w))(y))(table, x),
    (m) => (x, w) => m.remat((y: Tensor, v: Tensor) => cs.add(inner(m)(y, v), other(m)(v, y)))(w, x),
    (m) => m.scope((x, w) => inner(m)(m.scope(other(m))(x, w), w)),
    // rules
    (m) => m.custom(inner(m)),
    (m) => (x, w) => m.custom(inner(m))(other(m)(x, w), w),
    // loops
    (m) => (x, w) =>
      m.scan((c: Tensor, r: Tensor) => [cs.sin(inner(m)(c, r))], {
        carry: x,
        xs: cs.stack([w, other(m)(x, w)]),
        reverse,
        recompute,
      })[0],
    (m) => (x, w) => {
      const [last, ys] = m.scan((c: Tensor, r: Tensor) => {
        const y = m.remat(inner(m))(r, w);
        return [cs.add(cs.mul(c, 0.5), y), cs.mul(y, c)];
      }, { carry: x, xs: cs.stack([x, w, table]), reverse });
      return cs.add(last, cs.sum({ axes: [0] })(ys as Tensor));
    },
    // maps
    (m) => (x, w) => cs.mean({ axes: [0] })(m.map((r) => inner(m)(r, w))(cs.stack([x, other(m)(x, w)]))),
    (m) => (x, w) => cs.mean({ axes: [0] })(m.map((r) => inner(m)(x, r))(cs.stack([w, x]))),
    // derivatives
    (m) => (x, w) => cs.grad((y: Tensor) => cs.sum()(cs.sin(inner(m)(y, w))))(x),
    (m) => (x, w) => cs.jvp((y: Tensor) => inner(m)(y, other(m)(y, w)))(x, w).tangent as Tensor,
    // both
    (m) => (x, w) => cs.add(inner(m)(x, w), cs.mul(other(m)(x, w), 0.5)),
    (m) => (x, w) => inner(m)(other(m)(x, w), w),
  ];
  return ways[pick(ways.length)]!;
};

/** What is asked of a function: each in a list of results. */
const asked: readonly ((f: Binary, x: Tensor, w: Tensor) => readonly Tensor[])[] = [
  (f, x, w) => {
    const { value, grad } = cs.valueAndGrad((p: readonly [Tensor, Tensor]) => dot(f(p[0], p[1]), table))([
      x,
      w,
    ]);
    return [value, ...grad];
  },
  (f, x, w) => {
    const { value, tangent } = cs.jvp((y: Tensor) => f(y, w))(x, w);
    return [value, tangent as Tensor];
  },
  (
    f,
    x,
    w,
  ) => [cs.vmap((r: Tensor) => cs.grad((y: Tensor) => dot(f(y, w), r))(r) as Tensor)(cs.stack([x, w]))],
  (f, x, w) => [cs.hessianVectorProduct((y: Tensor) => dot(f(y, w), w))(x, w) as Tensor],
  (f, x, w) => [
    cs.grad((y: Tensor) => cs.sum()(cs.sin(cs.grad((z: Tensor) => dot(f(z, y), w))(y) as Tensor)))(
      x,
    ) as Tensor,
  ],
];

/** A program in both forms, of equal values. */
export interface Nested {
  /** Results by the library's transforms; regions named `part` are chosen for recomputation. */
  readonly roots: readonly Tensor[];
  /** The same without them. */
  readonly plain: readonly Tensor[];
  /** Values of the inputs. */
  readonly bindings: Bindings;
}

/** The program of a seed. */
export const nestedProgram = (seed: number): Nested => {
  const next = stream(`nested ${seed}`), piece = pieceOf(next, 1 + Math.floor(next() * 4));
  const question = asked[Math.floor(next() * asked.length)]!;
  const x = cs.input("x", [N]), w = cs.input("w", [N]);
  return {
    roots: question(cs.rematWhere(() => true)(piece(marked)), x, w),
    plain: question(piece(plain), x, w),
    bindings: {
      x: floats(`x ${seed}`, [N], -1, 1),
      w: floats(`w ${seed}`, [N], -1, 1),
      key: cs.ndarray("u32", [2], Uint32Array.of(seed, 7)),
    },
  };
};
