/** Loops against the same iterations one after the other: values, every transform, and what is left of them when tidied. */
import * as cs from "@chain-of-sight/core";
import type { Bindings, Tensor, Tree } from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loopPrograms, numbersOf, paramsOf, type Scan, unrolled, weighed } from "../support/loops.ts";
import { near } from "../support/near.ts";
import { randomLoop } from "./programs.ts";
import { floats } from "../support/random.ts";

const CLOSE = { rtol: 1e-9, atol: 1e-9 };

const same = (label: string, a: readonly Tensor[], b: readonly Tensor[], bindings: Bindings): void => {
  const expected = cs.interpret(a, bindings), actual = cs.interpret(b, bindings);
  assert.is(actual.length, expected.length);
  expected.forEach((x, i) => near(`${label} ${i}`, actual[i]!, x, CLOSE));
};
const leaves = (tree: unknown): Tensor[] => cs.tensors.leaves(tree as Tree<Tensor>);

for (const program of loopPrograms) {
  const params = paramsOf(program), at = numbersOf(program, true);
  const along = Object.fromEntries(
    Object.entries(params).map(([name, x]) => [name, cs.cos(cs.mul(x, 3))]),
  );
  const scalar = (scan: Scan) => (p: typeof params): Tensor => weighed(program.of(scan)(p));
  const both = <A>(f: (scan: Scan) => A): readonly [A, A] => [f(unrolled), f(cs.scan)];

  test(`values: ${program.name}`, () => {
    const [expected, actual] = both((scan) => program.of(scan)(params));
    expected.forEach((t, i) => assert.is(actual[i]!.dtype, t.dtype));
    same("value", expected, actual, at);
    same("simplified value", expected, cs.simplify(actual), at);
  });

  test(`gradient, forward and backward: ${program.name}`, () => {
    const [expected, actual] = both((scan) => {
      const { value, grad } = cs.valueAndGrad(scalar(scan))(params);
      return [value, ...leaves(grad)];
    });
    same("gradient", expected, actual, at);
    same("simplified gradient", expected, cs.simplify(actual), at);
    const [slope, moved] = both((scan) =>
      leaves(cs.jvp(program.of(scan) as never)(params as never, along as never))
    );
    same("jvp", slope, moved, at);
    same("simplified jvp", slope, cs.simplify(moved), at);
  });

  test(`second derivatives: ${program.name}`, () => {
    const [hv, hu] = both((scan) => leaves(cs.hessianVectorProduct(scalar(scan))(params, along)));
    same("jvp(grad)", hv, hu, at);
    const square = (scan: Scan) => (p: typeof params): Tensor => weighed(leaves(cs.grad(scalar(scan))(p)));
    const [gg, hh] = both((scan) => leaves(cs.grad(square(scan))(params)));
    same("grad(grad)", gg, hh, at);
    same("simplified grad(grad)", gg, cs.simplify(hh), at);
    const sloped = (scan: Scan) => (p: typeof params): Tensor =>
      cs.jvp(scalar(scan))(p, along).tangent as Tensor;
    const [gj, hj] = both((scan) => leaves(cs.grad(sloped(scan))(params)));
    same("grad(jvp)", gj, hj, at);
  });

  test(`vmap: ${program.name}`, () => {
    const many = Object.fromEntries(
      Object.entries(params).map(([name, x]) => [name, cs.stack([x, cs.mul(x, 0.5), cs.neg(x)])]),
    );
    const [expected, actual] = both((scan) => leaves(cs.vmap(program.of(scan) as never)(many as never)));
    same("all mapped", expected, actual, at);
    for (const name of Object.keys(params)) {
      const one = (scan: Scan) => (x: Tensor) => program.of(scan)({ ...params, [name]: x });
      const [some, others] = both((scan) => leaves(cs.vmap(one(scan) as never)(many[name] as never)));
      same(`${name} mapped`, some, others, at);
    }
    const [grads, scanned] = both((scan) =>
      leaves(cs.vmap((p: typeof params) => cs.grad(scalar(scan))(p) as Tree<Tensor>)(many))
    );
    same("vmap(grad)", grads, scanned, at);
    const mean = (scan: Scan) => (p: typeof params) =>
      weighed(leaves(cs.vmap(program.of(scan) as never)(p as never)));
    const [means, meant] = both((scan) => leaves(cs.grad(mean(scan))(many)));
    same("grad(vmap)", means, meant, at);
  });
}

for (let seed = 0; seed < 40; seed++) {
  test(`random loop ${seed}`, () => {
    const { rootsBy, bindings } = randomLoop(seed), loop = rootsBy(cs.scan);
    same("result", rootsBy(unrolled), loop, bindings);
    same("simplified result", loop, cs.simplify(loop), bindings);
  });
}

const h = cs.input("h", [2, 3]), w = cs.input("w", [4, 3, 3]);
const layer = (c: Tensor, x: Tensor): readonly [Tensor] => [cs.tanh(cs.matmul(x)(c))];
const loopsIn = (roots: readonly Tensor[]): Tensor[] => cs.topological(roots).filter((t) => cs.is("scan", t));

