/**
 * An experiment on several ranks: rank 0 runs it, and tells the others which job it begins; these compute on their
 * share of it and write nothing but features of images.
 */
import { type Device, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { decode, fromEither, parseJson, tried } from "../base/bridge.ts";
import { checkAlike, RanksError, theRanks } from "../ranks/ranks.ts";
import { runPlacesOf } from "../runs/run_directory.ts";
import { codeHash } from "../stages/code.ts";
import { stageRun } from "../stages/stage.ts";
import type { JobContext } from "./context.ts";
import { jobsOf } from "./jobs.ts";
import { made, type MakeError } from "./make.ts";
import { taskType } from "./rank_tasks.ts";
import { openParts } from "./resolve.ts";

/** Refuses ranks of other code, or on another device, than rank 0. */
export const checkRanks = (
  { code }: Pick<JobContext, "code">,
): Effect.Effect<void, RanksError, Device> =>
  Effect.flatMap(
    theDevice(),
    ({ profile }) =>
      checkAlike("start ranks", { device: profile.name, "version of the code": codeHash(code) }),
  );

/** What ranks other than 0 do: what rank 0 tells, until there is nothing more. */
export const follow = (context: JobContext): Effect.Effect<void, MakeError | RanksError, Device> =>
  Effect.gen(function* () {
    const { rank, announce } = yield* theRanks;
    for (;;) {
      const said = yield* fromEither(parseJson("what rank 0 says")(yield* announce("")));
      const task = yield* decode(taskType, "what rank 0 says")(said);
      if (task.kind === "end") return;
      const { experiment, hashes, key, directory, manifest } = task;
      const resolved = { experiment, parts: yield* openParts(experiment), hashes, lengths: {} };
      const job = (yield* tried(() => jobsOf(resolved, context))).find((one) => one.key === key);
      if (job === undefined) {
        return yield* Effect.fail(
          new RanksError({
            op: "join rank 0",
            got: `no job with the key ${key.slice(0, 16)} on rank ${rank}`,
            expected: "the files that rank 0 reads",
            hint: "put models and data where all ranks read the same files",
            rank,
          }),
        );
      }
      yield* made(context, job, stageRun({ directory: runPlacesOf(directory, undefined), manifest }));
    }
  });
