/** Adapters in the layout of PEFT: read, refused, written and read back. */
import {
  type Adapters,
  adaptersOf,
  arrayTrees,
  bindingsOf,
  initialise,
  interpret,
  llamaSpecs,
  loraSpecs,
  mergeLora,
  type NdArray,
  type ParameterSpec,
  placeholders,
  type Tensor,
  tensors,
  type Tree,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportPeft, loadPeft } from "../../pipelines/weights/huggingface/peft.ts";
import { UnsupportedError } from "../../pipelines/weights/huggingface/unsupported.ts";
import { MisfitError } from "../../pipelines/weights/misfit.ts";
import { lazyArrays, lazyTrees, readLazies } from "../../pipelines/weights/lazy.ts";
import { mergeAdapters } from "../../pipelines/weights/merge.ts";
import { numbers } from "../../pipelines/tune/step_work.ts";
import { openSource } from "../../pipelines/weights/source.ts";
import { fileOf, inFolder } from "../support/checkpoint.ts";
import { golden } from "../support/fixtures.ts";

const run = Effect.runPromise;
const specs = llamaSpecs({
  vocabulary: 320,
  width: 64,
  layers: 3,
  heads: 4,
  kvHeads: 2,
  ff: 172,
}) as Tree<ParameterSpec>;

/** The adapters of the fixture, by `<map>.lora_A`. */
const stored = Object.fromEntries(
  Object.entries(golden("llama").under("io.lora.model.")).map(([name, array]) => [`model.${name}`, array]),
);
const ALL = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"];
const CONFIG = { peft_type: "LORA", task_type: "CAUSAL_LM", r: 4, lora_alpha: 8, target_modules: ALL };

const write = async (
  folder: string,
  tensors: Readonly<Record<string, NdArray>>,
  config: Readonly<Record<string, unknown>> = CONFIG,
): Promise<void> => {
  await Deno.writeFile(`${folder}/adapter_model.safetensors`, fileOf(tensors));
  await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify(config));
};

const renamed = (name: (ours: string) => string): Readonly<Record<string, NdArray>> =>
  Object.fromEntries(Object.entries(stored).map(([ours, array]) => [name(ours), array]));

const sameArrays = (got: Adapters<NdArray>): void => {
  const flat = arrayTrees.flatten(got as Tree<NdArray>);
  assert.equal(Object.keys(flat).toSorted(), Object.keys(stored).toSorted());
  for (const [name, { shape, data }] of Object.entries(stored)) {
    assert.equal([...flat[name]!.shape], [...shape]);
    assert.equal([...flat[name]!.data], [...data], name);
  }
};

const test = suite("adapters of PEFT");

test("are read under the names of PEFT, of its older versions, and of the maps alone", () =>
  inFolder(async (folder) => {
    for (
      const name of [
        (ours: string) => `base_model.model.${ours}.weight`,
        (ours: string) => `base_model.model.${ours}.default.weight`,
        (ours: string) => ours,
      ]
    ) {
      await write(folder, renamed(name));
      const { adapters, alpha } = await run(loadPeft(folder, specs));
      assert.is(alpha, 8);
      sameArrays(adapters);
    }
    await write(folder, renamed((ours) => `base_model.model.${ours}.weight`), {
      ...CONFIG,
      use_rslora: true,
    });
    assert.is((await run(loadPeft(folder, specs))).alpha, 16, "alpha / sqrt(4) is 16 / 4");
  }));