test("a body is described once, however many iterations there are, and equal bodies are one", () => {
  const nodes = (turns: number): number => {
    const [last] = cs.scan(layer, { carry: h, xs: cs.input("w", [turns, 3, 3]) });
    const loss = (p: Tensor): Tensor => cs.sum()(cs.scan(layer, { carry: h, xs: p })[0]);
    return cs.costOf([last, cs.grad(loss)(cs.input("w", [turns, 3, 3])) as Tensor]).nodes;
  };
  assert.is(nodes(2), nodes(32));
  const one = cs.scan(layer, { carry: h, xs: w })[0];
  assert.is(cs.scan(layer, { carry: h, xs: w })[0], one, "the same scan");
  const [first, second] = loopsIn([one, cs.scan(layer, { carry: h, xs: cs.input("v", [9, 3, 3]) })[0]]);
  assert.is.not(first, second);
  assert.is(
    (first as Tensor<"scan">).attributes.body,
    (second as Tensor<"scan">).attributes.body,
    "the same body over other operands",
  );
});

test("a gradient is two scans: one forward, which leaves what one backward reads", () => {
  const loss = (p: { readonly h: Tensor; readonly w: Tensor }): Tensor =>
    cs.sum()(cs.scan(layer, { carry: p.h, xs: p.w })[0]);
  const { value, grad } = cs.valueAndGrad(loss)({ h, w });
  assert.is(loopsIn([value, ...leaves(grad)]).length, 2);
  const { value: at, tangent } = cs.jvp(loss)({ h, w }, { h, w });
  assert.is(loopsIn([at, tangent as Tensor]).length, 1, "values and tangents go together");
});

test("results, carries and operands without a reader are left out", () => {
  const [last, ys] = cs.scan(
    (c: { readonly a: Tensor; readonly b: Tensor }, x: { readonly w: Tensor; readonly v: Tensor }) => [
      { a: cs.matmul(x.w)(c.a), b: cs.add(c.b, x.v) },
      cs.mul(c.a, 2),
    ],
    { carry: { a: h, b: cs.input("b", [2]) }, xs: { w, v: cs.input("v", [4, 2]) } },
  );
  const [a] = cs.simplify([last.a]), [y] = cs.simplify([ys]), [b] = cs.simplify([last.b]);
  const body = (t: Tensor) => (loopsIn([t])[0] as Tensor<"scan">).attributes.body;
  assert.equal([body(a!).carries.length, body(a!).slices.length, body(a!).ys.length], [1, 1, 0]);
  assert.equal([body(y!).carries.length, body(y!).slices.length, body(y!).ys.length], [1, 1, 1]);
  assert.equal([body(b!).carries.length, body(b!).slices.length, body(b!).ys.length], [1, 1, 0]);
});

test("recomputation keeps the carries alone", () => {
  const kept = (recompute: boolean): number => {
    const block = (c: Tensor, x: Tensor): readonly [Tensor] => [
      cs.add(c, cs.matmul(x)(cs.tanh(cs.matmul(x)(cs.tanh(cs.matmul(x)(c)))))),
    ];
    const loss = (p: Tensor): Tensor => cs.sum()(cs.scan(block, { carry: h, xs: p, recompute })[0]);
    const [forward] = loopsIn(cs.simplify([cs.grad(loss)(w) as Tensor]));
    return (forward as Tensor<"scan">).attributes.body.ys.length;
  };
  assert.is(kept(true), 1);
  assert.ok(kept(false) > 1);
});

test("regions in a body are chosen by name like others", () => {
  const block = cs.scope("layers")((c: Tensor, x: Tensor) => cs.tanh(cs.matmul(x)(cs.tanh(cs.matmul(x)(c)))));
  const loss = (p: Tensor): Tensor =>
    cs.sum()(cs.scan((c: Tensor, x: Tensor) => [block(c, x)], { carry: h, xs: p })[0]);
  const stacked = (chosen: string): number => {
    const gradient = cs.grad(cs.rematWhere(cs.under(chosen))(loss))(w) as Tensor;
    return (loopsIn(cs.simplify([gradient]))[0] as Tensor<"scan">).attributes.body.ys.length;
  };
  assert.is(stacked("layers"), 1);
  assert.is(stacked("others"), 3);
});

test("a function with a loop in it can be recomputed as a whole", () => {
  const inner = (p: { readonly h: Tensor; readonly w: Tensor }): Tensor =>
    cs.tanh(cs.scan((c: Tensor, x: Tensor) => [cs.tanh(cs.matmul(x)(c)), c], { carry: p.h, xs: p.w })[0]);
  const loss = (f: typeof inner) => (p: { readonly h: Tensor; readonly w: Tensor }): Tensor =>
    cs.sum()(cs.sin(f(p)));
  const [kept, again] = [inner, cs.remat(inner)].map((f) => leaves(cs.grad(loss(f))({ h, w })));
  const at = { h: floats("h", [2, 3]), w: floats("w", [4, 3, 3], -1, 1) };
  same("gradient", kept!, again!, at);
  same("simplified", kept!, cs.simplify(again!), at);
  // the first loop is over before the one whose results the backward pass reads
  assert.is(loopsIn(cs.simplify(again!)).length, loopsIn(cs.simplify(kept!)).length + 1);
});

