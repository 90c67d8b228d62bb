/** Random programs: small graphs over a few inputs, made of every kind of primitive, for comparing machines. */
import * as cs from "@chain-of-sight/core";
import type { Scan } from "../support/loops.ts";
import { stream } from "../support/random.ts";

/** A random program and values of its inputs. */
export interface RandomProgram {
  /** Its computation. */
  readonly roots: readonly cs.Tensor[];
  /** Values of its inputs. */
  readonly bindings: cs.Bindings;
}

type Step = (pick: () => cs.Tensor, int: (n: number) => number) => cs.Tensor;

const bounded = (x: cs.Tensor): cs.Tensor => cs.tanh(x);

const axisOf = (x: cs.Tensor, int: (n: number) => number): number => int(x.shape.length);

const swap = (x: cs.Tensor): cs.Tensor => x.shape.length < 2 ? x : cs.transpose(x);

/** Makes a shape fit another by what a user would write: reduce the excess, broadcast the rest. */
const like = (x: cs.Tensor, shape: readonly number[]): cs.Tensor => {
  const total = cs.sizeOf(shape), n = cs.sizeOf(x.shape);
  if (n === total) return cs.reshape(shape)(x);
  const one = cs.reshape(shape.map(() => 1))(cs.mean()(x));
  return cs.broadcastTo(shape)(one);
};

const steps: readonly Step[] = [
  (p) => bounded(p()),
  (p) => cs.exp(cs.neg(cs.abs(p()))),
  (p) => cs.mul(p(), 0.5),
  (p) => {
    const a = p();
    return cs.add(a, like(p(), a.shape));
  },
  (p) => {
    const a = p();
    return cs.mul(bounded(a), like(p(), a.shape));
  },
  (p) => {
    const a = p();
    return cs.select(cs.less(a, like(p(), a.shape)), a, 0.25);
  },
  (p, int) => {
    const a = p(), axis = axisOf(a, int);
    return cs.sub(a, cs.max({ axes: [axis], keep: true })(a));
  },
  (p, int) => {
    const a = p();
    return cs.mean({ axes: [axisOf(a, int)], keep: int(2) === 0 && a.shape.length > 1 })(a);
  },
  (p) => cs.softmax(-1)(p()),
  (p) => {
    const a = p();
    const centred = cs.sub(a, cs.mean({ axes: [-1], keep: true })(a));
    return cs.mul(
      centred,
      cs.rsqrt(cs.add(cs.mean({ axes: [-1], keep: true })(cs.mul(centred, centred)), 0.1)),
    );
  },
  (p) => swap(p()),
  (p, int) => {
    const a = p(), axis = axisOf(a, int), n = a.shape[axis]!;
    return n < 2 ? a : cs.sliceAxis(axis, int(2), n)(a);
  },
  (p, int) => {
    const a = p(), axis = axisOf(a, int);
    return cs.concat([a, bounded(a)], axis);
  },
  (p, int) => {
    const a = p();
    return cs.pad(a.shape.map(() => int(2)), a.shape.map(() => int(2)), 0.5)(a);
  },
  (p, int) => {
    const a = p();
    return cs.flip([axisOf(a, int)])(a);
  },
  (p) => {
    const a = p();
    return a.shape.length < 2 ? a : cs.mul(cs.matmul(swap(a))(a), 0.2);
  },
  (p) => {
    const a = p();
    if (a.shape.length < 2) return a;
    const k = a.shape.at(-1)!;
    const w = cs.mul(cs.cast("f32")(cs.sub(cs.iota([k, 5], 0), cs.iota([k, 5], 1))), 0.1);
    return bounded(cs.matmul(w)(a));
  },
  (p, int) => {
    const a = p(), rows = a.shape[0]!;
    return cs.gather(a)(cs.mod(cs.add(cs.iota([3]), int(5)), rows));
  },
  (p, int) => {
    const a = p();
    const ids = cs.mod(cs.iota([a.shape[0]!]), 1 + int(3));
    return cs.scatterAdd(4)(ids, a);
  },
];

/** The program of a seed. */
export const randomProgram = (seed: number): RandomProgram => {
  const next = stream(`program ${seed}`), int = (n: number) => Math.floor(next() * n);
  const shapes = [[4, 6], [6], [3, 1, 5], [2, 3, 4], [33, 8]];
  const pool: cs.Tensor[] = shapes.map((s, i) => cs.input(`x${i}`, s));
  const bindings = Object.fromEntries(
    shapes.map((s, i) => [`x${i}`, cs.f32(s, Array.from({ length: cs.sizeOf(s) }, () => 4 * next() - 2))]),
  );
  const count = 4 + int(14);
  for (let i = 0; i < count; i++) {
    const made = steps[int(steps.length)]!(() => pool[int(pool.length)]!, int);
    if (cs.sizeOf(made.shape) <= 4096 && made.shape.length > 0) pool.push(made);
  }
  const made = pool.slice(shapes.length);
  const roots = made.length === 0 ? [cs.neg(pool[0]!)] : made.slice(-3);
  return { roots: [...roots, cs.sum()(cs.mul(roots[0]!, roots[0]!))], bindings };
};

/** A loop whose iterations are a random program: values of its inputs, and its results and their gradient by `scan`. */
export const randomLoop = (
  seed: number,
): { readonly rootsBy: (scan: Scan) => readonly cs.Tensor[]; readonly bindings: cs.Bindings } => {
  const { roots, bindings } = randomProgram(seed), next = stream(`loop ${seed}`);
  const turns = 1 + Math.floor(next() * 4), reverse = next() < 0.5, recompute = next() < 0.5;
  const inputs = Object.entries(bindings).map(([path, x]) => cs.input(path, x.shape));
  const [carry, ...others] = inputs as [cs.Tensor, ...cs.Tensor[]], stacked = others.slice(0, 2);
  const given = Object.fromEntries(stacked.map((x, i) => {
    const shape = [turns, ...x.shape];
    return [`stack${i}`, cs.f32(shape, Array.from({ length: cs.sizeOf(shape) }, () => 4 * next() - 2))];
  }));
  const xs = stacked.map((x, i) => cs.input(`stack${i}`, [turns, ...x.shape]));
  const of = (scan: Scan): readonly cs.Tensor[] => {
    const [last, ys] = scan(
      (c: cs.Tensor, slices: readonly cs.Tensor[]) => {
        const by = new Map([[carry, c], ...stacked.map((x, i) => [x, slices[i]!] as const)]);
        const made = cs.substitute(roots, by);
        return [bounded(cs.add(cs.mul(c, 0.5), like(made[0]!, c.shape))), made];
      },
      { carry, xs, reverse, recompute },
    );
    return [last, ...ys];
  };
  const rootsBy = (scan: Scan): readonly cs.Tensor[] => {
    const results = of(scan), loss = results.map((t) => cs.mean()(cs.sin(t))).reduce((a, b) => cs.add(a, b));
    return [...results, ...cs.pullback([loss], [cs.onesLike(loss)], [...inputs, ...xs])];
  };
  return { rootsBy, bindings: { ...bindings, ...given } };
};
