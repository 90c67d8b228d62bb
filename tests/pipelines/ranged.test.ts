/** Checkpoints by range: little memory, and hostile files refused with a reason. */
import {
  arrayTrees,
  countParameters,
  type NdArray,
  type ParameterSpec,
  specTrees,
  type Tree,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import type { Program } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decoderOf, firstWord, writeSynthetic } from "../../bench/checkpoint.ts";
import { SafetensorsError } from "../../pipelines/weights/fault.ts";
import { MAX_HEADER_BYTES } from "../../pipelines/weights/header.ts";
import { exportDecoder } from "../../pipelines/weights/huggingface/export.ts";
import { loadDecoder, openDecoder } from "../../pipelines/weights/huggingface/load.ts";
import { MisfitError } from "../../pipelines/weights/misfit.ts";
import { denoRanged, type RangedDisk, withRangedDisk } from "../../pipelines/weights/ranged.ts";
import { openSource } from "../../pipelines/weights/source.ts";
import { lazyTrees, readLazies, readLazy, RUN, uploadLazies } from "../../pipelines/weights/lazy.ts";
import { narrow, widen } from "../../pipelines/weights/stored.ts";
import { PIECE_BYTES, storedArrays } from "../../pipelines/weights/stream.ts";
import { type LlamaConfig, llamaSpecs, stackLayers } from "@chain-of-sight/core";
import { inFolder, savedModel, writeModel } from "../support/checkpoint.ts";
import { property } from "../support/property.ts";

const run = Effect.runPromise;

/** Inputs of a program: the longest array that it asked to be filled, and all bytes together. */
interface Counted {
  longest: number;
  total: number;
}

const counting = (counted: Counted): RangedDisk => ({
  open: async (path) => {
    const file = await denoRanged.open(path);
    return {
      bytes: file.bytes,
      readAt: (at, into) => {
        counted.longest = Math.max(counted.longest, into.byteLength);
        counted.total += into.byteLength;
        return file.readAt(at, into);
      },
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  },
});

const filled = (specs: Tree<ParameterSpec>): Tree<NdArray> =>
  specTrees.map(specs, ({ shape }, path) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)), start = path.length;
    for (let i = 0; i < data.length; i++) data[i] = ((i * 7 + start) % 255) / 256;
    return { dtype: "f32", shape, data } as NdArray;
  }) as Tree<NdArray>;

const memory = suite("weights by range");

memory(
  "40 MB in shards are read once, in runs of a few megabytes",
  () =>
    inFolder(async (folder) => {
      const config: LlamaConfig = { vocabulary: 9000, width: 512, layers: 4, heads: 8, ff: 1376 };
      const params = filled(llamaSpecs(config) as Tree<ParameterSpec>);
      await run(
        exportDecoder(folder, { config, params: params as never }, { floats: "BF16", shardBytes: 9e6 }),
      );
      const files = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".safetensors"));
      const onDisk = files.reduce((n, { name }) => n + Deno.statSync(`${folder}/${name}`).size, 0);
      assert.ok(files.length >= 4 && onDisk > 40e6, `${files.length} files, ${onDisk} bytes`);
      const counted: Counted = { longest: 0, total: 0 };
      let most = 0;
      await run(withRangedDisk(
        counting(counted),
        Effect.gen(function* () {
          const opened = yield* openDecoder(folder);
          assert.ok(counted.total < 1e5, "opening reads headers alone");
          for (const [path, array] of lazyTrees.entries(opened.params)) {
            yield* array.stream((at, values) =>
              Effect.sync(() => {
                most = Math.max(most, values.length);
                const wanted = (i: number): number => (i * 7 + path.length) % 255 / 256;
                assert.is(values[0], wanted(at), path);
                assert.is(values.at(-1), wanted(at + values.length - 1));
              })
            );
          }
        }),
      ));
      assert.ok(counted.longest <= PIECE_BYTES, `a read of ${counted.longest} bytes`);
      assert.ok(counted.total < onDisk + 2e5, `${counted.total} bytes read of ${onDisk}`);
      assert.is(most, RUN);
    }),
);

/** A program that keeps what is written to it, whose inputs have given element types. */
const noting = (specs: Tree<ParameterSpec>, input: (path: string) => readonly [string, "f32" | "f16"]) => {
  const written = new Map<string, number[]>(), longest = { elements: 0 };
  const inputs = Object.fromEntries(specTrees.entries(specs).map(([path]) => input(path)));
  const plan = {
    inputs: Object.fromEntries(
      specTrees.entries(specs).map(([path, { shape }]) => [input(path)[0], { dtype: input(path)[1], shape }]),
    ),
  };
  const writePart: Program["writePart"] = (path, at, { dtype, data }) =>
    Effect.sync(() => {
      const before = written.get(path) ?? [];
      assert.is(at, before.length, `${path}: runs in order`);
      assert.ok(dtype === "f32" || at % 2 === 0, `${path}: f16 from an even element on`);
      assert.is(dtype, inputs[path]);
      longest.elements = Math.max(longest.elements, data.length);
      for (const x of data) before.push(x);
      written.set(path, before);
    });
  return { program: { plan, writePart } as unknown as Program, written, longest };
};

