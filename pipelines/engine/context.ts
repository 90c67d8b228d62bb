/** Shared parts of the jobs of one process: the store, the device by name, and what they keep in memory. */
import * as Effect from "effect/Effect";
import type { RunError } from "../runs/run_directory.ts";
import { codeVersions } from "../stages/code.ts";
import type { MadeBy } from "./jobs.ts";

/** Where jobs find each other's artefacts, and what this process keeps in memory. */
export interface JobContext extends MadeBy {
  /** The store. */
  readonly store: string;
  /** Folder of prepared annotations and features of mixtures, shared between runs. */
  readonly cache: string;
  /** Version of the code, for manifests. */
  readonly version: string;
  /** What was read, by key, the latest last. */
  readonly kept: Map<string, unknown>;
}

/** The folder of prepared annotations and features unless another is asked for. */
export const DEFAULT_CACHE = "cache/mixtures";

/** A context with nothing in memory, for the code as it is. */
export const jobContext = (
  store: string,
  device: string,
  version: string,
  cache: string = DEFAULT_CACHE,
): Effect.Effect<JobContext, RunError> =>
  Effect.map(codeVersions, (code) => ({ store, cache, device, code, version, kept: new Map() }));

/** Things kept in memory: those of one experiment. */
const KEPT = 8;

/** The value of a key, kept in memory for the next who wants it. */
export const keeping = <A, E, R>(
  { kept }: JobContext,
  key: string,
  make: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const before = kept.get(key) as { readonly value: A } | undefined;
    if (before !== undefined) {
      kept.delete(key);
      kept.set(key, before);
      return Effect.succeed(before.value);
    }
    return Effect.tap(make, (value) =>
      Effect.sync(() => {
        kept.set(key, { value });
        for (const old of kept.keys()) if (kept.size > KEPT) kept.delete(old);
      }));
  });
