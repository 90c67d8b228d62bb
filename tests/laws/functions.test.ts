/** Functions of the language: parameters, regions, derivatives by hand, constants to derivatives, dropout. */
import * as cs from "@chain-of-sight/core";
import type { Bindings, NdArray, Tensor } from "@chain-of-sight/core";
import { compile, portableProfile } from "@chain-of-sight/kernels";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { here, lineOf } from "../support/here.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const CLOSE = { rtol: 1e-9, atol: 1e-9 };
const x = cs.input("x", [4]), w = cs.input("w", [4]), key = cs.input("key", [2], "u32");
const bindings: Bindings = {
  x: floats("x", [4], -1, 1),
  h: cs.ndarray("f16", [4], Float64Array.of(1, 2, 3, 4)),
  w: floats("w", [4], -1, 1),
  key: cs.ndarray("u32", [2], Uint32Array.of(3, 5)),
};
const values = (...roots: readonly Tensor[]): NdArray[] => cs.interpret(roots, bindings);
const numbers = (
  t: Tensor,
  more: Bindings = {},
): number[] => [...cs.interpret([t], { ...bindings, ...more })[0]!.data];
const same = (label: string, a: readonly Tensor[], b: readonly Tensor[]): void => {
  const before = values(...b), forms = [values(...a), values(...cs.simplify(a))];
  for (const after of forms) after.forEach((v, i) => near(`${label} ${i}`, v, before[i]!, CLOSE));
};

/** The error of what throws. */
const thrown = <E>(kind: new (fault: cs.Fault) => E, f: () => unknown): E => {
  try {
    f();
  } catch (e) {
    assert.ok(e instanceof kind, String(e));
    return e as E;
  }
  throw new Error("nothing was thrown");
};

test("a constant that an outer region is given and an inner one closes over", () => {
  const c = cs.full([4], 2);
  type Mark = (g: (...xs: Tensor[]) => Tensor) => (...xs: Tensor[]) => Tensor;
  const f = (mark: Mark) => (y: Tensor): Tensor =>
    cs.sum()(mark((k, z) => mark((v) => cs.mul(v, k!))(z!))(c, y));
  assert.equal(numbers(cs.grad(f(cs.remat))(x)), [2, 2, 2, 2]);
  assert.equal(numbers(cs.grad(cs.rematWhere(() => true)(f(cs.scope("s") as Mark)))(x)), [2, 2, 2, 2]);
});

test("regions of equal shapes in each other, four deep, crosswise", () => {
  const nest = (mark: typeof cs.remat, depth: number): (a: Tensor, b: Tensor) => Tensor =>
    depth === 0
      ? (a, b) => cs.sin(cs.mul(a, b))
      : mark((a: Tensor, b: Tensor) =>
        cs.add(nest(mark, depth - 1)(b, a), cs.mul(b, nest(mark, depth - 1)(a, w)))
      );
  const of = (mark: typeof cs.remat): Tensor[] => {
    const loss = (p: readonly Tensor[]) => cs.sum()(nest(mark, 4)(p[0]!, p[1]!));
    return [...cs.grad(loss)([x, w]) as readonly Tensor[], cs.hessianVectorProduct(loss)([x, w], [w, x])[0]!];
  };
  same("nested", of(cs.remat), of((f) => f));
});

test("no name of an input is one of a parameter", () => {
  const names = [
    "source 0 of region",
    "carry 0 of scan",
    "argument 0 of attention",
    "cotangent of region",
    "stand-in 0.0",
    "parameter",
    "argument 0",
    "carry 0",
    "(totals 0)",
  ];
  for (const name of names) {
    const odd = cs.input(name, [4]), more = { [name]: floats(name, [4], -1, 1) };
    const f = (mark: typeof cs.remat, scan: boolean) => (y: Tensor): Tensor => {
      const inner = mark((z: Tensor) => cs.sin(cs.mul(z, odd)))(y);
      return cs.sum()(
        scan
          ? cs.scan((c: Tensor) => [cs.mul(cs.cos(c), odd)], { carry: inner, length: 1 })[0]
          : cs.mul(cs.cos(inner), odd),
      );
    };
    near(
      name,
      cs.interpret([cs.grad(f(cs.remat, true))(x)], { ...bindings, ...more })[0]!,
      cs.interpret([cs.grad(f((g) => g, false))(x)], { ...bindings, ...more })[0]!,
      CLOSE,
    );
  }
});

