/**
 * Multi-tensor primitives (PyTorch's `_foreach` functions, Apex's `multi_tensor_apply`): a function of numbers at every
 * place of many tensors as one node. Devices store the tensors contiguously and run one kernel over all of them.
 */
import { type NdArray, ndarray } from "../array.ts";
import { referenceData } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { equals, type Shape, show, sizeOf } from "../shape.ts";
import { is, type OpAttributes, type OpName, type Tensor, topological } from "../tensor.ts";
import type { ClosedFunction } from "./closed.ts";
import { binaryRecords, castRecord, type ElementwiseOp, selectRecord, unaryRecords } from "./elementwise.ts";
import { expectDType, make } from "./make.ts";
import { broadcastTo, concat, reshape, sliceAxis } from "./movement.ts";
import type { OpRecord, RecordOf } from "./record.ts";
import { sum } from "./reduce.ts";

/** Names of the multi-tensor primitives. */
export type ForeachOp = "foreach" | "foreachSum";

const pointwise = { ...unaryRecords, ...binaryRecords, cast: castRecord, select: selectRecord };

const recordOf = ({ op }: Tensor): OpRecord<OpName> =>
  pointwise[op as ElementwiseOp] as unknown as OpRecord<OpName>;

const refuse = (op: ForeachOp, got: string, expected: string): never => {
  throw new ShapeError({ op, got, expected, hint: "build it with foreach() or sumsOf()" });
};

const checkBody = (op: ForeachOp, { parameters, results }: ClosedFunction): void => {
  const strange = topological(results).find((t) =>
    t.shape.length > 0 || !(is("parameter", t) || is("constant", t) || t.op in pointwise)
  );
  if (strange !== undefined || parameters.some((p) => p.shape.length > 0)) {
    refuse(op, `a body with ${strange?.op ?? "a tensor"}`, "elementwise operations on numbers");
  }
};

/** How the arguments of a node are grouped. */
export interface Columns<A> {
  /** The tensors of each column. */
  readonly columns: readonly (readonly A[])[];
  /** The shared numbers, where there are any. */
  readonly shared: A | undefined;
}

/** The arguments of a multi-tensor node by column. */
export const columnsOf = <A>(
  { args, attributes: { body, count, shared } }: {
    readonly args: readonly A[];
    readonly attributes: OpAttributes["foreach"];
  },
): Columns<A> => {
  const columns = body.parameters.length - shared;
  return {
    columns: Array.from({ length: columns }, (_, c) => args.slice(c * count, (c + 1) * count)),
    shared: args[columns * count],
  };
};

/** The results of a body at every place of tensors of one shape. */
const everywhere = <V extends object>(
  { parameters, results }: ClosedFunction,
  args: readonly V[],
  filled: (constant: Tensor) => V,
  apply: (t: Tensor, args: readonly V[]) => V,
): V[] => {
  const becomes = new Map(parameters.map((p, i) => [p, args[i]!]));
  for (const t of topological(results)) {
    if (becomes.has(t)) continue;
    becomes.set(t, is("constant", t) ? filled(t) : apply(t, t.args.map((a) => becomes.get(a)!)));
  }
  return results.map((t) => becomes.get(t)!);
};

const described = (body: ClosedFunction, args: readonly Tensor[], shape: Shape): Tensor[] =>
  everywhere(body, args, broadcastTo(shape), (t, xs) => make(recordOf(t), xs, t.attributes));

const evaluated = (body: ClosedFunction, args: readonly NdArray[], shape: Shape): NdArray[] => {
  const fill = (dtype: Tensor["dtype"], x: number) =>
    ndarray(dtype, shape, referenceData(dtype, Array<number>(sizeOf(shape)).fill(x)));
  return everywhere(
    body,
    args,
    (t) => fill(t.dtype, (t as Tensor<"constant">).attributes.value),
    (t, xs) => recordOf(t).reference(xs, { ...t, shape } as Tensor),
  );
};

const operations = ({ results }: ClosedFunction): number =>
  topological(results).reduce((n, t) => n + (t.op in pointwise ? recordOf(t).flops(t) : 0), 0);

