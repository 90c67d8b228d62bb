/** Checkpoints in files, streamed into a program of a device, against the numbers of transformers. */
import {
  type Adapters,
  arrayTrees,
  attachLora,
  bindingsOf,
  input,
  linearMaps,
  llamaEmbed,
  llamaLogits,
  type LlamaParams,
  llamaStates,
  loraSpecs,
  type NdArray,
  type ParameterSpec,
  permute,
  placeholders,
  type Tensor,
  type Tree,
  TreeError,
  vitFeatures,
  type VitParams,
  vitStates,
} from "@chain-of-sight/core";
import { compile, type DeviceService, evaluate, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportDecoder } from "../../pipelines/weights/huggingface/export.ts";
import { loadDecoder, openVisionTower, openDecoder } from "../../pipelines/weights/huggingface/load.ts";
import { exportPeft, loadPeft } from "../../pipelines/weights/huggingface/peft.ts";
import { lazyArray, readLazies, uploadLazies } from "../../pipelines/weights/lazy.ts";
import { mergeAdapters } from "../../pipelines/weights/merge.ts";
import { inFolder, savedModel, writeModel } from "../support/checkpoint.ts";
import { golden } from "../support/fixtures.ts";
import { near } from "../support/near.ts";

const CLIP = { rtol: 1e-5, atol: 1e-6 };