test("are written as PEFT names them and read back", () =>
  inFolder(async (folder) => {
    await write(folder, renamed((ours) => `base_model.model.${ours}.weight`));
    const loaded = await run(loadPeft(folder, specs)), out = `${folder}/out`;
    await run(exportPeft(out, specs, loaded));
    const [before, after] = [
      await run(openSource(folder, "adapter_model")),
      await run(openSource(out, "adapter_model")),
    ];
    const shapes = ({ tensors }: typeof before) =>
      tensors.map(({ name, shape }) => `${name} ${shape}`).toSorted();
    assert.equal(shapes(after), shapes(before));
    sameArrays((await run(loadPeft(out, specs))).adapters);
    const json = JSON.parse(await Deno.readTextFile(`${out}/adapter_config.json`));
    assert.is(json.r, 4);
    assert.is(json.lora_alpha, 8);
    assert.equal(json.target_modules.toSorted(), ALL);
    assert.equal(json.rank_pattern, {});
  }));

test("of some blocks, with ranks of their own, name their maps in full", () =>
  inFolder(async (folder) => {
    const of = (rank: number, pattern: RegExp) =>
      initialise([1, rank], loraSpecs(specs, { rank, alpha: 4, when: (map) => pattern.test(map) }));
    const adapters = { ...of(2, /layers\.0\..*q_proj/), ...of(5, /layers\.1\..*(q|v)_proj/) };
    await run(exportPeft(folder, specs, { adapters, alpha: 4 }));
    const json = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
    assert.equal(json.target_modules.toSorted(), Object.keys(adapters).toSorted());
    assert.is(json.r, 5);
    assert.equal(json.rank_pattern, { "model.layers.0.self_attn.q_proj": 2 });
    const read = await run(loadPeft(folder, specs));
    assert.equal(Object.keys(read.adapters).toSorted(), Object.keys(adapters).toSorted());
    assert.equal([...read.adapters["model.layers.0.self_attn.q_proj"]!.lora_A.shape], [2, 64]);
  }));

test("that fit no map, or lack a half, are named together", () =>
  inFolder(async (folder) => {
    const names = renamed((ours) => `base_model.model.${ours}.weight`);
    const at = (ours: string) => `base_model.model.model.layers.0.${ours}.weight`;
    const { [at("self_attn.q_proj.lora_B")]: _, ...rest } = names;
    const one = (shape: readonly number[]): NdArray => ({
      dtype: "f32",
      shape,
      data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
    });
    await write(folder, {
      ...rest,
      [at("self_attn.x_proj.lora_A")]: one([4, 64]),
      "base_model.model.lm_head.weight": one([320, 64]),
      [at("mlp.up_proj.lora_B")]: one([172, 3]),
    });
    const error = await run(Effect.flip(loadPeft(folder, specs)));
    assert.instance(error, MisfitError);
    const { missing, surplus, misshapen } = error as MisfitError;
    assert.equal(missing, ["model.layers.0.self_attn.q_proj.lora_B"]);
    assert.equal(
      surplus.toSorted(),
      ["base_model.model.lm_head.weight", at("self_attn.x_proj.lora_A")].toSorted(),
    );
    assert.equal(misshapen.map(({ got, expected }) => [got, expected]), [[
      "F32 [172, 3]",
      "floats [172, 4] by the rank of adapter_config.json",
    ]]);
  }));

