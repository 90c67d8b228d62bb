/** Checkpoints of Hugging Face: what is read, what is refused and why, and that an export is read back. */
import {
  type LlamaConfig,
  llamaSpecs,
  type NdArray,
  specTrees,
  stackLayers,
  type Tree,
  vitSpecs,
} from "@chain-of-sight/core";
import {
  arrayTrees,
  clipStatistics,
  initialise,
  type ParameterSpec,
  type VitConfig,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportDecoder, exportVisionTower } from "../../pipelines/weights/huggingface/export.ts";
import { decoderArchitecture } from "../../pipelines/weights/huggingface/decoders.ts";
import { loadDecoder, loadVisionTower } from "../../pipelines/weights/huggingface/load.ts";
import { UnsupportedError } from "../../pipelines/weights/huggingface/unsupported.ts";
import { MisfitError } from "../../pipelines/weights/misfit.ts";
import { namesOf, type NameTable, place } from "../../pipelines/weights/table.ts";
import { fileOf, inFolder, savedModel, writeModel } from "../support/checkpoint.ts";
import { property } from "../support/property.ts";

const run = Effect.runPromise;
const flat = (params: unknown): Record<string, NdArray> => arrayTrees.flatten(params as Tree<NdArray>);

const sameArrays = (
  got: Readonly<Record<string, NdArray>>,
  want: Readonly<Record<string, NdArray>>,
): void => {
  assert.equal(Object.keys(got).toSorted(), Object.keys(want).toSorted());
  for (const [name, { shape, data }] of Object.entries(want)) {
    assert.equal([...got[name]!.shape], [...shape], name);
    assert.ok(data.every((x, i) => Object.is(x, got[name]!.data[i])), `${name} has other numbers`);
  }
};

const { config: clipJson, tensors: clipTensors } = savedModel("clip_vision");
const { config: llamaJson, tensors: llamaTensors } = savedModel("llama");

const prefixed = (prefix: string, tensors: Readonly<Record<string, NdArray>>) =>
  Object.fromEntries(Object.entries(tensors).map(([name, a]) => [prefix + name, a]));

const reading = suite("checkpoints of Hugging Face");

reading("a CLIPVisionModel as saved by transformers 5, number by number", () =>
  inFolder(async (folder) => {
    await writeModel(folder, { config: clipJson, tensors: clipTensors });
    const { config, params } = await run(loadVisionTower(folder));
    assert.equal(config, {
      resolution: 56,
      patch: 14,
      colours: 3,
      width: 64,
      layers: 4,
      heads: 4,
      ff: 256,
      activation: "quickGelu",
      eps: 1e-5,
      pooled: true,
      alignCorners: false,
    });
    sameArrays(flat(params), clipTensors);
  }));

reading(
  "the encoder inside a whole CLIPModel, with the names of older versions",
  () =>
    inFolder(async (folder) => {
      const one: NdArray = { dtype: "f32", shape: [1], data: Float32Array.of(1) };
      await writeModel(folder, {
        config: {
          architectures: ["CLIPModel"],
          model_type: "clip",
          text_config: {},
          vision_config: clipJson,
        },
        tensors: {
          ...prefixed("vision_model.", clipTensors),
          "vision_model.embeddings.position_ids": { dtype: "i32", shape: [1], data: Int32Array.of(0) },
          "text_model.final_layer_norm.bias": one,
          "visual_projection.weight": one,
          "text_projection.weight": one,
          logit_scale: one,
        },
      });
      sameArrays(flat((await run(loadVisionTower(folder))).params), clipTensors);
    }),
);

reading("the first blocks alone, as the paper keeps 23 of 24", () =>
  inFolder(async (folder) => {
    await writeModel(folder, { config: clipJson, tensors: clipTensors });
    const { config, params } = await run(loadVisionTower(folder, { blocks: 3 }));
    assert.is(config.layers, 3);
    assert.is(config.pooled, false);
    const kept = Object.entries(clipTensors).filter(([n]) => !/layers\.3\.|post_layernorm/.test(n));
    sameArrays(flat(params), Object.fromEntries(kept));
    const error = await run(Effect.flip(loadVisionTower(folder, { blocks: 5 })));
    assert.instance(error, UnsupportedError);
    assert.match(error.message, /at least the 5 blocks/);
  }));