memory(
  "stacked blocks reach a program piece by piece, as f16 where it stores that",
  () =>
    inFolder(async (folder) => {
      const config: LlamaConfig = {
        vocabulary: 5000,
        width: 250,
        layers: 3,
        heads: 1,
        ff: 5,
        attentionBias: true,
      };
      const specs = llamaSpecs(config) as Tree<ParameterSpec>, params = filled(specs);
      await run(
        exportDecoder(folder, { config, params: params as never }, { floats: "BF16", shardBytes: 6e5 }),
      );
      const opened = await run(openDecoder(folder, { scan: true }));
      const paths = Object.keys(specTrees.flatten(opened.specs));
      // slices of five elements cannot be written one by one as f16
      const { program, written, longest } = noting(
        opened.specs,
        (path) => [`w.${path}`, /mlp|embed|norm/.test(path) ? "f16" : "f32"],
      );
      const counted: Counted = { longest: 0, total: 0 };
      await run(withRangedDisk(counting(counted), uploadLazies(program, "w", opened.params)));
      assert.ok(longest.elements * 4 <= PIECE_BYTES && counted.longest <= PIECE_BYTES);
      const want = stackLayers("model.layers")(arrayTrees.flatten(params));
      assert.equal([...written.keys()].toSorted(), paths.map((path) => `w.${path}`).toSorted());
      for (const [path, { data }] of Object.entries(want)) {
        assert.equal(written.get(`w.${path}`), [...data], path);
      }
    }),
);

memory("a number beyond f16 is refused by the parameter's name", () =>
  inFolder(async (folder) => {
    const config: LlamaConfig = { vocabulary: 5, width: 4, layers: 1, heads: 1, ff: 3 };
    const specs = llamaSpecs(config) as Tree<ParameterSpec>, params = filled(specs);
    arrayTrees.flatten(params)["model.norm.weight"]!.data[2] = 70000;
    await run(exportDecoder(folder, { config, params: params as never }, { floats: "BF16" }));
    const opened = await run(openDecoder(folder));
    const halves = noting(opened.specs, (path) => [`w.${path}`, "f16"]);
    const error = await run(Effect.flip(uploadLazies(halves.program, "w", opened.params)));
    assert.match(error.message, /70144 in model\.norm\.weight.*65504/);
    await run(uploadLazies(noting(opened.specs, (path) => [`w.${path}`, "f32"]).program, "w", opened.params));
  }));

memory(
  "a synthetic checkpoint is a checkpoint, and every parameter begins with its own number",
  () =>
    inFolder(async (folder) => {
      const config: LlamaConfig = { vocabulary: 9, width: 8, layers: 2, heads: 2, kvHeads: 1, ff: 6 };
      await run(writeSynthetic(folder, config, 300));
      assert.ok([...Deno.readDirSync(folder)].length > 4, "shards, index and config");
      const { params } = await run(loadDecoder(folder));
      const arrays = arrayTrees.entries(params as unknown as Tree<NdArray>);
      assert.is(arrays.length, 2 * 9 + 3);
      for (const [path, { data }] of arrays) {
        const words = new Uint32Array((data as Float32Array).buffer);
        assert.is(words[0], firstWord(path) * 65536, path);
        assert.is(words[words.length - 1], (firstWord(path) + ((words.length - 1) & 63)) * 65536, path);
      }
      const bytes = 2 * countParameters(llamaSpecs(decoderOf(2e9)) as Tree<ParameterSpec>);
      assert.ok(Math.abs(bytes / 2e9 - 1) < 0.025, `${bytes} bytes`);
    }),
);

memory("transposed tensors of any type, cut into pieces anywhere", () =>
  inFolder(async (folder) => {
    // three columns do not divide a piece, so that pieces end within rows
    const rows = PIECE_BYTES / 4, values = Float32Array.from({ length: rows * 3 }, (_, i) => i % 251);
    const types = [["F32", 4], ["F16", 2], ["BF16", 2]] as const;
    for (const [type, size] of types) {
      const bytes = type === "F32" ? new Uint8Array(values.buffer) : narrow(type, values),
        path = `${folder}/${type}`;
      await Deno.writeFile(path, bytes);
      const from = { name: "x", type, shape: [rows, 3], file: path, at: 0, bytes: values.length * size };
      const { x } = storedArrays([{ path: "x", shape: [3, rows], transposed: true, from }]);
      const { shape, data } = await run(readLazy(x!));
      assert.equal(shape, [3, rows]);
      for (let i = 0; i < values.length; i += 1009) {
        assert.is(data[(i % 3) * rows + Math.floor(i / 3)], values[i], `${type} ${i}`);
      }
    }
  }));

