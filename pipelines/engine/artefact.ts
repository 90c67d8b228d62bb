/** Artefacts in a store: where they are, and what is known of a finished one. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import type { DecodeError } from "../base/bridge.ts";
import { nullableNumberCodec } from "../base/nullable_number.ts";
import type { DiskError } from "../base/disk.ts";
import { readJson, writeJson } from "../runs/run_directory.ts";
import { artefactName, type Job } from "./jobs.ts";
import { type SampleScores, sampleScoresCodec } from "./sample_scores.ts";

/** `result.json` of a finished artefact. */
export interface ArtefactResult {
  /** Version of this format. */
  readonly format: 1;
  /** Hash of all that decides it. */
  readonly key: string;
  /** Hash of the images that it comes from. */
  readonly dataHash: string;
  /** Seconds that the process spent on it that finished it. */
  readonly seconds: number;
  /** Findings, by name: losses, seconds of a step, scores. */
  readonly numbers: Readonly<Record<string, number>>;
  /** What the model and its controls got right, of an evaluation alone. */
  readonly outcomes?: {
    /** The model. */
    readonly seen: SampleScores;
    /** Scores of the model that sees the average image, by metric. */
    readonly blind: Readonly<Record<string, number>>;
    /** Scores of the model that sees another scene. */
    readonly shuffled: Readonly<Record<string, number>>;
  };
}

const numbers = t.record(t.string, nullableNumberCodec());
const resultType = t.intersection([
  t.strict({ format: t.literal(1), key: t.string, dataHash: t.string, seconds: t.number, numbers }),
  t.partial({ outcomes: t.strict({ seen: sampleScoresCodec(), blind: numbers, shuffled: numbers }) }),
]);

/** Codec of {@link ArtefactResult}. */
export const resultCodec = (): t.Type<ArtefactResult, unknown, unknown> =>
  resultType as unknown as t.Type<ArtefactResult, unknown, unknown>;

/** Directory of an artefact. */
export const artefactPath = (store: string, job: Pick<Job, "name" | "key">): string =>
  `${store}/${artefactName(job)}`;

/** The result of an artefact by its directory, or nothing where it is not finished. */
export const readResult = (
  directory: string,
): Effect.Effect<ArtefactResult | undefined, DecodeError | DiskError> =>
  readJson(`${directory}/result.json`, resultCodec()).pipe(
    Effect.catch((error): Effect.Effect<undefined, DecodeError | DiskError> =>
      error._tag === "DiskError" && error.code === "ENOENT" ? Effect.succeed(undefined) : Effect.fail(error)
    ),
  );

/** Writes the result of an artefact, which is finished from then on. */
export const writeResult = (directory: string, result: ArtefactResult): Effect.Effect<void, DiskError> =>
  writeJson(`${directory}/result.json`, result);
