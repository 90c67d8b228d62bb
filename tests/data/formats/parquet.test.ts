/** Parquet tables: the rows that writers wrote, and refusals of tables that ask for endless work or memory. */
import fc from "fast-check";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { parquetWriteBuffer } from "hyparquet-writer";
import { Buffer } from "node:buffer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FormatError, type Verdict } from "../../../pipelines/formats/format.ts";
import { parquetPairs } from "../../../pipelines/formats/parquet.ts";
import { planTable, TAIL } from "../../../pipelines/formats/parquet/plan.ts";
import { groupRows } from "../../../pipelines/formats/parquet/rows.ts";
import { verdictsOf } from "../../../pipelines/formats/read.ts";
import { bytesSource } from "../../../pipelines/formats/source.ts";
import type { PairRecord } from "../../../pipelines/formats/training.ts";
import {
  codec,
  encoding,
  page,
  pageOf,
  struct,
  tableOf,
  textPage,
  varint,
  withFooter,
} from "../../support/parquet_bytes.ts";
import { property } from "../../support/property.ts";
import written from "./parquet_tables.json" with { type: "json" };

const test = suite("parquet");

const read = async (bytes: Uint8Array): Promise<readonly Verdict<PairRecord>[]> => {
  const out: Verdict<PairRecord>[] = [];
  for await (const some of verdictsOf(parquetPairs, [bytesSource("t.parquet", bytes)], { policy: "skip" })) {
    out.push(...some);
  }
  return out;
};
const refusal = async (bytes: Uint8Array): Promise<string> => {
  try {
    await read(bytes);
  } catch (error) {
    assert.instance(error, FormatError);
    assert.is((error as FormatError).file, "t.parquet");
    return (error as FormatError).message;
  }
  throw new Error("not refused");
};

test("tables of another writer: versions of pages, encodings, compressions, missing values, nested images", async () => {
  for (const { name, parquet } of written.tables) {
    const nested = name.includes("nested"),
      verdicts = await read(new Uint8Array(Buffer.from(parquet, "base64")));
    assert.is(verdicts.length, written.rows.length, name);
    for (const [i, row] of written.rows.entries()) {
      const verdict = verdicts[i]!;
      if (row.caption === null || row.caption === "") {
        assert.is(verdict.verdict, "refused", `${name}, row ${i}`);
        continue;
      }
      assert.is(verdict.verdict, "taken", `${name}, row ${i}`);
      if (verdict.verdict !== "taken") continue;
      const image = row.image === null ? undefined : new Uint8Array(Buffer.from(row.image, "hex"));
      const path = nested && image !== undefined ? row.path ?? row.url : row.url;
      assert.equal(verdict.records, [{ kind: "pair", id: row.id, image: path, caption: row.caption }], name);
      assert.equal(verdict.imageBytes, image, name);
    }
  }
});

const native = {
  GZIP: (b: Uint8Array) => new Uint8Array(gzipSync(b)),
  BROTLI: (b: Uint8Array) => new Uint8Array(brotliCompressSync(b)),
  ZSTD: (b: Uint8Array) => new Uint8Array(zstdCompressSync(b)),
};
const codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD"] as const;
const encodings = ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY"] as const;
const cell = fc.option(
  fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.constantFrom("a", "b", "ab")),
  { nil: undefined },
);

/** The columns of a table, without a thread. */
const columnsOf = (bytes: Uint8Array) => {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - TAIL, true);
  const groups = planTable(bytes.slice(bytes.length - TAIL - length), bytes.length);
  return groups.map((group) =>
    groupRows(group, group.leaves.map(({ start, length }) => bytes.slice(start, start + length)))
  );
};

property(
  test,
  "any table of texts: the rows that hyparquet reads",
  [
    fc.array(
      fc.record({
        caption: cell,
        url: cell,
        id: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 60 },
    ),
    fc.constantFrom(...codecs),
    fc.constantFrom(...encodings),
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 20, max: 400 }),
  ],
  async (rows, codec, encoding, rowGroupSize, pageSize) => {
    const file = new Uint8Array(parquetWriteBuffer({
      columnData: [
        { name: "caption", data: rows.map((r) => r.caption), type: "STRING", encoding },
        { name: "url", data: rows.map((r) => r.url), type: "STRING" },
        {
          name: "id",
          data: rows.map((r) => r.id),
          type: "INT64",
          encoding: encoding === "PLAIN" ? "DELTA_BINARY_PACKED" : "PLAIN",
        },
      ],
      codec,
      compressors: native,
      rowGroupSize,
      pageSize,
    } as never));
    const expected = await parquetReadObjects({
      file: file.buffer as ArrayBuffer,
      compressors,
    }) as typeof rows;
    const got = columnsOf(file).flatMap(({ caption, url, id }) =>
      caption!.map((text, i) => ({ caption: text, url: url![i], id: id![i] }))
    );
    assert.equal(
      got,
      expected.map(({ caption, url, id }) => ({
        caption: caption ?? undefined,
        url: url ?? undefined,
        id: id?.toString(),
      })),
    );
  },
  { runs: 200 },
);

