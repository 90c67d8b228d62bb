/** Safetensors and checkpoints: round trips, hostile files, full disks and crashes. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NdArray } from "@chain-of-sight/core";
import { denoDisk, type Disk, withDisk } from "../../pipelines/base/disk.ts";
import {
  CheckpointError,
  load,
  open,
  read,
  save,
  saveFrom,
  sweep,
} from "../../pipelines/weights/checkpoint.ts";
import type { Check } from "../../pipelines/weights/fault.ts";
import { repeatedKey } from "../../pipelines/weights/json_keys.ts";
import { decode, encode, formsOf, type Tensors } from "../../pipelines/weights/safetensors.ts";
import { GROUP_BYTES } from "../../pipelines/weights/write.ts";
import { property } from "../support/property.ts";
import { right } from "../support/either.ts";

const bytesOf = (data: NdArray["data"]): number[] => [
  ...new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
];

const sameTensors = (got: Tensors, want: Tensors): void => {
  assert.equal(Object.keys(got).toSorted(), Object.keys(want).toSorted());
  for (const [name, array] of Object.entries(want)) {
    assert.is(got[name]!.dtype, array.dtype, name);
    assert.equal([...got[name]!.shape], [...array.shape], name);
    assert.is(got[name]!.data.constructor, array.data.constructor, name);
    assert.equal(bytesOf(got[name]!.data), bytesOf(array.data), name);
  }
};

const refusedBy = (bytes: Uint8Array, check: Check, pattern: RegExp): void => {
  const got = decode(bytes);
  assert.ok(E.isLeft(got), `expected ${check} to refuse`);
  assert.is(got.left.check, check, got.left.message);
  assert.match(got.left.message, pattern);
};

/** A file of any header text and data. */
const fileOf = (header: string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array => {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const out = new Uint8Array(8 + text.byteLength + data.byteLength);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  out.set(text, 8);
  out.set(data, 8 + text.byteLength);
  return out;
};

const one = (dtype: string, shape: number[], data: ArrayBufferView, name = "x"): Uint8Array =>
  fileOf(
    JSON.stringify({ [name]: { dtype, shape, data_offsets: [0, data.byteLength] } }),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );

const shapes = fc.array(fc.nat(4), { maxLength: 3 });
const anyArray: fc.Arbitrary<NdArray> = shapes.chain((shape) => {
  const n = shape.reduce((a, b) => a * b, 1);
  const words = fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: n, maxLength: n });
  return fc.oneof(
    words.map((w): NdArray => ({ dtype: "f32", shape, data: new Float32Array(Uint32Array.from(w).buffer) })),
    words.map((w): NdArray => ({ dtype: "i32", shape, data: new Int32Array(Uint32Array.from(w).buffer) })),
    words.map((w): NdArray => ({ dtype: "u32", shape, data: Uint32Array.from(w) })),
    words.map((w): NdArray => ({ dtype: "bool", shape, data: Uint8Array.from(w, (x) => x & 1) })),
    words.map((w): NdArray => ({ dtype: "f32", shape, data: Float64Array.from(w, (x) => x / 7 - 1e8) })),
  );
});
const names = fc.string({ unit: "binary", maxLength: 12 }).filter((s) =>
  s !== "__proto__" && s !== "__metadata__"
);
const trees = fc.dictionary(names, anyArray, { maxKeys: 6, noNullPrototype: true });
const texts = fc.dictionary(names, fc.string({ unit: "binary" }), { maxKeys: 4, noNullPrototype: true });

const weights = suite("safetensors");

property(
  weights,
  "gives back every bit of every array and the metadata",
  [trees, texts],
  (tensors, metadata) => {
    const file = right(decode(right(encode(tensors, metadata)), { float64: "keep" }));
    sameTensors(file.tensors, tensors);
    assert.equal(file.metadata, metadata);
  },
  { runs: 200 },
);

property(
  weights,
  "gives equal bytes for equal trees in any order, and writes what it read to the same bytes",
  [trees],
  (tensors) => {
    const bytes = right(encode(tensors));
    assert.equal([...right(encode(Object.fromEntries(Object.entries(tensors).toReversed())))], [...bytes]);
    assert.equal([...right(encode(right(decode(bytes, { float64: "keep" })).tensors))], [...bytes]);
  },
  { runs: 100 },
);