memory(
  "short floats: every bf16 and f16 comes back as itself, and rounding is to the nearest, ties to even",
  () => {
    for (const type of ["F16", "BF16"] as const) {
      const words = Uint16Array.from({ length: 65536 }, (_, i) => i), values = new Float32Array(65536);
      widen(type, new Uint8Array(words.buffer), values);
      const back = new Uint16Array(narrow(type, values).slice().buffer);
      values.forEach((x, i) => {
        if (!Number.isNaN(x)) assert.is(back[i], i, `${type} ${i}`);
      });
      const again = new Float32Array(65536);
      widen(type, new Uint8Array(back.buffer), again);
      values.forEach((x, i) => assert.is(Number.isNaN(again[i]), Number.isNaN(x), `${type} ${i}`));
    }
    const bits = (x: number) => new Uint16Array(narrow("BF16", Float32Array.of(x)).slice().buffer)[0];
    assert.is(bits(1 + 2 ** -8), 0x3f80, "a tie goes to the even one below");
    assert.is(bits(1 + 3 * 2 ** -8), 0x3f82, "and to the even one above");
    assert.is(bits(1 + 2 ** -8 + 2 ** -20), 0x3f81);
    assert.is(bits(3.4e38), 0x7f80, "beyond the largest is an infinity");
  },
);

const hostile = suite("hostile checkpoints");
const { config, tensors } = savedModel("llama");

const refused = async (path: string, pattern: RegExp): Promise<void> => {
  const error = await run(Effect.flip(openSource(path)));
  assert.instance(error, SafetensorsError);
  assert.match(error.message, pattern);
  assert.ok(error.message.includes(path), error.message);
};

const lead = (length: bigint): Uint8Array => {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, length, true);
  return out;
};

hostile(
  "a header of 100 MB is refused before it is read, whether or not the file has it",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/model.safetensors`, counted: Counted = { longest: 0, total: 0 };
      for (const claimed of [100_000_000n, BigInt(MAX_HEADER_BYTES) + 1n, 2n ** 63n]) {
        await Deno.writeFile(path, lead(claimed));
        await Deno.truncate(path, 100_000_100);
        const error = await run(Effect.flip(withRangedDisk(counting(counted), openSource(path))));
        assert.match(error.message, new RegExp(`a header of ${claimed} bytes`));
      }
      assert.is(counted.longest, 8);
      await Deno.writeFile(path, lead(1000n));
      await refused(path, /a file of 8 bytes.*a header up to byte 1008/);
    }),
);

hostile(
  "a header of a hundred thousand bad entries, or brackets, or axes is refused by the first of them",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/model.safetensors`, n = 1e5;
      const headers: readonly (readonly [string, RegExp])[] = [
        [`{${Array.from({ length: n }, (_, i) => `"a${i}":1`)}}`, /got a0: 1;/],
        [`{"__metadata__":{${Array.from({ length: n }, (_, i) => `"a${i}":1`)}}}`, /got a0: 1;/],
        [`{"a":${"[".repeat(n)}${"]".repeat(n)}}`, /nested deeper than 16/],
        [`{"a":${"[".repeat(n)}`, /nested deeper than 16/],
        [`{"a":{"dtype":"F32","shape":[${"9,".repeat(n)}9],"data_offsets":[0,4]}}`, /fewer than 2\^53/],
        [`{"a":{"dtype":"F32","shape":[${"1,".repeat(n)}1],"data_offsets":[0,4]}}`, /up to byte 4/],
      ];
      for (const [header, pattern] of headers) {
        const text = new TextEncoder().encode(header);
        await Deno.writeFile(path, lead(BigInt(text.length)));
        await Deno.writeFile(path, text, { append: true });
        await refused(folder, pattern);
      }
    }),
);

