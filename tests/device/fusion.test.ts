/** Kernels come after those they read from, however groups merge, and give what unmerged kernels give. */
import { crossEntropy, input, ndarray, type Tensor, valueAndGrad } from "@chain-of-sight/core";
import { compile, cpuProfile, type Plan, portableProfile, readsOf } from "@chain-of-sight/kernels";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { closeCpu, onCpu } from "../support/cpu.ts";

/** The loss and its gradient: the count of labels, an old value, joins the sum of losses, a new one. */
const lossAndGrad = (rows: number, classes: number): { readonly value: Tensor; readonly grad: Tensor } => {
  const logits = input("logits", [rows, classes]), labels = input("labels", [rows], "i32");
  const { value, grad } = valueAndGrad(({ x }: { x: Tensor }) => crossEntropy(x, labels).mean)({ x: logits });
  return { value, grad: grad.x };
};

/** Tensors that a kernel reads before the kernel that writes them has run. */
const early = (plan: Plan): readonly Tensor[] => {
  const place = new Map<Tensor, number>();
  plan.kernels.forEach((k, i) => k.outputs.forEach((o) => place.set(o.tensor, i)));
  return plan.kernels.flatMap((k, i) => [...readsOf(k)].filter((t) => (place.get(t) ?? -1) > i));
};

test("what a kernel reads was written before, at sizes that merge and sizes that do not", () => {
  for (const rows of [2, 63, 300, 768]) {
    for (const profile of [portableProfile, { ...portableProfile, software: true }, cpuProfile]) {
      assert.equal(early(compile({ outputs: lossAndGrad(rows, 32) }, profile)), [], `${rows} rows`);
    }
  }
});

test("merged kernels give the loss's gradient of unmerged ones", async () => {
  const rows = 300, { value, grad } = lossAndGrad(rows, 32);
  const bindings = {
    logits: ndarray("f32", [rows, 32], Float32Array.from({ length: rows * 32 }, (_, i) => Math.sin(i))),
    labels: ndarray("i32", [rows], Int32Array.from({ length: rows }, (_, i) => i % 7 === 0 ? -100 : i % 32)),
  };
  const [merged, plain] = [
    await onCpu()([value, grad], bindings),
    await onCpu({ fuse: false })([value, grad], bindings),
  ];
  merged.forEach((got, r) =>
    got.data.forEach((x, i) =>
      assert.ok(Math.abs(x - plain[r]!.data[i]!) <= 1e-6 * Math.abs(plain[r]!.data[i]!) + 1e-9)
    )
  );
});

test.after(closeCpu);
test.run();
