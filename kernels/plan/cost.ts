/** Cost of a kernel: FLOPs and bytes, from its description alone. */
import { isFloat, type Tensor, tensorBytes } from "@chain-of-sight/core";
import { type PlainKernel, readsOf, valuesOf, walkValues } from "../graph/kernel.ts";
import type { Value } from "../ir/value.ts";

/** Work of one kernel. */
export interface KernelCost {
  /** FLOPs. */
  readonly flops: number;
  /** Bytes of the tensors that it reads and writes, each counted once. */
  readonly bytes: number;
}

const operations = (values: readonly Value[]): number => {
  let n = 0;
  walkValues(
    values,
    (v) => v.kind === "apply" && v.op !== "cast" && v.op !== "select" && isFloat(v.dtype) && n++,
  );
  return n;
};

const flopsOf = (kernel: PlainKernel): number => {
  switch (kernel.kind) {
    case "loop": {
      const reduced = kernel.reductions.reduce((n, r) => n + (operations([r.value]) + 1) * r.length, 0);
      const wide = operations(kernel.outputs.map((o) => o.value)) * kernel.columns;
      return kernel.rows * (reduced + wide);
    }
    case "contraction": {
      const { batch, m, n, k } = kernel.size;
      return batch * m * n * (2 * k + operations(kernel.outputs.map((o) => o.value)));
    }
    case "attention": {
      const { batch, heads, queries, keys, width } = kernel.size;
      const products = { attention: 2, attentionGrad: 5 }[kernel.node.op];
      return products * 2 * batch * heads * queries * keys * width *
        (kernel.node.attributes.causal ? 0.5 : 1);
    }
    case "scatter":
      return kernel.positions * kernel.width * (1 + operations(valuesOf(kernel)));
  }
};

const bytes = (ts: readonly Tensor[]): number => ts.reduce((n, t) => n + tensorBytes(t), 0);

/** The cost of a kernel. */
export const kernelCost = (kernel: PlainKernel): KernelCost => ({
  flops: flopsOf(kernel),
  bytes: bytes(readsOf(kernel)) + bytes(kernel.outputs.map((o) => o.tensor)),
});