test("of other kinds are refused with the field that says so", () =>
  inFolder(async (folder) => {
    const tensors = renamed((ours) => `base_model.model.${ours}.weight`);
    for (
      const [change, field] of [
        [{ peft_type: "IA3" }, "peft_type"],
        [{ bias: "all" }, "bias"],
        [{ use_dora: true }, "use_dora"],
        [{ fan_in_fan_out: true }, "fan_in_fan_out"],
        [{ alpha_pattern: { q_proj: 3 } }, "alpha_pattern"],
        [{ modules_to_save: ["lm_head"] }, "modules_to_save"],
        [{ lora_bias: true }, "lora_bias"],
        [{ init_lora_weights: "pissa" }, "init_lora_weights"],
        [{ init_lora_weights: "pissa_niter_4" }, "init_lora_weights"],
        [{ init_lora_weights: "olora" }, "init_lora_weights"],
        [{ init_lora_weights: "corda" }, "init_lora_weights"],
        [{ init_lora_weights: "eva" }, "init_lora_weights"],
        [{ init_lora_weights: "lora_ga" }, "init_lora_weights"],
        [{ loftq_config: { loftq_bits: 4 } }, "loftq_config"],
        [{ layer_replication: [[0, 2]] }, "layer_replication"],
        [{ alora_invocation_tokens: [1] }, "alora_invocation_tokens"],
        [{ arrow_config: { top_k: 2 } }, "arrow_config"],
        [{ target_parameters: ["experts.w"] }, "target_parameters"],
        [{ trainable_token_indices: [3] }, "trainable_token_indices"],
        [{ use_qalora: true, qalora_group_size: 32 }, "use_qalora"],
        [{ megatron_config: { tensor_model_parallel_size: 2 } }, "megatron_config"],
        [{ ensure_weight_tying: true }, "ensure_weight_tying"],
        [{ a_field_of_later: 1 }, "a_field_of_later"],
        [{ rank_pattern: { "(": 2 } }, "rank_pattern"],
        [{ target_modules: "(.*_proj)+" }, "target_modules"],
      ] as const
    ) {
      await write(folder, tensors, { ...CONFIG, ...change });
      const error = await run(Effect.flip(loadPeft(folder, specs)));
      assert.instance(error, UnsupportedError);
      assert.is((error as UnsupportedError).field, field);
    }
    await write(folder, tensors, { ...CONFIG, r: 0 });
    assert.match((await run(Effect.flip(loadPeft(folder, specs)))).message, /r: 0.*an integer from 1/);
  }));

test("with fields that change nothing, or unset ones of later versions, are read", () =>
  inFolder(async (folder) => {
    const tensors = renamed((ours) => `base_model.model.${ours}.weight`);
    const unset = {
      auto_mapping: null,
      peft_version: "0.20.0",
      inference_mode: true,
      lora_dropout: 0.1,
      megatron_core: "megatron.core",
      qalora_group_size: 16,
      loftq_config: {},
      eva_config: null,
      alpha_pattern: {},
      use_qalora: false,
      a_field_of_later: null,
    };
    for (const init_lora_weights of [true, false, "gaussian", "orthogonal"]) {
      await write(folder, tensors, { ...CONFIG, ...unset, init_lora_weights });
      assert.is((await run(loadPeft(folder, specs))).alpha, 8);
    }
    // one alpha for all maps, whichever way it is written
    await write(folder, tensors, { ...CONFIG, lora_alpha: 3, alpha_pattern: { ".*_proj": 8 } });
    assert.is((await run(loadPeft(folder, specs))).alpha, 8);
    await write(folder, tensors, { ...CONFIG, use_rslora: true, alpha_pattern: { ".*_proj": 4 } });
    assert.is((await run(loadPeft(folder, specs))).alpha, 8);
  }));

test("whose ranks, targets and layers contradict the tensors name the tensors", () =>
  inFolder(async (folder) => {
    const tensors = renamed((ours) => `base_model.model.${ours}.weight`);
    const said = async (change: Readonly<Record<string, unknown>>): Promise<MisfitError> => {
      await write(folder, tensors, { ...CONFIG, ...change });
      const error = await run(Effect.flip(loadPeft(folder, specs)));
      assert.instance(error, MisfitError, JSON.stringify(change));
      return error as MisfitError;
    };
    assert.ok((await said({ r: 8 })).misshapen.length > 0);
    const some = await said({ rank_pattern: { "layers.0.*(q|v)_proj": 2 } });
    assert.ok(some.misshapen.every(({ name }) => /layers\.0\..*(q|v)_proj/.test(name)));
    assert.ok(
      (await said({ rank_pattern: { "^model.layers.0.self_attn.q_proj": 2 } })).misshapen.length === 2,
    );
    assert.ok((await said({ target_modules: ["q_proj"] })).surplus.every((name) => !name.includes("q_proj")));
    assert.ok(
      (await said({ target_modules: ".*layers\\.[01]\\..*" })).surplus.every((n) => n.includes("layers.2")),
    );
    assert.ok((await said({ exclude_modules: ["v_proj"] })).surplus.every((name) => name.includes("v_proj")));
    const layer = await said({ layers_to_transform: [0, 2], layers_pattern: "layers" });
    assert.ok(layer.surplus.length > 0 && layer.surplus.every((name) => name.includes("layers.1.")));
    assert.equal((await said({ layers_to_transform: 0 })).misshapen, []);
    // the rest of the model agrees with a pattern that all maps follow
    await write(folder, tensors, { ...CONFIG, r: 8, rank_pattern: { ".*_proj": 4 } });
    assert.is((await run(loadPeft(folder, specs))).alpha, 8);
    // the same factor under two names
    await write(folder, { ...tensors, ...renamed((ours) => ours) });
    assert.match((await run(Effect.flip(loadPeft(folder, specs)))).message, /a second time/);
  }));

