/** Ablations without training: families, the graph of jobs, its scheduler, and what is shown. */
import { ConfigError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultDirectory } from "../../pipelines/ablations/ablate.ts";
import { ablateCommand, stageCommand } from "../../pipelines/ablations/commands.ts";
import {
  ablationCodec,
  type AblationConfig,
  experimentsOf,
  familyNames,
  presetNames,
} from "../../pipelines/ablations/config.ts";
import { experimentCodec, trainsOf } from "../../pipelines/engine/experiment.ts";
import { resolvedOn } from "../../pipelines/ablations/base.ts";
import type { Resolved } from "../../pipelines/engine/resolve.ts";
import { EQUAL_COMPUTE, families } from "../../pipelines/ablations/families.ts";
import { JobError } from "../../pipelines/engine/fault.ts";
import { artefactName, type Job, jobGraph, jobsOf, neededFor } from "../../pipelines/engine/jobs.ts";
import { heard, liveLine, startLive } from "../../pipelines/engine/live.ts";
import { ablationOf } from "../../pipelines/ablations/presets.ts";
import { type JobEvent, runJobs, type ScheduleOptions } from "../../pipelines/engine/scheduler.ts";
import {
  type AblationSummary,
  type ArmSummary,
  summaryCodec,
} from "../../pipelines/ablations/summary_types.ts";
import { differencesOf, summaryText, tableOf } from "../../pipelines/ablations/table.ts";
import { workOf } from "../../pipelines/engine/work.ts";
import { override } from "../../pipelines/configs/override.ts";
import { mainRows } from "../../pipelines/configs/main_rows.ts";
import { scalingRows } from "../../pipelines/configs/scaling_rows.ts";
import { defaultData, fullData } from "../../pipelines/scenes/config.ts";
import { materialsVersion } from "../../pipelines/scenes/drawings.ts";
import { hashOf } from "../../pipelines/base/hash.ts";
import { loadVision, shippedWeights } from "../../pipelines/vision/weights.ts";
import { madeBy } from "../support/made_by.ts";

const values = suite("ablations as values");

values("every family at every size is a complete configuration, and JSON", () => {
  for (const family of familyNames) {
    for (const preset of presetNames) {
      const config = ablationOf(family, preset);
      const there = ablationCodec().decode(JSON.parse(JSON.stringify(config)));
      assert.ok(E.isRight(there), `${family} ${preset}`);
      assert.equal(there.right, config);
      assert.ok(config.arms.length >= 3);
    }
    assert.ok(families[family].few.every((name) => families[family].arms.some((arm) => arm.name === name)));
  }
  assert.is(families.main.arms.length, mainRows.length);
  assert.is(families["token-scaling"].arms.length, scalingRows.length);
  for (const e of experimentsOf(ablationOf("bridges", "smoke"))) {
    assert.equal(E.toUnion(experimentCodec().decode(JSON.parse(JSON.stringify(e.experiment)))), e.experiment);
  }
});

const changed = (settings: readonly string[], family: "main" | "token-scaling" = "main"): AblationConfig => {
  const made = override(ablationCodec(), "ablation")(ablationOf(family, "smoke"), settings);
  if (E.isLeft(made)) throw made.left;
  return made.right;
};

values("any field is changed by its path; a baseline that is no arm is refused", () => {
  assert.is(changed(["pretrain.steps=7"]).pretrain.steps, 7);
  assert.equal(changed(["seeds=[4,5]"]).seeds, [4, 5]);
  assert.throws(() => changed(["baseline=none"]), /a baseline that is one of the arms/);
  assert.throws(() => changed(["seeds=[1,1]"]), /all different/);
  assert.throws(() => changed(["pretrain.step=7"]), /nearest field is pretrain\.steps/);
});

values("directories and commands say what is other than the preset", () => {
  assert.is(defaultDirectory(ablationOf("main", "micro")), "runs/main-micro");
  assert.match(defaultDirectory(changed(["pretrain.steps=7"])), /^runs\/main-smoke-[0-9a-f]{8}$/);
  const asked = {
    family: "main",
    preset: "micro",
    settings: ['arms.0.name="x y"'],
    deviceName: "cpu",
    store: "runs/store",
  };
  assert.is(
    ablateCommand(asked, [1, 2]),
    `deno task cos ablate --family main --preset micro --set 'arms.0.name="x y"' --device cpu --seeds 2`,
  );
  assert.match(ablateCommand(asked, [3]), /--set 'seeds=\[3\]'$/);
  assert.match(
    stageCommand(asked, "finetune", "cos-80-336", 2),
    /^deno task cos finetune .*--arm cos-80-336 --seed 2$/,
  );
});

