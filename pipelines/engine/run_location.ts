/** What a path names: a run of the engine, an ablation, an artefact of a store, or a checkpoint in one. */
import * as Effect from "effect/Effect";
import type { DecodeError } from "../base/bridge.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { GenerateError } from "../generate/fault.ts";
import { readJson, readManifest, type RunError } from "../runs/run_directory.ts";
import type { TrainingError } from "../train/fault.ts";
import { type LoadedWeights, trainedWeights } from "../train/saved_state.ts";
import type { TrainingResult } from "../train/training.ts";
import { type CheckpointError, open } from "../weights/checkpoint.ts";
import { checkpointFile } from "../weights/shards.ts";
import { recordCodec, storeFrom } from "./ablation_record.ts";
import { readResult } from "./artefact.ts";
import { type Experiment, stageName } from "./experiment.ts";
import { type HeldExperiment, readExperiments } from "./record.ts";

/** A trained model on disk, and what it takes to read it. */
export interface RunLocation extends Pick<HeldExperiment, "experiment" | "hashes"> {
  /** The run directory that holds it. */
  readonly run: string;
  /** Name of the arm. */
  readonly arm: string;
  /** Number of the stage that left it. */
  readonly stage: number;
  /** Its checkpoint. */
  readonly checkpoint: string;
  /** The checkpoint of the encoder's training; none where that was not trained alone. */
  readonly encoder?: string;
}

/** What finding a model can fail with. */
export type RunLocationError = DecodeError | DiskError | GenerateError | RunError;

const refuse = (op: string, got: string, expected: string, hint: string): GenerateError =>
  new GenerateError({ op, got, expected, hint });

const WANTED = "the directory of a run, an ablation or an artefact";
const MADE =
  "name one that `deno task quickstart` or `cos train` made; `ask` needs none to ask the shipped model";

const kindOf = (path: string): Effect.Effect<"file" | "folder" | undefined, DiskError> =>
  onDisk(
    "look for",
    path,
    () =>
      Deno.stat(path).then((info) => info.isDirectory ? "folder" as const : "file" as const, (cause) => {
        if (
          cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory
        ) return undefined;
        throw cause;
      }),
  );

/** The models of a directory whose checkpoints exist: of every experiment each, the latest stage first. */
const placesIn = (
  run: string,
  held: readonly HeldExperiment[],
  arm?: string,
): Effect.Effect<readonly RunLocation[], DiskError> =>
  Effect.gen(function* () {
    const there: RunLocation[] = [];
    for (const { arm: own, experiment, hashes, checkpoints, encoder } of held) {
      for (const [name, file] of Object.entries(checkpoints).reverse()) {
        const checkpoint = `${run}/${file}`;
        if ((yield* kindOf(yield* checkpointFile(checkpoint))) !== "file") continue;
        there.push({
          run,
          arm: arm ?? own ?? experiment.name,
          experiment,
          hashes,
          checkpoint,
          stage: experiment.stages.findIndex((spec) => stageName(spec) === name),
          ...(encoder === undefined ? {} : { encoder: `${run}/${encoder}` }),
        });
      }
    }
    return there;
  });

/** The model of a name among those that are there; without a name, the first with several scales, or the first at all. */
const chosen = (
  run: string,
  there: readonly RunLocation[],
  name: string | undefined,
): Effect.Effect<RunLocation, GenerateError> => {
  const found = name === undefined
    ? there.find(({ experiment }) => experiment.model.bridge.kind === "chain-of-sight") ?? there[0]
    : there.find(({ arm }) => arm === name);
  if (found !== undefined) return Effect.succeed(found);
  const arms = [...new Set(there.map(({ arm }) => arm))];
  return Effect.fail(refuse(
    `open ${run}`,
    name === undefined ? "a run in which nothing is trained yet" : `no trained arm ${name}`,
    arms.length === 0 ? "one trained model" : `one of ${arms.join(", ")}`,
    arms.length === 0 ? "let the run go on: the same command resumes it" : "name one of those",
  ));
};

