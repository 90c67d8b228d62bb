/**
 * Attention as a primitive, so that devices can compute it without the square of scores in memory (Rabe and Staats
 * 2021, arXiv 2112.05682; Dao et al. 2022, arXiv 2205.14135). Its derivative is one more primitive, which recomputes the
 * scores once for all three cotangents, from the logarithm of each query's normaliser.
 * Queries, keys and values may be f16; scores, probabilities and results are f32, cotangents of keys and values f16.
 * Packed rows name the segment of every position (`segments.ts`): a query then sees keys of its own segment alone.
 * Numbers that are not finite may reach other segments of their row.
 * Shapes: b batch, h heads, g key-value heads, q queries, s keys, d channels of a head.
 */
import { type NdArray, ndarray } from "../array.ts";
import { referenceData } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { equals, show, sizeOf } from "../shape.ts";
import type { OpAttributes, OpName, Tensor } from "../tensor.ts";
import { matmul } from "./contraction.ts";
import {
  add,
  and,
  cast,
  div,
  equal,
  exp,
  less,
  lessEqual,
  log,
  mul,
  select,
  sub,
  zerosLike,
} from "./elementwise.ts";
import { resultAt } from "./call.ts";
import { expectDType, make, sameDType } from "./make.ts";
import { pad, reshape, transpose } from "./movement.ts";
import type { TupleRecord } from "./record.ts";
import { max, sum } from "./reduce.ts";
import { checkSegments, idsOf, segmentTable } from "./segments.ts";
import { iota } from "./source.ts";

/** Names of the attention primitives. */
export type AttentionOp = "attention" | "attentionGrad";

/** What both carry: query i sees keys up to `i + (s - q)` if causal; scores are multiplied by `scale`. */
export type AttentionAttributes = OpAttributes["attention"];

/** Number of operands of each, without the segments. */
const operands: Readonly<Record<AttentionOp, number>> = {
  attention: 3,
  attentionGrad: 6,
};

/** The segments among the arguments of a node, as `segmentTable` has them; undefined where rows are whole. */
export const segmentsOf = <A>({ op, args }: { readonly op: AttentionOp; readonly args: readonly A[] }):
  | A
  | undefined => args[operands[op]];

const checkOperands = (op: AttentionOp, args: readonly Tensor[]): void => {
  const [q, k, v, ct, ...more] = args.slice(0, operands[op]), table = segmentsOf({ op, args });
  [q!, ...(ct === undefined ? [] : [ct])].forEach((t) => expectDType(op, t, ["f32", "f16"]));
  [k!, v!].forEach((t) => sameDType(op, q!, t));
  more.forEach((t) => expectDType(op, t, ["f32"]));
  const fits = q!.shape.length === 4 && k!.shape.length === 4 && equals(k!.shape, v!.shape) &&
    q!.shape[0] === k!.shape[0] && q!.shape[3] === k!.shape[3] && q!.shape[1]! % k!.shape[1]! === 0 &&
    k!.shape[2]! > 0;
  if (!fits) {
    throw new ShapeError({
      op,
      got: `queries ${show(q!.shape)}, keys ${show(k!.shape)}, values ${show(v!.shape)}`,
      expected: "[b, h, q, d] with [b, g, s, d] twice, h a multiple of g, at least one key",
      hint: "split heads first, and give every batch its keys",
    });
  }
  if (table !== undefined) checkSegments(op, table, q!.shape, k!.shape);
};

interface Sizes {
  readonly b: number;
  readonly h: number;
  readonly g: number;
  readonly q: number;
  readonly s: number;
  readonly d: number;
}

const sizesOf = (q: NdArray | Tensor, k: NdArray | Tensor): Sizes => {
  const [b, h, n, d] = q.shape as [number, number, number, number];
  return { b, h, g: k.shape[1]!, q: n, s: k.shape[2]!, d };
};

const dot = (a: NdArray["data"], i: number, b: NdArray["data"], j: number, d: number): number => {
  let total = 0;
  for (let c = 0; c < d; c++) total += a[i + c]! * b[j + c]!;
  return total;
};