weights("aligns the data and leaves no holes, as the format asks", () => {
  const bytes = right(encode({
    mask: { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) },
    w: { dtype: "f32", shape: [2], data: Float32Array.of(1.5, -2) },
  }));
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.is(length % 8, 0);
  assert.equal(JSON.parse(new TextDecoder().decode(bytes.slice(8, 8 + length))), {
    w: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
    mask: { dtype: "BOOL", shape: [3], data_offsets: [8, 11] },
  });
  assert.is(bytes.byteLength, 8 + length + 11);
  for (let n = 1; n <= 8; n++) {
    const named = right(encode({ ["x".repeat(n)]: { dtype: "f32", shape: [], data: Float32Array.of(1) } }));
    assert.is(new DataView(named.buffer).getUint32(0, true) % 8, 0, `a name of ${n} letters`);
  }
});

weights("reads the types of other tools", () => {
  const read1 = (dtype: string, data: ArrayBufferView & { readonly length: number }): NdArray =>
    right(decode(one(dtype, [data.length], data))).tensors["x"]!;
  const values = (a: NdArray): [string, number[]] => [a.dtype, [...a.data]];
  assert.equal(values(read1("F16", Float16Array.of(1, -0.5, 65504))), ["f32", [1, -0.5, 65504]]);
  assert.equal(values(read1("BF16", Uint16Array.of(0x3f80, 0xc049, 0x7f80))), ["f32", [
    1,
    -3.140625,
    Infinity,
  ]]);
  assert.equal(values(read1("F64", Float64Array.of(0.1))), ["f32", [Math.fround(0.1)]]);
  assert.equal(values(read1("I64", BigInt64Array.of(-5n, 7n))), ["i32", [-5, 7]]);
  assert.equal(values(read1("I16", Int16Array.of(-5))), ["i32", [-5]]);
  assert.equal(values(read1("I8", Int8Array.of(-5))), ["i32", [-5]]);
  assert.equal(values(read1("U64", BigUint64Array.of(4294967295n))), ["u32", [4294967295]]);
  assert.equal(values(read1("U16", Uint16Array.of(65535))), ["u32", [65535]]);
  assert.equal(values(read1("U8", Uint8Array.of(255))), ["u32", [255]]);
  assert.equal(values(read1("BOOL", Uint8Array.of(1, 0))), ["bool", [1, 0]]);
  refusedBy(one("I64", [1], BigInt64Array.of(2n ** 31n)), "value", /2147483648 at element 0 of x/);
  refusedBy(one("BOOL", [1], Uint8Array.of(2)), "value", /byte 2/);
});

weights("refuses a file cut at any byte", () => {
  const bytes = right(encode({ w: { dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) } }));
  for (let n = 0; n < bytes.byteLength; n++) {
    const got = decode(bytes.subarray(0, n));
    assert.ok(E.isLeft(got), `${n} bytes were taken for a whole file`);
    assert.is(got.left.check, "truncated");
  }
});

