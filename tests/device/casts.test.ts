/** Conversions between element types: every chain of them on every device, with and without simplification. */
import * as cs from "@chain-of-sight/core";
import type { DType, NdArray, Tensor } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { closeCpu, onCpu } from "../support/cpu.ts";
import type { Evaluate } from "../support/evaluate.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";
import { rounded } from "./numbers.ts";

const test = suite("casts");

const float = [
  ...[0, -0, 1, -1, 0.25, -0.75, 0.5, 1.5, -2.75, 2.5, 65504, 65519, 65520, -65536, 1e-7, 6e-8, 2 ** -24],
  ...[2147483520, 2147483648, -2147483648, -2147483904, 4294967040, 4294967296, 16777217, 3e38, -3e38],
  ...[Infinity, -Infinity, NaN],
];
const whole = [0, 1, 2, 2047, 2049, 65504, 65519, 65520, 16777215, 16777217, 2147483583, 2147483647];

/** Arrays of each element type, of one length, with all that is odd about it. */
const given: { readonly [D in DType]: NdArray } = (() => {
  const n = 32,
    fill = (values: readonly number[]) => Array.from({ length: n }, (_, i) => values[i % values.length]!);
  return {
    bool: cs.ndarray("bool", [n], Uint8Array.from(fill([0, 1, 1]))),
    u32: cs.u32([n], fill([...whole, 2147483648, 2147483649, 4294967295])),
    i32: cs.i32([n], fill([...whole, -1, -2147483648, -2049, -65520])),
    f16: cs.f16([n], fill([...float, 2049, -5e-8])),
    f32: cs.f32([n], fill(float)),
  };
})();

const through = (types: readonly DType[], move: (x: Tensor) => Tensor = (x) => x): Tensor =>
  types.slice(1).reduce<Tensor>(
    (x, dtype) => move(cs.cast(dtype)(x)),
    cs.input(types[0]!, given[types[0]!].shape, types[0]!),
  );

const chains = cs.dtypes.flatMap((a) =>
  cs.dtypes.flatMap((b) => cs.dtypes.flatMap((c) => cs.dtypes.map((d): readonly DType[] => [a, b, c, d])))
);

const same = (name: string, got: NdArray, want: NdArray): void => {
  assert.is(got.dtype, want.dtype);
  want.data.forEach((w, i) => {
    const g = got.data[i]!;
    // a subnormal number may be 0, and the sign of a zero is free
    assert.ok(Object.is(g + 0, w + 0), `${name}, element ${i}: ${g} for ${w}`);
  });
};

const moves: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  "": (x) => x,
  ", flipped between": cs.flip([0]),
  ", reshaped between": (x) => cs.reshape(x.shape.length === 1 ? [4, 8] : [32])(x),
  ", repeated between": (x) => cs.broadcastTo([2, 32])(x),
};

for (const [between, move] of Object.entries(moves)) {
  test(`simplification keeps every chain of casts${between}`, () => {
    for (const chain of chains) {
      const t = through(chain, move),
        [want] = cs.interpret([t], given),
        [got] = cs.interpret(cs.simplify([t]), given);
      same(chain.join(" -> "), got!, want!);
    }
  });
}

const devices: readonly (readonly [name: string, types: readonly DType[], evaluate: Evaluate])[] = [
  ["cpu", ["bool", "u32", "i32", "f32"], onCpu()],
  ["cpu, as described", ["bool", "u32", "i32", "f32"], onCpu({ simplify: false, fuse: false })],
  ["webgpu", cs.dtypes, onWebGpu()],
  ["webgpu, as described", cs.dtypes, onWebGpu({ simplify: false, fuse: false })],
];

for (const [device, types, evaluate] of devices) {
  for (const from of types) {
    test(`every chain of casts from ${from}, ${device}`, async () => {
      const own = chains.filter((c) => c[0] === from && c.every((d) => types.includes(d)));
      const roots = [...new Set(own.map((c) => through(c)))], bindings = { [from]: given[from] };
      const want = await rounded(roots, bindings), got = await evaluate(roots, bindings);
      roots.forEach((_, i) => same(own[i]!.join(" -> "), got[i]!, want[i]!));
    });
  }
}

test("casts that change a value: f16 through i32, u32 and bool", () => {
  const x = cs.input("x", [4], "f16"), bindings = { x: cs.f16([4], [1.5, -2.75, 0.25, 3]) };
  const roots = (["i32", "u32", "bool"] as const).map((d) => cs.cast("f16")(cs.cast(d)(x)));
  const got = cs.interpret(cs.simplify(roots), bindings).map((y) => [...y.data]);
  assert.equal(got, [[1, -2, 0, 3], [1, 0, 0, 3], [1, 1, 1, 1]]);
});

test.after(closeCpu);
test.after(closeDevice);
test.run();