/** Calls `visit` for every query with its row among all queries and the rows of the keys that it sees. */
const eachQuery = (
  args: readonly NdArray[],
  node: Tensor<AttentionOp>,
  visit: (row: number, keys: readonly number[]) => void,
): void => {
  const z = sizesOf(args[0]!, args[1]!), { causal } = node.attributes;
  const table = segmentsOf({ op: node.op, args })?.data;
  for (let b = 0; b < z.b; b++) {
    const id = (i: number): number => table === undefined ? 1 : table[3 * b * z.s + i]!;
    for (let h = 0; h < z.h; h++) {
      const first = (b * z.g + Math.floor(h * z.g / z.h)) * z.s;
      for (let i = 0; i < z.q; i++) {
        const last = causal ? i + z.s - z.q : z.s - 1, keys: number[] = [];
        for (let j = 0; j <= last; j++) {
          if (table === undefined || id(i) > 0 && id(i) === id(j)) keys.push(first + j);
        }
        visit((b * z.h + h) * z.q + i, keys);
      }
    }
  }
};

const flops = (products: number) => (node: Tensor): number => {
  const z = sizesOf(node.args[0]!, node.args[1]!);
  return products * 2 * z.b * z.h * z.q * z.s * z.d;
};

const given = <A>(x: A | undefined): readonly A[] => x === undefined ? [] : [x];

/** Probability and score gradient of one pair, from the saved normaliser. */
const pair = (
  [q, k, v, ct, lse, delta]: readonly NdArray[],
  { scale }: AttentionAttributes,
  d: number,
  row: number,
  key: number,
): readonly [number, number] => {
  const p = Math.exp(dot(q!.data, row * d, k!.data, key * d, d) * scale - lse!.data[row]!);
  return [p, p * (dot(ct!.data, row * d, v!.data, key * d, d) - delta!.data[row]!) * scale];
};

/** Operands with the heads of a group on an axis of their own: queries `[b, g, r, q, d]`, keys `[b, g, 1, s, d]`. */
const grouped = (q: Tensor, k: Tensor) => {
  const z = sizesOf(q, k), r = z.h / z.g;
  const queries = (t: Tensor): Tensor => reshape([z.b, z.g, r, z.q, t.shape.length === 4 ? z.d : 1])(t);
  return { z, r, queries, keys: (t: Tensor): Tensor => reshape([z.b, z.g, 1, z.s, z.d])(t) };
};

/** Operands as f32, in which everything is computed. */
const wide = ({ op, args }: Tensor<AttentionOp>): Tensor[] => args.slice(0, operands[op]).map(cast("f32"));

/** Where queries see keys, which broadcasts to `[b, g, r, q, s]`; undefined where all see all. */
export const visibleKeys = (node: Tensor<AttentionOp>): Tensor | undefined => {
  const z = sizesOf(node.args[0]!, node.args[1]!), table = segmentsOf(node);
  const past = node.attributes.causal
    ? lessEqual(iota([1, z.s], 1), add(iota([z.q, 1], 0), z.s - z.q))
    : undefined;
  if (table === undefined) return past;
  const ids = idsOf(table), as = (...shape: number[]) => reshape([z.b, 1, 1, ...shape])(ids);
  const same = and(equal(as(z.q, 1), as(1, z.s)), less(0, as(z.q, 1)));
  return past === undefined ? same : and(same, past);
};

/** Scaled scores `[b, g, r, q, s]` of f32 operands, far below any other where a query may not look. */
const scoresOf = (node: Tensor<AttentionOp>, q: Tensor, k: Tensor): Tensor => {
  const { queries, keys } = grouped(q, k), seen = visibleKeys(node);
  const scores = mul(matmul(transpose(keys(k)))(queries(q)), node.attributes.scale);
  return seen === undefined ? scores : select(seen, scores, -1e30);
};

/** Queries that see no key, which broadcasts to `[b, g, r, q, 1]`; undefined where each sees one. */
const blindOf = (node: Tensor<AttentionOp>): Tensor | undefined => {
  const z = sizesOf(node.args[0]!, node.args[1]!), table = segmentsOf(node);
  if (table !== undefined) return less(reshape([z.b, 1, 1, z.q, 1])(idsOf(table)), 1);
  return node.attributes.causal && z.q > z.s ? less(iota([z.q, 1], 0), z.q - z.s) : undefined;
};