const one = textPage(["a text"]), address = textPage(["https://example.invalid/a"]);
const table = (columns: Parameters<typeof tableOf>[0][number]["columns"], rows = 1, options = {}) =>
  tableOf([{ rows, columns }], options);
const caption = (pages: Uint8Array, more: object = {}) => ({ path: ["caption"], pages, ...more });
const url = { path: ["url"], pages: address };

test("a table written by hand is read", async () => {
  const [verdict] = await read(table([caption(one), url]));
  assert.is(verdict!.verdict === "taken" && verdict!.records[0]!.caption, "a text");
});

test("page headers that lack what they need, or are, are refused with the column", async () => {
  for (const [name, bytes] of Object.entries(written.damaged)) {
    assert.match(await refusal(new Uint8Array(Buffer.from(bytes, "base64"))), /caption of group 0/, name);
  }
  const content = new Uint8Array(10), whole = 1000;
  const head = { field_1: 1, field_2: 0, field_3: 1, field_4: encoding.plain, field_5: 0, field_6: 0 };
  const bad: Readonly<Record<string, Uint8Array>> = {
    "no kind": struct({ field_2: 10, field_3: 10, field_8: head }),
    "no length": struct({ field_1: 3, field_2: 10, field_8: head }),
    "no length before compression": struct({ field_1: 3, field_3: 10, field_8: head }),
    "no head": pageOf(page.second, {}, content),
    "a negative length": pageOf(page.second, head, content, { field_3: -5 }),
    "a length beyond the column": pageOf(page.second, head, content, { field_3: 4000 }),
    "a length before compression beyond the column": pageOf(page.second, head, content, { field_2: 4000 }),
    "no values": pageOf(page.second, { ...head, field_1: 0, field_3: 0 }, content),
    "more values than rows": pageOf(page.second, { ...head, field_1: 9 }, content),
    "more missing values than values": pageOf(page.second, { ...head, field_2: 2 }, content),
    "levels longer than the page": pageOf(page.second, { ...head, field_5: 400 }, content),
    "an unknown encoding": pageOf(page.second, { ...head, field_4: 77 }, content),
    "no lengths of levels": pageOf(page.second, { field_1: 1, field_2: 0, field_3: 1, field_4: 0 }, content),
    "a page of the first version without its head": struct({ field_1: 0, field_2: 0, field_3: 0 }),
    "a dictionary page alone": pageOf(page.dictionary, { field_1: 0, field_2: 0 }, new Uint8Array()),
    "two dictionaries": new Uint8Array([
      ...pageOf(page.dictionary, { field_1: 0, field_2: 0 }, new Uint8Array()),
      ...pageOf(page.dictionary, { field_1: 0, field_2: 0 }, new Uint8Array()),
    ]),
    "places without a dictionary": pageOf(page.second, { ...head, field_4: encoding.dictionary }, content),
    "the end": new Uint8Array(),
    "half a header": one.slice(0, 5),
  };
  for (const [name, pages] of Object.entries(bad)) {
    assert.match(await refusal(table([caption(pages, { whole }), url])), /column caption of group 0/, name);
  }
});

