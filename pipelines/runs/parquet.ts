/** Tables as Parquet files. */
import { parquetWriteBuffer } from "hyparquet-writer";
import type { DataColumn, DataTable } from "./data_table.ts";

const types = { integer: "INT64", number: "DOUBLE", text: "STRING", flag: "BOOLEAN" } as const;

const valuesOf = ({ kind, values }: DataColumn): unknown[] =>
  values.map((value) => value === undefined ? null : kind === "integer" ? BigInt(value as number) : value);

/** The bytes of a Parquet file with the columns of a table: 64-bit numbers, UTF-8 texts, flags; nothing is null. */
export const parquetBytes = ({ columns }: DataTable): Uint8Array =>
  new Uint8Array(parquetWriteBuffer({
    columnData: columns.map((column) => ({
      name: column.name,
      data: valuesOf(column),
      type: types[column.kind],
      nullable: true,
    })),
  }));