/** Probabilities and score gradients `[b, g, r, q, s]` from the arguments of a gradient primitive. */
const pairs = (node: Tensor<AttentionOp>): readonly [Tensor, Tensor] => {
  const [q, k, v, ct, lse, delta] = wide(node) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const { queries, keys } = grouped(q, k),
    column = (t: Tensor) => reshape([...queries(q).shape.slice(0, -1), 1])(t);
  const blind = blindOf(node), scores = scoresOf(node, q, k);
  // a normaliser of log 0 is kept out of the exponent, so that its derivative stays finite
  const p = blind === undefined
    ? exp(sub(scores, column(lse)))
    : select(blind, 0, exp(sub(scores, select(blind, 0, column(lse)))));
  const dp = matmul(transpose(keys(v)))(queries(ct));
  return [p, mul(mul(p, sub(dp, column(delta))), node.attributes.scale)];
};

/** The attention records. */
export const attentionRecords: { readonly [P in AttentionOp]: TupleRecord<P> } = {
  attention: {
    name: "attention",
    family: "attention",
    arity: 3,
    optional: 1,
    summary: "softmax(q k^T scale) v, and the logarithm of each query's normaliser",
    infer: (args) => {
      checkOperands("attention", args);
      const { shape } = args[0]!;
      return [{ shape, dtype: "f32" }, { shape: shape.slice(0, 3), dtype: "f32" }];
    },
    reference: (args, node) => {
      const [q, k, v] = args as [NdArray, NdArray, NdArray],
        { d } = sizesOf(q, k),
        { scale } = node.attributes;
      const values = new Float64Array(sizeOf(q.shape)), lse = new Float64Array(sizeOf(q.shape.slice(0, 3)));
      eachQuery(args, node, (row, keys) => {
        const scores = keys.map((key) => dot(q.data, row * d, k.data, key * d, d) * scale);
        const top = scores.reduce((a, x) => Math.max(a, x), -Infinity);
        const total = scores.reduce((a, x) => a + Math.exp(x - top), 0);
        keys.forEach((key, j) => {
          const p = Math.exp(scores[j]! - top) / total;
          for (let c = 0; c < d; c++) values[row * d + c]! += p * v.data[key * d + c]!;
        });
        lse[row] = top + Math.log(total);
      });
      return [ndarray("f32", q.shape, values), ndarray("f32", q.shape.slice(0, 3), lse)];
    },
    vjp: (node, [ctValues, ctLse]) => {
      const [q, k, v] = node.args as [Tensor, Tensor, Tensor], values = resultAt(node, 0);
      const ct = ctValues ?? zerosLike(values), along = sum({ axes: [-1] })(mul(ct, values));
      // the normaliser's own cotangent lifts every score of its query alike
      const delta = ctLse === undefined ? along : sub(along, ctLse), table = segmentsOf(node);
      // cotangents of products of f16 are kept as those are
      const args = [q, k, v, cast(q.dtype)(ct), resultAt(node, 1), delta, ...given(table)];
      const back = attentionGradOf(args, { ...node.attributes, splits: 1 });
      return [
        cast(q.dtype)(reshape(q.shape)(resultAt(back, 0))),
        resultAt(back, 1),
        resultAt(back, 2),
        ...(table === undefined ? [] : [undefined]),
      ];
    },
    decompose: (node) => {
      const [q, k, v] = wide(node) as [Tensor, Tensor, Tensor], { keys } = grouped(q, k);
      const scores = scoresOf(node, q, k);
      const top = max({ axes: [-1], keep: true })(scores), e = exp(sub(scores, top));
      const total = sum({ axes: [-1], keep: true })(e), blind = blindOf(node);
      const values = div(matmul(keys(v))(e), total), lse = add(top, log(total));
      return [
        reshape(q.shape)(blind === undefined ? values : select(blind, 0, values)),
        reshape(q.shape.slice(0, 3))(blind === undefined ? lse : select(blind, -Infinity, lse)),
      ];
    },
    flops: flops(2),
    laws: [],
  },
  attentionGrad: {
    name: "attentionGrad",
    family: "attention",
    arity: 6,
    optional: 1,
    summary: "cotangents of attention's queries, in parts to be summed, of its keys and of its values",
    infer: (args, { splits }) => {
      checkOperands("attentionGrad", args);
      const [b, ...rest] = args[0]!.shape, { shape, dtype } = args[1]!;
      return [{ shape: [b!, splits, ...rest], dtype: "f32" }, { shape, dtype }, { shape, dtype }];
    },
    // all of the queries' cotangent is in the first part
    reference: (args, node) => {
      const [q, k, , ct] = args as [NdArray, NdArray, NdArray, NdArray], { b, h, q: n, d } = sizesOf(q, k);
      const { splits } = node.attributes, dq = new Float64Array(sizeOf(q.shape) * splits);
      const dk = new Float64Array(sizeOf(k.shape)), dv = new Float64Array(dk.length);
      eachQuery(args, node, (row, keys) =>
        keys.forEach((key) => {
          const [p, ds] = pair(args, node.attributes, d, row, key);
          const to = (Math.floor(row / (h * n)) * splits * h * n + row % (h * n)) * d;
          for (let c = 0; c < d; c++) {
            dq[to + c]! += ds * k.data[key * d + c]!;
            dk[key * d + c]! += ds * q.data[row * d + c]!;
            dv[key * d + c]! += p * ct.data[row * d + c]!;
          }
        }));
      return [
        ndarray("f32", [b, splits, h, n, d], dq),
        ...[dk, dv].map((x) => ndarray(k.dtype, k.shape, referenceData(k.dtype, x))),
      ];
    },
    decompose: (node) => {
      const [p, ds] = pairs(node), [q, k, , ct] = wide(node) as [Tensor, Tensor, Tensor, Tensor];
      const { z, queries, keys } = grouped(q, k), { splits } = node.attributes;
      // heads of a group see the same keys: their cotangents add up
      const gather = (w: Tensor, t: Tensor): Tensor =>
        cast(node.args[1]!.dtype)(
          reshape([z.b, z.g, z.s, z.d])(sum({ axes: [2] })(matmul(queries(t))(transpose(w)))),
        );
      const dq = reshape([z.b, 1, z.h, z.q, z.d])(matmul(keys(k))(ds));
      return [pad([0, 0, 0, 0, 0], [0, splits - 1, 0, 0, 0])(dq), gather(ds, q), gather(p, ct)];
    },
    flops: flops(5),
    laws: [],
  },
};

