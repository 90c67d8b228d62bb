/** The named configurations: every row of the paper, its numbers, both sizes, and the command line. */
import { bridgeOf, ConfigError, type NdArray, type Tree } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bridgeCodec } from "../../pipelines/configs/bridge_codec.ts";
import { geometries, type NamedConfig, type StageName } from "../../pipelines/configs/config.ts";
import { mainRows } from "../../pipelines/configs/main_rows.ts";
import {
  bridgeDescriptionOf,
  bridgeOfStage,
  expandedParameters,
  freshParameters,
  siteOfStage,
  trainableParameters,
} from "../../pipelines/configs/model.ts";
import { configNamed, configNames, configsOf } from "../../pipelines/configs/named.ts";
import { referringRows } from "../../pipelines/configs/referring_rows.ts";
import { scalingRows } from "../../pipelines/configs/scaling_rows.ts";

const test = suite("configurations");

const named = (name: string, geometry: "full" | "small" = "full"): NamedConfig => {
  const found = configNamed(name, geometry);
  if (E.isLeft(found)) throw found.left;
  return found.right;
};

const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;
const stages: readonly StageName[] = ["pretrain", "finetune"];

test("names are unique, and every row of the three tables is a configuration once", () => {
  assert.is(new Set(configNames).size, configNames.length);
  const rows = configsOf("full").flatMap(({ rows }) => rows);
  assert.is(rows.length, 13 + 13 + 11);
  assert.is(new Set(rows).size, rows.length);
  for (const row of [...mainRows, ...referringRows, ...scalingRows]) assert.ok(rows.includes(row));
});

test("a configuration has the tokens and resolutions of its rows, and a quarter of them at the small size", () => {
  for (const config of configsOf("full")) {
    for (const row of config.rows) {
      assert.is(bridgeOfStage(config, "pretrain").tokens, row.pretrainTokens, config.name);
      assert.is(bridgeOfStage(config, "finetune").tokens, row.finetuneTokens, config.name);
      assert.is(config.finetune.resolution, row.resolution, config.name);
      assert.is(config.pretrain.resolution, 224);
    }
    const small = named(config.name, "small");
    for (const stage of stages) {
      assert.is(bridgeOfStage(small, stage).tokens * 4, bridgeOfStage(config, stage).tokens, config.name);
      assert.is(small[stage].resolution * 2, config[stage].resolution);
    }
  }
});

test("names say the tokens", () => {
  for (const config of configsOf("full")) {
    const [before, after] = stages.map((stage) => bridgeOfStage(config, stage).tokens);
    assert.match(config.name, new RegExp(`-${before}-${after}(-|$)`));
    assert.is(config.name.includes("at-224"), config.finetune.resolution === 224);
  }
});

test("the fine-tuning of CoS-7B trains 532,374,528 parameters", () => {
  const config = named("cos-80-1296");
  assert.is(trainableParameters(config, "finetune"), 532_374_528);
  assert.equal(bridgeDescriptionOf(config, "finetune"), {
    kind: "chain-of-sight",
    windows: [32, 8, 2],
    queries: [16, 16, 4],
    levels: 2,
    order: "coarse-to-fine",
  });
});

test("reported numbers agree with the means that the paper reports of them", () => {
  // averages of the cost figure, and of the referring table, to the digits given there
  const averages = [[4, 86.8], [5, 84.4], [8, 87.1], [9, 88.6], [10, 89.1], [12, 86.8], [13, 87.9]] as const;
  for (const [row, average] of averages) {
    assert.ok(Math.abs(mean(Object.values(mainRows[row - 1]!.scores)) - average) < 0.051, `main ${row}`);
  }
  for (const { row, scores: { Avg, ...splits } } of referringRows) {
    assert.ok(Math.abs(mean(Object.values(splits)) - Avg!) < 0.031, `referring ${row}`);
  }
  const same = [[1, 2], [2, 8], [5, 3], [8, 9], [11, 10]] as const; // token-scaling, main
  for (const [scaling, main] of same) {
    const few = scalingRows[scaling - 1]!.scores, all = mainRows[main - 1]!.scores;
    const close = (name: string, value: number, by: number) =>
      assert.ok(Math.abs(few[name]! - value) <= by, `${name} of row ${scaling}: ${few[name]} for ${value}`);
    close("Caps", mean([all.COCO!, all.Flickr!, all.NoCaps!]), 0.1);
    close("Text", mean([all.TextCaps!, all.TextVQA!]), 0.051);
    close("VQA", mean([all.VQAv2!, all.OKVQA!, all.GQA!]), 0.24);
    for (const name of ["MMB", "POPE", "SEED-I"]) close(name, all[name]!, 0);
  }
});

