/** Ablations without training: families, the graph of jobs, its scheduler, and what is shown. */
import { ConfigError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type AblationAsked,
  ablationOf,
  ablationOn,
  defaultDirectory,
} from "../../pipelines/ablations/ablation.ts";
import { ablationCommand, stageCommand } from "../../pipelines/ablations/commands.ts";
import { ablationCodec, type AblationConfig, familyNames } from "../../pipelines/ablations/config.ts";
import { presets } from "../../pipelines/ablations/presets.ts";
import { presetNames } from "../../pipelines/configs/preset.ts";
import { gridOf } from "../../pipelines/engine/sweep.ts";
import { bridgeAt } from "../../pipelines/stages/model.ts";
import { ablation, armIn, experimentsIn } from "../support/ablations.ts";
import { left, right } from "../support/either.ts";
import { experimentCodec, trainsOf } from "../../pipelines/engine/experiment.ts";
import type { Resolved } from "../../pipelines/engine/resolve.ts";
import { pyramidStages } from "../../pipelines/ablations/arena.ts";
import { EQUAL_COMPUTE, families } from "../../pipelines/ablations/families.ts";
import { JobError } from "../../pipelines/engine/fault.ts";
import {
  artefactName,
  bridgeAfter,
  type Job,
  jobGraph,
  jobsOf,
  neededFor,
} from "../../pipelines/engine/jobs.ts";
import { liveLine, onJobEvent, startLive } from "../../pipelines/engine/live.ts";
import { type JobEvent, runJobs, type ScheduleOptions } from "../../pipelines/engine/scheduler.ts";
import {
  type AblationSummary,
  type ArmSummary,
  summaryCodec,
} from "../../pipelines/ablations/summary_types.ts";
import { summaryText } from "../../pipelines/ablations/summary_text.ts";
import { differencesOf, tableOf } from "../../pipelines/ablations/table.ts";
import { workOf } from "../../pipelines/engine/work.ts";
import { mainRows } from "../../pipelines/configs/main_rows.ts";
import { scalingRows } from "../../pipelines/configs/scaling_rows.ts";
import { defaultData, fullData } from "../../pipelines/scenes/config.ts";
import { materialsVersion } from "../../pipelines/scenes/drawings.ts";
import { hashOf } from "../../pipelines/base/hash.ts";
import { loadVision, shippedWeights } from "../../pipelines/vision/weights.ts";
import { madeBy } from "../support/made_by.ts";

const values = suite("ablations as values");

values("every family at every size is a complete configuration, and JSON", () => {
  const bases = presetNames.map((preset) => presets[preset].base);
  for (const [i, base] of bases.entries()) {
    assert.is(base.name, presetNames[i]);
    assert.equal(E.toUnion(experimentCodec().decode(JSON.parse(JSON.stringify(base)))), base);
  }
  for (const family of familyNames) {
    for (const preset of presetNames) {
      const config = ablation(family, preset);
      const there = ablationCodec().decode(JSON.parse(JSON.stringify(config)));
      assert.ok(E.isRight(there), `${family} ${preset}`);
      assert.equal(there.right, config);
      assert.ok(config.arms.length >= 3);
    }
    const names = families[family].arms(presets.small.base).map(({ name }) => name);
    assert.ok(families[family].few.every((name) => names.includes(name)));
  }
  assert.is(families.main.arms(presets.small.base).length, mainRows.length);
  assert.is(families["token-scaling"].arms(presets.small.base).length, scalingRows.length);
});

values("names of arms say the tokens that they have", () => {
  for (const family of familyNames) {
    for (const resolved of experimentsIn(ablation(family, "gpu", { seeds: [1] }))) {
      const { experiment: { name, stages }, parts } = resolved,
        last = bridgeAfter(resolved, stages.length - 1);
      const [, few, many, , px] = /-(\d+)-(\d+)(-at-(\d+))?/.exec(name)!;
      const tokens = [workOf(resolved, "pretrain").visualTokens, bridgeAt(parts, last).tokens];
      assert.equal([few, many], tokens.map(String), name);
      if (px !== undefined) assert.is(Number(px), last.resolution, name);
    }
  }
});