weights("refuses hostile headers by the right check", () => {
  const long = new Uint8Array(16);
  new DataView(long.buffer).setBigUint64(0, 100_000_001n, true);
  refusedBy(long, "header-length", /100000001 bytes/);
  new DataView(long.buffer).setBigUint64(0, 2n ** 64n - 1n, true);
  refusedBy(long, "header-length", /18446744073709551615/);
  refusedBy(new Uint8Array(8), "header-length", /0 bytes/);
  refusedBy(fileOf(Uint8Array.of(0x7b, 0xff, 0x7d)), "header-json", /UTF-8/);
  refusedBy(fileOf('{"a":'), "header-json", /not JSON/);
  refusedBy(fileOf("[]"), "header-json", /begin with/);
  refusedBy(fileOf(' {"a":1}'), "header-json", /begin with/);
  const x = (shape: unknown, at: unknown, dtype: unknown = "F32"): string =>
    JSON.stringify({ x: { dtype, shape, data_offsets: at } });
  refusedBy(fileOf(x([1], [0, 4], "F31")), "header-shape", /x\.dtype: "F31".*one of F64, F32/);
  refusedBy(fileOf(x([-1], [0, 4])), "header-shape", /x\.shape\.0: -1/);
  refusedBy(fileOf(x([1.5], [0, 4])), "header-shape", /x\.shape\.0: 1\.5/);
  refusedBy(fileOf(x([1], [0])), "header-shape", /x\.data_offsets/);
  refusedBy(fileOf(x([1], [0, 1e300])), "header-shape", /x\.data_offsets\.1/);
  refusedBy(fileOf('{"x":1}'), "header-shape", /x: 1/);
  refusedBy(fileOf('{"__metadata__":{"a":1}}'), "header-shape", /a: 1/);
  refusedBy(fileOf(x([1], [4, 0])), "offsets", /bytes 4 to 0/);
  refusedBy(fileOf(x([2], [0, 4]), new Uint8Array(4)), "size", /4 bytes for x.*8 bytes/);
  refusedBy(fileOf(x([2 ** 40, 2 ** 40], [0, 4]), new Uint8Array(4)), "size", /2\^53/);
  refusedBy(fileOf(x([1], [0, 4])), "truncated", /up to byte 4 for x/);
  refusedBy(fileOf(x([1], [0, 4]), new Uint8Array(5)), "gap", /1 bytes after x/);
  refusedBy(fileOf(x([1], [4, 8]), new Uint8Array(8)), "gap", /right after the header/);
  const two = JSON.stringify({
    a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
    b: { dtype: "F32", shape: [1], data_offsets: [4, 8] },
  });
  refusedBy(fileOf(two, new Uint8Array(8)), "overlap", /b at byte 4.*at 8, after a/);
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  refusedBy(fileOf(`{"a":${entry},"\\u0061":${entry}}`, new Uint8Array(4)), "duplicate-name", /"a" twice/);
  refusedBy(fileOf(`{"__proto__":${entry}}`, new Uint8Array(4)), "reserved-name", /__proto__/);
});

const valid = right(
  encode({ w: { dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } }, { a: "b" }),
);

property(
  weights,
  "never throws on random bytes",
  [fc.uint8Array({ maxLength: 64 })],
  (bytes) => void decode(bytes),
  { runs: 200 },
);

property(weights, "never throws on a random change of a valid file", [
  fc.nat(valid.length - 1),
  fc.nat(255),
], (at, byte) => {
  decode(valid.map((b, i) => i === at ? byte : b));
}, { runs: 300 });

weights("refuses to write what it could not read back", () => {
  const refused = (tensors: Tensors, check: Check): void => {
    const got = encode(tensors);
    assert.ok(E.isLeft(got) && got.left.check === check, check);
  };
  refused({ __metadata__: { dtype: "f32", shape: [], data: Float32Array.of(1) } }, "reserved-name");
  refused({ a: { dtype: "f32", shape: [2], data: Float32Array.of(1) } }, "size");
  refused({ a: { dtype: "i32", shape: [1], data: Float32Array.of(1) } }, "value");
  refused({ a: { dtype: "bool", shape: [1], data: Uint8Array.of(3) } }, "value");
});

weights("finds repeated keys, and only within one object", () => {
  assert.is(repeatedKey('{"a":{"b":1},"c":{"b":"x\\"y: {"},"d":["a",{"a":1}]}'), undefined);
  assert.is(repeatedKey('{"a":{"b":1 , "b" : 2}}'), "b");
  assert.is(repeatedKey('{"a\\\\":1,"a":2}'), undefined);
});

const checkpoints = suite("checkpoint");
const tensors: Tensors = {
  "a.w": { dtype: "f32", shape: [2, 2], data: Float32Array.of(1, NaN, -0, 4) },
  "a.n": { dtype: "i32", shape: [], data: Int32Array.of(-3) },
};
const newer: Tensors = { "a.w": { dtype: "f32", shape: [1], data: Float32Array.of(9) } };

const inFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

const failure = async <A>(program: Effect.Effect<A, CheckpointError>): Promise<CheckpointError> => {
  const error = await Effect.runPromise(Effect.flip(program));
  assert.instance(error, CheckpointError);
  return error;
};

const listing = (folder: string): string[] => [...Deno.readDirSync(folder)].map((e) => e.name).toSorted();

