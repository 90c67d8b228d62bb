/**
 * Pairs of images and texts in Parquet tables, with the images' addresses or the images themselves. A thread decodes
 * them, so that a signal ends the process at any time, and a table on which decoding would not end is refused.
 */
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import * as t from "io-ts";
import { openPool, type Requesting } from "../threads/pool.ts";
import { imageKinds, kindOf } from "../images/image_kind.ts";
import { MAX_ENCODED } from "../images/image_files.ts";
import { idCodec, wordsCodec } from "../base/codecs.ts";
import { brokenFile, type Entry, type Format, type FormatError } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";
import { type GroupPlan, TAIL } from "./parquet/plan.ts";
import type { TableAnswer, TableRequest } from "./parquet/worker.ts";
import type { FileSource } from "./source.ts";
import type { PairRecord } from "./training.ts";

/** Maximum number of bytes of a footer, which is parsed at once. */
const MAX_FOOTER = 2 ** 25;
/** Entries that are handed on together. */
const BATCH = 1024;
/** The mark at both ends of a table, and at the end of one whose footer is encrypted. */
const MARK = "PAR1", ENCRYPTED = "PARE";

type Tables = Requesting<TableRequest, TableAnswer, Error>;

/** The threads of the process that decode tables, opened at the first; they do not keep it alive. */
const tables = ((): () => Tables => {
  let opened: Tables | undefined;
  return () =>
    opened ??= Effect.runSync(Scope.provide(
      openPool<TableRequest, TableAnswer, Error>({
        script: new URL("./parquet/worker.ts", import.meta.url),
        size: 2,
        fault: (got) => new Error(got),
      }),
      Scope.makeUnsafe(),
    ));
})();

/** Seconds that decoding may take, however slow the machine: bytes are decoded at some hundred megabytes a second. */
const timeoutSeconds = (bytes: number): number => 60 + bytes / 1e6;

const answered = async <K extends TableAnswer["kind"]>(
  source: FileSource,
  place: string,
  request: Extract<TableRequest, { readonly kind: K }>,
  bytes: number,
): Promise<Extract<TableAnswer, { readonly kind: K }>> => {
  const seconds = timeoutSeconds(bytes);
  const given = await Effect.runPromise(
    tables()(request).pipe(
      Effect.timeoutOrElse({
        duration: `${seconds} seconds`,
        orElse: () => Effect.fail(new Error(`decoding that did not end within ${Math.round(seconds)} s`)),
      }),
      Effect.match({
        onSuccess: (answer) => ({ answer }),
        onFailure: ({ message }) => ({ got: message }),
      }),
    ),
  );
  if ("answer" in given) return given.answer as Extract<TableAnswer, { readonly kind: K }>;
  const got = `${given.got.slice(0, 240)}${place}`;
  throw brokenFile(source.name, got, "a Parquet table of texts and images");
};

const latin1 = new TextDecoder("latin1");

const planOf = async (source: FileSource): Promise<readonly GroupPlan[]> => {
  const { name, size } = source,
    notTable = (got: string): FormatError => brokenFile(name, got, "a Parquet file");
  if (size < TAIL + 4) throw notTable(`${size} bytes`);
  const tail = await source.slice(size - TAIL, size), mark = latin1.decode(tail.subarray(4));
  if (mark === ENCRYPTED) throw brokenFile(name, "an encrypted footer", "a plain one", "decrypt the table");
  if (mark !== MARK) throw notTable(`a file that ends with ${JSON.stringify(mark)} instead of ${MARK}`);
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length > size - TAIL) throw notTable(`a footer of ${length} bytes in a file of ${size}`);
  if (length > MAX_FOOTER) {
    const hint = "write the table again in fewer groups, or as several files";
    throw brokenFile(name, `a footer of ${length} bytes`, `at most ${MAX_FOOTER}`, hint);
  }
  const footer = await source.slice(size - TAIL - length, size);
  return (await answered(source, "", { kind: "plan", footer, size }, length)).groups;
};

async function* rows(source: FileSource, role: string): AsyncGenerator<readonly Entry[]> {
  let first = 0;
  for (const [i, group] of (await planOf(source)).entries()) {
    const bytes: Uint8Array[] = [];
    for (const { start, length } of group.leaves) bytes.push(await source.slice(start, start + length));
    const whole = group.leaves.reduce((n, leaf) => n + leaf.whole, 0);
    const request = { kind: "rows", group, bytes } as const;
    const { columns } = await answered(source, ` of group ${i}`, request, whole),
      held = Object.entries(columns);
    for (let from = 0; from < group.rows; from += BATCH) {
      yield Array.from({ length: Math.min(BATCH, group.rows - from) }, (_, k): Entry => ({
        file: source.name,
        role,
        section: "",
        index: first + from + k,
        record: `row ${first + from + k}`,
        value: Object.fromEntries(held.map(([kind, values]) => [kind, values[from + k]])),
      }));
    }
    first += group.rows;
  }
}

const isBytes = (u: unknown): u is Uint8Array => u instanceof Uint8Array;

/** A text; what is still bytes is not UTF-8. */
const Text = new t.Type<string, string, unknown>(
  "a text in UTF-8 that is not empty",
  (u): u is string => typeof u === "string",
  (u, context) =>
    isBytes(u) ? t.failure("bytes that are not UTF-8", context) : wordsCodec().validate(u, context),
  (s) => s,
);

interface ImageBytes {
  readonly bytes: Uint8Array | undefined;
  readonly path: string | undefined;
}

/** Bytes, or the structure `{bytes, path}` in which Hugging Face stores images; one of both may be absent. */
const ImageBytes = new t.Type<ImageBytes, unknown, unknown>(
  "an encoded image, or its path",
  (u): u is ImageBytes => typeof u === "object",
  (u, context) => {
    const held = isBytes(u) ? { bytes: u } : (u ?? {}) as Readonly<Record<string, unknown>>, { bytes } = held;
    const path = "path" in held && typeof held.path === "string" && held.path !== "" ? held.path : undefined;
    if (bytes === undefined && path !== undefined) return t.success({ bytes, path });
    if (!isBytes(bytes) || bytes.length === 0) {
      return t.failure(u === null || u === undefined ? u : "no bytes", context);
    }
    return bytes.length > MAX_ENCODED
      ? t.failure(`${bytes.length} bytes`, context, `an image of at most ${MAX_ENCODED} bytes`)
      : t.success({ bytes, path });
  },
  (p) => p,
);

const Row = t.intersection([
  t.type({ caption: Text }),
  t.partial({ url: Text, imageBytes: ImageBytes, id: idCodec() }),
]);

/** Parquet tables of pairs; the id is the table's, or the row's number. */
export const parquetPairs: Format<PairRecord> = {
  name: "parquet",
  reads: "Parquet tables of texts with addresses or images, such as COYO-700M and tables of Hugging Face",
  files: [{ name: "tables", many: true }],
  open: rows,
  machine: each(Row, ({ caption, url, imageBytes, id }, entry) => {
    const kind = imageBytes?.bytes === undefined ? undefined : kindOf(imageBytes.bytes);
    if (kind?.read === false) return refused(entry, field("image", kind.name, imageKinds));
    const image = imageBytes?.path ?? url ?? (imageBytes === undefined ? undefined : `row ${entry.index}`);
    return image === undefined
      ? refused(entry, field("url", "nothing", "an address or an image"))
      : taken<PairRecord>(
        entry,
        [{ kind: "pair", id: id ?? String(entry.index), image, caption }],
        { imageBytes: imageBytes?.bytes },
      );
  }),
  unique: false,
};