/** What memory-efficient attention gives. */
export interface AttentionResult {
  /** `[b, h, q, d]`. */
  readonly values: Tensor;
  /** Logarithm of the sum of exponentials of each query's scores, `[b, h, q]`. */
  readonly logNormaliser: Tensor;
}

/**
 * Attention of queries `[b, h, q, d]` over keys and values `[b, g, s, d]`; g divides h. Of packed rows, where q is s,
 * `segments` are i32 `[b, s]`: a query sees keys of the same positive number, and none where its own is not positive.
 */
export const attend = (
  q: Tensor,
  k: Tensor,
  v: Tensor,
  attributes: AttentionAttributes,
  segments?: Tensor,
): AttentionResult => {
  const table = segments === undefined ? undefined : segmentTable(segments);
  const node = make(attentionRecords.attention, [q, k, v, ...given(table)], attributes);
  return { values: resultAt(node, 0), logNormaliser: resultAt(node, 1) };
};

/** Attention's cotangents over the arguments of a node of them, with others of its attributes. */
export const attentionGradOf = (
  args: readonly Tensor[],
  attributes: OpAttributes["attentionGrad"],
): Tensor<"attentionGrad"> => make(attentionRecords.attentionGrad, args, attributes);

/** Whether a primitive is one of attention. */
export const isAttention = (op: OpName): op is AttentionOp => op in attentionRecords;
