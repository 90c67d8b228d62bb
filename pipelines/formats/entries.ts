/** The entries of JSON, JSON lines, plain lines and tables. */
import { jsonOf, textOf, wrong } from "./decoding.ts";
import { brokenFile, type Entry, type Format } from "./format.ts";
import { type JsonLayout, jsonSplitter } from "./json_split.ts";
import type { FileSource } from "./source.ts";
import { fieldsOf, type TextPiece, textSplitter } from "./text_split.ts";

/** How a format opens its files. */
export type Opener = Format<unknown>["open"];

/** Opens JSON files, by role, or all in one way. */
export const jsonFile = (layout: JsonLayout | Readonly<Record<string, JsonLayout>>): Opener =>
  async function* (source, role): AsyncGenerator<readonly Entry[]> {
    await checkUnicode(source);
    const split = jsonSplitter(source.name, "root" in layout ? layout as JsonLayout : layout[role]!);
    for await (const chunk of source.chunks()) {
      yield split.push(chunk).map(({ section, index, key, at, bytes }): Entry => ({
        file: source.name,
        role,
        section,
        index,
        at,
        record: key === undefined ? `${section}[${index}]` : key || "the empty key",
        ...(key === undefined ? {} : { key }),
        ...jsonOf(bytes),
      }));
    }
    split.end();
  };

/** Refuses text that is not in UTF-8 by its first bytes, which say so. */
const checkUnicode = async (source: FileSource): Promise<void> => {
  const [first, second] = await source.slice(0, Math.min(source.size, 2));
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw brokenFile(source.name, "a file in UTF-16", "text in UTF-8", "save the file as UTF-8");
  }
};

async function* pieces(source: FileSource, quoted: boolean): AsyncGenerator<readonly TextPiece[]> {
  await checkUnicode(source);
  const split = textSplitter(source.name, quoted);
  for await (const chunk of source.chunks()) yield split.push(chunk);
  yield split.end();
}

const entryOf = (source: FileSource, role: string, { index, line, at }: TextPiece) => ({
  file: source.name,
  role,
  section: "",
  index,
  at,
  record: `line ${line}`,
});

/** Opens files with one JSON value per line. */
export const jsonLines: Opener = async function* (source, role): AsyncGenerator<readonly Entry[]> {
  for await (const some of pieces(source, false)) {
    yield some.map((piece) => ({ ...entryOf(source, role, piece), ...jsonOf(piece.bytes) }));
  }
};

/** Opens files of plain lines; the values are their texts. */
export const plainLines: Opener = async function* (source, role): AsyncGenerator<readonly Entry[]> {
  for await (const some of pieces(source, false)) {
    yield some.map((piece) => ({ ...entryOf(source, role, piece), ...textOf(piece.bytes) }));
  }
};

/** Bytes in which the first value of a file shows. */
const HEAD = 4096;

/**
 * Opens either kind of JSON file by its first byte: one list of values, or one value per line. One object over several
 * lines is neither, and is refused as a whole.
 */
export const jsonListOrLines: Opener = async function* (source, role): AsyncGenerator<readonly Entry[]> {
  const head = new TextDecoder().decode(await source.slice(0, Math.min(source.size, HEAD))).trimStart();
  if (head.startsWith("[")) return yield* jsonFile({ root: "list" })(source, role);
  if (/^\{\s*\n\s*("|\})/.test(head)) {
    const expected = "a list of values, or one value per line";
    throw brokenFile(
      source.name,
      "one JSON object over several lines",
      expected,
      "write its list as the file",
    );
  }
  yield* jsonLines(source, role);
};

/** Maximum number of columns of a table. */
const MAX_COLUMNS = 1000;

/**
 * Opens tables with tabs between fields and names in the first row; the values are objects of texts. A row with more or
 * fewer fields than there are names is refused.
 */
export const table: Opener = async function* (source, role): AsyncGenerator<readonly Entry[]> {
  let names: readonly string[] | undefined;
  for await (const some of pieces(source, true)) {
    const entries: Entry[] = [];
    for (const piece of some) {
      const text = textOf(piece.bytes);
      if (names === undefined) {
        if ("fault" in text) throw brokenFile(source.name, `names of columns: ${text.fault.got}`, "text");
        names = fieldsOf(text.value, MAX_COLUMNS);
        if (names.length > MAX_COLUMNS) {
          throw brokenFile(
            source.name,
            `more than ${MAX_COLUMNS} columns`,
            "a table with tabs between fields",
          );
        }
        const twice = names.find((name, i) => names!.indexOf(name) !== i);
        if (twice !== undefined) {
          throw brokenFile(source.name, `the column ${JSON.stringify(twice)} twice`, "every column once");
        }
        continue;
      }
      const base = { ...entryOf(source, role, piece), index: piece.index - 1 };
      if ("fault" in text) {
        entries.push({ ...base, ...text });
        continue;
      }
      const known = names, fields = fieldsOf(text.value, known.length);
      entries.push(
        fields.length === known.length
          ? { ...base, value: Object.fromEntries(fields.map((field, i) => [known[i]!, field])) }
          : {
            ...base,
            fault: wrong(
              fields.length > known.length ? `more than ${known.length} fields` : `${fields.length} fields`,
              `${known.length}, as there are columns`,
            ),
          },
      );
    }
    yield entries;
  }
  if (names === undefined) throw brokenFile(source.name, "no row", "names of columns in the first row");
};
