/** Files of predictions: one for each evaluation of a run, in its folder `predictions`. */
import * as Effect from "effect/Effect";
import { gunzipSync } from "node:zlib";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import { parsePredictions, predictionLines, type Predictions } from "../eval/predictions.ts";
import { atomicWrite, type DiskError, diskError, ifThere, onDisk } from "../base/disk.ts";
import { readOwnBytes } from "../base/own_file.ts";
import { folderOf } from "../base/paths.ts";

/** Folder of the predictions of a run. */
const PREDICTIONS = "predictions";

/** Ending of a file of predictions, and of one that is packed. */
const PLAIN = ".jsonl", PACKED = ".jsonl.gz";

/** The file of an evaluation in a run directory. */
export const predictionsPath = (run: string, evaluation: string): string =>
  `${run}/${PREDICTIONS}/${encodeURIComponent(evaluation)}${PLAIN}`;

/** Bytes of the largest file of predictions that is read, unpacked. */
const LIMIT = 2 ** 29;

const encoded = function* (predictions: Predictions): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const line of predictionLines(predictions)) yield encoder.encode(line);
};

/** Writes the predictions of an evaluation, whole or not at all. */
export const writePredictions = (path: string, predictions: Predictions): Effect.Effect<void, DiskError> =>
  Effect.andThen(
    onDisk("make", folderOf(path), () => Deno.mkdir(folderOf(path), { recursive: true })),
    atomicWrite(path, encoded(predictions)),
  );

/** Reads the predictions of an evaluation, packed or not. */
export const readPredictions = (path: string): Effect.Effect<Predictions, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const bytes = yield* onDisk("read", path, () => readOwnBytes(path, LIMIT));
    const plain = yield* Effect.try({
      try: () => path.endsWith(PACKED) ? gunzipSync(bytes, { maxOutputLength: LIMIT }) : bytes,
      catch: (cause) => diskError("unpack", path, cause),
    });
    return yield* fromEither(parsePredictions(path)(new TextDecoder().decode(plain)));
  });

/** Files of predictions in a run directory, in the order of their names; none where there is no folder of them. */
export const predictionFiles = (run: string): Effect.Effect<readonly string[], DiskError> =>
  onDisk("list", `${run}/${PREDICTIONS}`, async () => {
    const found = await ifThere(Array.fromAsync(Deno.readDir(`${run}/${PREDICTIONS}`))) ?? [];
    return found.flatMap(({ name }) =>
      name.endsWith(PLAIN) || name.endsWith(PACKED) ? [`${run}/${PREDICTIONS}/${name}`] : []
    ).toSorted();
  });
