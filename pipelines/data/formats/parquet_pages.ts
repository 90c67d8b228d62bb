/**
 * The pages of a Parquet group, looked at before they are decoded. The decoder believes what page headers say: a damaged
 * one may send it back to where it came from, for ever, or ask for any amount of memory.
 */
import type { RowGroup } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { brokenFile } from "./format.ts";
import type { FileSource } from "./source.ts";

/** Most bytes of a column's part of one group. */
const MOST = 2 ** 30;

const fits = (n: number | undefined, most: number): boolean =>
  n === undefined || (Number.isInteger(n) && n >= 0 && n <= most);

/** Refuses pages of the columns `names` that go backwards, past their end, or beyond what the group says it holds. */
export const checkPages = async (
  source: FileSource,
  { columns, num_rows }: RowGroup,
  names: readonly string[],
): Promise<void> => {
  for (const { meta_data: column } of columns) {
    if (column === undefined) throw brokenFile(source.name, "a column without its place", "one");
    if (!names.includes(column.path_in_schema[0]!)) continue;
    const start = Number(column.dictionary_page_offset ?? column.data_page_offset);
    const length = Number(column.total_compressed_size), values = Number(column.num_values);
    const whole = Number(column.total_uncompressed_size);
    const refuse = (got: string): never => {
      const expected = "pages within their column";
      throw brokenFile(source.name, `${got} in column ${column.path_in_schema.join(".")}`, expected);
    };
    if (
      !fits(length, MOST) || !fits(whole, MOST) || !fits(start, source.size - length) ||
      !fits(values, 2 ** 27) || (column.path_in_schema.length === 1 && values !== Number(num_rows))
    ) refuse(`${values} values in ${length} bytes at ${start}`);
    const bytes = await source.slice(start, start + length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), reader = { view, offset: 0 };
    while (reader.offset < length - 1) {
      const at = start + reader.offset, header = parquetHeader(reader);
      const v1 = header.data_page_header, v2 = header.data_page_header_v2;
      const counted = [v1?.num_values, v2?.num_values, v2?.num_rows, v2?.num_nulls];
      const held = [v2?.definition_levels_byte_length, v2?.repetition_levels_byte_length];
      if (
        !fits(header.compressed_page_size, length - reader.offset) ||
        !fits(header.uncompressed_page_size, whole) || !counted.every((n) => fits(n, values)) ||
        !held.every((n) => fits(n, header.compressed_page_size)) ||
        !fits(header.dictionary_page_header?.num_values, values) ||
        (header.type !== "DICTIONARY_PAGE" && (v1?.num_values ?? v2?.num_values ?? 0) === 0)
      ) refuse(`a page with sizes that do not fit, at byte ${at}`);
      reader.offset += header.compressed_page_size;
    }
  }
};