test("a body may close over a named region, and over views of it", () => {
  const named = cs.scope("outside")((x: Tensor) => cs.tanh(cs.matmul(x)(x)));
  const loss = (scan: Scan) => (p: { readonly s: Tensor; readonly w: Tensor }): Tensor => {
    const seen = named(p.s);
    const turn = (c: Tensor, x: Tensor) =>
      [cs.add(cs.matmul(x)(c), cs.mul(seen, cs.transpose(seen)))] as const;
    return cs.sum()(scan(turn, { carry: p.s, xs: p.w })[0]);
  };
  const s = cs.input("s", [3, 3]), at = { s: floats("s", [3, 3]), w: floats("w", [4, 3, 3], -1, 1) };
  const [list, loop] = [unrolled, cs.scan].map((scan) => leaves(cs.grad(loss(scan))({ s, w })));
  same("gradient", list!, loop!, at);
  const again = (scan: Scan) => cs.grad(cs.rematWhere(cs.under("outside"))(loss(scan)))({ s, w });
  same("recomputed", list!, leaves(again(cs.scan)), at);
});

test("a loop without iterations gives its carry and empty stacks", () => {
  const [last, ys] = cs.scan((c: Tensor, x: Tensor) => [cs.mul(c, x), { y: cs.add(c, x) }], {
    carry: cs.input("c", [3]),
    xs: cs.input("x", [0, 3]),
  });
  assert.is(last, cs.input("c", [3]));
  assert.equal(ys.y.shape, [0, 3]);
});

test("the cost of a loop counts every iteration, and its listing shows the body", () => {
  const [last] = cs.scan(layer, { carry: h, xs: w });
  const [turns] = unrolled(layer, { carry: h, xs: w });
  assert.is(cs.costOf([last]).flops, cs.costOf([turns]).flops);
  const text = cs.listing({ last });
  assert.match(
    text,
    /scan\(%\d, %\d\) \{length: 4, reverse: false, recompute: false\}[^\n]*\n {4}%0 = parameter \w+ 0/,
  );
  assert.match(text, /-> result 0/);
});

test("errors say what does not fit", () => {
  const x = cs.input("x", [3]), rows = cs.input("rows", [4, 3]), n = cs.input("n", [], "i32");
  const message = (f: () => unknown): string => {
    try {
      f();
    } catch (e) {
      assert.match((e as Error).stack!, "scan.test.ts");
      return `${(e as Error).name}: ${(e as Error).message}`;
    }
    return "no error";
  };
  const over = (f: (c: Tensor, r: Tensor) => unknown) =>
    message(() => cs.scan(f as never, { carry: x, xs: rows }));
  assert.match(
    over((c) => [cs.sum()(c)]),
    /ShapeError: scan: got a next carry of shape \[\]; expected \[3\]/,
  );
  assert.match(over((c) => [cs.cast("i32")(c)]), /DTypeError: scan: got a next carry of i32; expected f32/);
  assert.match(over((c) => [{ c }]), /TreeError: scan: got a next carry of c; expected a tensor/);
  assert.match(over((c) => c), /TreeError: scan: got a body that returns a tensor; expected \[carry, y\]/);
  assert.match(over(() => undefined), /TreeError: scan: got a body that returns undefined/);
  assert.match(over((c) => [c, c, c]), /TreeError: scan: got a body that returns a list of 3/);
  assert.match(over((c) => [c, 1]), /TreeError: scan: got a y with something that is no tensor/);
  const named = message(() =>
    cs.scan((c: { readonly a: Tensor }) => [{ a: cs.sum()(c.a) }], { carry: { a: x }, length: 2 })
  );
  assert.match(named, /a next carry of shape \[\] at a/);
  const same = (c: Tensor): readonly [Tensor] => [c];
  assert.match(message(() => cs.scan(same, { carry: x })), /ShapeError: scan: got neither xs nor a length/);
  assert.match(
    message(() => cs.scan(same, { carry: x, length: 1.5 })),
    /ShapeError: scan: got a length of 1.5/,
  );
  assert.match(message(() => cs.scan(same, { carry: x, xs: n })), /ShapeError: scan: got a scalar in xs/);
  assert.match(
    message(() => cs.scan(same as never, { carry: x, xs: { a: rows, b: x } })),
    /ShapeError: scan: got xs \[4, 3\] at a, \[3\] at b; expected one length/,
  );
  assert.match(
    message(() => cs.scan(same as never, { carry: x, xs: rows, length: 3 })),
    /ShapeError: scan: got xs \[4, 3\] for a length of 3/,
  );
  assert.match(
    message(() => cs.scan(same as never, { carry: [x, 2] as never, length: 2 })),
    /TreeError: scan: got a carry/,
  );
});

test.run();
