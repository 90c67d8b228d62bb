/** Tables as Parquet files. */
import { ByteWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import { cellOf, type DataColumn, type DataRow, type DataTable } from "./data_table.ts";

const types = { integer: "INT64", number: "DOUBLE", text: "STRING", flag: "BOOLEAN" } as const;

const valuesOf = (column: DataColumn, rows: readonly DataRow[]): unknown[] =>
  rows.map((row) => {
    const value = cellOf(column, row);
    return value === undefined ? null : column.kind === "integer" ? BigInt(value as number) : value;
  });

/**
 * Writes a table as a Parquet file with a row group for as many rows as are read at a time: 64-bit numbers, UTF-8 texts,
 * flags; nothing is null.
 */
export const writeParquet = async (
  { columns, rows }: DataTable,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> => {
  const dataOf = (some: readonly DataRow[]) =>
    columns.map((column) => ({
      name: column.name,
      data: valuesOf(column, some),
      type: types[column.kind],
      nullable: true,
    }));
  const writer = new ByteWriter(), schema = schemaFromColumnData({ columnData: dataOf([]) });
  const file = new ParquetWriter({ writer, schema });
  const flush = async () => {
    const bytes = writer.getBytes().slice();
    writer.index = 0;
    await write(bytes);
  };
  await rows(async (some) => {
    if (some.length === 0) return;
    file.write({ columnData: dataOf(some), rowGroupSize: some.length });
    await flush();
  });
  file.finish();
  await flush();
};