reading("a LlamaForCausalLM, number by number", () =>
  inFolder(async (folder) => {
    await writeModel(folder, { config: llamaJson, tensors: llamaTensors });
    const { config, params } = await run(loadDecoder(folder));
    assert.equal(config, {
      vocabulary: 320,
      width: 64,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      headWidth: 16,
      ff: 172,
      eps: 1e-5,
      theta: 10000,
      tied: false,
      attentionBias: false,
      mlpBias: false,
      positions: 128,
      activation: "silu",
    });
    sameArrays(flat(params), llamaTensors);
  }));

reading("shards, and an index alongside them", () =>
  inFolder(async (folder) => {
    const names = Object.keys(llamaTensors),
      file = (i: number) => `model-0000${i % 3 + 1}-of-00003.safetensors`;
    for (const part of [0, 1, 2]) {
      const some = names.filter((_, i) => i % 3 === part).map((name) => [name, llamaTensors[name]!]);
      await Deno.writeFile(`${folder}/${file(part)}`, fileOf(Object.fromEntries(some)));
    }
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(llamaJson));
    const index = { metadata: {}, weight_map: Object.fromEntries(names.map((name, i) => [name, file(i)])) };
    await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, JSON.stringify(index));
    sameArrays(flat((await run(loadDecoder(folder))).params), llamaTensors);
  }));

reading("blocks as stacks, for models that loop over them, and back", () =>
  inFolder(async (folder) => {
    await writeModel(folder, { config: llamaJson, tensors: llamaTensors });
    const model = await run(loadDecoder(folder, { scan: true }));
    assert.is(model.config.scan, true);
    sameArrays(flat(model.params), stackLayers("model.layers")(llamaTensors));
    await run(exportDecoder(`${folder}/out`, model));
    assert.equal(await Deno.readFile(`${folder}/out/model.safetensors`), fileOf(llamaTensors));
    const { "model.layers.1.mlp.up_proj.weight": _, ...rest } = llamaTensors;
    await writeModel(folder, { config: llamaJson, tensors: rest });
    const error = await run(Effect.flip(loadDecoder(folder, { scan: true })));
    assert.equal((error as MisfitError).missing, ["model.layers.1.mlp.up_proj.weight"]);
  }));

reading("names everything that does not fit in one error", () =>
  inFolder(async (folder) => {
    const { "model.norm.weight": norm, ...rest } = llamaTensors;
    await writeModel(folder, {
      config: llamaJson,
      tensors: {
        ...rest,
        "model.normal.weight": norm!,
        "model.layers.3.input_layernorm.weight": norm!,
        "lm_head.weight": { dtype: "f32", shape: [64, 320], data: llamaTensors["lm_head.weight"]!.data },
        "model.layers.0.mlp.up_proj.weight": {
          dtype: "i32",
          shape: [172, 64],
          data: new Int32Array(172 * 64),
        },
      },
    });
    const error = await run(Effect.flip(loadDecoder(folder)));
    assert.instance(error, MisfitError);
    const { missing, surplus, misshapen } = error as MisfitError;
    assert.equal(missing, ["model.norm.weight"]);
    assert.equal(surplus.toSorted(), ["model.layers.3.input_layernorm.weight", "model.normal.weight"]);
    assert.equal(misshapen.map(({ name, got, expected }) => `${name}: ${got} for ${expected}`).toSorted(), [
      "lm_head.weight: F32 [64, 320] for floats [320, 64]",
      "model.layers.0.mlp.up_proj.weight: I32 [172, 64] for floats [172, 64]",
    ]);
    assert.match(error.message, /1 missing \(model\.norm\.weight\); 2 surplus .*; 2 misshapen/);
  }));

