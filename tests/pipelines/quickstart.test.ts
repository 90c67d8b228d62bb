/** The quickstart: its command line, the same experiments by `cos train`, and a run from data to summary. */
import { deviceNamed } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ablateHere } from "../../pipelines/ablations/ablate.ts";
import { setting } from "../../pipelines/ablations/config.ts";
import { summaryText } from "../../pipelines/ablations/summary_text.ts";
import { presetNames } from "../../pipelines/configs/preset.ts";
import { readResult } from "../../pipelines/engine/artefact.ts";
import { stageName } from "../../pipelines/engine/experiment.ts";
import { jobsOf } from "../../pipelines/engine/jobs.ts";
import { loadExperiment } from "../../pipelines/engine/load.ts";
import { ensureReportPage } from "../../pipelines/report/write.ts";
import { CheckpointError } from "../../pipelines/weights/checkpoint.ts";
import { ran } from "../bench/command.ts";
import { ablation, drawn, experimentsIn } from "../support/ablations.ts";
import { filesBelow } from "../support/files_below.ts";
import { madeBy } from "../support/made_by.ts";
import { runInto, tinyExperiment } from "../support/tiny_experiment.ts";

const test = suite("quickstart");
const folder = Deno.makeTempDirSync({ prefix: "quickstart" });
test.after(() => Deno.remove(folder, { recursive: true }));

const quickstart = (...args: readonly string[]) => ran("pipelines/cli/cos.ts", "quickstart", ...args);

test("the command says what is wrong in one paragraph, writes nothing and exits with 1", async () => {
  const out = `${folder}/nothing`;
  const wrong = await quickstart("--preset", "smoke", "--out", out, "--set", "pretrain.rates=1");
  assert.is(wrong.code, 1);
  assert.match(wrong.err, /^error: .*\n {2}got: {6}.*pretrain\.rates/m);
  assert.not.match(wrong.err, /at file:/);
  const growth = await quickstart(
    ...["--preset", "smoke", "--device", "cpu", "--out", out, "--arms", "resampler-84-84"],
    ...["--sweep", "expand.by.growth.local=2,1"],
  );
  assert.is(growth.code, 1);
  assert.match(growth.err, /no windows to split/);
  assert.throws(() => Deno.statSync(out));
});

test("every arm, printed as a file, is the same experiment to cos train, artefact by artefact", async () => {
  for (const preset of presetNames) {
    for (const resolved of experimentsIn(ablation("quickstart", preset, { seeds: [1] }))) {
      const path = `${folder}/run.json`;
      Deno.writeTextFileSync(path, JSON.stringify(resolved.experiment));
      const read = await Effect.runPromise(loadExperiment(path));
      const keys = (of: typeof resolved) => jobsOf(of, madeBy("cpu")).map(({ key }) => key);
      assert.equal(keys(drawn(read)), keys(resolved), `${preset}, ${resolved.experiment.name}`);
    }
  }
});

test("an old name of a preset and an experiment by its arm are understood", async () => {
  const printed = await quickstart("--scale", "micro", "--print", "cos-20-84");
  assert.is(printed.code, 0, printed.err);
  assert.match(printed.err, /preset micro is called small now/);
  const [few] = experimentsIn(ablation("quickstart", "small", { arms: ["cos-20-84"] }));
  assert.equal(JSON.parse(printed.out), few!.experiment);
});

const tiny = ablation("quickstart", "smoke", {
  seeds: [1],
  arms: ["cos-20-84"],
  settings: [
    setting("model.vision", { from: "fresh", steps: 1, batch: [2, 1], scenes: 4 }),
    setting("pretrain.data.count", 6),
    setting("pretrain.steps", 3),
    setting("finetune.data.count", 4),
    setting("finetune.steps", 2),
    setting("evaluate.data.count", 3),
  ],
});