checkpoints(
  "loads what was saved, bit for bit, with its metadata and hash",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/c.safetensors`;
      const saved = await Effect.runPromise(save(path, tensors, { step: "7" }));
      const loaded = await Effect.runPromise(load(path));
      sameTensors(loaded.tensors, tensors);
      assert.equal(loaded.metadata, { step: "7" });
      assert.is(loaded.hash, saved.hash);
      assert.is(saved.bytes, (await Deno.stat(path)).size);
      assert.equal(listing(folder), ["c.safetensors"]);
    }),
);

checkpoints(
  "is read a group of arrays at a time while it is written, and an array at a time when it is read",
  () =>
    inFolder(async (folder) => {
      const many: Tensors = Object.fromEntries(
        Array.from({ length: 6 }, (_, i) => {
          const data = new Float32Array(2 ** 22).fill(i); // 16 MiB each
          return [`w.${i}`, { dtype: "f32", shape: [2 ** 11, 2 ** 11], data } as const];
        }),
      );
      const whole = await Effect.runPromise(save(`${folder}/whole`, many, { step: "1" }));
      const right = <A>(e: E.Either<unknown, A>): A => {
        if (E.isLeft(e)) throw e.left;
        return e.right;
      };
      const groups: string[][] = [];
      const streamed = await Effect.runPromise(
        saveFrom(`${folder}/streamed`, {
          forms: right(formsOf(many)),
          read: (names) =>
            Effect.sync(() => {
              groups.push([...names]);
              return Object.fromEntries(names.map((name) => [name, many[name]!]));
            }),
        }, { step: "1" }),
      );
      assert.is(streamed.hash, whole.hash);
      assert.equal(await Deno.readFile(`${folder}/streamed`), await Deno.readFile(`${folder}/whole`));
      assert.ok(groups.every((group) => group.length * 2 ** 24 <= GROUP_BYTES), "no group beyond its bound");
      assert.is(groups.length, 2);
      const { forms, one } = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const { forms, read } = yield* open(`${folder}/streamed`);
        return { forms, one: yield* read(["w.5"]) };
      })));
      assert.is(Object.keys(forms).length, 6);
      sameTensors(one, { "w.5": many["w.5"]! });
    }),
);

checkpoints(
  "a read that fails while it is written leaves the older checkpoint",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/c.safetensors`;
      await Effect.runPromise(save(path, tensors));
      const forms = { w: { type: "F32", shape: [3] } } as const;
      const lost = await Effect.runPromise(
        Effect.flip(saveFrom(path, { forms, read: () => Effect.fail("lost" as const) })),
      );
      assert.is(lost, "lost");
      for (const array of [Float32Array.of(1, 2), Int32Array.of(1, 2, 3)]) {
        const dtype = array instanceof Int32Array ? "i32" as const : "f32" as const;
        const other = () => Effect.succeed({ w: { dtype, shape: [array.length], data: array } });
        const error = await failure(saveFrom(path, { forms, read: other }));
        assert.is(error.reason, "tensors");
        assert.match(error.message, /for w/);
      }
      assert.equal(listing(folder), ["c.safetensors"]);
      sameTensors((await Effect.runPromise(load(path))).tensors, tensors);
    }),
);

checkpoints("finds every flipped bit, wherever it is", () =>
  inFolder(async (folder) => {
    const path = `${folder}/c.safetensors`;
    await Effect.runPromise(save(path, tensors, { step: "7" }));
    const bytes = await Deno.readFile(path);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1 << (at % 8);
      await Deno.writeFile(path, changed);
      const error = await failure(load(path));
      assert.is(error.reason, "corrupt", `byte ${at}`);
      assert.match(error.message, /older checkpoint/);
    }
  }));

checkpoints("says what is wrong: no file, a cut file, a file without hash", () =>
  inFolder(async (folder) => {
    const path = `${folder}/c.safetensors`;
    const missing = await failure(load(path));
    assert.is(missing.reason, "missing");
    assert.match(missing.message, /no such file/);
    await Effect.runPromise(save(path, tensors));
    await Deno.truncate(path, (await Deno.stat(path)).size - 1);
    const cut = await failure(load(path));
    assert.is(cut.reason, "corrupt");
    assert.is(cut.check, "truncated");
    await Deno.writeFile(path, right(encode(tensors)));
    assert.is((await failure(load(path))).check, "hash");
    sameTensors((await Effect.runPromise(read(path))).tensors, tensors);
    assert.is((await failure(save(`${folder}/none/c`, tensors))).reason, "disk");
  }));

