/** Experiments as files: the example, its schema, and what is said of a wrong field. */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { jsonSchema } from "../../pipelines/base/schema.ts";
import { writeExample } from "../../pipelines/engine/example.ts";
import { experimentCodec } from "../../pipelines/engine/experiment.ts";
import { loadExperiment } from "../../pipelines/engine/load.ts";
import { resolve } from "../../pipelines/engine/resolve.ts";
import { gridOf } from "../../pipelines/engine/sweep.ts";
import { left, right } from "../support/either.ts";

const test = suite("experiments as files");
const folder = await Deno.makeTempDir({ prefix: "experiment" });
test.after(() => Deno.remove(folder, { recursive: true }));

const path = await Effect.runPromise(writeExample(`${folder}/example`));
const text = Deno.readTextFileSync(path);

test("the example has comments and a schema, names all that it needs, and is written over nothing", async () => {
  assert.match(text, "// random seed of the initial weights and the data order");
  const experiment = await Effect.runPromise(loadExperiment(path, ["pretrain.steps=7", "seed=4"]));
  const [first] = experiment.stages;
  assert.ok(
    "train" in first! && first.train.steps === 7 && first.train.data === `${folder}/example/train.json`,
  );
  assert.is(experiment.seed, 4);
  const { parts, hashes } = await Effect.runPromise(resolve(experiment, `${folder}/cache`));
  assert.is(parts.decoder.width, 64);
  assert.is(Object.keys(hashes).length, 2);
  const again = await Effect.runPromise(Effect.flip(writeExample(`${folder}/example`)));
  assert.match(again.message, /a run\.json that exists/);
});

test("the schema has every field of the codec with what is said about it", () => {
  const schema = JSON.parse(Deno.readTextFileSync(`${folder}/example/run.schema.json`));
  const { $schema: _, ...whole } = schema;
  assert.equal(whole, jsonSchema(experimentCodec()));
  assert.equal(schema.required, ["name", "seed", "model", "stages"]);
  const [train] = schema.properties.stages.items.anyOf;
  const { properties, additionalProperties } = train.properties.train;
  assert.is(additionalProperties, false);
  assert.ok(["name", "data", "steps", "learningRate", "warmStart"].every((name) => name in properties));
  const kinds = schema.properties.model.properties.vision.anyOf.map(
    (one: { properties: { from: { enum: readonly string[] } } }) => one.properties.from.enum[0],
  );
  assert.equal(kinds, ["shipped", "fresh", "huggingface"]);
});

const said = async (from: string | RegExp, to: string): Promise<string> => {
  const file = `${folder}/example/wrong.json`, changed = text.replace(from, to);
  assert.is.not(changed, text, String(from));
  Deno.writeTextFileSync(file, changed);
  return (await Effect.runPromise(Effect.flip(loadExperiment(file)))).message;
};

test("a typo is answered with its path and the nearest name", async () => {
  assert.match(
    await said('"learningRate": 0.003', '"rate": 0.003'),
    /stages\.0\.train\.rate: 0\.003[^]*the nearest field is stages\.0\.train\.learningRate/,
  );
  assert.match(await said('"bridgeHeads"', '"bridgeHeds"'), /the nearest field is model\.bridgeHeads/);
  assert.match(await said('"windows"', '"window"'), /model\.bridge\.window/);
  assert.match(await said('"expand": {', '"expnad": {'), /stages\.1[^]*one of train, expand, evaluate/);
});

test("a wrong union is answered with the allowed values, and no type of a library is named", async () => {
  const messages = [
    await said('"from": "shipped"', '"from": "huggingfaces"'),
    await said('"kind": "chain-of-sight"', '"kind": "cos"'),
    await said('"shapes": "vqav2"', '"shapes": "vqav3"'),
    await said('"steps": 60', '"steps": "many"'),
    await said('"seed": 1', '"seed": -1'),
    await said(/"model": \{[^]*?\n {2}\},/, '"model": 3,'),
  ];
  const [from, kind, benchmark, steps, seed, model] = messages;
  assert.match(from!, /model\.vision\.from: one of "shipped", "fresh", "huggingface"/);
  assert.match(kind!, /model\.bridge\.kind: one of "linear", "mlp", "resampler", "chain-of-sight"/);
  assert.match(benchmark!, /stages\.3\.evaluate\.benchmarks\.shapes: one of "vqav2"/);
  assert.match(steps!, /stages\.0\.train\.steps: an integer above 0/);
  assert.match(seed!, /seed: an integer of at least 0/);
  assert.match(model!, /model: an object with vision, bridge, bridgeHeads, decoder/);
  for (const message of messages) assert.not.match(message, /[{<]|\| |Type\b|undefined/);
  assert.match(await said('"seed": 1,', '"seed": 1,,'), /line \d+/);
});

test("a sweep is a grid whose arms are named by their values; one without choices is refused", () => {
  const points = right(gridOf(["pretrain.steps=2,4", "model.bridge.windows=[8,4],[8,2]"]));
  assert.equal(points.map(({ name }) => name), [
    "steps-2_windows-_8_4_",
    "steps-2_windows-_8_2_",
    "steps-4_windows-_8_4_",
    "steps-4_windows-_8_2_",
  ]);
  assert.equal(points[3]!.settings, ["pretrain.steps=4", "model.bridge.windows=[8,2]"]);
  for (const wrong of ["pretrain.steps=2", "pretrain.steps", "=1,2", "seed=1,1"]) {
    assert.match(left(gridOf([wrong])).message, /two values or more/, wrong);
  }
});

test.run();
