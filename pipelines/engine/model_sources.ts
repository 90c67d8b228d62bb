/** What the parts of a model are read from: folders of other projects and runs, known by content. */
import * as Effect from "effect/Effect";
import { onDisk } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { GenerateError } from "../generate/fault.ts";
import { fileContents } from "../images/file_contents.ts";
import type { TrainingError } from "../train/fault.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import { modelFolder } from "../weights/huggingface/hub.ts";
import type { LoadError } from "../weights/huggingface/load.ts";
import { openSource } from "../weights/source.ts";
import type { Experiment } from "./experiment.ts";
import { locateRun, type RunLocation, type RunLocationError, savedWeights } from "./run_location.ts";

/** What looking at the parts of a model can fail with. */
export type SourceFault = CheckpointError | LoadError | RunLocationError | TrainingError;

/** Hash of a model's configuration and weights, by content; those that did not change are not read again. */
const folderHash = (where: string, cache: string): Effect.Effect<string, LoadError> =>
  Effect.gen(function* () {
    const folder = yield* modelFolder(where), { tensors } = yield* openSource(folder);
    const paths = [`${folder}/config.json`, ...new Set(tensors.map(({ file }) => file))];
    yield* onDisk("make", cache, () => Deno.mkdir(cache, { recursive: true }));
    return hashOf(yield* fileContents(paths, `${cache}/models-${hashOf(folder).slice(0, 16)}.json`));
  });

/** Hash of the checkpoint of a run, whose own sources must be as they were. */
const runHash = (
  folder: string,
  arm: string | undefined,
  cache: string,
): Effect.Effect<string, SourceFault> =>
  Effect.gen(function* () {
    const place = yield* locateRun(folder, arm);
    yield* checkSources(place, cache);
    const { hash, which } = yield* savedWeights(place);
    return hashOf({ checkpoint: hash, weights: which });
  });

/** Hashes of what an experiment's tower and decoder are read from, by folder. */
export const sourceHashes = (
  { model: { vision, decoder } }: Pick<Experiment, "model">,
  cache: string,
): Effect.Effect<Readonly<Record<string, string>>, SourceFault> =>
  Effect.gen(function* () {
    const hashes: Record<string, string> = {};
    for (const part of [vision, decoder]) {
      if (part.from === "huggingface") hashes[part.folder] = yield* folderHash(part.folder, cache);
      if (part.from === "run") hashes[part.folder] = yield* runHash(part.folder, part.arm, cache);
    }
    return hashes;
  });

/** Refuses a model whose tower or decoder of other folders is no more what it was trained with. */
export const checkSources = (
  { experiment, hashes, checkpoint }: Pick<RunLocation, "experiment" | "hashes" | "checkpoint">,
  cache: string,
): Effect.Effect<void, SourceFault> =>
  Effect.gen(function* () {
    for (const [folder, hash] of Object.entries(yield* sourceHashes(experiment, cache))) {
      if (hash === hashes[folder]) continue;
      return yield* Effect.fail(
        new GenerateError({
          op: `open ${checkpoint}`,
          got: `${folder}, whose config.json or weights have changed since the training`,
          expected: `content with the hash ${hashes[folder]}, which the training read there`,
          hint: "put the files of that time back, or train again with these",
        }),
      );
    }
  });
