/**
 * One rank of a tiny experiment through all its stages: `mpirun -np N deno run -A rank_experiment.ts FOLDER`, or one process.
 */
import { deviceNamed } from "@chain-of-sight/kernels";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { setting } from "../../pipelines/ablations/config.ts";
import { onRanks } from "../../pipelines/cli/ranks.ts";
import { changedBy } from "../../pipelines/engine/load.ts";
import { openMpi, startedAsRank } from "../../pipelines/ranks/mpi.ts";
import { oneRank } from "../../pipelines/ranks/ranks.ts";
import { right } from "./either.ts";
import { runInto, tinyExperiment } from "./tiny_experiment.ts";

const folder = Deno.args[0]!, store = `${folder}-store`;
const experiment = right(
  changedBy(tinyExperiment, [
    ...[setting("pretrain.micro", 2), setting("finetune.micro", 2)],
    // several batches for each rank
    ...[setting("featureBatch", 2), setting("evaluate.batch", 2)],
  ]),
);
const program = Effect.scoped(Effect.gen(function* () {
  const ranks = startedAsRank() ? yield* openMpi(60) : oneRank;
  const places = { store, cache: `${store}/cache`, version: "test" };
  yield* onRanks(ranks, places, runInto(experiment, folder, store)).pipe(
    Effect.provide(deviceNamed("cpu", { threads: 1 })),
  );
}));
const exit = await Effect.runPromiseExit(program);
if (Exit.isFailure(exit)) console.error(Cause.pretty(exit.cause));
Deno.exit(Exit.isSuccess(exit) ? 0 : 1);