/** The models of an ablation: of every arm the first seed that is trained furthest. */
const inAblation = (directory: string): Effect.Effect<readonly RunLocation[], RunLocationError> =>
  Effect.gen(function* () {
    const { runs, store: from } = yield* readJson(`${directory}/record.json`, recordCodec());
    const store = storeFrom(directory, from), there = new Map<string, RunLocation>();
    for (const { arm, artefacts } of runs) {
      for (const artefact of Object.values(artefacts).reverse()) {
        const run = `${store}/${artefact}`;
        if ((yield* readResult(run)) === undefined) continue;
        const [place] = yield* placesIn(run, yield* readExperiments(run), arm);
        if (place === undefined) continue;
        if ((there.get(arm)?.stage ?? -1) < place.stage) there.set(arm, place);
        break;
      }
    }
    return [...there.values()];
  });

/** The models in a directory that a manifest describes. */
const inFolder = (run: string): Effect.Effect<readonly RunLocation[], RunLocationError> =>
  Effect.gen(function* () {
    const manifest = yield* readManifest(run).pipe(
      Effect.catch((error): Effect.Effect<never, RunLocationError> =>
        Effect.fail(
          error._tag === "DiskError" && error.code === "ENOENT"
            ? refuse(`open ${run}`, "a folder without manifest.json", WANTED, MADE)
            : error,
        )
      ),
    );
    if ((yield* kindOf(`${run}/record.json`)) === "file") return yield* inAblation(run);
    if ((yield* kindOf(`${run}/experiment.json`)) === "file") {
      return yield* placesIn(run, yield* readExperiments(run));
    }
    return yield* Effect.fail(refuse(`open ${run}`, `${manifest.name}, which holds no model`, WANTED, MADE));
  });

const FILE = /^(.*?)\/?(checkpoints\/[^/]+\.safetensors)(?:\.index\.json)?$/;

/**
 * The model that a path names: the directory of a run, an ablation or an artefact, in which `name` chooses the arm, or a
 * checkpoint in one.
 */
export const locateRun = (path: string, name?: string): Effect.Effect<RunLocation, RunLocationError> =>
  Effect.gen(function* () {
    const bare = path.replace(/(?<=.)\/+$/, ""), op = `open ${path}`;
    const kind = yield* kindOf(yield* checkpointFile(bare));
    if (kind === undefined) {
      return yield* Effect.fail(refuse(op, "no such folder or file", WANTED, MADE));
    }
    if (kind === "folder") return yield* chosen(bare, yield* inFolder(bare), name);
    const [, folder, file] = FILE.exec(bare) ?? [];
    if (folder === undefined) {
      return yield* Effect.fail(refuse(op, "a file", `${WANTED}, or a checkpoint in one`, MADE));
    }
    const run = folder === "" ? "." : folder, there = yield* inFolder(run);
    const place = there.find(({ checkpoint }) => checkpoint === `${run}/${file}`);
    return place ?? (yield* Effect.fail(
      refuse(
        op,
        "a checkpoint of no model of its run",
        there.length === 0
          ? "a checkpoint of a training or an expansion"
          : `one of ${there.map(({ checkpoint }) => checkpoint).join(", ")}`,
        "name one of those, or the folder of the run",
      ),
    ));
  });

/**
 * The weights that a stage left in its checkpoint: of a training those that it says are its result, unless `want` asks for
 * others.
 */
export const savedWeights = (
  { checkpoint, experiment, stage }: {
    readonly checkpoint: string;
    readonly experiment: Pick<Experiment, "stages">;
    readonly stage: number;
  },
  want: TrainingResult = {},
): Effect.Effect<Omit<LoadedWeights, "origins">, CheckpointError | TrainingError> =>
  "expand" in experiment.stages[stage]!
    ? Effect.scoped(
      Effect.map(
        open(checkpoint),
        ({ arrays, metadata, hash }) => ({ weights: arrays, which: "trained", metadata, hash: hash! }),
      ),
    )
    : trainedWeights(checkpoint, want);