test("an arm scores the same by the quickstart and by cos train; again, what was made is moved aside", async () => {
  const quiet = { isTerminal: () => false, width: () => 100, write: () => {}, now: () => 0 };
  const places = { out: `${folder}/a/run`, store: `${folder}/a/store` };
  const start = (fresh = false) =>
    ablateHere({ config: tiny, command: "again", ...places, fresh, version: "test", sink: quiet });
  const made = (stage: string): readonly string[] =>
    [...Deno.readDirSync(places.store)].flatMap(({ name }) => name.startsWith(`${stage}-`) ? [name] : []);
  await Effect.runPromise(
    Effect.gen(function* () {
      const { summary } = yield* start(),
        [{ experiment }] = experimentsIn(tiny) as [ReturnType<typeof drawn>];
      yield* runInto(experiment, `${folder}/b/run`, `${folder}/b/store`);
      const resultIn = (stage: string) =>
        Effect.forEach(
          ["a", "b"],
          (name) => readResult(`${folder}/${name}/store/${made(stage)[0]}`),
        );
      for (const stage of experiment.stages.map(stageName)) {
        const [one, other] = yield* resultIn(stage);
        const numbers = (of: typeof one) =>
          Object.entries(of!.numbers).filter(([name]) => !/seconds/i.test(name));
        assert.equal(numbers(other), numbers(one), stage);
        assert.equal(other!.outcomes, one!.outcomes);
      }
      assert.equal(summary.arms[0]!.tokens, { pretrain: 20, finetune: 84 });
      assert.match(summaryText(summary), /learns nothing[^]*cos-20-84/);
      for (
        const file of [
          "figures/loss.svg",
          "table.txt",
          "samples/cos-20-84.png",
        ]
      ) {
        assert.ok(Deno.statSync(`${places.out}/${file}`).size > 0, file);
      }
      // nothing of a finished one is written again
      yield* ensureReportPage(places.out);
      const finished = yield* Effect.promise(() => filesBelow(places.out));
      assert.equal((yield* start()).summary, summary);
      yield* ensureReportPage(places.out);
      assert.equal(yield* Effect.promise(() => filesBelow(places.out)), finished);
      const restarted = yield* start(true);
      assert.equal(
        restarted.summary.arms.map(({ scores }) => scores),
        summary.arms.map(({ scores }) => scores),
      );
      assert.is(made("pretrain").length, 2);
      assert.is(made("features").length, 3, "what is drawn and encoded stays");
      assert.ok([...Deno.readDirSync(`${folder}/a`)].some(({ name }) => name.startsWith("run.")));
    }).pipe(Effect.provide(deviceNamed("cpu"))),
  );
});

test("a run of another on the same store is that one's, file by file; a damaged checkpoint is refused and left", async () => {
  const store = `${folder}/shared`,
    run = (name: string) => runInto(tinyExperiment, `${folder}/${name}`, store);
  await Effect.runPromise(
    Effect.gen(function* () {
      const first = yield* run("one");
      assert.equal(yield* run("two"), first);
      for (
        const file of ["metrics/pretrain.jsonl", "checkpoints/finetune.safetensors", "samples/evaluate.png"]
      ) {
        assert.is(
          Deno.statSync(`${folder}/two/${file}`).ino,
          Deno.statSync(`${folder}/one/${file}`).ino,
          file,
        );
      }
      const checkpoint = `${folder}/one/checkpoints/pretrain.safetensors`,
        damaged = Deno.readFileSync(checkpoint);
      damaged[damaged.length - 5]! ^= 4;
      Deno.writeFileSync(checkpoint, damaged);
      for (const { name } of Deno.readDirSync(store)) {
        if (name.startsWith("expand-")) Deno.removeSync(`${store}/${name}`, { recursive: true });
      }
      Deno.removeSync(`${folder}/one/summary.json`); // a run without its summary is made whole again
      const corrupt = yield* Effect.flip(run("one"));
      assert.instance(corrupt, CheckpointError);
      assert.equal(Deno.readFileSync(checkpoint), damaged);
    }).pipe(Effect.provide(deviceNamed("cpu"))),
  );
});

test.run();
