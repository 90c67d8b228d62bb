/** Commands on several ranks. */
import { type Device, theDevice } from "@chain-of-sight/kernels";
import { Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import { jobContext } from "../engine/context.ts";
import { type Experiment, trainsOf } from "../engine/experiment.ts";
import { checkRanks, follow } from "../engine/follow.ts";
import type { MakeError } from "../engine/make.ts";
import { endRanks } from "../engine/rank_tasks.ts";
import { launch } from "../ranks/launch.ts";
import { openMpi, startedAsRank } from "../ranks/mpi.ts";
import { oneRank, type Ranks, RanksError, theRanks } from "../ranks/ranks.ts";
import type { TrainingError } from "../train/fault.ts";
import { checkShares } from "../train/together.ts";
import { countFlag, switchFlag, wholeFlag } from "./flags.ts";
import { ExitCode } from "./usage.ts";

/** How many ranks, and how long they wait for each other. */
export const rankFlags = {
  ranks: Flag.optional(wholeFlag(
    "ranks",
    "number of data-parallel Open MPI processes: a power of two that divides micro",
  )),
  shardOptimiser: switchFlag(
    "shard-optimiser",
    "with --ranks: each rank keeps the optimiser's memory of its part of the parameters alone (ZeRO stage 1); same bytes",
  ),
  watchdog: countFlag("watchdog", 300, "timeout in seconds of an unresponsive rank; exit code 75"),
};

/** How many ranks there are, and whether they share the optimiser's memory. */
export type RanksWanted = Pick<Ranks, "shards" | "size">;

/** Refuses ranks that the micro-batches of a training cannot be shared by, or its optimiser's memory. */
export const checkTrainings = (
  experiment: Experiment,
  wanted: RanksWanted,
): Effect.Effect<void, TrainingError> =>
  Effect.forEach(trainsOf(experiment), ({ name: stage, micro: count = 1, ema }) =>
    Effect.provideService(
      checkShares({ stage, micro: { count, weight: "" }, ...(ema === undefined ? {} : { ema }) }),
      theRanks,
      { ...oneRank, ...wanted },
    ), { discard: true });

/**
 * The ranks that `--ranks` asks for: this process where mpirun or srun started it as one of them. Otherwise it starts them, and
 * ends with their exit code.
 */
export const ranksAsked = (
  experiment: Experiment,
  ranks: Option.Option<number>,
  { watchdog, shards }: { readonly watchdog: number; readonly shards: boolean },
): Effect.Effect<Ranks, ExitCode | RanksError | TrainingError, Scope.Scope> =>
  Effect.gen(function* () {
    if (Option.isNone(ranks)) return oneRank;
    yield* checkTrainings(experiment, { size: ranks.value, shards });
    if (!startedAsRank()) return yield* Effect.fail(new ExitCode({ code: yield* launch(ranks.value) }));
    const opened = yield* openMpi(watchdog);
    if (opened.size === ranks.value) return { ...opened, shards };
    return yield* Effect.fail(
      new RanksError({
        op: "start ranks",
        got: `--ranks ${ranks.value} in one of ${opened.size} processes`,
        expected: "as many processes as ranks",
        hint: "leave mpirun and srun out, or start as many processes",
        rank: opened.rank,
      }),
    );
  });

/** Threads of each rank: its share of the machine, or what Slurm gives a task. */
export const threadsOf = ({ size, local }: Ranks): { readonly threads?: number } =>
  size === 1 ? {} : {
    threads: Number(
      Deno.env.get("SLURM_CPUS_PER_TASK") ?? Math.max(1, Math.floor(navigator.hardwareConcurrency / local)),
    ),
  };

/** A run of experiments on the ranks that there are: rank 0 gives its result, the others compute with it and give nothing. */
export const onRanks = <A, E, R>(
  ranks: Ranks,
  { store, cache, version }: { readonly store: string; readonly cache: string; readonly version: string },
  run: Effect.Effect<A, E, R>,
): Effect.Effect<Option.Option<A>, E | MakeError, Device | R> =>
  Effect.gen(function* () {
    if (ranks.size === 1) return Option.some(yield* run);
    const { profile } = yield* theDevice(), context = yield* jobContext(store, profile.name, version, cache);
    yield* checkRanks(context);
    if (ranks.rank > 0) {
      yield* follow(context);
      return Option.none();
    }
    const result = yield* run;
    yield* endRanks;
    return Option.some(result);
  }).pipe(Effect.provideService(theRanks, ranks));
