/** A whole model in Hugging Face's layouts: read back it has the same logits, whatever its parts are. */
import {
  bindingsOf,
  type BridgeDescription,
  bridgeOf,
  decoderMaps,
  input,
  type LlamaConfig,
  type NdArray,
  type ParameterSpec,
  placeholders,
  specTrees,
  type Tensor,
  type Tree,
  uniformInit,
  type VisionLanguage,
  visionLanguage,
  type VitConfig,
  withLora,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportWhole, loadExported, type WholeModel } from "../../pipelines/ask/exported.ts";
import { namedTemplates } from "../../pipelines/text/templates.ts";
import { exportDecoder } from "../../pipelines/weights/huggingface/export.ts";
import { inFolder } from "../support/checkpoint.ts";
import { reference } from "../support/evaluate.ts";
import { randomArrays } from "../../pipelines/weights/lazy.ts";
import { arraysOf } from "../support/lazy.ts";

const run = Effect.runPromise;
const RANK = 2;

const vision: VitConfig = { resolution: 56, patch: 14, width: 8, layers: 2, heads: 2, ff: 16 };
const half = [0.5, 0.5, 0.5];
const towers: Readonly<Record<string, VitConfig>> = {
  clip_vision_model: { ...vision, activation: "gelu" },
  siglip_vision_model: {
    ...vision,
    classToken: false,
    preNorm: false,
    patchBias: true,
    activation: "geluTanh",
    eps: 1e-6,
    normalisation: { mean: half, std: half },
  },
  chain_of_sight_vision: { ...vision, classToken: false },
};
const base: LlamaConfig = {
  vocabulary: 11,
  width: 12,
  layers: 2,
  heads: 3,
  kvHeads: 1,
  ff: 10,
  positions: 64,
};
const decoders: Readonly<Record<string, LlamaConfig>> = {
  llama: { ...base, rope: { kind: "llama3", factor: 8, low: 1, high: 4, trained: 16 }, tied: true },
  mistral: { ...base, window: 5 },
  qwen2: { ...base, attentionBias: true, outputBias: false },
  qwen3: { ...base, qkNorm: true, headWidth: 6 },
};

const description: BridgeDescription = {
  kind: "chain-of-sight",
  windows: [4, 2],
  queries: [2, 1],
  levels: 2,
  order: "coarse-to-fine",
};

const modelOf = (
  { tower, bridge, decoder, adapter }: Omit<WholeModel, "params" | "language">,
): VisionLanguage => {
  const site = {
    resolution: bridge.resolution,
    patch: tower.config.patch,
    width: tower.config.width,
    to: decoder.width,
    heads: bridge.heads,
  };
  const model = visionLanguage({ bridge: bridgeOf(bridge.description, site), decoder, vision: tower });
  return adapter === undefined
    ? model
    : withLora(model, { rank: RANK, alpha: adapter.alpha, when: decoderMaps });
};

/** A model with numbers everywhere, in gains, biases and both factors of adapters too. */
const made = (
  tower: string,
  decoder: LlamaConfig,
  adapter?: WholeModel["adapter"],
): WholeModel => {
  const parts = {
    tower: { config: towers[tower]!, levels: [0, 1] },
    bridge: { description, resolution: 56, heads: 2 },
    decoder,
    ...(adapter === undefined ? {} : { adapter }),
  };
  const specs = specTrees.map(modelOf(parts).specs, (spec, path) => ({
    ...spec,
    init: /norm/.test(path) ? uniformInit(0.5, 1.5) : uniformInit(-0.5, 0.5),
  })) as Tree<ParameterSpec>;
  const template = { ...namedTemplates.vicuna, special: { pad_token: "<unk>" } };
  return {
    ...parts,
    params: randomArrays([3, 7], specs),
    language: { tokenizer: { version: "1.0", model: { vocab: { a: 0 } } }, template },
  };
};

