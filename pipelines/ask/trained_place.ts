/** What a path names: a quickstart's run, an ablation, a fine-tuning in a store, or a fine-tuned checkpoint in one. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { readResult } from "../engine/artefact.ts";
import type { Experiment } from "../engine/experiment.ts";
import { artefactName, type DecidedBy, visionJob } from "../engine/jobs.ts";
import { readAblation } from "../ablations/summary.ts";
import { decodeEither, type DecodeError } from "../base/bridge.ts";
import { dataConfigCodec } from "../scenes/config.ts";
import { quickstartCodec, type QuickstartConfig } from "../ablations/quickstart_config.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import type { Manifest } from "../runs/manifest.ts";
import { readManifest, type RunError } from "../runs/run_directory.ts";
import { type Arm, armCodec, modelCodec } from "../stages/model.ts";
import { GenerateError } from "../generate/fault.ts";

/** A fine-tuned model on disk, and what it takes to read it. */
export interface TrainedPlace {
  /** The run directory that holds it. */
  readonly run: string;
  /** The arm. */
  readonly arm: Arm;
  /** What its shapes and its words follow from. */
  readonly config: Pick<Experiment, "data" | "model" | "vocabulary" | "resolution">;
  /** The checkpoint of the fine-tuning. */
  readonly checkpoint: string;
  /** The checkpoint of the encoder's training; none where the shipped weights are taken. */
  readonly encoder?: string;
}

/** What finding a model can fail with. */
export type PlaceError = DecodeError | DiskError | GenerateError | RunError;

type Found = Effect.Effect<TrainedPlace, PlaceError>;

const refuse = (op: string, got: string, expected: string, mend: string): GenerateError =>
  new GenerateError({ op, got, expected, mend });

const WANTED = "the directory of a quickstart, an ablation or a fine-tuning";
const MADE = "make one with `deno task quickstart`, and name its folder or a file of its checkpoints";

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

/** The arm of a name among those that are there; without a name, the first with several scales, or the first at all. */
const chosen = <A extends { readonly arm: Arm }>(
  run: string,
  there: readonly A[],
  name: string | undefined,
  goesOn: string,
): Effect.Effect<A, GenerateError> => {
  const found = name === undefined
    ? there.find(({ arm }) => arm.bridge.kind === "chain-of-sight") ?? there[0]
    : there.find(({ arm }) => arm.name === name);
  return found !== undefined ? Effect.succeed(found) : Effect.fail(refuse(
    `open ${run}`,
    name === undefined ? "a run in which nothing is fine-tuned yet" : `no fine-tuned arm ${name}`,
    there.length === 0 ? "one arm fine-tuned" : `one of ${there.map(({ arm }) => arm.name).join(", ")}`,
    there.length === 0 ? goesOn : "name one of those",
  ));
};

const inQuickstart = (run: string, config: QuickstartConfig, name: string | undefined): Found =>
  Effect.gen(function* () {
    const there: TrainedPlace[] = [];
    for (const arm of config.arms) {
      const checkpoint = `${run}/checkpoints/${arm.name}-finetune.safetensors`;
      const encoder = config.vision.steps === 0 ? {} : { encoder: `${run}/checkpoints/vision.safetensors` };
      if ((yield* kindOf(checkpoint)) === "file") there.push({ run, arm, config, checkpoint, ...encoder });
    }
    const goesOn = "let the run go on: the same `deno task quickstart` resumes it";
    return yield* chosen(run, there, name, goesOn);
  });

type FineTuning = DecidedBy & TrainedPlace["config"];

const fineTuning: t.Type<FineTuning, unknown, unknown> = t.intersection([
  t.partial({ resolution: t.number }),
  t.type({
    format: t.number,
    stage: t.literal("finetune"),
    device: t.string,
    data: dataConfigCodec(),
    vision: t.intersection([t.type({ steps: t.number }), t.UnknownRecord]),
    vocabulary: t.number,
    model: modelCodec(),
  }),
]) as unknown as t.Type<FineTuning, unknown, unknown>;