values(
  "an arm whose bridge fits no grid, before it grows or after, is refused with the plan of its jobs",
  () => {
    const planned = (setting: string) => jobGraph(experimentsOf(changed([setting])), madeBy("cpu"));
    for (const name of ["bridge.windows=[8,3]", "expansion.growth.local=5"]) {
      assert.throws(() => planned(`arms.1.${name}`), (error: unknown) => error instanceof ConfigError, name);
    }
    assert.ok(planned("arms.1.bridge.windows=[8,4]").length > 0);
  },
);

values("arms of equal compute have as much work in pre-training as the baseline", () => {
  const all = experimentsOf({ ...ablationOf("bridges", "lab"), seeds: [1] });
  const steps = ({ experiment }: Resolved): number => trainsOf(experiment)[0]!.steps;
  const total = (e: Resolved): number => workOf(e, "pretrain").flops * steps(e);
  const baseline = total(all.find(({ experiment: { name } }) => name === families.bridges.baseline)!);
  const equal = all.filter(({ experiment: { name } }) => name.endsWith(EQUAL_COMPUTE));
  assert.ok(equal.length > 10);
  for (const e of equal) {
    assert.ok(
      Math.abs(total(e) - baseline) <= 2.5 * workOf(e, "pretrain").flops,
      `${e.experiment.name}: to five steps`,
    );
    assert.is(steps(e) > 1500, workOf(e, "pretrain").flops * 1500 < baseline, e.experiment.name);
  }
});

values("few tokens cost less than many, as the paper's times do", () => {
  const all = experimentsOf({ ...ablationOf("main", "lab"), seeds: [1] });
  const cost = (name: string): number =>
    workOf(all.find(({ experiment: e }) => e.name === name)!, "pretrain").flops;
  assert.ok(cost("cos-32-528") < cost("cos-48-784") && cost("cos-48-784") < cost("cos-80-336"));
  assert.ok(cost("cos-80-336") < cost("resampler-336-336"));
});

const graphs = suite("graph of jobs");

const graphOf = (config: AblationConfig): readonly Job[] =>
  jobGraph(experimentsOf(config), madeBy("a device"));
const countOf = (jobs: readonly Job[], name: string): number => jobs.filter((j) => j.name === name).length;

graphs("what arms have in common is one job, in one family and between families", () => {
  const scaling = graphOf({ ...ablationOf("token-scaling", "lab"), seeds: [1, 2, 3] });
  assert.is(countOf(scaling, "pretrain"), 3, "one pre-training a seed for eleven arms");
  assert.is(countOf(scaling, "finetune"), 33);
  assert.is(countOf(scaling, "scenes"), 5, "three splits, two of them at two sides");
  const main = graphOf({ ...ablationOf("main", "lab"), seeds: [1, 2, 3] });
  const keys = new Set(main.map(({ key }) => key));
  const shared = scaling.filter(({ key }) => keys.has(key));
  assert.is(countOf(shared, "pretrain"), 3);
  assert.is(countOf(shared, "evaluate"), 5 * 3, "five rows of both tables are one model");
  assert.ok(main.some(({ pictures }) => pictures?.tiles === 2), "tiles are features of their own");
});

graphs(
  "every job comes after those that it needs, once; keys depend on what decides them and on nothing else",
  () => {
    const jobs = graphOf(ablationOf("main", "micro")), seen = new Set<string>();
    for (const job of jobs) {
      for (const { key } of job.needs) assert.ok(seen.has(key), artefactName(job));
      assert.not(seen.has(job.key));
      seen.add(job.key);
    }
    const config = ablationOf("main", "micro"), [arm] = config.arms, e = { ...config, arm: arm!, seed: 1 };
    const keysOf = ({ arm, seed, ...base }: typeof e, device = "a"): readonly string[] =>
      jobsOf(resolvedOn(base, arm, seed), madeBy(device)).filter((j) => j.stage >= 0).map((j) => j.key);
    const before = keysOf(e);
    const same = (other: typeof e): readonly boolean[] => keysOf(other).map((key, i) => key === before[i]);
    assert.equal(same({ ...e, arm: { ...e.arm, name: "renamed" } }), [true, true, true, true]);
    assert.equal(same({ ...e, evaluate: { ...e.evaluate, seed: 9 } }), [true, true, true, false]);
    assert.equal(same({ ...e, finetune: { ...e.finetune, learningRate: 9 } }), [true, true, false, false]);
    assert.equal(same({ ...e, seed: 9 }), [false, false, false, false]);
    assert.equal(keysOf(e, "b").map((key, i) => key === before[i]), [false, false, false, false]);
  },
);

graphs("what an artefact needs is found through others", () => {
  const jobs = graphOf(ablationOf("main", "micro", 1)),
    last = jobs.findLast(({ name }) => name === "finetune")!;
  const needed = neededFor(jobs, [last.key]).map(({ name }) => name);
  const sorted = ["expand", "features", "features", "finetune", "pretrain", "scenes", "scenes"];
  assert.equal(needed.toSorted(), sorted);
});

