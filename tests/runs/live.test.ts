/** Metrics shown by other programs while a training goes on: files that grow, and begin again where it resumes. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { liveLogsOf, openLiveTail, withLiveLogs } from "../../pipelines/runs/live.ts";
import { appendMetrics, openMetrics } from "../../pipelines/runs/metrics.ts";
import { eventWriter } from "../../pipelines/runs/tensorboard.ts";

const test = suite("live logs");
const temp = (): string => Deno.makeTempDirSync({ prefix: "live" });
const names = (folder: string): readonly string[] =>
  [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
const text = (path: string): string => Deno.readTextFileSync(path);

/** Runs a training of some records in a run directory, from a step on; `during` looks at what is shown then. */
const trained = (
  run: string,
  log: string,
  from: number,
  steps: readonly number[],
  during: () => void = () => {},
  fail = false,
) =>
  Effect.runPromise(Effect.exit(withLiveLogs(
    E.getOrElseW(() => [])(liveLogsOf(log)),
    Effect.scoped(Effect.gen(function* () {
      const path = `${run}/metrics/pretrain.jsonl`;
      const metrics = yield* openMetrics(path, { resumeAt: from }), live = yield* openLiveTail(path);
      for (const step of steps) {
        const record = { step, loss: 1 / step, seconds: 0.5, warmup: true, note: "text" };
        yield* appendMetrics(metrics, [record]);
        yield* live.add([record]);
        if (step % 2 === 0) {
          const validation = { step, "validation/loss": step };
          yield* appendMetrics(metrics, [validation]);
          yield* live.add([validation]);
        }
        during();
      }
      if (fail) yield* Effect.fail("diverged");
    })),
  )));
const newRun = (): string => {
  const run = `${temp()}/cos-20`;
  Deno.mkdirSync(`${run}/metrics`, { recursive: true });
  Deno.writeTextFileSync(
    `${run}/manifest.json`,
    JSON.stringify({
      config: { pretrain: { learningRate: { bridge: 1e-4 }, steps: 4 }, "../a:b": "x", none: null },
    }),
  );
  return run;
};

test("TensorBoard's event file grows while a training goes on; one that resumes begins again with a restart", async () => {
  const run = newRun(), folder = `${run}/logs/tensorboard/pretrain`, sizes: number[] = [];
  await trained(run, "tensorboard", 0, [1, 2, 3], () => {
    const [name] = names(folder);
    sizes.push(Deno.statSync(`${folder}/${name}`).size);
  });
  assert.ok(sizes[0]! > 40 && sizes[0]! < sizes[1]! && sizes[1]! < sizes[2]!, `${sizes}`);
  const [first] = names(folder),
    began = Deno.statSync(`${run}/metrics/pretrain.jsonl`).birthtime!.getTime() / 1000;
  const record = (step: number) => ({ step, loss: 1 / step, seconds: 0.5, warmup: true, note: "text" });
  const bytes = (again: boolean, ...steps: readonly number[]): readonly number[] => {
    const { start, events } = eventWriter(began, again);
    const all = steps.flatMap((
      s,
    ) => [record(s), ...(s % 2 === 0 ? [{ step: s, "validation/loss": s }] : [])]);
    return [...start, ...events(all)];
  };
  assert.equal([...Deno.readFileSync(`${folder}/${first}`)], bytes(false, 1, 2, 3));
  // the step after the checkpoint is done again
  await trained(run, "tensorboard", 2, [3, 4]);
  const [second, ...others] = names(folder);
  assert.equal(others, []);
  assert.ok(second! > first!, `${second} is read after ${first}`);
  assert.equal([...Deno.readFileSync(`${folder}/${second}`)], bytes(true, 1, 2, 3, 4));
});