test("a transposed convolution reads an input of any name", () => {
  const [y, z] = ["image of convTranspose2d", "other"].map((name) => {
    const odd = cs.input(name, [1, 2, 2, 1]), weight = cs.reshape([1, 1, 1, 1])(cs.sum()(odd));
    const y = cs.convTranspose2d({ weight })(cs.reshape([1, 2, 2, 1])(x));
    return numbers(y, { [name]: floats("odd", [1, 2, 2, 1], -1, 1) });
  });
  assert.equal(y, z);
});

test("equal functions are one, whatever they were traced from", () => {
  const f = (v: Tensor) => cs.remat((y: Tensor) => cs.tanh(cs.mul(y, v)));
  const bodyOf = (t: Tensor) => (t.args[0] as Tensor<"call">).attributes.body;
  assert.is(bodyOf(f(w)(x)), bodyOf(f(x)(w)));
  assert.is(f(w)(x), f(w)(x));
  const layers = Array.from({ length: 8 }, (_, i) => cs.input(`w${i}`, [4]));
  const deep = layers.reduce((h, v) => f(v)(h), x);
  const calls = cs.topological([deep]).filter((t) => cs.is("call", t));
  assert.is(new Set(calls.map((t) => t.attributes.body)).size, 1);
});

test("a function of several results is recomputed as one", () => {
  const f = (a: Tensor): readonly [Tensor, Tensor] => [cs.sin(cs.mul(a, w)), cs.exp(cs.mul(a, w))];
  const loss = (mark: typeof cs.remat) => (a: Tensor): Tensor => {
    const [p, q] = mark(f)(a);
    return cs.sum()(cs.mul(p, q));
  };
  same("two results", [cs.grad(loss(cs.remat))(x)], [cs.grad(loss((g) => g))(x)]);
});

test("a tensor that left its function is an error before anything runs, at its line", () => {
  const held: { double?: Tensor; carry?: Tensor; row?: Tensor; inner?: Tensor } = {};
  let line = "";
  cs.grad((p: Tensor) => {
    held.double = cs.mul(p, 2), line = here();
    return cs.sum()(cs.mul(p, p));
  })(x);
  cs.scan((c: Tensor) => [held.carry = cs.sin(c)], { carry: x, length: 2 });
  cs.vmap((r: Tensor) => held.row = cs.cos(r))(cs.stack([x, w]));
  cs.remat((a: Tensor) => cs.exp(held.inner = cs.neg(a)))(x);
  const left = [held.double!, held.carry!, held.row!, held.inner!];
  for (const t of left) {
    for (const root of [t, cs.add(t, 1)]) {
      assert.match(thrown(cs.TreeError, () => cs.interpret([root], bindings)).message, /left its function/);
      assert.match(thrown(cs.TreeError, () => cs.simplify([root])).message, /left its function/);
      assert.match(
        thrown(cs.TreeError, () => compile({ outputs: { y: root } }, portableProfile)).message,
        /left its function/,
      );
    }
  }
  assert.is(lineOf(thrown(cs.TreeError, () => cs.interpret([held.double!], bindings)).at), line);
  assert.match(thrown(cs.TreeError, () => cs.interpret([held.double!], bindings)).message, /mul f32 \[4\]/);
});

test("within the function that is traced its tensors may be rewritten", () => {
  const slope = cs.grad((p: Tensor) => cs.simplify([cs.sum()(cs.mul(cs.mul(p, 1), p))])[0]!)(x);
  same("2 x", [slope], [cs.mul(x, 2)]);
});