const schedules = suite("scheduler");

const lost = (job: Job, more: Partial<{ again: boolean; everywhere: boolean }> = {}): JobError =>
  new JobError({
    op: "make",
    got: "nothing",
    expected: "something",
    mend: "again",
    artefact: artefactName(job),
    cause: "test",
    again: false,
    everywhere: false,
    ...more,
  });

interface Told {
  readonly events: readonly JobEvent[];
  readonly stopped: JobError | undefined;
  readonly most: number;
}

const scheduled = (
  jobs: readonly Job[],
  make: (job: Job, attempt: number) => Effect.Effect<void, JobError>,
  options: Partial<ScheduleOptions<never, never>> = {},
): Promise<Told> => {
  const events: JobEvent[] = [], attempts = new Map<string, number>();
  let now = 0, most = 0;
  return Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const stopped = yield* runJobs<never, never>(jobs, {
      lanes: 3,
      retries: 2,
      patience: 0.001,
      isDone: () => false,
      make: (_, job) =>
        Effect.acquireUseRelease(
          Effect.sync(() => most = Math.max(most, ++now)),
          () => {
            attempts.set(job.key, (attempts.get(job.key) ?? 0) + 1);
            return Effect.andThen(Effect.sleep(1), make(job, attempts.get(job.key)!));
          },
          () => Effect.sync(() => void now--),
        ),
      onEvent: (event) => Effect.sync(() => void events.push(event)),
      ...options,
    });
    return { events, stopped, most };
  })));
};

const jobs = graphOf(ablationOf("main", "smoke"));
const names = (told: Told, kind: JobEvent["kind"]): readonly string[] =>
  told.events.filter((e) => e.kind === kind).map(({ job }) => artefactName(job));

schedules("all jobs are done, each after its needs, so many at a time", async () => {
  const done = new Set<string>();
  const told = await scheduled(jobs, (job) =>
    Effect.sync(() => {
      for (const { key } of job.needs) assert.ok(done.has(key));
      done.add(job.key);
    }));
  assert.is(done.size, jobs.length);
  assert.is(told.most, 3);
  assert.is(names(told, "done").length, jobs.length);
});

schedules("what stands is not done again; with one lane jobs go in the order of the list", async () => {
  const stands = new Set(
    jobs.filter(({ kind }) => kind === "scenes" || kind === "features").map((j) => j.key),
  );
  const told = await scheduled(jobs, () => Effect.void, { lanes: 1, isDone: ({ key }) => stands.has(key) });
  assert.equal(names(told, "found").length, stands.size);
  assert.equal(names(told, "done"), jobs.filter(({ key }) => !stands.has(key)).map(artefactName));
});

schedules("a job is tried again where that helps, and fails for good where it does not", async () => {
  const [first] = jobs.filter(({ name }) => name === "pretrain") as [Job];
  const once = await scheduled(
    jobs,
    (job, attempt) => job === first && attempt === 1 ? Effect.fail(lost(job, { again: true })) : Effect.void,
  );
  assert.equal(names(once, "again"), [artefactName(first)]);
  assert.equal(names(once, "failed"), []);
  const always = await scheduled(
    jobs,
    (job) => job === first ? Effect.fail(lost(job, { again: true })) : Effect.void,
  );
  assert.is(names(always, "again").length, 2);
  assert.equal(names(always, "failed"), [artefactName(first)]);
  const needing = jobs.filter((job) => job !== first && neededFor(jobs, [job.key]).includes(first));
  assert.ok(needing.length > 0);
  assert.equal(names(always, "skipped"), needing.map(artefactName), "only what needs it is left out");
  assert.is(names(always, "done").length, jobs.length - 1 - needing.length);
  const thrown = await scheduled(jobs, (job) => job === first ? Effect.die(new Error("a bug")) : Effect.void);
  const told = thrown.events.flatMap((event) => event.kind === "failed" ? [event.error.got] : []);
  assert.equal(told, ["a bug"]);
  assert.equal(names(thrown, "failed"), [artefactName(first)]);
});

schedules("what concerns every job stops all", async () => {
  const told = await scheduled(
    jobs,
    (job) => job.kind === "features" ? Effect.fail(lost(job, { everywhere: true })) : Effect.void,
    { lanes: 1 },
  );
  assert.instance(told.stopped, JobError);
  assert.is(names(told, "started").length, 2, "scenes, then features, then nothing");
});

schedules("an interruption interrupts what runs", async () => {
  let interrupted = 0;
  const fiber = Effect.runFork(Effect.scoped(runJobs<never, never>(jobs, {
    lanes: 2,
    retries: 0,
    patience: 1,
    isDone: () => false,
    make: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++)),
    onEvent: () => Effect.void,
  })));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await Effect.runPromise(Fiber.interrupt(fiber));
  assert.is(interrupted, 2);
});