values("any field is changed by its path; what is no field, no arm and no effect is refused", () => {
  const { base } = ablation("main", "smoke", { settings: ["pretrain.steps=7", "world.data.objects=[2,4]"] });
  assert.is(trainsOf(base)[0]!.steps, 7);
  assert.equal(base.world!.data.objects, [2, 4]);
  assert.is(trainsOf(presets.smoke.base)[0]!.steps, 6, "the preset is untouched");
  const said = (asked: AblationAsked): string => left(ablationOf("main", "smoke", asked)).message;
  assert.match(said({ settings: ["pretrain.step=7"] }), /nearest field is pretrain\.steps/);
  assert.match(said({ settings: ["pretrain.steps=-7"] }), /pretrain\.steps: an integer above 0/);
  assert.match(
    said({ settings: ["model.bridge.queries.0=12"] }),
    /model\.bridge and expand\.by; compare .* --sweep/,
  );
  assert.match(said({ arms: ["cos-1-2"] }), /got cos-1-2; expected one of .*cos-20-84.*the nearest is/);
  assert.match(said({ sweep: ["pretrain.steps=7"] }), /two values or more/);
  assert.match(said({ sweep: ["pretrain.steps=7,many"] }), /"many"/);
  const twice = { ...ablation("main", "smoke"), seeds: [1, 1] };
  assert.ok(E.isLeft(ablationCodec().decode(twice)));
  assert.ok(E.isLeft(ablationCodec().decode({ ...twice, seeds: [1], baseline: "none" })));
});

values("a sweep makes arms of any field, each with every arm of a family, and keeps the baseline", () => {
  const swept = ablation("quickstart", "smoke", {
    arms: ["cos-20-84", "resampler-84-84"],
    sweep: ["pretrain.learningRate=1e-3,3e-3", "model.decoder.layers=1,2"],
  });
  assert.is(swept.arms.length, 8);
  assert.is(swept.baseline, "resampler-84-84_learningRate-1e-3_layers-1");
  const { experiment } = armIn(swept, "cos-20-84_learningRate-3e-3_layers-2");
  assert.is(trainsOf(experiment)[0]!.learningRate, 3e-3);
  assert.ok(experiment.model.decoder.from === "fresh" && experiment.model.decoder.layers === 2);
  const own = right(ablationOn(presets.smoke.base, right(gridOf(["finetune.steps=1,2"])), [1, 2]));
  assert.equal(own.arms.map(({ name }) => name), ["steps-1", "steps-2"]);
  assert.equal(experimentsIn(own).map(({ experiment: { seed } }) => seed), [1, 2, 1, 2]);
});

values("directories and commands say what is other than the preset", () => {
  const changed = ablation("main", "smoke", { settings: ["pretrain.steps=7"] });
  assert.is(defaultDirectory(ablation("main", "small")), "runs/main-small");
  assert.match(defaultDirectory(changed), /^runs\/main-smoke-[0-9a-f]{8}$/);
  const asked = {
    words: ["ablate", "--family", "main", "--preset", "small"],
    settings: ['pretrain.data.turns={"refer":1}'],
    sweep: [],
    device: "cpu",
    store: "runs/store",
  };
  const command = ablationCommand({ ...asked, seeds: [1, 2] });
  assert.is(
    command,
    `deno task cos ablate --family main --preset small --set 'pretrain.data.turns={"refer":1}' --seeds 2 --device cpu`,
  );
  assert.match(ablationCommand({ ...asked, seeds: [3] }), /--seeds 3, --device/);
  assert.match(ablationCommand({ ...asked, seeds: [3, 5] }), /--seeds 3,5 --device/);
  assert.is(
    stageCommand({ command }, "finetune", "cos-20-84", 2),
    `deno task cos finetune --family main --preset small --set 'pretrain.data.turns={"refer":1}' --device cpu ` +
      "--arm cos-20-84 --seed 2",
  );
  const sweep = ablationCommand({ ...asked, sweep: ["pretrain.steps=1,2"], seeds: [1] });
  assert.is(stageCommand({ command: sweep }, "finetune", "cos-20-84_steps-1", 1), sweep);
});