test("results in containers that are no trees are refused", () => {
  class Box {
    constructor(readonly inside: Tensor) {}
  }
  const square = (p: Tensor): Tensor => cs.sum()(cs.mul(p, p));
  const odd: readonly ((t: Tensor) => unknown)[] = [
    (t) => new Map([["double", t]]),
    (t) => new Set([t]),
    (t) => new Box(t),
    (t) => ({ deep: [new Map([["a", { b: t }]])] }),
  ];
  for (const put of odd) {
    const message = (f: () => unknown): string => thrown(cs.TreeError, f).message;
    assert.match(
      message(() => cs.valueAndGrad((p: Tensor) => [square(p), put(cs.mul(p, 2))] as const)(x)),
      /lists and plain records/,
    );
    assert.match(message(() => cs.remat((p: Tensor) => put(cs.mul(p, 2)))(x)), /lists and plain records/);
    assert.match(
      message(() => cs.scan((c: Tensor) => [c, put(c) as Tensor], { carry: x, length: 2 })),
      /no tensor/,
    );
    // what does not depend on the arguments may be anywhere
    const { aux } = cs.valueAndGrad((p: Tensor) => [square(p), put(w)] as const)(x);
    assert.ok(aux !== undefined);
  }
  const held = new Map([["a", x]]);
  assert.match(thrown(cs.TreeError, () => cs.stopGradient(held)).message, /a Map with tensors/);
  const mapped = () =>
    cs.vmap((m: never, y: Tensor) => cs.add((m as typeof held).get("a")!, y))(held as never, x);
  assert.match(thrown(cs.TreeError, mapped).message, /a Map with tensors/);
  assert.match(
    thrown(cs.TreeError, () => cs.grad(() => cs.constant(0))(new Map([["a", x]]) as never)).message,
    /a Map/,
  );
});

test("merged scans close no cycle", () => {
  // a is a part of b, which reads c; c is a part of d, which reads a
  const loop = (xs: Tensor, extra?: Tensor): readonly Tensor[] => {
    const [last, ys] = cs.scan((c: Tensor, r: Tensor) => {
      const next = cs.sin(cs.add(c, r));
      return [next, extra === undefined ? { n: next } : { n: next, e: cs.mul(next, extra) }];
    }, { carry: x, xs });
    return [last, ...cs.tensors.leaves(ys as never)];
  };
  const rows = cs.input("rows", [2, 4]), cols = cs.input("cols", [2, 4]);
  const more = { rows: floats("rows", [2, 4], -1, 1), cols: floats("cols", [2, 4], -1, 1) };
  const a = loop(rows), c = loop(cols), b = loop(rows, c[0]), d = loop(cols, a[0]);
  const roots = [...a, ...b, ...c, ...d];
  const before = cs.interpret(roots, { ...bindings, ...more });
  cs.interpret(cs.simplify(roots), { ...bindings, ...more }).forEach((v, i) =>
    near(`root ${i}`, v, before[i]!, CLOSE)
  );
  // one of the two pairs is one scan
  const count = (ts: readonly Tensor[]) => cs.topological(ts).filter((t) => cs.is("scan", t)).length;
  assert.is(count(cs.simplify(roots)), 3);
});

test("a loop of which only what reads nothing is needed", () => {
  const [, ys] = cs.scan((c: Tensor) => [cs.sin(c), { still: cs.add(cs.iota([2]), 1), moving: c }], {
    carry: x,
    length: 3,
  });
  same("still", [ys.still], [cs.broadcastTo([3, 2])(cs.add(cs.iota([2]), 1))]);
});