/** A disk that takes some bytes and then is full: the error is the one of the kernel's own full device. */
const fullAfter = (limit: number): Disk => ({
  ...denoDisk,
  create: async (path) => {
    const file = await denoDisk.create(path);
    const full = await Deno.open("/dev/full", { write: true });
    let left = limit;
    return {
      write: (bytes) => {
        if (left <= 0) return full.write(bytes);
        const some = bytes.subarray(0, left);
        left -= some.byteLength;
        return file.write(some);
      },
      overwrite: (at, bytes) => file.overwrite(at, bytes),
      sync: () => file.sync(),
      [Symbol.dispose]: () => {
        full.close();
        file[Symbol.dispose]();
      },
    };
  },
});

checkpoints(
  "keeps the older checkpoint when the disk fills, and removes the part",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/c.safetensors`;
      await Effect.runPromise(save(path, tensors));
      for (const limit of [0, 5, 100]) {
        const error = await failure(withDisk(fullAfter(limit), save(path, newer)));
        assert.is(error.reason, "disk");
        assert.is(error.check, "ENOSPC");
        assert.match(error.message, /No space left.*free space/);
        assert.equal(listing(folder), ["c.safetensors"]);
        sameTensors((await Effect.runPromise(load(path))).tensors, tensors);
      }
      await Effect.runPromise(save(path, newer));
      sameTensors((await Effect.runPromise(load(path))).tensors, newer);
    }),
);

checkpoints("keeps the older checkpoint when the rename fails", () =>
  inFolder(async (folder) => {
    const path = `${folder}/c.safetensors`;
    await Effect.runPromise(save(path, tensors));
    const disk: Disk = { ...denoDisk, rename: () => Promise.reject(new Deno.errors.PermissionDenied("no")) };
    assert.is((await failure(withDisk(disk, save(path, newer)))).reason, "disk");
    assert.equal(listing(folder), ["c.safetensors"]);
    sameTensors((await Effect.runPromise(load(path))).tensors, tensors);
  }));

checkpoints(
  "survives a process that dies between the write and the rename",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/c.safetensors`;
      await Effect.runPromise(save(path, tensors));
      const script = `
      import * as Effect from "effect/Effect";
      import { denoDisk, withDisk } from "./pipelines/base/disk.ts";
      import { save } from "./pipelines/weights/checkpoint.ts";
      const disk = { ...denoDisk, rename: () => { Deno.kill(Deno.pid, "SIGKILL"); return new Promise(() => {}); } };
      await Effect.runPromise(withDisk(disk, save(${JSON.stringify(path)},
        { w: { dtype: "f32", shape: [1], data: Float32Array.of(9) } })));`;
      const root = new URL("../..", import.meta.url);
      const child = await new Deno.Command(Deno.execPath(), {
        args: ["eval", script],
        cwd: root,
        stderr: "piped",
      })
        .output();
      assert.is(child.signal, "SIGKILL", new TextDecoder().decode(child.stderr));
      assert.is(listing(folder).length, 2, "the dead process left its temporary file");
      sameTensors((await Effect.runPromise(load(path))).tensors, tensors);
      assert.is((await Effect.runPromise(sweep(path))).length, 1);
      assert.equal(listing(folder), ["c.safetensors"]);
    }),
);

checkpoints("leaves files of other names alone when sweeping", () =>
  inFolder(async (folder) => {
    for (const name of ["c.safetensors", "c.safetensors.bak", "d.safetensors.1.0123abcd.tmp"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    assert.equal(await Effect.runPromise(sweep(`${folder}/c.safetensors`)), []);
    assert.is(listing(folder).length, 3);
  }));

checkpoints(
  "refuses tensors that cannot be saved before it touches the disk",
  () =>
    inFolder(async (folder) => {
      const bad: Tensors = { a: { dtype: "f32", shape: [2], data: Float32Array.of(1) } };
      assert.is((await failure(save(`${folder}/c`, bad))).reason, "tensors");
      assert.equal(listing(folder), []);
    }),
);

checkpoints(
  "finishes the file when the program is interrupted while writing",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/c.safetensors`;
      const slow: Disk = {
        ...denoDisk,
        create: async (at) => {
          await new Promise((done) => setTimeout(done, 30));
          return denoDisk.create(at);
        },
      };
      const program = withDisk(slow, save(path, tensors)).pipe(Effect.timeout("5 millis"), Effect.exit);
      assert.ok(Exit.isFailure(await Effect.runPromise(program)));
      assert.equal(listing(folder), ["c.safetensors"], "no part of a file is left");
      sameTensors((await Effect.runPromise(load(path))).tensors, tensors);
    }),
);

weights.run();
checkpoints.run();
