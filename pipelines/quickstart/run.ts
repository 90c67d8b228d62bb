/** The quickstart: every arm through every stage, on the same data, seed and steps. */
import { ConfigError, type TreeError } from "@chain-of-sight/core";
import { type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { pipe } from "fp-ts/lib/function.js";
import type { DecodeError } from "../bridge.ts";
import type { DataError } from "../data/error.ts";
import type { GenerateError } from "../generate/fault.ts";
import { type DiskError, onDisk } from "../runs/disk.ts";
import type { Json } from "../runs/hash.ts";
import { newManifest } from "../runs/manifest.ts";
import type { MetricsError } from "../runs/metrics.ts";
import { openOrCreateRun, type RunError } from "../runs/run_directory.ts";
import { acquireLock, type LockError } from "../runs/run_lock.ts";
import { evaluate } from "../stages/evaluate.ts";
import { expand } from "../stages/expand.ts";
import { finetune } from "../stages/finetune.ts";
import { type Arm, bridgeAt, grownBridge, smallBridge, viewsRead } from "../stages/model.ts";
import { freshModel, pretrain, type TrainedState } from "../stages/pretrain.ts";
import { sceneSource, vocabularyOf } from "../stages/scene_source.ts";
import { followedBy, noted, type Stage, type StageRun, stageRun } from "../stages/stage.ts";
import type { BatchError } from "../text/batch.ts";
import type { TrainingError } from "../train/fault.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import type { QuickstartConfig } from "./config.ts";
import { type Caches, encoderFor, type Materials, materialsFor, scenesFor } from "./materials.ts";
import { writeReport } from "./report.ts";
import { type ArmResult, type Summary, summaryOf } from "./summary.ts";

/** Everything that a quickstart can fail with. */
export type QuickstartError =
  | BatchError
  | CheckpointError
  | ConfigError
  | DataError
  | DecodeError
  | DeviceError
  | DiskError
  | GenerateError
  | LockError
  | MetricsError
  | RunError
  | TrainingError
  | TreeError;

/** Where a quickstart writes. */
export interface QuickstartPlaces {
  /** Its run directory. */
  readonly out: string;
  /** Folders shared between runs. */
  readonly caches: Caches;
  /** Whether a run that stands there is moved aside first. */
  readonly fresh: boolean;
  /** Version of the code, for the manifest. */
  readonly version: string;
}

/** Names of all stages of a configuration. */
export const stageNames = (config: QuickstartConfig): readonly string[] => [
  ...(config.vision.steps > 0 ? ["vision"] : []),
  ...config.arms.flatMap(({ name }) =>
    ["pretrain", "expand", "finetune", "evaluate"].map((stage) => `${name}-${stage}`)
  ),
];

/** One arm: pre-train with few tokens, expand, fine-tune with many, evaluate. */
export const runArm = (
  config: QuickstartConfig,
  arm: Arm,
  run: StageRun,
  materials: Materials,
): Effect.Effect<ArmResult, QuickstartError, Device> =>
  Effect.gen(function* () {
    const vocabulary = vocabularyOf(materials.pretrain.tokenizer), { model, seed } = config;
    const named = (stage: string): string => `${arm.name}-${stage}`;
    const fresh = yield* Effect.try({
      try: () => freshModel(arm, model, vocabulary, seed),
      catch: (cause) => cause as ConfigError,
    });
    let pretrained: TrainedState["records"] = [], finetuned: TrainedState["records"] = [];
    const remember =
      (keep: (records: TrainedState["records"]) => void): Stage<TrainedState, TrainedState> => (state) =>
        Effect.as(Effect.sync(() => keep(state.records)), state);
    const stages = pipe(
      noted(
        run,
        named("pretrain"),
        pretrain(run, {
          name: named("pretrain"),
          config: config.pretrain,
          model,
          source: sceneSource(materials.pretrain),
          seed,
        }),
      ),
      followedBy(remember((records) => pretrained = records)),
      followedBy(
        noted(run, named("expand"), expand(run, { name: named("expand"), arm, model, vocabulary, seed })),
      ),
      followedBy(
        noted(
          run,
          named("finetune"),
          finetune(run, {
            name: named("finetune"),
            config: config.finetune,
            model,
            source: sceneSource(materials.finetune),
            seed: seed + 1,
          }),
        ),
      ),
      followedBy(remember((records) => finetuned = records)),
      followedBy(
        noted(
          run,
          named("evaluate"),
          evaluate(run, {
            name: named("evaluate"),
            config: config.evaluate,
            model,
            data: materials.heldOut,
            average: materials.average,
          }),
        ),
      ),
    );
    const evaluation = yield* stages(fresh);
    return { arm, pretrain: pretrained, finetune: finetuned, evaluation };
  });

const stands = (path: string): Effect.Effect<boolean, DiskError> =>
  onDisk("look for", path, () =>
    Deno.stat(path).then(() => true, (cause) => {
      if (cause instanceof Deno.errors.NotFound) return false;
      throw cause;
    }));

/** Moves a run aside, unless another process uses it. */
const moveAside = (out: string): Effect.Effect<void, DiskError | LockError> =>
  Effect.gen(function* () {
    if (!(yield* stands(out))) return;
    yield* Effect.scoped(acquireLock(`${out}/lock`));
    const aside = `${out}.${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
    yield* onDisk("move aside", out, () => Deno.rename(out, aside));
    yield* Effect.logInfo(`the earlier run is now at ${aside}`);
  });

/** Builds every bridge of every arm, so that what cannot grow is refused before anything is trained. */
const checkArms = ({ arms, model }: QuickstartConfig): void => {
  for (const arm of arms) {
    const grown = grownBridge(arm, model), { side, tiles } = viewsRead(grown);
    bridgeAt(model, smallBridge(arm));
    bridgeAt(model, grown);
    if (side !== 224 || tiles !== 1) {
      throw new ConfigError({
        op: `arm ${arm.name}`,
        got: tiles === 1
          ? `pictures at ${side} px in fine-tuning`
          : `${tiles} x ${tiles} tiles in fine-tuning`,
        expected: "whole pictures at 224 px, as the quickstart's features are",
        mend: "double the resolution, or make an ablation of it, which computes what each arm sees",
      });
    }
  }
};

/** The whole quickstart. Finished stages are not made again; an interrupted one goes on from its checkpoint. */
export const quickstart = (
  config: QuickstartConfig,
  { out, caches, fresh, version }: QuickstartPlaces,
): Effect.Effect<Summary, QuickstartError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const began = performance.now(), device = yield* theDevice();
    yield* Effect.try({ try: () => checkArms(config), catch: (cause) => cause as ConfigError });
    if (fresh) yield* moveAside(out);
    const scenes = yield* scenesFor(config, caches);
    const manifest = newManifest({
      name: `quickstart-${config.scale}`,
      config: config as unknown as Json,
      dataHash: scenes.hash,
      codeVersion: version,
      device: device.profile.name,
      seeds: { data: config.data.seed, model: config.seed, evaluation: config.evaluate.seed },
      stages: stageNames(config),
    }, new Date().toISOString());
    const run = stageRun(yield* openOrCreateRun(out, manifest));
    const encoder: Stage<void, Effect.Success<ReturnType<typeof encoderFor>>, QuickstartError, Device> = () =>
      encoderFor(config, run, caches);
    const weights = yield* (config.vision.steps > 0 ? noted(run, "vision", encoder) : encoder)(undefined);
    const materials = yield* materialsFor(config, scenes, weights, caches);
    const results: ArmResult[] = [];
    for (const arm of config.arms) results.push(yield* runArm(config, arm, run, materials));
    const summary = summaryOf(config, results, {
      dataHash: scenes.hash,
      device: device.profile.name,
      vocabulary: vocabularyOf(materials.pretrain.tokenizer),
      wallSeconds: (performance.now() - began) / 1000,
    });
    yield* writeReport(run.directory, summary, results, {
      set: scenes.heldOut,
      data: materials.heldOut,
      side: 224,
    });
    return summary;
  }));