test("runs, dictionaries and differences take no more memory than their page has values", async () => {
  const levels = (...bytes: number[]) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    return new Uint8Array([...length, ...bytes]);
  };
  const first = { field_1: 1, field_2: encoding.plain, field_3: encoding.rle, field_4: encoding.rle };
  const many = varint(2 ** 31 - 2), packed = varint(2 ** 31 - 1);
  const bombs: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
    "a run of a thousand million levels": [pageOf(page.data, first, levels(...many, 1)), /run of 1073741823/],
    "packed levels without end": [pageOf(page.data, first, levels(...packed, 1)), /packed values/],
    "an empty run": [pageOf(page.data, first, levels(0, 1)), /run of 0/],
    "differences in blocks of nothing": [
      pageOf(page.data, { ...first, field_2: 6 }, new Uint8Array([...levels(2, 1), ...varint(128), 0, 1, 0])),
      /in blocks of 128 in 0 parts/,
    ],
    "a beginning longer than what was before": [
      pageOf(
        page.data,
        { ...first, field_2: encoding.deltaBytes },
        new Uint8Array([
          ...levels(2, 1),
          ...varint(128),
          4,
          1,
          ...varint(2 ** 31),
          ...varint(128),
          4,
          1,
          0,
        ]),
      ),
      /beginning of 1073741824 of 0 bytes/,
    ],
    "a place that the dictionary has not": [
      new Uint8Array([
        ...pageOf(page.dictionary, { field_1: 1, field_2: 0 }, new Uint8Array([1, 0, 0, 0, 65])),
        ...pageOf(
          page.data,
          { ...first, field_2: encoding.dictionary },
          new Uint8Array([...levels(2, 1), 8, 2, 9]),
        ),
      ]),
      /place 9 of a dictionary of 1/,
    ],
    "places of more bits than there are": [
      new Uint8Array([
        ...pageOf(page.dictionary, { field_1: 1, field_2: 0 }, new Uint8Array([1, 0, 0, 0, 65])),
        ...pageOf(
          page.data,
          { ...first, field_2: encoding.dictionary },
          new Uint8Array([...levels(2, 1), 255, 2, 9]),
        ),
      ]),
      /numbers of 255 bits/,
    ],
  };
  for (const [name, [pages, said]] of Object.entries(bombs)) {
    const columns = [caption(pages), {
      ...url,
      pages: pageOf(page.data, first, new Uint8Array([...levels(2, 1), 1, 0, 0, 0, 65])),
    }];
    assert.match(await refusal(table(columns, 1, { optional: true })), said, name);
  }
});

test("compressed pages that grow beyond what they say, or a thousand times, are refused before memory is taken", async () => {
  const zeros = new Uint8Array(2 ** 26),
    head = { field_1: 1, field_2: 0, field_3: 1, field_4: 0, field_5: 0, field_6: 0 };
  for (
    const [name, squeezed] of [["gzip", gzipSync(zeros)], ["brotli", brotliCompressSync(zeros)], [
      "zstd",
      zstdCompressSync(zeros),
    ]] as const
  ) {
    const bytes = new Uint8Array(squeezed), more = { codec: codec[name] };
    const wrongSize = pageOf(page.second, head, bytes, { field_2: 50 });
    assert.match(await refusal(table([caption(wrongSize, more), url])), /caption/, `${name} that is`);
    const tells = pageOf(page.second, head, bytes, { field_2: zeros.length });
    if (name === "gzip") continue;
    assert.match(
      await refusal(table([caption(tells, { ...more, whole: zeros.length }), url])),
      /67108864 bytes in the column caption from \d+ compressed ones/,
      name,
    );
    // the footer may be as well
    assert.match(
      await refusal(table([caption(tells, { ...more, whole: 2 ** 23 }), url])),
      /67108864 as the length/,
    );
  }
  // snappy and plain pages say how long they are
  const snappy = pageOf(page.second, head, new Uint8Array([...varint(2 ** 30), 0, 65]), { field_2: 2 ** 30 });
  assert.match(
    await refusal(table([caption(snappy, { codec: codec.snappy, whole: 2 ** 30 }), url])),
    /1073741824 bytes/,
  );
});

test("rows that take no bytes, bytes that are read twice, and wrong numbers of rows are refused", async () => {
  const rows = 4_000_000, level = new Uint8Array([...varint(rows * 2), 0]);
  const empty = pageOf(
    page.second,
    { field_1: rows, field_2: rows, field_3: rows, field_4: 0, field_5: level.length, field_6: 0 },
    level,
  );
  const none = [caption(empty), { path: ["url"], pages: empty }];
  assert.match(
    await refusal(table(none, rows, { optional: true })),
    /4000000 rows in \d+ bytes: less than a bit for each/,
  );
  assert.match(await refusal(table([caption(one), url], 2 ** 33)), /8589934592 rows in group 0, of at most/);
  assert.match(
    await refusal(table([caption(one, { values: 2 }), url])),
    /2 values in the column caption of 1 rows/,
  );
  assert.match(
    await refusal(table([caption(one), url], 1, { rows: 7 })),
    /1 rows in groups, where the file says 7/,
  );
  assert.match(
    await refusal(table([caption(one), { ...url, place: 1 << 20 }])),
    /column url beyond the end of the file/,
  );
  const place = 4, long = textPage(["a long text ".repeat(100)]), { length } = long;
  const again = Array.from({ length: 40 }, (_, i) => ({
    rows: 1,
    columns: [
      caption(i === 0 ? long : new Uint8Array(), { place, length, whole: length }),
      { ...url, pages: i === 0 ? address : new Uint8Array(), place, length, whole: length },
    ],
  }));
  assert.match(await refusal(tableOf(again)), /columns of \d+ bytes in a file of/);
  const most = 2 ** 16,
    few = pageOf(
      page.second,
      {
        field_1: most,
        field_2: most,
        field_3: most,
        field_4: 0,
        field_5: varint(most * 2).length + 1,
        field_6: 0,
      },
      new Uint8Array([...varint(most * 2), 0]),
    );
  const verdicts = await read(table([caption(few), { path: ["url"], pages: few }], most, { optional: true }));
  assert.is(verdicts.filter(({ verdict }) => verdict === "refused").length, most);
});