const shows = suite("what is shown");

shows("the live line has what is done, what runs and how far, within its width", async () => {
  const [first, ...others] = jobs.filter(({ name }) => name === "pretrain") as [Job, ...Job[]];
  const store = Deno.makeTempDirSync(), said: string[] = [];
  let now = 0;
  const sink = {
    isTerminal: () => false,
    width: () => 100,
    write: (t: string) => void said.push(t),
    now: () => now,
  };
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const live = yield* startLive("main/smoke", store, jobs, sink);
    yield* heard(live, { kind: "found", job: first });
    yield* heard(live, { kind: "started", job: others[0]!, lane: 0, attempt: 1 });
    now = 30;
    const line = liveLine(live, 200);
    assert.match(
      line,
      /^main\/smoke [█▏▎▍▌▋▊▉░]{16} \d+ % · 1\/28 · pretrain resampler-336-336, seed 2 0\/6 · 30 s/,
    );
    assert.is([...liveLine(live, 40)].length, 40);
    yield* heard(live, { kind: "waiting", job: others[0]!, holder: "process 7" });
    yield* heard(live, { kind: "waiting", job: others[0]!, holder: "process 7" });
    assert.match(liveLine(live, 300), /another process makes it/);
    yield* heard(live, { kind: "done", job: others[0]! });
    yield* heard(live, { kind: "failed", job: others[1]!, error: lost(others[1]!) });
  })));
  assert.is(said.filter((line) => line.includes("waits for process 7")).length, 1, "said once");
  assert.ok(said.some((line) => line.startsWith("2/28 pretrain resampler-336-336, seed 2 · 30 s")));
  assert.match(said.at(-1)!, /failed: make: got nothing/);
});

const between = (value: number, low: number, high: number) => ({ value, low, high });

shows("tables have means with intervals, and a star where a difference leaves out 0", () => {
  const arm = (name: string, more: Partial<ArmSummary>): ArmSummary => ({
    name,
    bridge: "resampler",
    tokens: { pretrain: 20, finetune: 84 },
    resolution: { pretrain: 112, finetune: 224 },
    pretrainSteps: 6,
    time: { measured: 1, predicted: 1, seconds: 3 },
    loss: { pretrain: 2, finetune: 1.23456 },
    scores: { a: between(0.5, 0.4, 0.6) },
    difference: {},
    controls: { blind: {}, shuffled: {} },
    paper: [],
    seeds: [],
    ...more,
  });
  const summary: AblationSummary = {
    format: 1,
    family: "main",
    preset: "smoke",
    seeds: [1, 2],
    baseline: "base",
    device: "CPU",
    workers: 1,
    codeVersion: "1",
    configHash: "",
    command: "",
    metrics: [{ name: "a", label: "A" }],
    arms: [
      arm("base", {}),
      arm("better", {
        difference: { a: between(0.1, 0.02, 0.2) },
        time: { measured: NaN, predicted: 0.4, seconds: 1 },
      }),
      arm("alike", { difference: { a: between(-0.01, -0.05, 0.02) } }),
    ],
    failures: [{ artefact: "x-1", label: "finetune other", reason: "why" }],
  };
  assert.equal(tableOf(summary).rows[0], [
    "base",
    "20 -> 84",
    "224",
    "1.00x",
    "1.00x",
    "1.235",
    "50.0 [40.0, 60.0]",
  ]);
  assert.equal(tableOf(summary).rows[1]!.slice(3, 5), ["-", "0.40x"]);
  assert.equal(differencesOf(summary).rows, [
    ["better", "+10.0 [+2.0, +20.0] *"],
    ["alike", "-1.0 [-5.0, +2.0]"],
  ]);
  assert.match(summaryText(summary), /not done: finetune other: why$/);
  assert.equal(
    E.toUnion(summaryCodec().decode(JSON.parse(JSON.stringify(summary)))),
    summary,
    "NaN is null and back",
  );
});

values.run();
graphs(
  "what comes with the library and decides artefacts is pinned to the format of their keys",
  async () => {
    const { hash } = await Effect.runPromise(loadVision(shippedWeights()));
    const [job] = graphOf(ablationOf("main", "smoke"));
    assert.equal(
      {
        format: (job!.config as { readonly format: number }).format,
        encoder: hash.slice(0, 16),
        art: [defaultData, fullData].map((data) => hashOf(materialsVersion(data)).slice(0, 16)),
      },
      { format: 2, encoder: "b2a75d97f08c894e", art: ["1dd91eed0e3ab16f", "16243514821ce6ee"] },
      "of another encoder or other art artefacts have other keys: raise FORMAT in pipelines/engine/jobs.ts",
    );
  },
);

graphs.run();
schedules.run();
shows.run();
