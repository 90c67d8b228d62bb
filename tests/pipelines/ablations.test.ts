/** Ablations without training: families, the graph of jobs, its scheduler, statistics, and what a full disk does. */
import { DeviceError, deviceNamed, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ablateHere, defaultDirectory } from "../../pipelines/ablations/ablate.ts";
import { readResult } from "../../pipelines/ablations/artefact.ts";
import { ablateCommand, stageCommand } from "../../pipelines/ablations/commands.ts";
import {
  ablationCodec,
  type AblationConfig,
  experimentsOf,
  familyNames,
  presetNames,
} from "../../pipelines/ablations/config.ts";
import { type Experiment, experimentCodec } from "../../pipelines/ablations/experiment.ts";
import { EQUAL_COMPUTE, families } from "../../pipelines/ablations/families.ts";
import { AblationError, JobError } from "../../pipelines/ablations/fault.ts";
import {
  artefactName,
  type Job,
  jobGraph,
  jobsOf,
  type JobStage,
  neededFor,
} from "../../pipelines/ablations/jobs.ts";
import { makeStage } from "../../pipelines/ablations/make.ts";
import { wireFault } from "../../pipelines/ablations/messages.ts";
import { type Outcome, outcomesOf, scoresOfOutcomes } from "../../pipelines/ablations/outcomes.ts";
import { ablationOf } from "../../pipelines/ablations/presets.ts";
import { type JobEvent, runJobs, type ScheduleOptions } from "../../pipelines/ablations/scheduler.ts";
import { differenceWithInterval, drawsOf, meanWithInterval } from "../../pipelines/ablations/statistics.ts";
import { readAblation, summarise } from "../../pipelines/ablations/summary.ts";
import { summaryCodec } from "../../pipelines/ablations/summary_types.ts";
import { workOf } from "../../pipelines/ablations/work.ts";
import { workshop } from "../../pipelines/ablations/workshop.ts";
import { override } from "../../pipelines/configs/override.ts";
import { mainRows } from "../../pipelines/configs/main_rows.ts";
import { scalingRows } from "../../pipelines/configs/scaling_rows.ts";
import { defaultData } from "../../pipelines/data/config.ts";
import { sampleScenes } from "../../pipelines/data/scene.ts";
import { questionsOf } from "../../pipelines/data/tasks.ts";
import { denoDisk, diskError, withDisk } from "../../pipelines/runs/disk.ts";
import { scoresOf } from "../../pipelines/stages/scores.ts";
import type { ProgressSink } from "../../pipelines/terminal/progress.ts";

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
    assert.equal(E.toUnion(experimentCodec().decode(JSON.parse(JSON.stringify(e)))), e);
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

values("arms of equal compute have as much work in pre-training as the baseline", () => {
  const all = experimentsOf({ ...ablationOf("bridges", "lab"), seeds: [1] });
  const total = (e: Experiment): number => workOf(e, "pretrain").flops * e.pretrain.steps;
  const baseline = total(all.find(({ arm }) => arm.name === families.bridges.baseline)!);
  const equal = all.filter(({ arm }) => arm.name.endsWith(EQUAL_COMPUTE));
  assert.ok(equal.length > 10);
  for (const e of equal) {
    assert.ok(Math.abs(total(e) / baseline - 1) < 1e-3, e.arm.name);
    assert.is(e.pretrain.steps > 1500, workOf(e, "pretrain").flops * 1500 < baseline, e.arm.name);
  }
});

values("few tokens cost less than many, as the paper's times do", () => {
  const all = experimentsOf({ ...ablationOf("main", "lab"), seeds: [1] });
  const cost = (name: string): number => workOf(all.find(({ arm }) => arm.name === name)!, "pretrain").flops;
  assert.ok(cost("cos-32-528") < cost("cos-48-784") && cost("cos-48-784") < cost("cos-80-336"));
  assert.ok(cost("cos-80-336") < cost("resampler-336-336"));
});

const graphs = suite("graph of jobs");

const graphOf = (config: AblationConfig): readonly Job[] => jobGraph(experimentsOf(config), "a device");
const countOf = (jobs: readonly Job[], stage: JobStage): number =>
  jobs.filter((j) => j.stage === stage).length;

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
    const [e] = experimentsOf(ablationOf("main", "micro")) as [Experiment];
    const keysOf = (other: Experiment, device = "a"): readonly string[] =>
      jobsOf(other, device).filter((j) => !["scenes", "features"].includes(j.stage)).map((j) => j.key);
    const before = keysOf(e);
    const same = (other: Experiment): readonly boolean[] => keysOf(other).map((key, i) => key === before[i]);
    assert.equal(same({ ...e, arm: { ...e.arm, name: "renamed" } }), [true, true, true, true]);
    assert.equal(same({ ...e, evaluate: { ...e.evaluate, seed: 9 } }), [true, true, true, false]);
    assert.equal(same({ ...e, finetune: { ...e.finetune, rate: 9 } }), [true, true, false, false]);
    assert.equal(same({ ...e, seed: 9 }), [false, false, false, false]);
    assert.equal(keysOf(e, "b").map((key, i) => key === before[i]), [false, false, false, false]);
  },
);