test("the gradient of a scan for f16 that is the same in every iteration adds up in f32", () => {
  const length = 3000, h = cs.input("h", [4], "f16");
  const f = (p: Tensor): Tensor => {
    const half = cs.cast("f16")(p);
    return cs.sum()(
      cs.cast("f32")(
        cs.scan((c: Tensor) => [cs.add(c, cs.mul(cs.cast("f32")(half), 1e-3))], {
          carry: cs.full([2], 0),
          length,
        })[0],
      ),
    );
  };
  near("slope", values(cs.grad(f)(cs.full([2], 1)))[0]!, cs.ndarray("f32", [2], Float64Array.of(3, 3)), {
    rtol: 1e-3,
    atol: 0,
  });
  const rows = cs.cast("f16")(cs.stack([x, x, x]));
  const last = cs.scan((c: Tensor, r: Tensor) => [cs.add(c, cs.mul(r, h))], { carry: h, xs: rows })[0];
  const [slope] = cs.pullback([last], [cs.full([4], 1, "f16")], [h]) as [Tensor];
  assert.is(slope.dtype, "f16");
  near("1 + 3 x", values(slope)[0]!, values(cs.cast("f16")(cs.add(cs.mul(x, 3), 1)))[0]!, {
    rtol: 2e-3,
    atol: 0,
  });
});

test("stopGradient: the values, and no derivative", () => {
  const f = (y: Tensor): Tensor => cs.sum()(cs.mul(y, cs.stopGradient(cs.sin(y))));
  same("reverse", [cs.grad(f)(x)], [cs.sin(x)]);
  same("forward", [cs.jvp(f)(x, w).tangent as Tensor], [cs.sum()(cs.mul(w, cs.sin(x)))]);
  const rows = cs.stack([x, w]);
  same("mapped", [cs.vmap((r: Tensor) => cs.grad(f)(r) as Tensor)(rows)], [cs.sin(rows)]);
  const { a, b } = cs.stopGradient({ a: x, b: [w, 3] as const });
  same("a tree", [a, b[0]], [x, w]);
  assert.is(b[1], 3);
  const loop = (y: Tensor): Tensor =>
    cs.sum()(cs.scan((c: Tensor) => [cs.mul(c, cs.stopGradient(c))], { carry: y, length: 2 })[0]);
  same("loop", [cs.grad(loop)(x)], [cs.mul(cs.mul(x, x), x)]);
});

const cube = cs.customVjp((y: Tensor, z: Tensor) => cs.mul(cs.mul(cs.mul(y, y), y), z), {
  forward: (y, z) => [cs.mul(cs.mul(cs.mul(y, y), y), z), [y, z] as const],
  backward: (
    [y, z],
    ct,
  ) => [cs.mul(ct, cs.mul(cs.mul(cs.mul(y, y), 3), z)), cs.mul(ct, cs.mul(cs.mul(y, y), y))],
});
const cubeItself = (y: Tensor, z: Tensor): Tensor => cs.mul(cs.mul(cs.mul(y, y), y), z);

test("customVjp: an exact rule changes nothing, whatever is done with it", () => {
  type F = typeof cubeItself;
  const ways: readonly ((f: F) => Tensor)[] = [
    (f) => f(x, w),
    (f) => cs.grad((y: Tensor) => cs.sum()(f(y, w)))(x),
    (f) => cs.grad((y: Tensor) => cs.sum()(f(w, y)))(x),
    (f) => cs.grad((y: Tensor) => cs.sum()(cs.sin(cs.grad((z: Tensor) => cs.sum()(f(z, y)))(y))))(x),
    (f) => cs.jvp((y: Tensor) => f(y, cs.sin(y)))(x, w).tangent as Tensor,
    (f) => cs.hessianVectorProduct((y: Tensor) => cs.sum()(f(y, y)))(x, w) as Tensor,
    (f) => cs.vmap((r: Tensor) => f(r, w))(cs.stack([x, w])),
    (f) => cs.vmap((r: Tensor) => cs.grad((z: Tensor) => cs.sum()(f(r, z)))(w))(cs.stack([x, w])),
    (f) => cs.grad((z: Tensor) => cs.sum()(cs.vmap((r: Tensor) => f(r, z))(cs.stack([x, w]))))(w),
    (f) =>
      cs.grad((y: Tensor) => cs.sum()(cs.scan((c: Tensor) => [cs.sin(f(c, w))], { carry: y, length: 3 })[0]))(
        x,
      ),
    (f) => cs.grad((y: Tensor) => cs.sum()(cs.remat((z: Tensor) => f(cs.sin(z), w))(y)))(x),
    (f) => cs.jvp(cs.remat((y: Tensor) => f(y, w)))(x, w).tangent as Tensor,
  ];
  ways.forEach((way, i) => same(`way ${i}`, [way(cube)], [way(cubeItself)]));
});

