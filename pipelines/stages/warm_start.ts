/** Warm start: a model takes over the parameters of a training, and nothing else of it. */
import * as Effect from "effect/Effect";
import { hashOf } from "../base/hash.ts";
import { notice } from "../terminal/output.ts";
import { TrainingError } from "../train/fault.ts";
import { trainedWeights } from "../train/saved_state.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import { type ArrayOrigin, type LazyArray, lazyTrees } from "../weights/lazy.ts";
import type { LanguageConfig } from "./language_config.ts";
import type { ModelState } from "./model.ts";

/** Names that are listed of many. */
const LISTED = 6;

const listed = (what: string, names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [
    `${what} ${names.slice(0, LISTED).join(", ")}` +
    (names.length > LISTED ? ` and ${names.length - LISTED} others` : ""),
  ];

/**
 * A model with the parameters of a checkpoint in place of its own. Names that are missing or unexpected there are refused,
 * unless `strict` is false: then they are listed, and the model keeps what is missing. Other shapes are always refused.
 */
export const warmStarted = (
  stage: string,
  given: ModelState,
  { checkpoint, weights, strict = true }: NonNullable<LanguageConfig["warmStart"]>,
): Effect.Effect<ModelState, CheckpointError | TrainingError> =>
  Effect.gen(function* () {
    const found = yield* trainedWeights(checkpoint, weights === undefined ? {} : { weights });
    const own = lazyTrees.entries(given.params), paths = new Set(own.map(([path]) => path));
    // what the checkpoint leaves out is there where both have it from the same files
    const isSame = (path: string, origin: ArrayOrigin | undefined): boolean =>
      origin !== undefined && found.origins[path.split(".")[0]!]?.hash === origin.hash;
    const missing = own.flatMap(([path, { origin }]) =>
      Object.hasOwn(found.weights, path) || isSame(path, origin) ? [] : [path]
    );
    const unexpected = Object.keys(found.weights).filter((path) => !paths.has(path));
    const misshaped = own.flatMap(([path, { shape }]) => {
      const there = found.weights[path]?.shape;
      return there === undefined || String(there) === String(shape)
        ? []
        : [`${path} [${there}] in place of [${shape}]`];
    });
    const differences = [...listed("missing", missing), ...listed("unexpected", unexpected)];
    if (misshaped.length > 0 || (strict && differences.length > 0) || missing.length === own.length) {
      return yield* Effect.fail(
        new TrainingError({
          op: `start ${stage} from ${checkpoint}`,
          got: [...listed("shapes", misshaped), ...differences].join("; "),
          expected: "the parameters of this model",
          hint: misshaped.length > 0
            ? "name the checkpoint of a training with the same model"
            : "name the checkpoint of a training with the same model, or set warmStart.strict to false",
          stage,
          step: 0,
        }),
      );
    }
    if (differences.length > 0) notice(`${stage} starts from ${checkpoint}: ${differences.join("; ")}`);
    return {
      ...given,
      params: lazyTrees.map(given.params, (value, path): LazyArray => found.weights[path] ?? value),
      identity: hashOf({ warmStart: found.hash, weights: found.which, before: given.identity }),
    };
  });
