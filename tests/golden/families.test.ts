/** Families of decoders and vision encoders, opened from folders in the layout of Hugging Face, against transformers. */
import {
  bindingsOf,
  clipStatistics,
  input,
  llamaEmbed,
  llamaLogits,
  llamaSpecs,
  llamaStates,
  type NdArray,
  placeholders,
  type Tree,
  vitFeatures,
  vitSpecs,
  vitStates,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportDecoder, exportVisionTower } from "../../pipelines/weights/huggingface/export.ts";
import { loadDecoder, loadVisionTower } from "../../pipelines/weights/huggingface/load.ts";
import { inFolder, writeModel } from "../support/checkpoint.ts";
import { onCpu } from "../support/cpu.ts";
import { type Evaluate, reference } from "../support/evaluate.ts";
import { golden } from "../support/fixtures.ts";
import { near } from "../support/near.ts";

type Json = Readonly<Record<string, unknown>>;

const run = Effect.runPromise;
const file = golden<{ readonly models: Readonly<Record<string, Json>> }>("families");
const { models } = file.meta;
const saved = (name: string) => ({ config: models[name]!, tensors: file.under(`${name}/w/`) });
const TOLERANCE = { rtol: 1e-5, atol: 1e-6 };

const evaluators: readonly (readonly [string, Evaluate])[] = [["reference", reference], ["cpu", onCpu()]];
const decoders = ["llama3", "mistral", "qwen2", "qwen2_sliding", "qwen3", "qwen3_bias"];
const towers = ["siglip", "clip_gelu"];

const test = suite("families of Hugging Face");

const sameLogits = async (name: string, folder: string, evaluate: Evaluate): Promise<void> => {
  const { config, params } = await run(loadDecoder(folder));
  const ids = file.get(`${name}/in`), w = placeholders("w", llamaSpecs(config));
  const states = llamaStates(config)(w, llamaEmbed(w, input("ids", ids.shape, "i32")));
  const [logits] = await evaluate([llamaLogits(w, states)], {
    ...bindingsOf("w", params as unknown as Tree<NdArray>),
    ids,
  });
  near(name, logits!, file.get(`${name}/out/logits`), TOLERANCE);
};

for (const name of decoders) {
  test(`${name}: logits, and again after an export in the same family`, () =>
    inFolder(async (folder) => {
      await writeModel(folder, saved(name));
      for (const [, evaluate] of evaluators) await sameLogits(name, folder, evaluate);
      await run(exportDecoder(`${folder}/out`, await run(loadDecoder(folder))));
      const json = JSON.parse(await Deno.readTextFile(`${folder}/out/config.json`)) as Json;
      for (const field of ["architectures", "model_type", "sliding_window", "head_dim", "use_sliding_window"]) {
        if (models[name]![field] !== undefined) assert.equal(json[field], models[name]![field], field);
      }
      await sameLogits(name, `${folder}/out`, reference);
    }));
}

// the pixels of a golden image that fill whole patches, from the encoder's normalisation to CLIP's, channels last
const imageOf = (name: string, side: number, mean: readonly number[], std: readonly number[]): NdArray => {
  const { shape: [b = 0, c = 0, h = 0, w = 0], data } = file.get(`${name}/in`), out: number[] = [];
  for (let i = 0; i < b * side * side * c; i++) {
    const colour = i % c, x = Math.floor(i / c) % side, y = Math.floor(i / c / side) % side;
    const image = Math.floor(i / (c * side * side));
    const raw = data[((image * c + colour) * h + y) * w + x]! * std[colour]! + mean[colour]!;
    out.push((raw - clipStatistics.mean[colour]!) / clipStatistics.std[colour]!);
  }
  return { dtype: "f32", shape: [b, side, side, c], data: Float32Array.from(out) };
};

const sameStates = async (name: string, folder: string, evaluate: Evaluate): Promise<void> => {
  const { config, params } = await run(loadVisionTower(folder));
  const { mean, std } = config.normalisation ?? clipStatistics;
  const image = imageOf(name, config.resolution, mean, std);
  const w = placeholders("w", vitSpecs(config));
  const pixels = input("image", image.shape);
  const values = await evaluate(
    [...vitStates(config)(w, pixels), ...vitFeatures(config, [1])(w, pixels)],
    { ...bindingsOf("w", params as unknown as Tree<NdArray>), image },
  );
  assert.is(values.length, config.layers + 2);
  values.slice(0, -1).forEach((value, i) =>
    near(`${name}: ${i}`, value, file.get(`${name}/out/hidden_states.${i}`), TOLERANCE)
  );
  assert.equal([...values.at(-1)!.shape], [2, 9, 16], "features of patches alone");
};

for (const name of towers) {
  test(`${name}: states after every block, and again after an export in the same family`, () =>
    inFolder(async (folder) => {
      await writeModel(folder, saved(name));
      assert.is((await run(loadVisionTower(folder))).config.resolution, 24, "of 30 px, patches of 8 px read 24");
      for (const [, evaluate] of evaluators) await sameStates(name, folder, evaluate);
      await run(exportVisionTower(`${folder}/out`, await run(loadVisionTower(folder))));
      await sameStates(name, `${folder}/out`, reference);
    }));
}

test("the encoder inside a whole SiglipModel, without its head and the text's half", () =>
  inFolder(async (folder) => {
    const { config, tensors } = saved("siglip"), one = tensors["post_layernorm.bias"]!;
    const inside = Object.entries(tensors).map(([key, value]) => [`vision_model.${key}`, value] as const);
    assert.ok(inside.some(([key]) => key.startsWith("vision_model.head.")), "the fixture has a head");
    await writeModel(folder, {
      config: { architectures: ["SiglipModel"], model_type: "siglip", text_config: {}, vision_config: config },
      tensors: {
        ...Object.fromEntries(inside),
        "text_model.head.bias": one,
        logit_scale: one,
        logit_bias: one,
      },
    });
    await sameStates("siglip", folder, reference);
  }));

test.run();
