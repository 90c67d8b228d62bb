/** The quickstart: configurations, the command line, and one arm from data to summary, twice. */
import { webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { by, cos } from "../../pipelines/configs/entry.ts";
import {
  quickstartCodec,
  type QuickstartConfig,
  scales,
} from "../../pipelines/ablations/quickstart_config.ts";
import { override as overrideBy } from "../../pipelines/configs/override.ts";
import { presets, quickstartArms } from "../../pipelines/ablations/quickstart_presets.ts";
import { ensureReportPage } from "../../pipelines/report/write.ts";
import { summaryTable } from "../../pipelines/quickstart/report.ts";
import { stageNames } from "../../pipelines/engine/run.ts";
import { quickstart, quickstartExperiments } from "../../pipelines/quickstart/run.ts";
import type { Summary } from "../../pipelines/quickstart/summary.ts";
import { readMetrics } from "../../pipelines/runs/metrics.ts";
import { readManifest, RunError } from "../../pipelines/runs/run_directory.ts";
import { filesBelow } from "../support/files_below.ts";
import { CheckpointError } from "../../pipelines/weights/checkpoint.ts";

const test = suite("quickstart");

test("every preset is a complete configuration, and JSON", () => {
  for (const scale of scales) {
    const there = quickstartCodec().decode(JSON.parse(JSON.stringify(presets[scale])));
    assert.ok(E.isRight(there), scale);
    assert.equal(there.right, presets[scale]);
  }
  assert.is(stageNames(quickstartExperiments(presets.micro)).length, 1 + 4 * quickstartArms.length);
});

const override = overrideBy(quickstartCodec(), "quickstart configuration");

const said = (settings: readonly string[]): string => {
  const made = override(presets.micro, settings);
  return E.isLeft(made) ? made.left.message : "accepted";
};

test("fields are changed by name, and wrong ones are named", () => {
  const made = override(presets.micro, [
    "pretrain.steps=7",
    "data.objects=[2,4]",
    "arms.1.bridge.queries.0=12",
  ]);
  assert.ok(E.isRight(made));
  assert.is(made.right.pretrain.steps, 7);
  assert.equal(made.right.data.objects, [2, 4]);
  assert.equal(made.right.arms[1]!.bridge, cos([8, 2], [12, 1]));
  assert.is(presets.micro.pretrain.steps, 4, "the preset is untouched");
  assert.match(
    said(["pretrain.stepz=7"]),
    /field pretrain\.stepz; expected in pretrain: one of steps, batch/,
  );
  assert.match(
    said(["pretrain.steps=-7"]),
    /pretrain\.steps: -7; expected pretrain\.steps: an integer above 0/,
  );
  assert.match(said(["pretrain.steps=many"]), /"many"/);
  assert.match(said(["scenes.eval=1"]), /scenes\.eval: 1; expected scenes\.eval: an integer above 1/);
  assert.match(said(["pretrain.steps.deep=1"]), /pretrain\.steps\.deep/);
  assert.match(said(["steps"]), /expected field=value/);
  assert.match(said(["arms=[]"]), /one arm or more/);
});

const command = async (
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly text: string }> => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "pipelines/cli/cos.ts", "quickstart", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
};

test("the command says what is wrong in one paragraph, writes nothing and exits with 1", async () => {
  const out = `${Deno.makeTempDirSync()}/run`;
  const wrong = await command("--scale", "micro", "--out", out, "--set", "pretrain.rates=1");
  assert.is(wrong.code, 1);
  assert.match(wrong.text, /error: --set\n {2}got: {6}the field pretrain\.rates\n {2}expected: in pretrain/);
  assert.not.match(wrong.text, /at file:/);
  const scale = await command("--scale", "nano", "--out", out);
  assert.is(scale.code, 1);
  assert.match(scale.text, /nano/);
  const arm = '{"name": "a", "bridge": {"kind": "resampler", "queries": 4, "levels": 2}, "expansion": ' +
    '{"kind": "grow", "growth": {"resolution": 2, "global": 2, "local": 1}, "start": "source"}}';
  const growth = await command("--scale", "micro", "--device", "cpu", "--out", out, "--set", `arms.0=${arm}`);
  assert.is(growth.code, 1);
  assert.match(growth.text, /error: resampler\n[^]*no windows to split/);
  assert.throws(() => Deno.statSync(out));
});

const one: QuickstartConfig = {
  ...presets.micro,
  scenes: { pretrain: 6, finetune: 4, eval: 3 },
  vision: { steps: 1, batch: [2, 1], scenes: 4 },
  pretrain: { ...presets.micro.pretrain, steps: 3, every: 2 },
  arms: [{
    name: "tiny",
    bridge: cos([8], [2]),
    expansion: by({ resolution: 2, global: 2, local: 1 }),
  }],
};