const logitsOf = async (whole: WholeModel): Promise<NdArray> => {
  const model = modelOf(whole), params = placeholders("w", model.specs) as Tree<Tensor>;
  const images = input("images", [2, 56, 56, 3]), ids = input("ids", [2, 4], "i32");
  const pixels = Float32Array.from({ length: 2 * 56 * 56 * 3 }, (_, i) => Math.sin(i * 0.37));
  const [logits] = await reference([model.logits(params, { images }, ids)], {
    ...bindingsOf("w", await arraysOf(whole.params)),
    images: { dtype: "f32", shape: [2, 56, 56, 3], data: pixels },
    ids: { dtype: "i32", shape: [2, 4], data: Int32Array.of(1, 5, 3, 10, 0, 2, 2, 7) },
  });
  return logits!;
};

const same = async (got: WholeModel, want: WholeModel): Promise<void> => {
  assert.equal(got.language, want.language);
  assert.equal(got.tower.levels, want.tower.levels);
  assert.equal(got.bridge, want.bridge);
  const logits = await logitsOf(want);
  assert.ok(new Set(logits.data).size > 50, "the logits differ among each other");
  assert.equal((await logitsOf(got)).data, logits.data);
};

const test = suite("whole models in Hugging Face layouts");

for (const tower of Object.keys(towers)) {
  for (const [family, decoder] of Object.entries(decoders)) {
    // each tower with each family once, adapters and stacked blocks in turn
    const adapted = (tower.length + family.length) % 2 === 0, scan = family.length % 2 === 0;
    test(`${tower}, ${family}${adapted ? ", adapted" : ""}${scan ? ", stacked" : ""}`, () =>
      inFolder(async (folder) => {
        const model = made(
          tower,
          { ...decoder, ...(scan ? { scan } : {}) },
          adapted ? { alpha: 3 } : undefined,
        );
        const files = await run(exportWhole(folder, model));
        for (const file of files) assert.ok((await Deno.stat(file)).size > 0, file);
        const json = async (file: string) => JSON.parse(await Deno.readTextFile(`${folder}/${file}`));
        assert.is((await json("vision/config.json")).model_type, tower);
        assert.is((await json("decoder/config.json")).model_type, family);
        assert.equal((await json("config.json")).bridge, {
          file: "bridge.safetensors",
          description,
          resolution: 56,
          heads: 2,
          patch: 14,
          width: 8,
          to: 12,
        });
        const back = await run(loadExported(folder));
        assert.is(back.adapter !== undefined, adapted);
        await same(back, model);
      }));
  }
}

test("an adapter on a named base model: the base is not written, and found again", () =>
  inFolder(async (folder) => {
    const model = made("clip_vision_model", decoders.qwen3!, { alpha: 4, base: `${folder}/base` });
    const { vision: _, bridge: __, lora: ___, ...params } = model.params as Readonly<
      Record<string, Tree<NdArray>>
    >;
    await run(exportDecoder(`${folder}/base`, { config: model.decoder, params: params as never }));
    const files = await run(exportWhole(`${folder}/out`, made("clip_vision_model", decoders.qwen3!)));
    assert.ok(files.includes(`${folder}/out/decoder`));
    await run(exportWhole(`${folder}/out`, model));
    assert.equal([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).toSorted(), [
      "adapter",
      "bridge.safetensors",
      "config.json",
      "vision",
    ]);
    const adapter = JSON.parse(await Deno.readTextFile(`${folder}/out/adapter/adapter_config.json`));
    assert.is(adapter.base_model_name_or_path, `${folder}/base`);
    const back = await run(loadExported(`${folder}/out`));
    assert.is(back.adapter?.base, `${folder}/base`);
    await same(back, model);
  }));

test("parts that do not fit are refused by name", () =>
  inFolder(async (folder) => {
    await run(exportWhole(folder, made("siglip_vision_model", decoders.llama!)));
    const path = `${folder}/config.json`, json = JSON.parse(await Deno.readTextFile(path));
    const failed = async (change: Record<string, unknown>) => {
      await Deno.writeTextFile(path, JSON.stringify({ ...json, ...change }));
      return (await run(Effect.flip(loadExported(folder)))).message;
    };
    assert.match(await failed({ model_type: "llava" }), /model_type/);
    assert.match(await failed({ bridge: { ...json.bridge, heads: 0 } }), /bridge\.heads/);
    assert.match(await failed({ decoder: { folder: "elsewhere" } }), /decoder/);
    const wider = { ...description, queries: [2, 3] };
    assert.match(await failed({ bridge: { ...json.bridge, description: wider } }), /queries|bridge/);
  }));

test.run();