values(
  "an arm whose bridge fits no grid, before it grows or after, is refused with the plan of its jobs",
  () => {
    const planned = (setting: string) => {
      const config = ablation("main", "smoke", { arms: ["cos-20-84"] }), [arm] = config.arms;
      const changed = { ...arm!, settings: [...arm!.settings, setting] };
      return jobGraph(experimentsIn({ ...config, arms: [changed] }), madeBy("cpu"));
    };
    for (const name of ["model.bridge.windows=[8,3]", "expand.by.growth.local=5"]) {
      assert.throws(() => planned(name), (error: unknown) => error instanceof ConfigError, name);
    }
    assert.ok(planned("model.bridge.windows=[8,4]").length > 0);
  },
);

values("arms of equal compute have as much work in pre-training as the baseline", () => {
  const all = experimentsIn(ablation("bridges", "gpu", { seeds: [1] }));
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

values("dropping tokens costs less, the ranking and the steps on all tokens included", () => {
  const all = experimentsIn(ablation("arena", "small", { seeds: [1] }));
  const of = (name: string) => all.find(({ experiment: e }) => e.name === name)!;
  const cost = (name: string, stage = "pretrain"): number => workOf(of(name), stage).flops;
  const whole = cost("average-pool-64-64"), tuned = cost("average-pool-64-64", "finetune");
  for (const name of ["random-drop-16-64", "pyramid-drop-64-64", "dual-speed-10-64"]) {
    assert.ok(cost(name) < whole, name);
  }
  // of two blocks the first sees 64 tokens and 42 of text, the second 16 and 42
  assert.ok(cost("pyramid-drop-64-64") > 0.7 * whole && cost("pyramid-drop-64-64") < 0.9 * whole);
  assert.is(cost("random-drop-16-64", "finetune"), tuned);
  // a slow step costs more than a step on all tokens, as its teacher runs too
  const { experiment } = of("dual-speed-10-64");
  const speed = (slow?: number): number => {
    const stages = experiment.stages.map((spec) => {
      if (!("train" in spec) || spec.train.tokens === undefined) return spec;
      const { slow: _, ...tokens } = spec.train.tokens;
      return { train: { ...spec.train, tokens: { ...tokens, ...(slow === undefined ? {} : { slow }) } } };
    });
    return workOf({ ...of("dual-speed-10-64"), experiment: { ...experiment, stages } }, "finetune").flops;
  };
  const fast = speed(), slow = (speed(0.5) - fast / 2) * 2;
  assert.ok(fast < tuned && slow > tuned);
  assert.ok(Math.abs(cost("dual-speed-10-64", "finetune") / (0.9 * fast + 0.1 * slow) - 1) < 1e-9);
});

values("PyramidDrop has the stages of its paper where they fit between blocks", () => {
  assert.equal(
    pyramidStages(32),
    [[8, 0.5], [16, 0.25], [24, 0.125]].map(([after, keep]) => ({ after, keep })),
  );
  assert.equal(pyramidStages(2), [{ after: 1, keep: 0.25 }]);
  assert.equal(pyramidStages(3), [{ after: 1, keep: 0.25 }, { after: 2, keep: 0.125 }]);
  assert.equal(pyramidStages(1), []);
});

values("few tokens cost less than many, as the paper's times do", () => {
  const all = experimentsIn(ablation("main", "gpu", { seeds: [1] }));
  const cost = (name: string): number =>
    workOf(all.find(({ experiment: e }) => e.name === name)!, "pretrain").flops;
  assert.ok(cost("cos-8-132") < cost("cos-12-196") && cost("cos-12-196") < cost("cos-20-84"));
  assert.ok(cost("cos-20-84") < cost("resampler-84-84"));
});

const graphs = suite("graph of jobs");

const graphOf = (config: AblationConfig): readonly Job[] =>
  jobGraph(experimentsIn(config), madeBy("a device"));
const countOf = (jobs: readonly Job[], name: string): number => jobs.filter((j) => j.name === name).length;

graphs("what arms have in common is one job, in one family and between families", () => {
  const scaling = graphOf(ablation("token-scaling", "gpu"));
  assert.is(countOf(scaling, "pretrain"), 3, "one pre-training a seed for eleven arms");
  assert.is(countOf(scaling, "finetune"), 33);
  assert.is(countOf(scaling, "scenes"), 5, "three splits, two of them at two sides");
  const main = graphOf(ablation("main", "gpu"));
  const keys = new Set(main.map(({ key }) => key));
  const shared = scaling.filter(({ key }) => keys.has(key));
  assert.is(countOf(shared, "pretrain"), 3);
  assert.is(countOf(shared, "evaluate"), 5 * 3, "five rows of both tables are one model");
  assert.ok(main.some(({ images }) => images?.tiles === 2), "tiles are features of their own");
});

graphs(
  "every job comes after those that it needs, once; keys depend on what decides them and on nothing else",
  () => {
    const jobs = graphOf(ablation("main", "small")), seen = new Set<string>();
    for (const job of jobs) {
      for (const { key } of job.needs) assert.ok(seen.has(key), artefactName(job));
      assert.not(seen.has(job.key));
      seen.add(job.key);
    }
    const keysOf = (settings: readonly string[], device = "a", seed = 1): readonly string[] => {
      const config = ablation("main", "small", { settings });
      return jobsOf(armIn(config, config.baseline, seed), madeBy(device)).filter((j) => j.stage >= 0)
        .map((j) => j.key);
    };
    const before = keysOf([]);
    const same = (keys: readonly string[]): readonly boolean[] => keys.map((key, i) => key === before[i]);
    assert.equal(same(keysOf(["name=renamed"])), [true, true, true, true]);
    assert.equal(same(keysOf(["evaluate.seed=9"])), [true, true, true, false]);
    assert.equal(same(keysOf(["finetune.learningRate=9"])), [true, true, false, false]);
    assert.equal(same(keysOf([], "a", 9)), [false, false, false, false]);
    assert.equal(same(keysOf([], "b")), [false, false, false, false]);
  },
);

graphs("what an artefact needs is found through others", () => {
  const jobs = graphOf(ablation("main", "small", { seeds: [1] })),
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
    hint: "again",
    artefact: artefactName(job),
    cause: "test",
    again: false,
    everywhere: false,
    ...more,
  });

interface Scheduled {
  readonly events: readonly JobEvent[];
  readonly stopped: JobError | undefined;
  readonly most: number;
}

const scheduled = (
  jobs: readonly Job[],
  make: (job: Job, attempt: number) => Effect.Effect<void, JobError>,
  options: Partial<ScheduleOptions<never, never>> = {},
): Promise<Scheduled> => {
  const events: JobEvent[] = [], attempts = new Map<string, number>();
  let now = 0, most = 0;
  return Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const stopped = yield* runJobs<never, never>(jobs, {
      slots: 3,
      retries: 2,
      backoffSeconds: 0.001,
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

const jobs = graphOf(ablation("main", "smoke"));
const names = (outcome: Scheduled, kind: JobEvent["kind"]): readonly string[] =>
  outcome.events.filter((e) => e.kind === kind).map(({ job }) => artefactName(job));

schedules("all jobs are done, each after its needs, so many at a time", async () => {
  const done = new Set<string>();
  const outcome = await scheduled(jobs, (job) =>
    Effect.sync(() => {
      for (const { key } of job.needs) assert.ok(done.has(key));
      done.add(job.key);
    }));
  assert.is(done.size, jobs.length);
  assert.is(outcome.most, 3);
  assert.is(names(outcome, "done").length, jobs.length);
});

schedules("finished jobs are not repeated; with one slot jobs go in the order of the list", async () => {
  const finished = new Set(
    jobs.filter(({ kind }) => kind === "scenes" || kind === "features").map((j) => j.key),
  );
  const outcome = await scheduled(jobs, () => Effect.void, {
    slots: 1,
    isDone: ({ key }) => finished.has(key),
  });
  assert.equal(names(outcome, "found").length, finished.size);
  assert.equal(names(outcome, "done"), jobs.filter(({ key }) => !finished.has(key)).map(artefactName));
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
  const outcome = thrown.events.flatMap((event) => event.kind === "failed" ? [event.error.got] : []);
  assert.equal(outcome, ["a bug"]);
  assert.equal(names(thrown, "failed"), [artefactName(first)]);
});

schedules("what concerns every job stops all", async () => {
  const outcome = await scheduled(
    jobs,
    (job) => job.kind === "features" ? Effect.fail(lost(job, { everywhere: true })) : Effect.void,
    { slots: 1 },
  );
  assert.instance(outcome.stopped, JobError);
  assert.is(names(outcome, "started").length, 2, "scenes, then features, then nothing");
});

schedules("an interruption interrupts what runs", async () => {
  let interrupted = 0;
  const fiber = Effect.runFork(Effect.scoped(runJobs<never, never>(jobs, {
    slots: 2,
    retries: 0,
    backoffSeconds: 1,
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
    const live = yield* startLive("main-smoke", store, jobs, sink);
    yield* onJobEvent(live, { kind: "found", job: first });
    yield* onJobEvent(live, { kind: "started", job: others[0]!, slot: 0, attempt: 1 });
    now = 30;
    const line = liveLine(live, 200);
    assert.match(
      line,
      /^main-smoke [█▏▎▍▌▋▊▉░]{16} \d+ % · 1\/28 · pretrain resampler-84-84, seed 2 0\/6 · 30 s/,
    );
    assert.is([...liveLine(live, 40)].length, 40);
    yield* onJobEvent(live, { kind: "waiting", job: others[0]!, holder: "process 7" });
    yield* onJobEvent(live, { kind: "waiting", job: others[0]!, holder: "process 7" });
    assert.match(liveLine(live, 300), /another process makes it/);
    yield* onJobEvent(live, { kind: "done", job: others[0]! });
    yield* onJobEvent(live, { kind: "failed", job: others[1]!, error: lost(others[1]!) });
  })));
  assert.is(said.filter((line) => line.includes("waits for process 7")).length, 1, "said once");
  assert.ok(said.some((line) => line.startsWith("2/28 pretrain resampler-84-84, seed 2 · 30 s")));
  assert.match(said.at(-1)!, /failed: make: got nothing/);
});

const between = (value: number, low: number, high: number) => ({ value, low, high });

shows("tables have means with intervals, and a star where a difference leaves out 0", () => {
  const arm = (name: string, more: Partial<ArmSummary>): ArmSummary => ({
    name,
    bridge: "resampler",
    tokens: { pretrain: 20, finetune: 84 },
    resolution: { pretrain: 112, finetune: 224 },
    steps: { pretrain: 6, finetune: 4 },
    time: { measured: between(1, 1, 1), predicted: 1 },
    loss: { pretrain: 2, finetune: 1.23456 },
    scores: { a: between(0.5, 0.4, 0.6) },
    difference: {},
    controls: { blind: {}, shuffled: {} },
    paper: [],
    seeds: [],
    ...more,
  });
  const summary: AblationSummary = {
    format: 2,
    name: "main-smoke",
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
        time: { predicted: 0.4 },
      }),
      arm("alike", { difference: { a: between(-0.01, -0.05, 0.02) } }),
    ],
    failures: [{ artefact: "x-1", label: "finetune other", reason: "why" }],
  };
  assert.equal(tableOf(summary).rows[0], [
    "base",
    "20 -> 84",
    "224",
    "1.00x [1.00x, 1.00x]",
    "1.00x",
    "1.235",
    "50.0 [40.0, 60.0]",
  ]);
  assert.equal(tableOf(summary).rows[1]!.slice(3, 5), ["-", "0.40x"]);
  assert.equal(differencesOf(summary).rows, [
    ["better", "+10.0 [+2.0, +20.0] *"],
    ["alike", "-1.0 [-5.0, +2.0]"],
  ]);
  assert.match(summaryText(summary), /^The preset smoke .* learns nothing[^]*not done: finetune other: why$/);
  assert.not.match(summaryText({ ...summary, preset: "small" }), /learns nothing/);
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
    const [job] = graphOf(ablation("main", "smoke"));
    assert.equal(
      {
        format: (job!.config as { readonly format: number }).format,
        encoder: hash.slice(0, 16),
        art: [defaultData, fullData].map((data) => hashOf(materialsVersion(data)).slice(0, 16)),
      },
      { format: 3, encoder: "b2a75d97f08c894e", art: ["1dd91eed0e3ab16f", "16243514821ce6ee"] },
      "of another encoder or other art artefacts have other keys: raise FORMAT in pipelines/engine/jobs.ts",
    );
  },
);

graphs.run();
schedules.run();
shows.run();