/** The multi-tensor records. */
export const foreachRecords: { readonly [P in ForeachOp]: RecordOf<P> } = {
  foreach: {
    name: "foreach",
    family: "foreach",
    arity: -1,
    summary: "a function of numbers at every place of many tensors, column by column",
    infer: (args, attributes) => {
      const { columns, shared } = columnsOf({ args, attributes }), [first = []] = columns;
      const { body, count, shared: numbers } = attributes, { parameters } = body;
      checkBody("foreach", body);
      if (shared !== undefined) expectDType("foreach", shared, ["f32"]);
      if (
        args.length !== columns.length * count + Math.sign(numbers) || (shared?.shape[0] ?? 0) !== numbers
      ) {
        refuse("foreach", `${args.length} tensors`, `${count} for each of ${columns.length} columns`);
      }
      columns.forEach((column, c) =>
        column.forEach((t, i) => {
          if (equals(t.shape, first[i]!.shape) && t.dtype === parameters[c]!.dtype) return;
          refuse(
            "foreach",
            `${t.dtype} ${show(t.shape)} in column ${c}`,
            `${parameters[c]!.dtype} ${show(first[i]!.shape)}`,
          );
        })
      );
      return body.results.flatMap(({ dtype }) => first.map(({ shape }) => ({ shape, dtype })));
    },
    reference: (args, node) => {
      const { columns, shared } = columnsOf({ args, attributes: node.attributes }),
        { body } = node.attributes;
      const each = columns[0]!.map(({ shape }, i) => {
        const filled = [...shared?.data ?? []].map((x) =>
          ndarray("f32", shape, new Float64Array(sizeOf(shape)).fill(x))
        );
        return evaluated(body, [...columns.map((c) => c[i]!), ...filled], shape);
      });
      return body.results.flatMap((_, r) => each.map((results) => results[r]!));
    },
    decompose: (node) => {
      const { columns, shared } = columnsOf(node), { body } = node.attributes;
      const numbers = Array.from(
        { length: shared?.shape[0] ?? 0 },
        (_, i) => reshape([])(sliceAxis(0, i, i + 1)(shared!)),
      );
      const each = columns[0]!.map(({ shape }, i) =>
        described(body, [...columns.map((c) => c[i]!), ...numbers.map(broadcastTo(shape))], shape)
      );
      return body.results.flatMap((_, r) => each.map((results) => results[r]!));
    },
    flops: (node) =>
      operations(node.attributes.body) *
      columnsOf(node).columns[0]!.reduce((n, t) => n + sizeOf(t.shape), 0),
    laws: [],
  },
  foreachSum: {
    name: "foreachSum",
    family: "foreach",
    arity: -1,
    summary: "sums of a function of each number of many tensors",
    infer: (args, { body }) => {
      checkBody("foreachSum", body);
      args.forEach((t) => expectDType("foreachSum", t, ["f32"]));
      if (body.parameters.length !== 1 || body.results[0]?.dtype !== "f32") {
        refuse("foreachSum", `a body of ${body.parameters.length} numbers`, "f32 of one number");
      }
      return { shape: [args.length], dtype: "f32" };
    },
    reference: (args, node) =>
      ndarray(
        "f32",
        node.shape,
        Float64Array.from(args, (x) =>
          [...evaluated(node.attributes.body, [x], x.shape)[0]!.data].reduce((a, b) => a + b, 0)),
      ),
    decompose: (node) =>
      concat(
        node.args.map((t) => reshape([1])(sum()(described(node.attributes.body, [t], t.shape)[0]!))),
        0,
      ),
    flops: (node) =>
      (operations(node.attributes.body) + 1) * node.args.reduce((n, t) => n + sizeOf(t.shape), 0),
    laws: [],
  },
};

/** One node for many tensors; see `OpAttributes`. */
export const foreachOf = (
  columns: readonly (readonly Tensor[])[],
  shared: Tensor | undefined,
  body: ClosedFunction,
): Tensor<"foreach"> =>
  make(foreachRecords.foreach, [...columns.flat(), ...(shared === undefined ? [] : [shared])], {
    body,
    count: columns[0]!.length,
    shared: shared?.shape[0] ?? 0,
  });

/** Sums over each of some f32 tensors of a function of their numbers, `[tensors]`. */
export const foreachSumOf = (tensors: readonly Tensor[], body: ClosedFunction): Tensor =>
  make(foreachRecords.foreachSum, tensors, { body });