/** A fine-tuning by the configuration in its manifest; its arm has the name of its directory unless one is known. */
const inArtefact = (
  run: string,
  config: FineTuning,
  { config: whole }: Manifest,
  name = run.slice(run.lastIndexOf("/") + 1),
): Found => {
  const { bridge, expansion } = whole as { readonly bridge?: unknown; readonly expansion?: unknown };
  const arm = decodeEither(armCodec(), `${run}/manifest.json`)({ name, bridge, expansion });
  if (E.isLeft(arm)) return Effect.fail(arm.left);
  const vision = visionJob(config);
  return Effect.succeed({
    run,
    arm: arm.right,
    config,
    checkpoint: `${run}/checkpoints/finetune.safetensors`,
    ...(vision === undefined
      ? {}
      : { encoder: `${folderOf(run)}/${artefactName(vision)}/checkpoints/vision.safetensors` }),
  });
};

/** The first seed of every arm of an ablation whose fine-tuning is finished. */
const inAblation = (directory: string, name: string | undefined): Found =>
  Effect.gen(function* () {
    const { config, record, store } = yield* readAblation(directory);
    const there: { readonly arm: Arm; readonly run: string }[] = [];
    for (const arm of config.arms) {
      for (const { artefacts } of record.runs.filter((run) => run.arm === arm.name)) {
        const run = `${store}/${artefacts.finetune}`;
        if ((yield* readResult(run)) === undefined) continue;
        there.push({ arm, run });
        break;
      }
    }
    const goesOn = "let the ablation go on: the same `deno task cos ablate` resumes it";
    const { arm, run } = yield* chosen(directory, there, name, goesOn);
    return yield* placeIn(run, undefined, arm.name);
  });

/** The model in a directory that a manifest describes; `called` is the name of an artefact's arm, where it is known. */
const placeIn = (run: string, name?: string, called?: string): Found =>
  Effect.gen(function* () {
    const op = `open ${run}`;
    const manifest = yield* readManifest(run).pipe(
      Effect.catch((error): Effect.Effect<never, PlaceError> =>
        Effect.fail(
          error._tag === "DiskError" && error.code === "ENOENT"
            ? refuse(op, "a folder without manifest.json", WANTED, MADE)
            : error,
        )
      ),
    );
    const quickstart = decodeEither(quickstartCodec(), run)(manifest.config);
    if (E.isRight(quickstart)) return yield* inQuickstart(run, quickstart.right, name);
    if ((yield* kindOf(`${run}/record.json`)) === "file") return yield* inAblation(run, name);
    const artefact = decodeEither(fineTuning, run)(manifest.config);
    if (E.isRight(artefact)) {
      const place = yield* inArtefact(run, artefact.right, manifest, called);
      const there = (yield* kindOf(place.checkpoint)) === "file" ? [place] : [];
      return yield* chosen(run, there, name, "let what makes it go on: the same command resumes it");
    }
    const got = `${manifest.name}, which is none of these`;
    return yield* Effect.fail(refuse(op, got, WANTED, MADE));
  });

const FILE = /^(.*?)\/?checkpoints\/(?:(.+)-)?finetune\.safetensors$/;

/**
 * The model that a path names: the directory of a quickstart or an ablation, in which `name` chooses the arm, that of one
 * fine-tuning in a store, or the checkpoint of one.
 */
export const trainedPlace = (path: string, name?: string): Found =>
  Effect.gen(function* () {
    const bare = path.replace(/(?<=.)\/+$/, ""), op = `open ${path}`, kind = yield* kindOf(bare);
    if (kind === undefined) {
      return yield* Effect.fail(refuse(op, "no such folder or file", WANTED, MADE));
    }
    if (kind === "folder") return yield* placeIn(bare, name);
    const file = FILE.exec(bare);
    if (file === null) {
      const expected = `${WANTED}, or the checkpoint of a fine-tuning in one`;
      return yield* Effect.fail(refuse(op, "a file", expected, MADE));
    }
    return yield* placeIn(file[1] === "" ? "." : file[1]!, name ?? file[2]);
  });