test("one long value in the rows of a whole group is counted as often unchanged there", async () => {
  const rows = 2 ** 20, long = "x".repeat(2 ** 16), length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, long.length, true);
  const values = new Uint8Array([...length, ...new TextEncoder().encode(long)]);
  const dictionary = pageOf(page.dictionary, { field_1: 1, field_2: 0 }, values);
  const places = pageOf(
    page.second,
    { field_1: rows, field_2: 0, field_3: rows, field_4: encoding.dictionary, field_5: 0, field_6: 0 },
    new Uint8Array([1, ...varint(rows * 2), 0]),
  );
  const pages = new Uint8Array([...dictionary, ...places]);
  // the file is long enough for its rows
  const padded = [caption(pages), {
    path: ["url"],
    pages: new Uint8Array([...pages, ...new Uint8Array(2 ** 17)]),
  }];
  assert.match(
    await refusal(table(padded, rows)),
    /rows of more than 1073741824 bytes in the column caption/,
  );
});

test("footers whose lists, texts and levels reach beyond their bytes are refused", async () => {
  const text = new TextEncoder().encode("PAR1"),
    deep = (n: number) => Uint8Array.from({ length: n }, () => 0x1c);
  const listOf = (count: number) => new Uint8Array([0x29, 0xf0 | 9, ...varint(count)]);
  const footers: Readonly<Record<string, Uint8Array>> = {
    "a list of a thousand million": listOf(2 ** 30),
    "lists within each other": new Uint8Array([
      0x29,
      ...Array.from({ length: 4000 }, () => [0xf9, 0x80, 0x10]).flat(),
    ]),
    "structures within each other": deep(100_000),
    "a text longer than the footer": new Uint8Array([0x68, ...varint(2 ** 30)]),
    "a text of a negative length": new Uint8Array([0x68, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    "a number without end": Uint8Array.from({ length: 200_000 }, (_, i) => i === 0 ? 0x16 : 0x80),
    "nothing": new Uint8Array(),
    "an empty structure": new Uint8Array([0]),
  };
  for (const [name, footer] of Object.entries(footers)) {
    assert.match(await refusal(withFooter([text], footer)), "t.parquet", name);
  }
  assert.match(await refusal(withFooter([text], struct({ field_1: 1 }), "PARE")), "encrypted");
  assert.match(await refusal(new TextEncoder().encode("PAR1 and no table at all")), "instead of PAR1");
  const nested = Array.from({ length: 200 }, () => ({ field_3: 1, field_4: "caption", field_5: 1 }));
  assert.match(
    await refusal(table([caption(one), url], 1, { schema: [{ field_4: "root", field_5: 1 }, ...nested] })),
    /more than 64 levels deep/,
  );
  const lists = [{ field_4: "root", field_5: 2 }, { field_1: 6, field_3: 2, field_4: "caption" }, {
    field_1: 6,
    field_3: 0,
    field_4: "url",
  }];
  assert.match(
    await refusal(table([caption(one), url], 1, { schema: lists })),
    /column caption, which holds lists/,
  );
});

test("an image may be a path alone, or bytes alone", async () => {
  const bytes = Uint8Array.of(0x89, 0x50, 0x4e, 0x47);
  const file = new Uint8Array(parquetWriteBuffer({
    columnData: [
      { name: "text", data: ["a", "b", "c"] },
      {
        name: "image",
        data: [{ bytes, path: null }, { bytes: null, path: "x/0.jpg" }, { bytes: null, path: null }],
      },
    ],
    schema: [
      { name: "root", num_children: 2 },
      { name: "text", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
      { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
      { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
    ],
  } as never));
  const [first, second, third] = await read(file);
  assert.equal(first!.verdict === "taken" && [first!.records[0]!.image, first!.imageBytes], ["row 0", bytes]);
  assert.equal(second!.verdict === "taken" && [second!.records[0]!.image, second!.imageBytes], [
    "x/0.jpg",
    undefined,
  ]);
  assert.is(third!.verdict, "refused");
});

test("texts that are not UTF-8 are refused with their row", async () => {
  const bytes = textPage(["a text"]);
  bytes[bytes.length - 1] = 0xff;
  const [verdict] = await read(table([caption(bytes), url]));
  assert.equal(
    verdict!.verdict === "refused" && [verdict.place.record, verdict.fields[0]!.path, verdict.fields[0]!.got],
    ["row 0", "caption", '"bytes that are not UTF-8"'],
  );
});

test.run();