reading("a model of no known family is refused with those that are", () =>
  inFolder(async (folder) => {
    await writeModel(folder, { config: { ...llamaJson, model_type: "gpt_neox" }, tensors: llamaTensors });
    const error = await run(Effect.flip(loadDecoder(folder)));
    assert.match(error.message, /gpt_neox.*llama, mistral, qwen2, qwen3/);
    assert.match((await run(Effect.flip(loadVisionTower(folder)))).message, /clip_vision_model.*siglip/);
  }));

reading("weights in pickles are refused, with how to write safetensors", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(llamaJson));
    await Deno.writeTextFile(`${folder}/pytorch_model.bin`, "pickle");
    const error = await run(Effect.flip(loadDecoder(folder)));
    assert.match(error.message, /weights in pytorch_model\.bin/);
    assert.match(error.message, /save_pretrained/);
  }));

reading(
  "the normalisation of a preprocessor_config.json belongs to the encoder",
  () =>
    inFolder(async (folder) => {
      await writeModel(folder, { config: clipJson, tensors: clipTensors });
      const at = async (json: unknown) => {
        await Deno.writeTextFile(`${folder}/preprocessor_config.json`, JSON.stringify(json));
        return run(loadVisionTower(folder));
      };
      const half = [0.5, 0.5, 0.5];
      const { config, params } = await at({ image_mean: half, image_std: half });
      assert.equal(config.normalisation, { mean: half, std: half });
      assert.equal((await at({ do_normalize: false })).config.normalisation, {
        mean: [0, 0, 0],
        std: [1, 1, 1],
      });
      assert.is((await at({ image_mean: [...clipStatistics.mean] })).config.normalisation, undefined);
      for (
        const [json, field] of [
          [{ rescale_factor: 1 }, /rescale_factor/],
          [{ do_rescale: false }, /rescale_factor/],
          [{ image_mean: [0.5] }, /image_mean/],
        ] as const
      ) {
        await Deno.writeTextFile(`${folder}/preprocessor_config.json`, JSON.stringify(json));
        assert.match((await run(Effect.flip(loadVisionTower(folder)))).message, field);
      }
      await run(exportVisionTower(`${folder}/out`, { config, params }));
      assert.equal((await run(loadVisionTower(`${folder}/out`))).config, config);
    }),
);

const anyLlama: fc.Arbitrary<LlamaConfig> = fc.record({
  kvHeads: fc.constantFrom(1, 2, 3),
  groups: fc.constantFrom(1, 2, 3),
  headWidth: fc.constantFrom(2, 6, 8),
  width: fc.integer({ min: 1, max: 12 }),
  vocabulary: fc.integer({ min: 1, max: 9 }),
  layers: fc.integer({ min: 1, max: 11 }),
  ff: fc.integer({ min: 1, max: 9 }),
  tied: fc.boolean(),
  form: fc.constantFrom(
    { attentionBias: false, mlpBias: true },
    { attentionBias: true, mlpBias: false },
    { attentionBias: false, mlpBias: false, window: 5 },
    { attentionBias: true, outputBias: false, mlpBias: false },
    { attentionBias: true, outputBias: false, mlpBias: false, window: 3 },
    { attentionBias: false, mlpBias: false, qkNorm: true },
    { attentionBias: true, mlpBias: false, qkNorm: true, window: 9 },
  ),
  theta: fc.constantFrom(10000, 500000, 1e6),
  activation: fc.constantFrom("silu", "gelu", "geluTanh", "relu"),
  eps: fc.constantFrom(1e-5, 1e-6),
  positions: fc.constant(64),
}).map(({ groups, kvHeads, form, ...rest }) => ({ ...rest, ...form, kvHeads, heads: kvHeads * groups }));

const madeOf = (specs: unknown) => initialise([1, 2], specs as Tree<ParameterSpec>);

const writing = suite("exports to Hugging Face");

