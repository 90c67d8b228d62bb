/** Predictions that a run kept, whether a training, a quickstart, an artefact, or all artefacts of an ablation. */
import * as Effect from "effect/Effect";
import { EvalError } from "../eval/error.ts";
import { existing } from "../base/disk.ts";
import { predictionFiles } from "../stages/predictions.ts";
import { lastOf } from "./table.ts";
import { readAblation, type StoredError } from "./summary.ts";

/** Files of predictions of a run directory, or of the evaluations of an ablation; an {@link EvalError} without any. */
export const keptPredictions = (run: string): Effect.Effect<readonly string[], StoredError | EvalError> =>
  Effect.gen(function* () {
    const own = yield* predictionFiles(run);
    if (own.length > 0) return own;
    if (yield* existing(`${run}/record.json`)) {
      const { record, store } = yield* readAblation(run);
      const artefacts = new Set(record.runs.map(({ artefacts }) => `${store}/${lastOf(artefacts)}`));
      const files = (yield* Effect.forEach(artefacts, predictionFiles)).flat();
      if (files.length > 0) return files;
    }
    return yield* Effect.fail(
      new EvalError({
        op: `score --run ${run}`,
        got: "no kept predictions",
        expected: "a run directory with a folder predictions, or an ablation whose evaluations have one",
        hint: "name the run directory, or evaluate again: evaluations keep their predictions",
        ids: [],
      }),
    );
  });
