/** One call from descriptions to values. */
import * as cs from "@chain-of-sight/core";
import { type DeviceName, run } from "@chain-of-sight/kernels";
import { test } from "uvu";
import * as assert from "uvu/assert";

const x = cs.input("x", [4]), bindings = { x: cs.f32([4], [1, 2, 3, 4]) };

for (const device of ["cpu", "webgpu", "auto"] satisfies DeviceName[]) {
  test(`${device}: one value, and several as one program`, async () => {
    const one = await run(cs.mul(x, x), bindings, device);
    assert.equal([one.dtype, one.shape, [...one.data]], ["f32", [4], [1, 4, 9, 16]]);
    const [sum, twice] = await run([cs.sum()(x), cs.add(x, x)], bindings, device);
    assert.equal([sum!.shape, [...sum!.data], [...twice!.data]], [[], [10], [2, 4, 6, 8]]);
    assert.equal([...(await run(cs.iota([3], 0), {}, device)).data], [0, 1, 2]);
  });
}

test("bindings that do not fit are a rejection that names the input", async () => {
  const error = await run(cs.mul(x, x), { x: cs.f32([3], [1, 2, 3]) }, "cpu").then(() => undefined, (e) => e);
  assert.is(error._tag, "TreeError");
  assert.match(error.message, /x/);
  assert.equal([...(await run(cs.mul(x, 2), bindings, "cpu")).data], [2, 4, 6, 8], "the device goes on");
});

test.run();
