/** Contraction: the batched matrix product. Everything that multiplies and sums over an axis is built on it. */
import { ndarray } from "../array.ts";
import { referenceData } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { broadcast, equals, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { expectDType, make, sameDType } from "./make.ts";
import { broadcastTo, reshape, transpose } from "./movement.ts";
import type { OpRecord } from "./record.ts";

/** The contraction record: both arguments have the same batch axes. Products of f16 are rounded once, at the end. */
export const matmulRecord: OpRecord<"matmul"> = {
  name: "matmul",
  family: "contraction",
  arity: 2,
  summary: "batched matrix product [..., M, K] x [..., K, N]",
  infer: ([a, b]) => {
    expectDType("matmul", a!, ["f32", "f16"]);
    sameDType("matmul", a!, b!);
    const p = a!.shape, q = b!.shape;
    if (p.length < 2 || q.length < 2 || !equals(p.slice(0, -2), q.slice(0, -2)) || p.at(-1) !== q.at(-2)) {
      throw new ShapeError({
        op: "matmul",
        got: `${show(p)} x ${show(q)}`,
        expected: "[..., M, K] x [..., K, N] with equal K",
        hint: p.length >= 2 && q.length >= 2 && p.at(-1) === q.at(-1)
          ? "transpose the second operand"
          : "check the inner axes",
      });
    }
    return { shape: [...p.slice(0, -1), q.at(-1)!], dtype: a!.dtype };
  },
  reference: ([a, b], node) => {
    const [m, n] = node.shape.slice(-2) as [number, number], k = a!.shape.at(-1)!;
    const batch = sizeOf(node.shape.slice(0, -2)), out = new Float64Array(sizeOf(node.shape));
    for (let z = 0; z < batch; z++) {
      for (let i = 0; i < m; i++) {
        for (let p = 0; p < k; p++) {
          const x = a!.data[(z * m + i) * k + p]!, row = (z * k + p) * n, to = (z * m + i) * n;
          for (let j = 0; j < n; j++) out[to + j]! += x * b!.data[row + j]!;
        }
      }
    }
    return ndarray(node.dtype, node.shape, referenceData(node.dtype, out));
  },
  vjp: (node, ct) => [matmul(transpose(node.args[1]!))(ct), matmul(ct)(transpose(node.args[0]!))],
  flops: (node) => 2 * sizeOf(node.shape) * node.args[0]!.shape.at(-1)!,
  laws: ["associative"],
};

/**
 * Matrix product `x w`; data-last: `pipe(x, matmul(w))`. Batch axes broadcast. A two-axis `w` under a batched `x`
 * is one product over all rows, not a batch of them.
 */
export const matmul = (w: Tensor): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  if (w.shape.length === 2 && x.shape.length > 2) {
    if (x.shape.at(-1) !== w.shape[0]) matmulRecord.infer([x, w], {});
    const rows = reshape([-1, x.shape.at(-1)!])(x);
    return reshape([...x.shape.slice(0, -1), w.shape[1]!])(make(matmulRecord, [rows, w], {}));
  }
  if (w.shape.length < 2 || x.shape.length < 2) return make(matmulRecord, [x, w], {});
  const batch = broadcast("matmul", x.shape.slice(0, -2), w.shape.slice(0, -2));
  const wide = (t: Tensor) => broadcastTo([...batch, ...t.shape.slice(-2)])(t);
  return make(matmulRecord, [wide(x), wide(w)], {});
};