test("with numbers that are not finite are refused", () =>
  inFolder(async (folder) => {
    const tensors = renamed((ours) => `base_model.model.${ours}.weight`),
      [name, array] = Object.entries(tensors)[0]!;
    for (const alpha of ["1e999", "1e300", "-1e39"]) {
      await write(folder, tensors);
      const text = JSON.stringify({ ...CONFIG, lora_alpha: 0 }).replace(
        '"lora_alpha":0',
        `"lora_alpha":${alpha}`,
      );
      await Deno.writeTextFile(`${folder}/adapter_config.json`, text);
      assert.match((await run(Effect.flip(loadPeft(folder, specs)))).message, /lora_alpha.*finite/);
    }
    for (const bad of [NaN, Infinity, -Infinity]) {
      const data = Float32Array.from(array.data);
      data[3] = bad;
      await write(folder, { ...tensors, [name]: { ...array, data } });
      const { message } = await run(Effect.flip(loadPeft(folder, specs)));
      assert.ok(message.includes(name) && message.includes(`${bad} at element 3`), message);
    }
  }));

test("adapters are added to weights when these are read, as the language adds them, of stacked blocks too", async () => {
  const { scan: _, ...plain } = {
    vocabulary: 48,
    width: 8,
    layers: 3,
    heads: 2,
    kvHeads: 1,
    ff: 20,
    scan: false,
  };
  for (const config of [plain, { ...plain, scan: true }]) {
    const all = llamaSpecs(config) as Tree<ParameterSpec>;
    const low = loraSpecs(all, { rank: 3, alpha: 6, when: (path) => !path.endsWith("v_proj") });
    const params = initialise([5, 1], all) as Tree<NdArray>;
    // both factors random
    const adapters = arrayTrees.map(
      initialise([5, 2], low as Tree<ParameterSpec>) as Tree<NdArray>,
      (array, path) => numbers(array.shape, path.length),
    ) as Adapters<NdArray>;
    const p = placeholders("p", all) as Tree<Tensor>, q = placeholders("q", low as Tree<ParameterSpec>);
    const sums = tensors.entries(mergeLora(p, q as unknown as Adapters<Tensor>, 6));
    const given = { ...bindingsOf("p", params), ...bindingsOf("q", adapters as Tree<NdArray>) };
    const wanted = interpret(sums.map(([, t]) => t), given);
    const lazy = mergeAdapters(lazyArrays(params), adaptersOf(lazyTrees.flatten(lazyArrays(adapters))), 6);
    const read = arrayTrees.flatten(await run(readLazies(lazy)));
    sums.forEach(([path], i) =>
      assert.ok(wanted[i]!.data.every((x, at) => Math.abs(x - read[path]!.data[at]!) < 1e-5), path)
    );
    assert.equal(read["model.embed_tokens.weight"], arrayTrees.flatten(params)["model.embed_tokens.weight"]);
  }
});

test.run();