test("customVjp: the rule is what is used, over trees, with arguments that have no cotangent", () => {
  const f = cs.customVjp(
    ({ a, n }: { readonly a: Tensor; readonly n: Tensor }, scale: number) => [cs.mul(a, scale), n] as const,
    {
      forward: ({ a, n }, scale) => [[cs.mul(a, scale), n] as const, n],
      backward: (n, [ct]) => [{ a: cs.mul(ct, cs.cast("f32")(n)), n }, undefined],
    },
  );
  const n = cs.add(cs.iota([4]), 1);
  assert.equal(numbers(cs.grad((a: Tensor) => cs.sum()(f({ a, n }, 10)[0]))(x)), [1, 2, 3, 4]);
  const none = cs.customVjp((a: Tensor) => a, { forward: (a) => [a, null], backward: () => [null] });
  assert.equal(numbers(cs.grad((a: Tensor) => cs.sum()(none(a)))(x)), [0, 0, 0, 0]);
});

test("customVjp: straight through a rounding, in both modes and in a second derivative", () => {
  const through = cs.customVjp((a: Tensor) => cs.round(a), {
    forward: (a) => [cs.round(a), null],
    backward: (_, ct) => [ct],
  });
  same("reverse", [cs.grad((a: Tensor) => cs.sum()(cs.mul(through(a), w)))(x)], [w]);
  same("forward", [cs.jvp(through)(x, w).tangent as Tensor], [w]);
  // d/dx (through(x) + x) along w
  const square = (a: Tensor): Tensor => cs.sum()(cs.mul(through(a), a));
  same("second", [cs.hessianVectorProduct(square)(x, w) as Tensor], [cs.mul(w, 2)]);
});

test("customVjp: what does not fit is refused", () => {
  const rule = (backward: (r: Tensor, ct: Tensor) => readonly unknown[]) =>
    cs.customVjp((a: Tensor) => cs.mul(a, a), { forward: (a) => [cs.mul(a, a), a], backward });
  const bent = rule((a, ct) => [cs.mul(cs.mul(ct, ct), a)]);
  assert.match(thrown(cs.TreeError, () => cs.jvp(bent)(x, w)).message, /not linear in the cotangent/);
  assert.match(thrown(cs.TreeError, () => rule(() => [])(x)).message, /0 cotangents; expected 1/);
  assert.match(thrown(cs.ShapeError, () => rule((_, ct) => [cs.sum()(ct)])(x)).message, /cotangent f32 \[\]/);
  assert.match(
    thrown(cs.DTypeError, () => rule((_, ct) => [cs.cast("f16")(ct)])(x)).message,
    /cotangent f16/,
  );
  const short = cs.customVjp((a: Tensor) => cs.mul(a, a), {
    forward: (a) => [cs.sum()(a), a],
    backward: (_, ct) => [ct],
  });
  assert.match(thrown(cs.TreeError, () => short(x)).message, /forward rule with results/);
  // what a function closes over has values, and no derivative
  const closing = (v: Tensor) =>
    cs.customVjp((a: Tensor) => cs.mul(a, v), {
      forward: (a) => [cs.mul(a, v), v],
      backward: (u, ct) => [cs.mul(ct, u)],
    });
  same("closed over", [cs.grad((a: Tensor) => cs.sum()(closing(w)(a)))(x)], [w]);
  const captured = () => cs.grad((v: Tensor) => cs.sum()(closing(v)(x)))(w);
  assert.match(thrown(cs.TreeError, captured).message, /closes over/);
  same("stopped", [cs.grad((v: Tensor) => cs.sum()(cs.mul(v, closing(cs.stopGradient(v))(x))))(w)], [
    cs.mul(w, x),
  ]);
});