property(writing, "any decoder is written and read back, in one file or in shards", [
  anyLlama,
  fc.integer({ min: 16, max: 4000 }),
], (config, shardBytes) =>
  inFolder(async (folder) => {
    const params = madeOf(llamaSpecs(config)) as never;
    await run(exportDecoder(`${folder}/m`, { config, params }, { shardBytes }));
    const read = await run(loadDecoder(`${folder}/m`));
    assert.equal(read.config, config);
    sameArrays(flat(read.params), flat(params));
  }), { runs: 25 });

writing("names, shapes and configuration are those of transformers", () =>
  inFolder(async (folder) => {
    await writeModel(`${folder}/llama`, { config: llamaJson, tensors: llamaTensors });
    await run(
      exportDecoder(`${folder}/out`, await run(loadDecoder(`${folder}/llama`)), {
        fields: { bos_token_id: 1 },
      }),
    );
    assert.equal(await Deno.readFile(`${folder}/out/model.safetensors`), fileOf(llamaTensors));
    const json = JSON.parse(await Deno.readTextFile(`${folder}/out/config.json`));
    const ours = new Set(Object.keys(json));
    for (const [field, value] of Object.entries(llamaJson)) {
      if (ours.has(field)) assert.equal(json[field], value, field);
    }
    assert.is(json.dtype, "float32");
    assert.is(json.bos_token_id, 1);

    await writeModel(`${folder}/clip`, { config: clipJson, tensors: clipTensors });
    await run(exportVisionTower(`${folder}/out2`, await run(loadVisionTower(`${folder}/clip`))));
    assert.equal(await Deno.readFile(`${folder}/out2/model.safetensors`), fileOf(clipTensors));
    const clip = JSON.parse(await Deno.readTextFile(`${folder}/out2/config.json`));
    for (const [field, value] of Object.entries(clip)) {
      if (field in clipJson) assert.equal(value, clipJson[field], field);
    }
  }));

writing("half the bytes, each number rounded to the nearest", () =>
  inFolder(async (folder) => {
    const config: LlamaConfig = { vocabulary: 5, width: 4, layers: 1, heads: 1, ff: 3 };
    const params = madeOf(llamaSpecs(config)) as never, want = flat(params);
    for (const [floats, bits] of [["F16", 11], ["BF16", 8]] as const) {
      await run(exportDecoder(folder, { config, params }, { floats }));
      const got = flat((await run(loadDecoder(folder))).params);
      for (const [name, { data }] of Object.entries(want)) {
        data.forEach((x, i) => {
          const off = Math.abs(got[name]!.data[i]! - x);
          assert.ok(
            off <= Math.max(2 ** -bits * Math.abs(x), 2 ** -25),
            `${floats} ${name} ${x} off by ${off}`,
          );
        });
      }
      assert.is(
        JSON.parse(await Deno.readTextFile(`${folder}/config.json`)).dtype,
        {
          F16: "float16",
          BF16: "bfloat16",
        }[floats],
      );
    }
    const huge = flat(params)["model.norm.weight"]!;
    huge.data[0] = 65520;
    const error = await run(Effect.flip(exportDecoder(folder, { config, params }, { floats: "F16" })));
    assert.match(error.message, /65520 at element 0 of model\.norm\.weight.*float16/);
  }));

