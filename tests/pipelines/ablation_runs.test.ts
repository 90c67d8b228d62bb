/** Ablations in this process: a full disk, interruption, failures, and where the numbers of a summary come from. */
import { DeviceError, deviceNamed, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ablateHere } from "../../pipelines/ablations/ablate.ts";
import { readResult } from "../../pipelines/engine/artefact.ts";
import type { Resolved } from "../../pipelines/engine/resolve.ts";
import { AblationError } from "../../pipelines/ablations/fault.ts";
import { makeStage } from "../../pipelines/engine/make.ts";
import { wireFault } from "../../pipelines/engine/messages.ts";
import { ablation, experimentsIn } from "../support/ablations.ts";
import { readAblation, summarise } from "../../pipelines/ablations/summary.ts";
import { summaryCodec } from "../../pipelines/ablations/summary_types.ts";
import { jobContext } from "../../pipelines/engine/context.ts";
import { denoDisk, diskError, withDisk } from "../../pipelines/base/disk.ts";
import type { ProgressSink } from "../../pipelines/terminal/progress.ts";
import { ensureReportPage } from "../../pipelines/report/write.ts";
import { filesBelow } from "../support/files_below.ts";

const disks = suite("full disk and summaries");

const quiet: ProgressSink = { isTerminal: () => false, width: () => 100, write: () => {}, now: () => 0 };
const asked = { seeds: [1], arms: ["cos-20-84"] }, tiny = ablation("main", "smoke", asked);
const root = Deno.makeTempDirSync({ prefix: "ablations" });
const [e] = experimentsIn(tiny) as [Resolved];