graphs("what an artefact needs is found through others", () => {
  const jobs = graphOf(ablationOf("main", "micro", 1)),
    last = jobs.findLast(({ stage }) => stage === "finetune")!;
  const needed = neededFor(jobs, [last.key]).map(({ stage }) => stage);
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
      hear: (event) => Effect.sync(() => void events.push(event)),
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
    jobs.filter(({ stage }) => stage === "scenes" || stage === "features").map((j) => j.key),
  );
  const told = await scheduled(jobs, () => Effect.void, { lanes: 1, isDone: ({ key }) => stands.has(key) });
  assert.equal(names(told, "found").length, stands.size);
  assert.equal(names(told, "done"), jobs.filter(({ key }) => !stands.has(key)).map(artefactName));
});

schedules("a job is tried again where that helps, and fails for good where it does not", async () => {
  const [first] = jobs.filter(({ stage }) => stage === "pretrain") as [Job];
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
    (job) => job.stage === "features" ? Effect.fail(lost(job, { everywhere: true })) : Effect.void,
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
    hear: () => Effect.void,
  })));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await Effect.runPromise(Fiber.interrupt(fiber));
  assert.is(interrupted, 2);
});

const statistics = suite("statistics");

const mean = (rows: readonly (readonly [number, number])[]): Outcome => ({ form: "mean", sums: rows });

statistics("intervals hold the mean, and are a point where nothing varies", () => {
  const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constant(5)), {
    minLength: 4,
    maxLength: 4,
  });
  fc.assert(fc.property(fc.array(rows, { minLength: 1, maxLength: 3 }), (seeds) => {
    const outcomes = seeds.map(mean), draws = drawsOf(seeds.length, 4, 200, 1);
    const { value, low, high } = meanWithInterval(outcomes, draws);
    const all = seeds.flat();
    assert.ok(Math.abs(value - all.reduce((s, [x]) => s + x, 0) / (5 * all.length)) < 1e-12);
    assert.ok(low <= value + 1e-12 && value <= high + 1e-12);
    const same = differenceWithInterval(outcomes, outcomes, draws);
    assert.equal([same.value, same.low, same.high], [0, 0, 0], "a difference to itself is exactly none");
  }));
});

statistics("differences are paired: what all scenes share does not widen them", () => {
  const hard = [0, 5, 1, 4, 0, 5, 2, 3], seeds = [0, 1, 2];
  const arm = (more: number): readonly Outcome[] =>
    seeds.map((s) => mean(hard.map((h) => [h + more + (s === 1 ? 1 : 0), 10])));
  const draws = drawsOf(3, hard.length, 500, 1);
  const alone = meanWithInterval(arm(1), draws), apart = differenceWithInterval(arm(1), arm(0), draws);
  assert.ok(alone.high - alone.low > 0.1);
  assert.ok(Math.abs(apart.low - 0.1) < 1e-9 && Math.abs(apart.high - 0.1) < 1e-9);
});

statistics("both seeds and scenes are drawn", () => {
  const scene = (x: number): readonly Outcome[] => [0, 1].map(() => mean([[x, 1], [1 - x, 1]]));
  const seed = [mean([[1, 1], [1, 1]]), mean([[0, 1], [0, 1]])], draws = drawsOf(2, 2, 500, 1);
  assert.equal(meanWithInterval(scene(1), draws), { value: 0.5, low: 0, high: 1 });
  assert.equal(meanWithInterval(seed, draws), { value: 0.5, low: 0, high: 1 });
});

statistics("sums of answers give the scores of answers", () => {
  const scenes = sampleScenes(defaultData, "eval", 12);
  const answered = scenes.flatMap((scene, i) =>
    questionsOf(scene, defaultData).filter((q) => q.kind !== "caption").map((question, j) => ({
      scene: i,
      question,
      answer: (i * 7 + j) % 3 === 0 ? "yes" : question.answer,
    }))
  );
  const mine = scoresOfOutcomes(outcomesOf(answered, defaultData));
  const theirs = scoresOf(answered, { grid: defaultData.grid, resamples: 10, seed: 1 });
  const near = (a: number | undefined, b: number): void => assert.ok(Math.abs(a! - b) < 1e-12, `${a} ${b}`);
  near(mine.presenceF1, theirs.presenceF1.value);
  near(mine.presenceAccuracy, theirs.presenceAccuracy.value);
  near(mine.countAccuracy, theirs.countAccuracy.value);
  near(mine.referAccuracy, theirs.referAccuracy.value);
  near(mine.referIou, theirs.referIou);
});