writing("weights of an earlier export do not stay behind", () =>
  inFolder(async (folder) => {
    const config: LlamaConfig = { vocabulary: 5, width: 4, layers: 2, heads: 1, ff: 3 };
    const params = madeOf(llamaSpecs(config)) as never;
    const listing = () => [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
    await run(exportDecoder(folder, { config, params }, { shardBytes: 400 }));
    assert.ok(listing().includes("model.safetensors.index.json") && listing().length > 3);
    await run(exportDecoder(folder, { config, params }));
    assert.equal(listing(), ["config.json", "model.safetensors"]);
  }));

writing(
  "a decoder that no family has is refused, with what the first lacks",
  () =>
    inFolder(async (folder) => {
      const config: LlamaConfig = {
        vocabulary: 5,
        width: 4,
        layers: 1,
        heads: 1,
        ff: 3,
        qkNorm: true,
        mlpBias: true,
      };
      const error = await run(
        Effect.flip(exportDecoder(folder, { config, params: madeOf(llamaSpecs(config)) as never })),
      );
      assert.match(error.message, /q_norm.*LlamaForCausalLM/);
    }),
);

writing("an encoder without its last normalisation, and what is no CLIP", () =>
  inFolder(async (folder) => {
    const config: VitConfig = { resolution: 4, patch: 2, width: 4, layers: 3, heads: 2 };
    const params = madeOf(vitSpecs(config)) as never;
    await run(exportVisionTower(folder, { config, params }));
    const whole = await run(loadVisionTower(folder));
    assert.equal([...whole.params.post_layernorm!.weight.data], [1, 1, 1, 1]);
    assert.is(whole.config.alignCorners, true, "as a tower from here interpolates its positions");
    await run(exportVisionTower(folder, { config: { ...config, alignCorners: false }, params }));
    assert.is((await run(loadVisionTower(folder))).config.alignCorners, false, "as transformers does");
    sameArrays(flat((await run(loadVisionTower(folder, { blocks: 3 }))).params), flat(params));
    for (const bare of [{ classToken: false, patchBias: true }, { classToken: false }, { preNorm: false }]) {
      const own: VitConfig = { ...config, ...bare }, params = madeOf(vitSpecs(own)) as never;
      await run(exportVisionTower(folder, { config: own, params }));
      const back = await run(loadVisionTower(folder));
      assert.equal({ ...back.config, ...own }, back.config);
      assert.is(back.config.pooled, false);
      sameArrays(flat(back.params), flat(params));
    }
    const other = await run(
      Effect.flip(exportVisionTower(folder, { config: { ...config, width: 8 }, params })),
    );
    assert.instance(other, MisfitError);
  }));

const tables = suite("tables of names");

property(
  tables,
  "every parameter of every configuration has a row, and no two the same name",
  [anyLlama],
  (config) => {
    const specs = decoderArchitecture("llama").specs(config),
      names = namesOf(decoderArchitecture("llama").names(config), specs);
    assert.is(names.length, specTrees.leaves(specs).length);
    assert.is(new Set(names.map(({ name }) => name)).size, names.length);
  },
);

tables("a table may rename, number and transpose", () => {
  const table: NameTable = {
    model: "a test",
    rows: [{ ours: "blocks.{i}.heads.{i}.weight", theirs: "h.{i}.{i}.w", transposed: true }],
    prefixes: ["", "net."],
    ignored: () => false,
  };
  const spec: ParameterSpec = { shape: [2, 3], dtype: "f32", init: { kind: "zeros" } };
  const specs = { blocks: [{ heads: [{ weight: spec }, { weight: spec }] }] } as Tree<ParameterSpec>;
  const stored = (name: string, shape: readonly number[]) =>
    ({ name, shape, type: "F32", file: "f", at: 0, bytes: 24 }) as const;
  const both = (shape: readonly number[]) => ({
    path: "f",
    tensors: [stored("net.h.0.1.w", shape), stored("net.h.0.0.w", shape)],
  });
  const placed = place(table, specs, both([3, 2]));
  assert.ok(E.isRight(placed));
  assert.equal(placed.right.map(({ path, from, transposed }) => [path, from.name, transposed]), [
    ["blocks.0.heads.1.weight", "net.h.0.1.w", true],
    ["blocks.0.heads.0.weight", "net.h.0.0.w", true],
  ]);
  const wrong = place(table, specs, both([2, 3]));
  assert.ok(E.isLeft(wrong) && wrong.left.misshapen.length === 2);
  assert.throws(() => namesOf({ ...table, rows: [] }, specs), /no row for blocks\.0/);
});

reading.run();
writing.run();
tables.run();
