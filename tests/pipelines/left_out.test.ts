/** Adapters on a decoder of another project: checkpoints hold what is trained, and the model is whole again where it is read. */
import {
  arrayTrees,
  initialise,
  type LlamaConfig,
  llamaSpecs,
  type NdArray,
  type ParameterSpec,
  type Tree,
} from "@chain-of-sight/core";
import { cpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportTrained } from "../../pipelines/ask/export_trained.ts";
import { loadExported } from "../../pipelines/ask/exported.ts";
import { loadTrained } from "../../pipelines/ask/trained.ts";
import type { Experiment } from "../../pipelines/engine/experiment.ts";
import { load } from "../../pipelines/weights/checkpoint.ts";
import { exportDecoder } from "../../pipelines/weights/huggingface/export.ts";
import { runInto, tinyExperiment as base } from "../support/tiny_experiment.ts";

const test = suite("parameters that checkpoints leave out");
const folder = await Deno.makeTempDir();
test.after(() => Deno.remove(folder, { recursive: true }));

test("a run with adapters on a frozen decoder of another project", async () => {
  const decoder: LlamaConfig = {
    vocabulary: 1024,
    width: 32,
    layers: 2,
    heads: 2,
    kvHeads: 1,
    ff: 48,
    qkNorm: true,
  };
  const params = initialise([7, 1], llamaSpecs(decoder) as Tree<ParameterSpec>) as Tree<NdArray>;
  await Effect.runPromise(exportDecoder(`${folder}/decoder`, { config: decoder, params: params as never }));
  const experiment: Experiment = {
    ...base,
    model: {
      ...base.model,
      decoder: { from: "huggingface", folder: `${folder}/decoder` },
      adapter: { rank: 2, alpha: 4 },
    },
    stages: base.stages.map((spec) =>
      "train" in spec ? { train: { ...spec.train, trainable: ["bridge", "lora"] } } : spec
    ),
  };
  const run = `${folder}/run`;
  await Effect.runPromise(Effect.provide(runInto(experiment, run, `${folder}/store`), cpu({ threads: 2 })));
  const saved = [...Deno.readDirSync(`${run}/checkpoints`)].map(({ name }) => name);
  const trained = saved.filter((name) => /pretrain|finetune/.test(name));
  assert.ok(trained.length >= 2, saved.join(" "));
  for (const name of trained) {
    const { tensors } = await Effect.runPromise(load(`${run}/checkpoints/${name}`));
    const paths = Object.keys(tensors);
    assert.not.ok(
      paths.some((path) => /^state\.params\.(model|lm_head)\./.test(path)),
      `${name}: no decoder`,
    );
    assert.ok(paths.some((path) => path.startsWith("state.params.lora.")) && paths.includes("state.step"));
  }
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const model = yield* loadTrained(run), flat = arrayTrees.flatten(model.writer.params);
    for (const [path, { data }] of Object.entries(arrayTrees.flatten(params))) {
      assert.equal(flat[path]?.data, data, path);
    }
    yield* exportTrained(`${folder}/out`, model);
    const back = yield* loadExported(`${folder}/out`);
    assert.is(back.adapter?.base, `${folder}/decoder`);
    assert.equal(arrayTrees.flatten(back.params), flat);
  })));
});

test.run();
