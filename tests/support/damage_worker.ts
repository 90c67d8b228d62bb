/** A worker thread that reads files with one byte changed, so that a reader that never ends can be stopped. */
import { FormatError } from "../../pipelines/formats/format.ts";
import { formats } from "../../pipelines/formats/formats.ts";
import { planTable, TAIL } from "../../pipelines/formats/parquet/plan.ts";
import { groupRows } from "../../pipelines/formats/parquet/rows.ts";
import { verdictsOf } from "../../pipelines/formats/read.ts";
import { bytesSource } from "../../pipelines/formats/source.ts";
import { serve } from "../../pipelines/threads/serve.ts";

/** Files of a format, of which one is damaged. */
export interface Damage {
  /** The format's name. */
  readonly format: string;
  /** Its files. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Which of them is damaged. */
  readonly which: number;
  /** How it is damaged, each time again: which bytes become what. */
  readonly damages: Edits[] | EveryByte;
}

/** Bytes that are changed together. */
export type Edits = readonly (readonly [at: number, value: number])[];

/** Every byte of a range, one at a time. */
export interface EveryByte {
  /** The first byte, and the one behind the last. */
  readonly range: readonly [from: number, to: number];
  /** Changes of each. */
  readonly changes: number;
}

/** Result of the damaged files. */
export interface Damaged {
  /** Files that were read to their end. */
  readonly read: number;
  /** Files that were refused as a whole. */
  readonly broken: number;
  /** The fault of the reader, by place; nothing if all is right. */
  readonly wrong: readonly string[];
}

const flips: readonly ((byte: number) => number)[] = [
  (b) => b ^ 1,
  (b) => b ^ 0x80,
  (b) => b === 0 ? 0x7f : 0,
  (b) => b === 0xff ? 0x0f : 0xff,
  (b) => (b + 1) & 0xff,
  (b) => b ^ 0x10,
];

/** The rows of a table, read in this thread. */
const readTable = (bytes: Uint8Array): void => {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - TAIL, true);
  if (length > bytes.length - TAIL) throw new FormatError(place("a footer beyond the file"));
  try {
    for (const group of planTable(bytes.slice(bytes.length - TAIL - length), bytes.length)) {
      const parts = group.leaves.map(({ start, length }) => bytes.slice(start, start + length));
      for (const column of Object.values(groupRows(group, parts))) {
        if (column.length !== group.rows) throw new TypeError(`${column.length} of ${group.rows} rows`);
      }
    }
  } catch (cause) {
    // whatever a decoder throws is a refusal; that nothing is said is none
    if (cause instanceof TypeError && /of \d+ rows$/.test(cause.message)) throw cause;
    if (!(cause instanceof Error) || cause.message === "") throw new TypeError("a refusal without words");
    throw new FormatError(place(cause.message));
  }
};

const place = (got: string) => ({
  op: "read",
  got,
  expected: "a table",
  hint: "",
  file: "table",
  record: "(file)",
  fields: [],
});

const readFiles = async ({ format, files, which }: Damage, bytes: Uint8Array): Promise<void> => {
  if (format === "parquet") return readTable(bytes);
  const sources = files.map((file, i) => bytesSource(file.name, i === which ? bytes : file.bytes));
  const of = formats.find(({ name }) => name === format)!;
  for await (const some of verdictsOf(of, sources, { policy: "skip" })) {
    for (const verdict of some) {
      const named = files.some(({ name }) => name === verdict.place.file) && verdict.place.record !== "";
      if (!named) throw new TypeError(`a verdict without its place: ${JSON.stringify(verdict.place)}`);
      if (verdict.verdict === "refused" && !verdict.fields.every((f) => f.path !== "" && f.expected !== "")) {
        throw new TypeError("a refusal without its field");
      }
    }
  }
};

function* editsOf(bytes: Uint8Array, { range: [from, to], changes }: EveryByte): Generator<Edits> {
  for (let at = from; at < to; at++) {
    for (let change = 0; change < changes; change++) {
      yield [[at, flips[(at + change * 2) % flips.length]!(bytes[at]!)]];
    }
  }
}

serve<Damage, Damaged>(async (damage) => {
  const { files, which, damages } = damage, whole = files[which]!.bytes, wrong: string[] = [];
  let read = 0, broken = 0;
  for (const edits of Array.isArray(damages) ? damages : editsOf(whole, damages)) {
    const bytes = whole.slice();
    for (const [at, value] of edits) bytes[at % bytes.length] = value;
    try {
      await readFiles(damage, bytes);
      read++;
    } catch (cause) {
      const named = cause instanceof FormatError && cause.record === "(file)" && cause.got !== "";
      if (named) broken++;
      else wrong.push(`${JSON.stringify(edits)}: ${cause}`);
    }
  }
  return { value: { read, broken, wrong } };
});