const full = {
  ...denoDisk,
  create: (path: string) =>
    path.includes("finetune")
      ? Promise.reject(Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" }))
      : denoDisk.create(path),
};

disks("a full disk is informed, harms nothing, and the same goes on once there is room", async () => {
  await Effect.runPromise(
    Effect.gen(function* () {
      const { profile } = yield* theDevice();
      const context = (name: string) => jobContext(`${root}/${name}`, profile.name, "test");
      const untouched = yield* makeStage(yield* context("untouched"), e, "evaluate");
      const error = yield* Effect.flip(withDisk(full, makeStage(yield* context("full"), e, "evaluate")));
      const { everywhere, hint, again, got } = wireFault(error, "make");
      assert.match(got, /No space left on device/);
      assert.equal([everywhere, again], [true, false]);
      assert.match(hint, /free space/);
      const names = [...Deno.readDirSync(`${root}/full`)].map(({ name }) => name);
      assert.not(names.some((name) => name.startsWith("evaluate")));
      const after = yield* makeStage(yield* context("full"), e, "evaluate");
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
    const command = "deno task cos ablate --family main --preset smoke --seeds 1 --device cpu --store s";
    const options = { config: tiny, command, out, store, version: "test", sink: quiet };
    const run = (config = tiny) =>
      Effect.runPromiseExit(
        ablateHere({ ...options, config }).pipe(Effect.provide(deviceNamed("cpu"))),
      );
    const done = await run();
    assert.ok(Exit.isSuccess(done), String(done));
    const { summary } = done.value, written = Deno.readTextFileSync(`${out}/summary.json`);
    assert.equal(E.toUnion(summaryCodec().decode(JSON.parse(written))), summary);
    const [arm] = summary.arms;
    assert.equal(arm!.tokens, { pretrain: 20, finetune: 84 });
    assert.equal(arm!.time, { predicted: 1 }, "one arm alone is not timed");
    assert.equal(arm!.difference, {}, "the baseline differs from nothing");
    assert.is(arm!.paper[0]!.row, 9);
    for (const { artefact, configHash, dataHash, command: again } of Object.values(arm!.seeds[0]!.origin)) {
      const { config, dataHash: data } = JSON.parse(
        Deno.readTextFileSync(`${store}/${artefact}/manifest.json`),
      );
      assert.match(configHash, /^[0-9a-f]{64}$/);
      assert.is(dataHash, data);
      assert.equal(config.model.bridge, e.experiment.model.bridge);
      assert.match(again, /^deno task cos \w+ .*--store s --arm cos-20-84 --seed 1$/);
    }
    for (
      const file of ["table.txt", "table.csv", "seeds.csv", "figures/loss.svg", "figures/loss.png"]
    ) {
      assert.ok(Deno.statSync(`${out}/${file}`).size > 0, file);
    }
    const stored = await Effect.runPromise(readAblation(out));
    assert.equal(stored.config, tiny);
    assert.ok(stored.manifest.stages.every(({ status }) => status === "done"));
    // the same again writes nothing
    await Effect.runPromise(ensureReportPage(out));
    const finished = await filesBelow(out), artefacts = await filesBelow(store);
    assert.ok("report.html" in finished && "record.json" in finished);
    const again = await run();
    assert.ok(Exit.isSuccess(again), String(again));
    await Effect.runPromise(ensureReportPage(out));
    assert.equal(again.value.summary, summary);
    assert.equal(await filesBelow(out), finished);
    assert.equal(await filesBelow(store), artefacts);
    // another configuration is refused there
    assert.match(String(await run(ablation("main", "smoke", { ...asked, seeds: [1, 2] }))), /configHash/);
    // an artefact that is gone is left out of the summary, not made up
    Deno.removeSync(`${store}/${arm!.seeds[0]!.origin.evaluate!.artefact}/result.json`);
    assert.equal((await Effect.runPromise(summarise(out))).arms, []);
  },
);

disks("interrupted, nothing is as running; the same goes on to the same numbers", async () => {
  const out = `${root}/stopped`, store = `${root}/stopped-store`;
  const long = ablation("main", "smoke", {
    ...asked,
    settings: ["pretrain.steps=300", "pretrain.every=1000"],
  });
  const options = { config: long, command: "again", out, store, version: "test", sink: quiet };
  const statuses = (): readonly string[] =>
    [out, ...[...Deno.readDirSync(store)].map(({ name }) => `${store}/${name}`)].flatMap((path) => {
      const { stages } = JSON.parse(Deno.readTextFileSync(`${path}/manifest.json`)) as {
        readonly stages: readonly { readonly status: string }[];
      };
      return stages.map(({ status }) => status);
    });
  await Effect.runPromise(
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(ablateHere(options));
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
      const { summary } = yield* ablateHere(options);
      assert.ok(statuses().every((status) => status === "done"));
      const untouched = yield* ablateHere({ ...options, out: `${out}2`, store: `${store}2` });
      const numbers = ({ arms }: typeof summary): unknown =>
        arms.map(({ scores, loss }) => ({ scores, loss }));
      assert.equal(numbers(summary), numbers(untouched.summary));
    }).pipe(Effect.provide(deviceNamed("cpu"))),
  );
});

disks("which errors pass on another worker, and which concern every job", () => {
  const reported = (error: unknown): readonly boolean[] => {
    const { again, everywhere } = wireFault(error, "make");
    return [again, everywhere];
  };
  assert.equal(reported(new DeviceError({ fault: "lost", got: "gone", hint: "again" })), [true, false]);
  assert.equal(reported(new DeviceError({ fault: "rejected kernel", got: "no", hint: "no" })), [
    false,
    false,
  ]);
  const disk = (code: string) => diskError("write", "a", Object.assign(new Error("no"), { code }));
  assert.equal(reported(disk("ENOSPC")), [false, true]);
  assert.equal(reported(disk("EACCES")), [false, false]);
  const unknown = wireFault("words", "make");
  assert.equal([unknown.tag, unknown.got, unknown.again], ["crash", "words", false]);
});

disks(
  "a job that fails is informed at the end, with what it kept from running; the rest is there",
  async () => {
    const config = ablation("token-scaling", "smoke", {
      seeds: [1],
      settings: ["pretrain.learningRate=1e30", "pretrain.maxNorm=1e30"],
    });
    const out = `${root}/failing`;
    const exit = await Effect.runPromiseExit(
      ablateHere({
        config,
        command: "again",
        out,
        store: `${root}/failing-store`,
        version: "test",
        sink: quiet,
      })
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
    assert.match(failures[0]!.label, /^pretrain cos-20/);
    assert.match(failures[1]!.reason, /^needs pretrain/);
    const folder = [...Deno.readDirSync(`${root}/failing-store`)].find(({ name }) =>
      name.startsWith("pretrain")
    )!;
    const place = `${root}/failing-store/${folder.name}`;
    assert.ok(Deno.statSync(`${place}/checkpoints/pretrain.not-finite.safetensors`).size > 1000);
    assert.is(await Effect.runPromise(readResult(place)), undefined);
  },
);

disks.run();
