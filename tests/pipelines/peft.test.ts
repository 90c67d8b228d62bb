/** Adapters in the layout of PEFT: read, refused, written and read back. */
import {
  type Adapters,
  arrayTrees,
  initialise,
  llamaSpecs,
  loraSpecs,
  type NdArray,
  type ParameterSpec,
  type Tree,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportPeft, loadPeft } from "../../pipelines/weights/huggingface/peft.ts";
import { UnsupportedError } from "../../pipelines/weights/huggingface/unsupported.ts";
import { MisfitError } from "../../pipelines/weights/misfit.ts";
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
const CONFIG = { peft_type: "LORA", task_type: "CAUSAL_LM", r: 4, lora_alpha: 8, target_modules: ["q_proj"] };

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
    assert.equal(
      json.target_modules.toSorted(),
      ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
    );
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
      "floats [172, 4]",
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
        [{ use_rslora: true, rank_pattern: { q_proj: 2 } }, "rank_pattern"],
      ] as const
    ) {
      await write(folder, tensors, { ...CONFIG, ...change });
      const error = await run(Effect.flip(loadPeft(folder, specs)));
      assert.instance(error, UnsupportedError);
      assert.is((error as UnsupportedError).field, field);
    }
    await write(folder, tensors, { ...CONFIG, r: 0 });
    assert.match((await run(Effect.flip(loadPeft(folder, specs)))).message, /r: 0.*above 0/);
  }));

test.run();
