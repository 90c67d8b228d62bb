/** The report of an ablation: arms, differences and seeds, each number with the artefacts behind it. */
import * as Effect from "effect/Effect";
import { timeFigures } from "../../pipelines/ablations/figures.ts";
import { headlineOf } from "../../pipelines/ablations/summary_text.ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AblationSummary } from "../../pipelines/ablations/summary_types.ts";
import type { AblationRecord } from "../../pipelines/engine/ablation_record.ts";
import { readReport } from "../../pipelines/report/write.ts";
import { reportPage } from "../../pipelines/report/render.ts";
import { linesOf, records, writeRun } from "../board/runs_on_disk.ts";

const test = suite("report of an ablation");
const folder = await Deno.makeTempDir();
test.after(() => Deno.remove(folder, { recursive: true }));

const interval = (value: number) => ({ value, low: value - 0.02, high: value + 0.03 });
const stages = ["pretrain", "finetune", "evaluate"] as const;

const seedOf = (arm: string, seed: number): AblationSummary["arms"][number]["seeds"][number] => {
  const origin = (stage: string) => ({
    artefact: `${stage}-${arm}${seed}`,
    configHash: "c".repeat(64),
    dataHash: "e".repeat(64),
    command: `deno task cos ${stage} --arm ${arm} --seed ${seed}`,
  });
  return {
    seed,
    scores: { presenceF1: 0.7 },
    loss: { pretrain: 2, finetune: 1 },
    secondsPerStep: { pretrain: 0.1, finetune: 0.2 },
    origin: { pretrain: origin("pretrain"), finetune: origin("finetune"), evaluate: origin("evaluate") },
  };
};

const armOf = (name: string, score: number): AblationSummary["arms"][number] => ({
  name,
  bridge: "resampler",
  tokens: { pretrain: 84, finetune: 84 },
  resolution: { pretrain: 112, finetune: 224 },
  steps: { pretrain: 9, finetune: 4 },
  time: { measured: { value: 0.42, low: 0.4, high: 0.45 }, predicted: 0.44 },
  loss: { pretrain: 2, finetune: 1 },
  scores: { presenceF1: interval(score) },
  difference: name === "a" ? {} : { presenceF1: interval(0.1) },
  controls: { blind: {}, shuffled: {} },
  paper: [],
  seeds: [seedOf(name, 1), seedOf(name, 2)],
});

const summary: AblationSummary = {
  format: 2,
  name: "main-smoke",
  family: "main",
  preset: "smoke",
  seeds: [1, 2],
  baseline: "a",
  device: "CPU",
  workers: 2,
  codeVersion: "later than the artefacts",
  configHash: "c".repeat(64),
  command: "deno task cos ablate --family main",
  metrics: [{ name: "presenceF1", label: "presence F1" }],
  arms: [armOf("a", 0.6), armOf("b", 0.7)],
  failures: [{ artefact: "finetune-z", label: "finetune z, seed 1", reason: "no room <b>" }],
};

const record: AblationRecord = {
  format: 2,
  command: "again",
  store: "../store",
  device: "CPU",
  workers: 2,
  jobs: stages.flatMap((stage) =>
    ["a", "b"].flatMap((arm) =>
      [1, 2].map((seed) => ({
        artefact: `${stage}-${arm}${seed}`,
        stage,
        needs: [],
        label: `${stage} of ${arm}, seed ${seed}`,
        steps: 9,
      }))
    )
  ),
  runs: [],
  arms: [],
};

const ablation = async (path: string): Promise<void> => {
  await writeRun(path, { name: "main-smoke", done: 1 });
  await Deno.writeTextFile(`${path}/summary.json`, JSON.stringify(summary));
  await Deno.writeTextFile(`${path}/record.json`, JSON.stringify(record));
};

test("every number has its artefact, and the artefact its hashes and command", async () => {
  await ablation(`${folder}/main`);
  for (const { artefact, stage } of record.jobs) {
    await writeRun(`${folder}/store/${artefact}`, {
      name: artefact,
      stages: [stage],
      done: 1,
      metrics: { [stage]: linesOf(records(1, 9)) },
    });
  }
  const report = await Effect.runPromise(readReport(`${folder}/main`));
  assert.equal(report.tables.map(({ title }) => title), [
    "Arms",
    "Differences from a",
    "Seeds",
    "What could not be done",
  ]);
  assert.equal(report.figures.map(({ name }) => name), ["loss", "time-presenceF1"]);
  const known = new Map(report.sources.map((source) => [source.id, source]));
  for (const { rows } of report.tables.slice(0, 3)) {
    for (const { sources } of rows) {
      assert.ok(sources.length >= 3);
      for (const id of sources) {
        assert.match(known.get(id)!.command, /^deno task cos (pretrain|finetune|evaluate) --arm/);
      }
    }
  }
  assert.is(known.get("evaluate-b2")!.path, "../store/evaluate-b2");
  assert.is(known.get("evaluate-b2")!.codeVersion, "test", "that of its own manifest");
  assert.is(known.get("evaluate-b2")!.run, "evaluate of b, seed 2");
  assert.equal(report.samples.map(({ title }) => title), ["a, seed 1", "b, seed 1"]);
  const page = reportPage(report);
  const small = { ...summary, preset: "small" } as const;
  assert.match(
    headlineOf(small)!,
    /^Best is b \([^)]*tokens\): presence F1 70\.0 \[68\.0, 73\.0\], .* points against a, at /,
  );
  assert.match(report.headline!, /learns nothing/);
  assert.ok(page.indexOf("learns nothing") < page.indexOf("<table"), "what was found comes first");
  const equal = {
    ...small,
    arms: summary.arms.map((arm) => ({ ...arm, scores: summary.arms[0]!.scores })),
  };
  assert.is(headlineOf(equal), "All arms have the same presence F1, 60.0: it does not tell them apart.");
  assert.equal(timeFigures(equal), [], "no chart where nothing varies");
  assert.match(page, /70\.0\s*<span class="range">\[68\.0, 73\.0\]/);
  assert.match(page, /no room &lt;b&gt;/);
  assert.match(page, /2 jobs at a time/);
  assert.match(page, /href="#source-1">\[1–6\]/);
});

test("without the store the numbers stay, and curves and images are left out", async () => {
  await ablation(`${folder}/alone`);
  await Deno.writeTextFile(`${folder}/alone/record.json`, JSON.stringify({ ...record, store: "../gone" }));
  const report = await Effect.runPromise(readReport(`${folder}/alone`));
  assert.equal(report.figures.map(({ name }) => name), ["time-presenceF1"]);
  assert.equal(report.samples, []);
  assert.is(report.tables[2]!.rows.length, 4);
});

test.run();
