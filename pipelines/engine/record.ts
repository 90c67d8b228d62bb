/**
 * `experiment.json` of a run directory and of an artefact: the experiments that it holds, and where the models are that
 * their stages left. It is what other commands open a run by.
 */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import type { DecodeError, TypeOf } from "../base/bridge.ts";
import { object } from "../base/codecs.ts";
import type { DiskError } from "../base/disk.ts";
import { readJson, writeJson } from "../runs/run_directory.ts";
import { experimentCodec, modelStage, stageName } from "./experiment.ts";
import { artefactName, type Job, jobsOf, type MadeBy } from "./jobs.ts";
import type { Resolved } from "./resolve.ts";

/** @internal */
export const heldFields = object({
  experiment: experimentCodec(),
  hashes: t.readonly(t.record(t.string, t.string)),
  checkpoints: t.readonly(t.record(t.string, t.string)),
}, { arm: t.string, encoder: t.string });

const recordType = object({ format: t.literal(1), experiments: t.readonlyArray(heldFields) });

/**
 * An experiment of a run: hashes of the files that it names, and checkpoints by stage, as paths from the directory;
 * `arm` is its name in the run where that is another than its own, `encoder` the checkpoint of a vision encoder that was trained for it.
 */
export type HeldExperiment = TypeOf<typeof heldFields>;

const fileOf = (directory: string): string => `${directory}/experiment.json`;

/** Reads what a run directory holds. */
export const readExperiments = (
  directory: string,
): Effect.Effect<readonly HeldExperiment[], DecodeError | DiskError> =>
  Effect.map(readJson(fileOf(directory), recordType), ({ experiments }) => experiments);

/** Writes what a run directory holds. */
export const writeExperiments = (
  directory: string,
  experiments: readonly HeldExperiment[],
): Effect.Effect<void, DiskError> => writeJson(fileOf(directory), { format: 1, experiments });

/** An experiment as a directory holds it: `fileFor` gives the path of a stage's checkpoint, or of the encoder's. */
export const heldExperiment = (
  { experiment, hashes }: Pick<Resolved, "experiment" | "hashes">,
  fileFor: (name: string) => string,
): HeldExperiment => ({
  experiment,
  hashes,
  checkpoints: Object.fromEntries(
    experiment.stages.filter((spec) => !("evaluate" in spec)).map((spec) => [
      stageName(spec),
      fileFor(stageName(spec)),
    ]),
  ),
  ...(experiment.model.vision.from === "fresh" ? { encoder: fileFor("vision") } : {}),
});

/** Writes the record of an artefact: the experiment up to its stage. Scenes, features and encoders have none. */
export const writeRecord = (
  directory: string,
  job: Job,
  by: MadeBy,
): Effect.Effect<void, DiskError> => {
  const { stage, name, resolved: { experiment, hashes } } = job;
  if (stage < 0) return Effect.void;
  const upTo = { ...experiment, stages: experiment.stages.slice(0, stage + 1) };
  const own = stageName(experiment.stages[modelStage(experiment, stage)]!);
  const vision = jobsOf(job.resolved, by).find(({ kind }) => kind === "vision");
  const whole = heldExperiment({ experiment: upTo, hashes }, (of) => `checkpoints/${of}.safetensors`);
  return writeExperiments(directory, [{
    ...whole,
    checkpoints: own === name ? { [name]: whole.checkpoints[name]! } : {},
    ...(vision === undefined ? {} : { encoder: `../${artefactName(vision)}/checkpoints/vision.safetensors` }),
  }]);
};