/** A run of a file store, read as `FileStore._get_metric_from_line` and its like do. */
const readStore = (store: string) => {
  const [experiment, ...others] = names(store),
    [run] = names(`${store}/${experiment}`).filter((n) => n !== "meta.yaml");
  assert.equal(others, []);
  const place = `${store}/${experiment}/${run}`;
  const yaml = (path: string) =>
    Object.fromEntries(
      text(path).trimEnd().split("\n").map((line) => {
        const [, name, value] = /^(\w+): (.*)$/.exec(line)!;
        return [name!, JSON.parse(value!)];
      }),
    );
  const files = (folder: string, prefix = ""): readonly string[] =>
    [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
      isDirectory ? files(`${folder}/${name}`, `${prefix}${name}/`) : [`${prefix}${name}`]
    ).toSorted();
  const metric = (name: string) =>
    text(`${place}/metrics/${name}`).trimEnd().split("\n").map((line) => {
      const parts = line.split(" ");
      assert.is(parts.length, 3);
      assert.match(parts[0]!, /^\d{13}$/);
      return [Number(parts[1]), Number(parts[2])];
    });
  return {
    experiment,
    run,
    experimentMeta: yaml(`${store}/${experiment}/meta.yaml`),
    meta: yaml(`${place}/meta.yaml`),
    metrics: files(`${place}/metrics`),
    params: Object.fromEntries(
      files(`${place}/params`).map((name) => [name, text(`${place}/params/${name}`)]),
    ),
    tags: Object.fromEntries(files(`${place}/tags`).map((name) => [name, text(`${place}/tags/${name}`)])),
    metric,
  };
};

test("MLflow's file store holds metrics, parameters and tags while a training goes on, and how it ended", async () => {
  const run = newRun(), store = `${temp()}/mlruns`, log = `mlflow:${store}`;
  await trained(run, log, 0, [1, 2, 3], () => assert.is(readStore(store).meta.status, 1), true);
  const before = readStore(store);
  assert.match(before.experiment!, /^\d{18}$/);
  assert.equal(before.experimentMeta, {
    artifact_location: `file://${store}/${before.experiment}`,
    creation_time: before.meta.start_time,
    experiment_id: before.experiment,
    last_update_time: before.meta.start_time,
    lifecycle_stage: "active",
    name: "chain-of-sight",
  });
  assert.equal([before.meta.status, before.meta.run_id, before.meta.run_uuid], [4, before.run, before.run]);
  assert.equal(before.metrics, ["loss", "seconds", "validation/loss"]);
  assert.equal(before.metric("loss"), [[1, 1], [0.5, 2], [1 / 3, 3]]);
  assert.equal(before.metric("validation/loss"), [[2, 2]]);
  assert.equal(before.params, {
    "pretrain.learningRate.bridge": "0.0001",
    "pretrain.steps": "4",
    "_/a_b": "x",
  });
  assert.is(before.tags["mlflow.runName"], "cos-20/pretrain");
  await trained(run, log, 2, [3, 4]);
  const after = readStore(store);
  assert.equal([after.run, after.meta.status], [before.run, 3]);
  assert.ok(after.meta.end_time - after.meta.start_time >= 2000 - 1);
  assert.equal(after.metric("loss").map(([, step]) => step), [1, 2, 3, 4], "no step twice");
});

test("a log that cannot be written ends no training", async () => {
  const run = newRun();
  Deno.writeTextFileSync(`${run}/file`, "");
  const exit = await trained(run, `mlflow:${run}/file/store,tensorboard`, 0, [1, 2]);
  assert.is(exit._tag, "Success");
  assert.is(names(`${run}/logs/tensorboard/pretrain`).length, 1, "others go on");
  const linked = newRun();
  Deno.symlinkSync(temp(), `${linked}/logs`);
  assert.is((await trained(linked, "tensorboard", 0, [1]))._tag, "Success");
  assert.equal(names(Deno.realPathSync(`${linked}/logs`)), [], "nothing is written through links");
});

test("names of logs", () => {
  assert.equal(
    liveLogsOf("tensorboard, mlflow"),
    E.right([{ kind: "tensorboard" }, { kind: "mlflow", store: "mlruns" }]),
  );
  assert.equal(liveLogsOf("mlflow:a/b"), E.right([{ kind: "mlflow", store: "a/b" }]));
  for (const wrong of ["wandb", "", "tensorboard,", "mlflow:"]) assert.ok(E.isLeft(liveLogsOf(wrong)), wrong);
});

test.run();