const disks = suite("full disk and summaries");

const quiet: ProgressSink = { isTerminal: () => false, width: () => 100, write: () => {}, now: () => 0 };
const tiny = changed([
  "seeds=[1]",
  'baseline="cos-80-336"',
  `arms=${JSON.stringify(families.main.arms.filter(({ name }) => name === "cos-80-336"))}`,
]);
const root = Deno.makeTempDirSync({ prefix: "ablations" });
const [e] = experimentsOf(tiny) as [Experiment];

const full = {
  ...denoDisk,
  create: (path: string) =>
    path.includes("finetune")
      ? Promise.reject(Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" }))
      : denoDisk.create(path),
};

disks("a full disk is told, harms nothing, and the same goes on once there is room", async () => {
  await Effect.runPromise(
    Effect.gen(function* () {
      const { profile } = yield* theDevice();
      const shop = (name: string) => workshop(`${root}/${name}`, profile.name, "test");
      const untouched = yield* makeStage(shop("untouched"), e, "evaluate");
      const error = yield* Effect.flip(withDisk(full, makeStage(shop("full"), e, "evaluate")));
      const { everywhere, mend, again, got } = wireFault(error, "make");
      assert.match(got, /No space left on device/);
      assert.equal([everywhere, again], [true, false]);
      assert.match(mend, /free space/);
      const names = [...Deno.readDirSync(`${root}/full`)].map(({ name }) => name);
      assert.not(names.some((name) => name.startsWith("evaluate")));
      const after = yield* makeStage(shop("full"), e, "evaluate");
      assert.equal(after.numbers, untouched.numbers);
      assert.equal(after.outcomes, untouched.outcomes);
      for (const { name } of Deno.readDirSync(`${root}/untouched`)) {
        const checkpoints = `${root}/untouched/${name}/checkpoints`;
        for (const { name: file } of Deno.readDirSync(checkpoints)) {
          const there = Deno.readFileSync(`${root}/full/${name}/checkpoints/${file}`);
          assert.equal(there, Deno.readFileSync(`${checkpoints}/${file}`), `${name}/${file}`);
        }
      }
    }).pipe(Effect.provide(deviceNamed("cpu"))),
  );
});

disks(
  "here in this process: finished artefacts are used, and every number is traced to what made it",
  async () => {
    const out = `${root}/here`, store = `${root}/untouched`;
    const options = { config: tiny, settings: [], out, store, version: "test", sink: quiet };
    const run = (config = tiny) =>
      Effect.runPromiseExit(
        ablateHere({ ...options, config }, "cpu").pipe(Effect.provide(deviceNamed("cpu"))),
      );
    const done = await run();
    assert.ok(Exit.isSuccess(done), String(done));
    const { summary } = done.value, written = Deno.readTextFileSync(`${out}/summary.json`);
    assert.equal(E.toUnion(summaryCodec().decode(JSON.parse(written))), summary);
    const [arm] = summary.arms;
    assert.equal(arm!.tokens, { pretrain: 20, finetune: 84 });
    assert.equal([arm!.time.measured, arm!.time.predicted], [1, 1]);
    assert.equal(arm!.difference, {}, "the baseline differs from nothing");
    assert.is(arm!.paper[0]!.row, 9);
    for (const { artefact, configHash, dataHash, command } of Object.values(arm!.seeds[0]!.origin)) {
      const { config, dataHash: data } = JSON.parse(
        Deno.readTextFileSync(`${store}/${artefact}/manifest.json`),
      );
      assert.match(configHash, /^[0-9a-f]{64}$/);
      assert.is(dataHash, data);
      assert.equal(config.bridge, e.arm.bridge);
      assert.match(command, new RegExp(`^deno task cos \\w+ .*--store ${store} --arm cos-80-336 --seed 1$`));
    }
    for (
      const file of ["table.txt", "table.csv", "seeds.csv", "figures/loss.svg", "figures/time-presenceF1.png"]
    ) {
      assert.ok(Deno.statSync(`${out}/${file}`).size > 0, file);
    }
    const stored = await Effect.runPromise(readAblation(out));
    assert.equal(stored.config, tiny);
    assert.ok(stored.manifest.stages.every(({ status }) => status === "done"));
    // another configuration is refused there
    assert.match(String(await run(changed(["seeds=[1,2]"]))), /configHash/);
    // an artefact that is gone is left out of the summary, not made up
    Deno.removeSync(`${store}/${arm!.seeds[0]!.origin.evaluate.artefact}/result.json`);
    assert.equal((await Effect.runPromise(summarise(out))).arms, []);
  },
);

disks("interrupted, nothing stands as running; the same goes on to the same numbers", async () => {
  const out = `${root}/stopped`, store = `${root}/stopped-store`;
  const long = changed([
    "seeds=[1]",
    'baseline="cos-80-336"',
    `arms=${JSON.stringify(tiny.arms)}`,
    "pretrain.steps=300",
    "pretrain.every=1000",
  ]);
  const options = { config: long, settings: [], out, store, version: "test", sink: quiet };
  const statuses = (): readonly string[] =>
    [out, ...[...Deno.readDirSync(store)].map(({ name }) => `${store}/${name}`)].flatMap((path) => {
      const { stages } = JSON.parse(Deno.readTextFileSync(`${path}/manifest.json`)) as {
        readonly stages: readonly { readonly status: string }[];
      };
      return stages.map(({ status }) => status);
    });
  await Effect.runPromise(
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(ablateHere(options, "cpu"));
      const begun = (): boolean => {
        try {
          const made = [...Deno.readDirSync(store)].find(({ name }) => name.startsWith("pretrain"));
          return made !== undefined &&
            Deno.statSync(`${store}/${made.name}/metrics/pretrain.jsonl`).size > 0;
        } catch {
          return false; // not made yet
        }
      };
      while (!begun()) yield* Effect.sleep(10);
      yield* Fiber.interrupt(fiber);
      assert.not(statuses().includes("running"), statuses().join(" "));
      const checkpoints = [...Deno.readDirSync(store)].filter(({ name }) => name.startsWith("pretrain"));
      assert.ok(
        Deno.statSync(`${store}/${checkpoints[0]!.name}/checkpoints/pretrain.safetensors`).size > 1000,
        "what it did is saved",
      );
      const { summary } = yield* ablateHere(options, "cpu");
      assert.ok(statuses().every((status) => status === "done"));
      const untouched = yield* ablateHere({ ...options, out: `${out}2`, store: `${store}2` }, "cpu");
      const numbers = ({ arms }: typeof summary): unknown =>
        arms.map(({ scores, loss }) => ({ scores, loss }));
      assert.equal(numbers(summary), numbers(untouched.summary));
    }).pipe(Effect.provide(deviceNamed("cpu"))),
  );
});