/** The suite for one device; it runs at once. */
export const checkpointSuite = (name: string, opened: Promise<DeviceService>): void => {
  const test = suite(`checkpoints into programs, ${name}`);
  const run = <A, E>(program: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(program);

  test("CLIP's encoder without its last block: two levels of features at 56 px", () =>
    inFolder(async (folder) => {
      await writeModel(folder, savedModel("clip_vision"));
      const device = await opened, file = golden("clip_vision");
      await run(Effect.scoped(Effect.gen(function* () {
        const checkpoint = yield* openVisionTower(folder, { blocks: 3 });
        const params = placeholders("w", checkpoint.specs) as unknown as VitParams<Tensor>;
        const image = permute([0, 2, 3, 1])(input("image", [2, 3, 56, 56]));
        const states = vitStates(checkpoint.config)(params, image);
        const levels = vitFeatures(checkpoint.config, [1, 2])(params, image);
        const outputs = { first: states[0]!, shallow: states[2]!, a: levels[0]!, b: levels[1]! };
        const program = yield* device.load(compile({ outputs }, device.profile));
        yield* uploadLazies(program, "w", checkpoint.params);
        yield* program.write({ image: file.get("io.pixel_values") });
        yield* program.run;
        const values = yield* program.read(Object.keys(outputs));
        near("after the embeddings", values["first"]!, file.get("io.hidden_states.0"), CLIP);
        near("after block 1", values["shallow"]!, file.get("io.hidden_states.2"), CLIP);
        near("level of block 1", values["a"]!, patches(file.get("io.hidden_states.2")), CLIP);
      })));
    }));

  test("a LLaMA decoder, and with adapters from files of PEFT", () =>
    inFolder(async (folder) => {
      await writeModel(folder, savedModel("llama"));
      const device = await opened, file = golden("llama");
      await run(Effect.scoped(Effect.gen(function* () {
        const checkpoint = yield* openDecoder(folder), { config, specs } = checkpoint;
        const low = loraSpecs(specs, { rank: 4, alpha: 8, when: (map) => file.has(`io.lora.${map}.lora_A`) });
        const stored = Object.fromEntries(Object.keys(low).map((map) => [map, {
          lora_A: file.get(`io.lora.${map}.lora_A`),
          lora_B: file.get(`io.lora.${map}.lora_B`),
        }]));
        yield* exportPeft(`${folder}/peft`, specs, { adapters: stored, alpha: 8 });
        const { adapters, alpha } = yield* loadPeft(`${folder}/peft`, specs);

        const params = placeholders("w", specs) as unknown as LlamaParams<Tensor>;
        const factors = placeholders("low", low as Tree<ParameterSpec>) as Adapters<Tensor>;
        const ids = input("ids", file.get("io.input_ids").shape, "i32");
        const logits = (p: LlamaParams<Tensor>) => llamaLogits(p, llamaStates(config)(p, llamaEmbed(p, ids)));
        const adapted = attachLora(params as unknown as Tree<Tensor>, factors, alpha);
        const outputs = { plain: logits(params), adapted: logits(adapted as unknown as LlamaParams<Tensor>) };
        const program = yield* device.load(compile({ outputs }, device.profile));
        yield* uploadLazies(program, "w", checkpoint.params);
        yield* program.write({
          ids: file.get("io.input_ids"),
          ...bindingsOf("low", adapters as Tree<NdArray>),
        });
        yield* program.run;
        const values = yield* program.read(Object.keys(outputs));
        near("logits", values["plain"]!, file.get("io.logits"), CLIP);
        near("logits with adapters", values["adapted"]!, file.get("io.lora.logits"), CLIP);
      })));
    }));

  test("a LLaMA decoder as stacked blocks, written slice after slice", () =>
    inFolder(async (folder) => {
      await writeModel(folder, savedModel("llama"));
      const device = await opened, file = golden("llama");
      await run(Effect.scoped(Effect.gen(function* () {
        const checkpoint = yield* openDecoder(folder, { scan: true });
        const params = placeholders("w", checkpoint.specs) as unknown as LlamaParams<Tensor>;
        const ids = input("ids", file.get("io.input_ids").shape, "i32");
        const states = llamaStates(checkpoint.config)(params, llamaEmbed(params, ids));
        const program = yield* device.load(
          compile({ outputs: { logits: llamaLogits(params, states) } }, device.profile),
        );
        yield* uploadLazies(program, "w", checkpoint.params);
        yield* program.write({ ids: file.get("io.input_ids") });
        yield* program.run;
        near("logits", (yield* program.read(["logits"]))["logits"]!, file.get("io.logits"), CLIP);
      })));
    }));

  test("adapters merged, exported, loaded again, and taken out of the weights", () =>
    inFolder(async (folder) => {
      await writeModel(folder, savedModel("llama"));
      const device = await opened, file = golden("llama");
      await run(Effect.provideService(
        Effect.gen(function* () {
          const { config, params, specs } = yield* openDecoder(folder);
          const maps = linearMaps(specs).filter((map) => file.has(`io.lora.${map}.lora_A`));
          const adapters = Object.fromEntries(maps.map((map) => [map, {
            lora_A: lazyArray(file.get(`io.lora.${map}.lora_A`)),
            lora_B: lazyArray(file.get(`io.lora.${map}.lora_B`)),
          }]));
          const merged = mergeAdapters(params, adapters, 8);
          yield* exportDecoder(`${folder}/merged`, { config, params: merged });
          const again = yield* loadDecoder(`${folder}/merged`);
          const p = placeholders("w", specs) as unknown as LlamaParams<Tensor>;
          const ids = input("ids", file.get("io.input_ids").shape, "i32");
          const [logits] = yield* evaluate([llamaLogits(p, llamaStates(config)(p, llamaEmbed(p, ids)))], {
            ...bindingsOf("w", again.params as unknown as Tree<NdArray>),
            ids: file.get("io.input_ids"),
          });
          near("logits", logits!, file.get("io.lora.logits"), CLIP);
          const without = arrayTrees.flatten(yield* readLazies(mergeAdapters(merged, adapters, -8)));
          for (const [path, want] of arrayTrees.entries(yield* readLazies(params))) {
            near(path, without[path]!, want, { rtol: 3e-7, atol: 0 });
          }
          const strange = { "model.layers.9.mlp.up_proj": adapters[maps[0]!]! };
          assert.throws(() => mergeAdapters(params, strange, 8), (error: unknown) => error instanceof TreeError);
        }),
        theDevice(),
        device,
      ));
    }));
  test.run();
};

/** States `[b, t, d]` without the class token. */
const patches = ({ shape, data }: NdArray): NdArray => {
  const [b, t, d] = shape as [number, number, number];
  const kept = Array.from({ length: b }, (_, i) => Array.from(data).slice((i * t + 1) * d, (i + 1) * t * d));
  return { dtype: "f32", shape: [b, t - 1, d], data: Float32Array.from(kept.flat()) };
};