test("dropout: what is kept is scaled, in shares that the rate says, by the key alone", () => {
  const many = cs.full([40, 250], 1), [y] = values(cs.dropout(key, 0.3)(many)) as [NdArray];
  const kept = y.data.filter((v) => v !== 0);
  assert.ok(kept.every((v) => Math.abs(v - 1 / 0.7) < 1e-6));
  // 10,000 draws: four standard deviations are 0.018
  assert.ok(Math.abs(kept.length / y.data.length - 0.7) < 0.018, String(kept.length));
  assert.equal([...values(cs.dropout(key, 0.3)(many))[0]!.data], [...y.data]);
  assert.equal(numbers(cs.dropout(key, 0)(x)), numbers(x));
  assert.equal(numbers(cs.dropout(key, 1)(x)), [0, 0, 0, 0]);
  const half = cs.dropout(key, 0.5)(cs.cast("f16")(x));
  assert.is(half.dtype, "f16");
  for (const rate of [-0.1, 1.5, NaN]) {
    assert.match(thrown(cs.ConfigError, () => cs.dropout(key, rate)(x)).message, /a rate of/);
  }
  assert.match(
    thrown(cs.ShapeError, () => cs.dropout(cs.cast("u32")(cs.iota([3])), 0.5)(x)).message,
    /a key of shape \[3\]/,
  );
});

test("dropout: one mask in the forward pass, its recomputation and the backward pass", () => {
  const f = (mark: typeof cs.remat) => (y: Tensor): Tensor =>
    cs.sum()(mark((z: Tensor) => cs.mul(cs.dropout(key, 0.5)(cs.sin(z)), z))(y));
  same("recomputed", [cs.grad(f(cs.remat))(x)], [cs.grad(f((g) => g))(x)]);
  const drop = cs.dropout(key, 0.5), mask = numbers(drop(cs.full([4], 1)));
  assert.equal(numbers(cs.grad((y: Tensor) => cs.sum()(drop(y)))(x)), mask);
  assert.equal(numbers(cs.jvp(drop)(x, cs.full([4], 1)).tangent as Tensor), mask);
});

test("dropout under vmap: a key for all is one mask for all, keys of their own are masks of their own", () => {
  const rows = cs.full([6, 50], 1), fold = (i: number) => cs.foldIn(key)(cs.constant(i, "i32"));
  const shared = cs.vmap((r: Tensor) => cs.dropout(key, 0.5)(r))(rows);
  const once = cs.dropout(key, 0.5)(cs.full([50], 1));
  same("shared", [shared], [cs.stack(Array.from({ length: 6 }, () => once))]);
  const keys = cs.stack(Array.from({ length: 6 }, (_, i) => fold(i)));
  const own = cs.vmap((k: Tensor, r: Tensor) => cs.dropout(k, 0.5)(r))(keys, rows);
  same("own", [own], [
    cs.stack(Array.from({ length: 6 }, (_, i) => cs.dropout(fold(i), 0.5)(cs.full([50], 1)))),
  ]);
  const twice = cs.vmap(cs.vmap((k: Tensor) => cs.uniform([3])(k)))(cs.stack([keys, cs.flip([0])(keys)]));
  same("two deep", [twice], [
    cs.stack([
      cs.stack([0, 1, 2, 3, 4, 5].map((i) => cs.uniform([3])(fold(i)))),
      cs.stack([5, 4, 3, 2, 1, 0].map((i) => cs.uniform([3])(fold(i)))),
    ]),
  ]);
});