test("every configuration of either size is JSON", () => {
  for (const geometry of geometries) {
    for (const config of configsOf(geometry)) assert.equal(JSON.parse(JSON.stringify(config)), config);
  }
});

test("every bridge has a codec of its own kind", () => {
  for (const config of configsOf("full")) {
    for (const stage of stages) {
      const description = bridgeDescriptionOf(config, stage);
      const read = bridgeCodec().decode(JSON.parse(JSON.stringify(description)));
      assert.ok(E.isRight(read));
      assert.equal(read.right, description);
      assert.is(bridgeOf(read.right, siteOfStage(config, stage)).name, bridgeOfStage(config, stage).name);
    }
  }
});

test("an unknown name is refused with those that are like it", () => {
  const near = configNamed("cos-80-1297"), far = configNamed("nothing");
  assert.ok(E.isLeft(near) && near.left instanceof ConfigError && /cos-80-1296/.test(near.left.message));
  assert.ok(E.isLeft(far) && /token-packer/.test(far.left.message));
});

test("expansion interpolates the position table, inflates, adds low-rank maps, and keeps the rest", () => {
  const config = named("cos-80-336", "small"), given = freshParameters(config, "pretrain", [1, 2]);
  type Part = { readonly [name: string]: Tree<NdArray> };
  const after = expandedParameters(config, given, [3, 4]) as Part, before = given as Part;
  const table = (params: Part) =>
    ((params.vision as Part).embeddings as Part).position_embedding as { readonly weight: NdArray };
  assert.equal([table(before).weight.shape, table(after).weight.shape], [[65, 32], [257, 32]]);
  const row = (params: Part, i: number) => [...table(params).weight.data.slice(i * 32, i * 32 + 32)];
  const corners = [[0, 0], [1, 1], [8, 16], [57, 241], [64, 256]] as const; // class token, then the four corners
  for (const [small, large] of corners) {
    row(after, large).forEach((x, c) => assert.ok(Math.abs(x - row(before, small)[c]!) < 1e-6));
  }
  assert.is(after.model, before.model);
  assert.is(after.lm_head, before.lm_head);
  const lora = after.lora as { readonly [map: string]: { readonly lora_B: NdArray } };
  assert.is(Object.keys(lora).length, 2 * 7);
  assert.ok(Object.values(lora).every(({ lora_B }) => lora_B.data.every((x) => x === 0)));
  const scales = (after.bridge as Part).scales as readonly { readonly queries: NdArray }[];
  assert.equal(scales.map((s) => s.queries.shape[1]), [4, 16, 64]);
});

const command = async (
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "pipelines/cli/cos.ts", "configs", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
};

test("the command lists all, shows one in full, and says what is wrong", async () => {
  const all = await command();
  assert.is(all.code, 0);
  for (const name of configNames) assert.ok(all.out.includes(` ${name} `), name);
  const one = await command("cos-80-1296");
  assert.match(one.out, /532,374,528/);
  assert.match(one.out, /referring 10 \(CoS\): RefCOCO val 89.2/);
  assert.match(one.out, /assumptions:/);
  const json = JSON.parse((await command("--json", "--geometry", "small", "resampler-80-400")).out);
  assert.equal(json.facts.tokens, { pretrain: 20, finetune: 100 });
  const listed = JSON.parse((await command("--json")).out) as readonly { readonly name: string }[];
  assert.equal(listed.map(({ name }) => name), configNames);
  const wrong = await command("cos-80-1297");
  assert.is(wrong.code, 1);
  assert.match(wrong.err, /error: configNamed\n +got: +cos-80-1297/);
  assert.is(wrong.out, "");
});

test.run();