disks("which errors pass on another worker, and which concern every job", () => {
  const told = (error: unknown): readonly boolean[] => {
    const { again, everywhere } = wireFault(error, "make");
    return [again, everywhere];
  };
  assert.equal(told(new DeviceError({ fault: "lost", got: "gone", mend: "again" })), [true, false]);
  assert.equal(told(new DeviceError({ fault: "rejected kernel", got: "no", mend: "no" })), [false, false]);
  const disk = (code: string) => diskError("write", "a", Object.assign(new Error("no"), { code }));
  assert.equal(told(disk("ENOSPC")), [false, true]);
  assert.equal(told(disk("EACCES")), [false, false]);
  const unknown = wireFault("words", "make");
  assert.equal([unknown.tag, unknown.got, unknown.again], ["crash", "words", false]);
});

disks("a job that fails is told at the end, with what it kept from running; the rest is there", async () => {
  const config = changed(["seeds=[1]", "pretrain.rate=1e30", "pretrain.maxNorm=1e30"], "token-scaling");
  const out = `${root}/failing`;
  const exit = await Effect.runPromiseExit(
    ablateHere(
      { config, settings: [], out, store: `${root}/failing-store`, version: "test", sink: quiet },
      "cpu",
    )
      .pipe(Effect.provide(deviceNamed("cpu"))),
  );
  assert.ok(Exit.isFailure(exit));
  const error = exit.cause.reasons.flatMap((r) => r._tag === "Fail" ? [r.error] : [])[0];
  assert.instance(error, AblationError);
  assert.match(
    String((error as AblationError).got),
    /1 failed job, first train pretrain: got loss NaN|gradNorm/,
  );
  const { failures, arms } = await Effect.runPromise(summarise(out));
  assert.equal(arms, []);
  assert.match(failures[0]!.label, /^pretrain cos-80/);
  assert.match(failures[1]!.reason, /^needs pretrain/);
  const folder = [...Deno.readDirSync(`${root}/failing-store`)].find(({ name }) =>
    name.startsWith("pretrain")
  )!;
  const place = `${root}/failing-store/${folder.name}`;
  assert.ok(Deno.statSync(`${place}/checkpoints/pretrain.not-finite.safetensors`).size > 1000);
  assert.is(await Effect.runPromise(readResult(place)), undefined);
});

values.run();
graphs.run();
schedules.run();
statistics.run();
disks.run();