test("dropout in turns: a key folded with the iteration draws again, forward and back", () => {
  const of = (scan: boolean) => (y: Tensor): Tensor => {
    const turn = (c: Tensor, i: Tensor) => cs.add(cs.dropout(cs.foldIn(key)(i), 0.5)(c), 1);
    return cs.sum()(
      scan
        ? cs.scan((c: Tensor, i: Tensor) => [turn(c, i)], { carry: y, xs: cs.iota([3]) })[0]
        : [0, 1, 2].reduce((c, i) => turn(c, cs.constant(i, "i32")), y),
    );
  };
  same("turns", [cs.grad(of(true))(x), of(true)(x)], [cs.grad(of(false))(x), of(false)(x)]);
});

test("foldIn: keys that differ, and that no other pair has", () => {
  const step = cs.input("step", [], "i32"), folded = cs.foldIn(key)(step), seen = new Set<string>();
  const at = (k: readonly [number, number], n: number): string =>
    numbers(folded, {
      key: cs.ndarray("u32", [2], Uint32Array.from(k)),
      step: cs.ndarray("i32", [], Int32Array.of(n)),
    }).join();
  for (const k of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) {
    for (let n = 0; n < 33; n++) seen.add(at(k, n));
    seen.add(k.join());
  }
  assert.is(seen.size, 4 * 33 + 4);
  const bits = numbers(cs.randomBits([4])(key)).join();
  assert.not.ok([0, 1, 2].some((n) => bits.includes(at([3, 5], n))));
});

test("maps name an axis for every argument", () => {
  const f = (a: Tensor, b: Tensor) => cs.add(a, b), rows = cs.stack([x, w]);
  assert.match(
    thrown(cs.ShapeError, () => cs.vmap(f, { in: [0] })(rows, rows)).message,
    /1 entries of `in` for 2 arguments/,
  );
  assert.match(thrown(cs.ShapeError, () => cs.vmap(f, { in: [0, 0, 0] })(rows, rows)).message, /3 entries/);
  same("null", [cs.vmap(f, { in: [0, null] })(rows, x)], [cs.add(rows, x)]);
});

test("equal nodes whatever the order of arguments and attributes", () => {
  for (const op of ["add", "mul", "maximum", "minimum", "equal"] as const) {
    assert.is(cs[op](x, w), cs[op](w, x), op);
  }
  assert.is.not(cs.sub(x, w), cs.sub(w, x));
  const slice = cs.recordOf("slice");
  const build = (attributes: object) =>
    cs.remade(slice, cs.intern("slice", [x], attributes as never, [2], "f32"), [x]);
  assert.is(build({ start: [0], stop: [2], step: [1] }), build({ step: [1], stop: [2], start: [0] }));
  assert.is.not(build({ start: [0], stop: [2], step: [1] }), build({ start: [1], stop: [3], step: [1] }));
});

test("flatten refuses two leaves of one path", () => {
  const tree = { a: { b: x }, "a.b": w };
  assert.match(thrown(cs.TreeError, () => cs.tensors.flatten(tree)).message, /two leaves at a\.b/);
  assert.match(
    thrown(cs.TreeError, () => cs.unflatten(cs.tensors, tree, { "a.b": x })).message,
    /two leaves/,
  );
  assert.equal(Object.keys(cs.tensors.flatten({ "a.c": x, a: { b: w } })), ["a.c", "a.b"]);
  // their gradients are both there
  const { a, ...rest } = cs.grad((p: typeof tree) => cs.sum()(cs.add(p.a.b, cs.mul(p["a.b"], 2))))(tree);
  assert.equal([...numbers(a.b), ...numbers(rest["a.b"])], [1, 1, 1, 1, 2, 2, 2, 2]);
});

test("origins are text alone", () => {
  const y = cs.exp(cs.input("origin", [2])), line = here();
  assert.equal(structuredClone(y.origin), { at: y.origin.at });
  assert.is(lineOf(y.origin.at), line);
});

test.run();