hostile(
  "an index cannot lead out of its folder or disagree with its shards",
  () =>
    inFolder(async (folder) => {
      await writeModel(folder, { config, tensors });
      await Deno.rename(`${folder}/model.safetensors`, `${folder}/a.safetensors`);
      const index = `${folder}/model.safetensors.index.json`, name = Object.keys(tensors)[0]!;
      const whole = Object.fromEntries(Object.keys(tensors).map((key) => [key, "a.safetensors"]));
      const write = (map: unknown) => Deno.writeTextFile(index, JSON.stringify({ weight_map: map }));
      const reported = async (pattern: RegExp) => {
        const error = await run(Effect.flip(openSource(folder)));
        assert.instance(error, SafetensorsError);
        assert.is((error as SafetensorsError).check, "index");
        assert.match(error.message, pattern);
      };
      for (
        const outside of [
          "../a.safetensors",
          "/etc/passwd",
          "x/../../a.safetensors",
          "a.safetensors/",
          "..",
          "",
          "a\\b.safetensors",
          ".safetensors",
          "C:a.safetensors",
          "a\u0000.safetensors",
          "a.bin",
        ]
      ) {
        await write({ ...whole, [name]: outside });
        await reported(/names of \.safetensors files alongside the index/);
      }
      await write({ ...whole, "model.other": "a.safetensors" });
      await reported(/shards without model\.other \(a\.safetensors\)/);
      const { [name]: _, ...rest } = whole;
      await write(rest);
      await reported(new RegExp(`shards with ${name.replaceAll(".", "\\.")}`));
      await write({ ...whole, [name]: 3 });
      await reported(/weight_map\..*: 3/);
      await Deno.writeTextFile(index, '{"weight_map":{"a":"a.safetensors","a":"a.safetensors"}}');
      await reported(/"a" twice/);
      await Deno.writeTextFile(index, '{"weight_map":{"__proto__":"a.safetensors"}}');
      await reported(/__proto__/);
      await Deno.writeTextFile(index, "{");
      await reported(/not JSON/);
      await Deno.writeTextFile(index, `{"weight_map":${"[".repeat(1e6)}`);
      await reported(/nested deeper than 16/);
      await write({ ...whole, [name]: "b.safetensors" });
      assert.match((await run(Effect.flip(openSource(folder)))).message, /no such file/);
      await write(whole);
      assert.is((await run(openSource(folder))).tensors.length, Object.keys(tensors).length);
      await Deno.remove(index);
      assert.match(
        (await run(Effect.flip(openSource(folder)))).message,
        /a folder with a\.safetensors, config\.json/,
      );
    }),
);

hostile(
  "a folder in the place of a file, a config that is no JSON, weights without config",
  () =>
    inFolder(async (folder) => {
      await Deno.mkdir(`${folder}/model.safetensors`);
      assert.match((await run(Effect.flip(openSource(folder)))).message, /not a regular file|directory/i);
      assert.match((await run(Effect.flip(loadDecoder(folder)))).message, /no such file/);
      await Deno.writeTextFile(`${folder}/config.json`, "[1");
      assert.match((await run(Effect.flip(loadDecoder(folder)))).message, /not JSON/);
      await Deno.truncate(`${folder}/config.json`, 2 ** 20 + 1);
      assert.match((await run(Effect.flip(loadDecoder(folder)))).message, /at most 1048576 bytes/);
    }),
);

property(hostile, "a checkpoint cut anywhere is refused", [fc.nat()], (at) =>
  inFolder(async (folder) => {
    await writeModel(folder, { config, tensors });
    const path = `${folder}/model.safetensors`;
    await Deno.truncate(path, at % (await Deno.stat(path)).size);
    const error = await run(Effect.flip(loadDecoder(folder)));
    assert.instance(error, SafetensorsError);
    assert.is((error as SafetensorsError).check, "truncated");
  }), { runs: 40 });

hostile(
  "a checkpoint that shrinks while it is read is refused",
  () =>
    inFolder(async (folder) => {
      await writeModel(folder, { config, tensors });
      const path = `${folder}/model.safetensors`, whole = await Deno.readFile(path);
      const opened = await run(openDecoder(folder));
      await Deno.truncate(path, whole.length - 1);
      const error = await run(Effect.flip(readLazies(opened.params)));
      assert.match(error.message, new RegExp(`an end at byte ${whole.length - 1}`));
    }),
);

let flipped = 0, refusals = 0;
property(
  hostile,
  "any flipped bits of a header give the same weights, other weights of the same places, or a typed refusal",
  [fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 4 })],
  (flips) =>
    inFolder(async (folder) => {
      await writeModel(folder, { config, tensors });
      const path = `${folder}/model.safetensors`, bytes = await Deno.readFile(path);
      const length = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
      for (const [at, bit] of flips) bytes[at % length]! ^= 1 << bit;
      await Deno.writeFile(path, bytes);
      const got = await run(Effect.result(loadDecoder(folder)));
      flipped++;
      if (got._tag === "Success") return;
      refusals++;
      assert.ok(
        got.failure instanceof SafetensorsError || got.failure instanceof MisfitError,
        got.failure.message,
      );
    }),
  { runs: 300 },
);

hostile(
  "most flipped bits are refused",
  () => assert.ok(refusals > flipped * 2 / 3, `${refusals} of ${flipped}`),
);

memory.run();
hostile.run();
