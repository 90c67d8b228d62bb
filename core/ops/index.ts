/** Indexing by data: rows of a table, and its transpose. */
import { ndarray } from "../array.ts";
import { ShapeError } from "../errors.ts";
import { equals, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast, equal } from "./elementwise.ts";
import { expectDType, make } from "./make.ts";
import { broadcastTo, reshape } from "./movement.ts";
import type { OpRecord } from "./record.ts";
import { iota } from "./source.ts";

/** Names of the indexing primitives. */
export type IndexOp = "gather" | "scatterAdd";

/** The indexing records. An id outside the table reads zeros and adds nothing, on every device. */
export const indexRecords: { readonly [P in IndexOp]: OpRecord<P> } = {
  gather: {
    name: "gather",
    family: "index",
    arity: 2,
    summary: "rows of a table",
    infer: ([table, ids]) => {
      expectDType("gather", ids!, ["i32"]);
      if (table!.shape.length < 1) {
        throw new ShapeError({
          op: "gather",
          got: "a scalar table",
          expected: "[rows, ...]",
          hint: "reshape the table",
        });
      }
      return { shape: [...ids!.shape, ...table!.shape.slice(1)], dtype: table!.dtype };
    },
    reference: ([table, ids], node) => {
      const width = sizeOf(table!.shape.slice(1)),
        Data = table!.data.constructor as new (n: number) => Float64Array;
      const out = new Data(sizeOf(node.shape));
      ids!.data.forEach((id, i) => {
        if (id >= 0 && id < table!.shape[0]!) {
          out.set(table!.data.subarray(id * width, (id + 1) * width), i * width);
        }
      });
      return ndarray(node.dtype, node.shape, out);
    },
    // updates of one row add up in f32
    vjp: ({ args: [table, ids] }, ct) => [
      cast(table!.dtype)(scatterAdd(table!.shape[0]!)(ids!, cast("f32")(ct))),
      undefined,
    ],
    flops: () => 0,
    laws: ["linear"],
  },
  scatterAdd: {
    name: "scatterAdd",
    family: "index",
    arity: 2,
    summary: "sum of rows into a table",
    infer: ([ids, updates], { rows }) => {
      expectDType("scatterAdd", ids!, ["i32"]);
      expectDType("scatterAdd", updates!, ["f32"]);
      const lead = updates!.shape.slice(0, ids!.shape.length);
      if (!equals(lead, ids!.shape)) {
        throw new ShapeError({
          op: "scatterAdd",
          got: `ids ${show(ids!.shape)} with updates ${show(updates!.shape)}`,
          expected: "updates that begin with the axes of ids",
          hint: "reshape one of them",
        });
      }
      return { shape: [rows, ...updates!.shape.slice(ids!.shape.length)], dtype: "f32" };
    },
    reference: ([ids, updates], node) => {
      const width = sizeOf(node.shape.slice(1)), out = new Float64Array(sizeOf(node.shape));
      ids!.data.forEach((id, i) => {
        if (id < 0 || id >= node.attributes.rows) return;
        for (let j = 0; j < width; j++) out[id * width + j]! += updates!.data[i * width + j]!;
      });
      return ndarray("f32", node.shape, out);
    },
    vjp: (node, ct) => [undefined, gather(ct)(node.args[0]!)],
    flops: (node) => sizeOf(node.args[1]!.shape),
    laws: ["linear"],
  },
};

/** `table[ids]`: shape of ids, then the row shape. Data-last in the ids. */
export const gather = (table: Tensor): (ids: Tensor) => Tensor => (ids: Tensor): Tensor =>
  make(indexRecords.gather, [table, ids], {});

/** Adds the rows of `updates` into `rows` rows of zeros at `ids`, in a fixed order. */
export const scatterAdd =
  (rows: number): (ids: Tensor, updates: Tensor) => Tensor => (ids: Tensor, updates: Tensor): Tensor =>
    make(indexRecords.scatterAdd, [ids, updates], { rows });

/** One-hot rows: 1 where the class is the id, as f32. Data-last. */
export const oneHot = (classes: number): (ids: Tensor) => Tensor => (ids: Tensor): Tensor => {
  const shape = [...ids.shape, classes];
  return cast("f32")(
    equal(broadcastTo(shape)(reshape([...ids.shape, 1])(ids)), iota(shape, ids.shape.length)),
  );
};
