/** The run that a directory holds. */
import * as Effect from "effect/Effect";
import type { DiskError } from "../base/disk.ts";
import { type IndexedRun, indexRuns } from "../runs/index.ts";
import { bare } from "./flags.ts";
import { UsageError } from "./usage.ts";

/** The run of a directory; a directory that holds none, or one that cannot be read, is an error that says so. */
export const runIn = (directory: string): Effect.Effect<IndexedRun, DiskError | UsageError> =>
  Effect.gen(function* () {
    const path = bare(directory), { runs, unreadable } = yield* indexRuns(path);
    const found = runs.find((run) => run.path === path);
    if (found !== undefined) return found;
    return yield* Effect.fail(
      new UsageError({
        op: `open ${path}`,
        got: unreadable.find((run) => run.path === path)?.reason ?? "a folder without manifest.json",
        expected: "the directory of a run",
        hint: "deno task cos runs list names those of a folder",
      }),
    );
  });