test("one arm from data to summary; the same seed gives the same; faults leave it untouched", async () => {
  const folder = Deno.makeTempDirSync();
  // each with a store of its own: what one has made the other makes, too
  const start = (name: string, config = one, fresh = false) =>
    quickstart(config, { out: `${folder}/${name}/run`, fresh, version: "test" });
  const made = (name: string, stage: string): readonly string[] =>
    [...Deno.readDirSync(`${folder}/${name}/store`)].flatMap((entry) =>
      entry.name.startsWith(`${stage}-`) ? [`${folder}/${name}/store/${entry.name}`] : []
    );
  const readLosses = (name: string, stage: string) =>
    Effect.map(
      readMetrics(`${folder}/${name}/run/metrics/${stage}.jsonl`),
      (records) => records.map((r) => [r.step, r.loss]),
    );
  const checkpoint = `${folder}/a/run/checkpoints/tiny-pretrain.safetensors`;
  await Effect.runPromise(
    Effect.gen(function* () {
      const a = yield* start("a"), b = yield* start("b");
      assert.is(a.dataHash, b.dataHash);
      for (const stage of ["vision", "tiny-pretrain", "tiny-finetune"]) {
        assert.equal(yield* readLosses("a", stage), yield* readLosses("b", stage), stage);
      }
      const [arm] = a.arms;
      assert.is(arm!.pretrainTokens, 2);
      assert.is(arm!.finetuneTokens, 10);
      assert.is(arm!.relativePretrainTime, 1);
      assert.ok(arm!.pretrainSeconds > 0);
      assert.ok(Math.abs(arm!.loss.first - a.vocabulary.ln) < 0.5, "training starts from knowing nothing");
      assert.ok("tiny" in a.baselines.blind && "tiny" in a.baselines.shuffled);
      assert.match(summaryTable(a), /chain-of-sight 2 -> 10/);
      const written = JSON.parse(Deno.readTextFileSync(`${folder}/a/run/summary.json`)) as Summary;
      assert.equal(written, JSON.parse(JSON.stringify(a)));
      for (const file of ["figures/loss.svg", "figures/loss.png", "figures/time-score.svg", "summary.txt"]) {
        assert.ok(Deno.statSync(`${folder}/a/run/${file}`).size > 0, file);
      }
      assert.ok(Deno.statSync(`${folder}/a/run/samples/tiny.png`).size > 1000);
      const manifest = yield* readManifest(`${folder}/a/run`);
      assert.ok(manifest.stages.every((s) => s.status === "done"));
      assert.is(manifest.dataHash, a.dataHash);

      // Nothing is made again, and nothing of a finished run is written again.
      const bytes = Deno.readFileSync(checkpoint), run = `${folder}/a/run`;
      yield* ensureReportPage(run);
      const finished = yield* Effect.promise(() => filesBelow(run));
      assert.ok("report.html" in finished && "summary.json" in finished && "manifest.json" in finished);
      const again = yield* start("a");
      yield* ensureReportPage(run);
      assert.equal(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(a)));
      assert.equal(yield* Effect.promise(() => filesBelow(run)), finished);

      // Another configuration is refused.
      const other = yield* Effect.flip(start("a", { ...one, seed: 2 }));
      assert.instance(other, RunError);
      assert.equal(Deno.readFileSync(checkpoint), bytes);

      // A damaged checkpoint is refused by the stage that reads it, and left for its owner to see.
      const damaged = bytes.slice();
      damaged[damaged.length - 5]! ^= 4;
      Deno.writeFileSync(checkpoint, damaged);
      for (const path of made("a", "expand")) Deno.removeSync(path, { recursive: true });
      Deno.removeSync(`${run}/summary.json`); // a run without its summary is made whole again
      const corrupt = yield* Effect.flip(start("a"));
      assert.instance(corrupt, CheckpointError);
      assert.is((corrupt as CheckpointError).reason, "corrupt");
      assert.equal(Deno.readFileSync(checkpoint), damaged);

      // Afresh, all trainings are made again, and what stood there is moved aside.
      const afresh = yield* start("a", one, true);
      assert.equal(afresh.arms.map(({ scores }) => scores), a.arms.map(({ scores }) => scores));
      assert.equal(Deno.readFileSync(checkpoint), bytes);
      const aside = [...Deno.readDirSync(`${folder}/a`)].find(({ name }) => name.startsWith("run."))!;
      const old = `${folder}/a/${aside.name}/checkpoints/tiny-pretrain.safetensors`;
      assert.equal(Deno.readFileSync(old), damaged);
      assert.is(made("a", "pretrain").length, 2);
      assert.is(made("a", "features").length, 3, "what is drawn and seen stays");

      // A run that another has made already is that other's, file by file.
      const beside = yield* quickstart(one, { out: `${folder}/a/beside`, fresh: false, version: "test" });
      assert.equal(beside.arms, afresh.arms);
      for (
        const file of [
          "metrics/tiny-pretrain.jsonl",
          "checkpoints/tiny-finetune.safetensors",
          "samples/tiny.png",
        ]
      ) {
        assert.is(
          Deno.statSync(`${folder}/a/beside/${file}`).ino,
          Deno.statSync(`${folder}/a/run/${file}`).ino,
          file,
        );
      }
    }).pipe(Effect.provide(webGpu())),
  );
});

test.run();
