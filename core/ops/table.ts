/** Every primitive by name: the total table from which interpreters are made. */
import type { OpName, Tensor } from "../tensor.ts";
import { attentionRecords } from "./attention.ts";
import { matmulRecord } from "./contraction.ts";
import { callRecords } from "./call.ts";
import { foreachRecords } from "./foreach.ts";
import { binaryRecords, castRecord, selectRecord, unaryRecords } from "./elementwise.ts";
import { indexRecords } from "./index.ts";
import { movementRecords } from "./movement.ts";
import { randomRecord } from "./random.ts";
import type { OpRecord, RecordOf, TupleRecord } from "./record.ts";
import { reduceRecords } from "./reduce.ts";
import { markRecords } from "./mark.ts";
import { scanRecord } from "./scan.ts";
import { sourceRecords } from "./source.ts";

/** The records of all primitives. A missing one does not compile. */
export const records: { readonly [P in OpName]: RecordOf<P> } = {
  ...sourceRecords,
  ...unaryRecords,
  ...binaryRecords,
  select: selectRecord,
  cast: castRecord,
  ...reduceRecords,
  ...movementRecords,
  matmul: matmulRecord,
  ...attentionRecords,
  ...foreachRecords,
  ...indexRecords,
  ...markRecords,
  ...callRecords,
  scan: scanRecord,
  randomBits: randomRecord,
};

/** The record of one primitive with one result, untyped in its attributes. */
export const recordOf = (op: OpName): OpRecord<OpName> => records[op] as unknown as OpRecord<OpName>;

/** The record of a node with several results. */
export const tupleRecordOf = ({ op }: Tensor): TupleRecord<OpName> =>
  records[op] as unknown as TupleRecord<OpName>;
