/**
 * One rank of tiny trainings, one after the other, for tests: `mpirun -np N deno run -A rank_worker.ts '<Ask as JSON>' ...`.
 * Without mpirun they are those of one process. Rank 0 prints the hash of each checkpoint.
 */
import { deviceNamed } from "@chain-of-sight/kernels";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { listenToSignals, receivedSignal, receiveSignal, signalCodes } from "../../pipelines/base/signals.ts";
import { sha256 } from "../../pipelines/base/hash.ts";
import { openMpi, startedAsRank } from "../../pipelines/ranks/mpi.ts";
import { oneRank, type Ranks, theRanks } from "../../pipelines/ranks/ranks.ts";
import { open } from "../../pipelines/weights/checkpoint.ts";
import { readLazy } from "../../pipelines/weights/lazy.ts";
import { train } from "../../pipelines/train/trainer.ts";
import { tinyLanguage } from "./tiny_language.ts";

/** What is trained, and what goes wrong. */
export interface Ask {
  /** Folder of checkpoint and metrics. */
  readonly folder: string;
  /** Micro-batches of a step. */
  readonly micro: number;
  /** Steps altogether. */
  readonly steps: number;
  /** Steps between checkpoints. */
  readonly every: number;
  /** The device; the CPU unless said. */
  readonly device?: "cpu" | "webgpu";
  /** Seconds that ranks wait for each other. */
  readonly watchdog?: number;
  /** What a rank does to itself when it makes the batch of a step. */
  readonly fault?: {
    /** The rank. */
    readonly rank: number;
    /** The step, from 0. */
    readonly step: number;
    /** A signal, an error, a number that is not finite, or that the folder is gone. */
    readonly kind: "SIGKILL" | "SIGSTOP" | "SIGUSR1" | "throws" | "NaN" | "no folder";
  };
  /** Whether steps that are not finite are left out. */
  readonly skips?: boolean;
  /** Whether ranks share the optimiser's memory. */
  readonly shards?: boolean;
  /** Rank 1 gets sums of other bits than rank 0. */
  readonly drift?: boolean;
}

/** One training. */
const trained = (ask: Ask, opened: Ranks) =>
  Effect.gen(function* () {
    const { folder, micro, steps, every } = ask, ranks = { ...opened, shards: ask.shards === true };
    // what Slurm begins again goes well
    const fault = (Deno.env.get("SLURM_RESTART_COUNT") ?? "0") === "0" ? ask.fault : undefined;
    const config = {
      ...{ steps, every, micro, batch: 4, learningRate: 0.01, warmup: 2, weightDecay: 0.01, maxNorm: 1 },
      trainable: ["model", "bridge", "lm_head"],
      ...(ask.skips === true ? { onNonFinite: "skip" } as const : {}),
    };
    const source = tinyLanguage.source<Error>((step) => {
      if (fault === undefined || fault.rank !== ranks.rank || fault.step !== step) return undefined;
      if (fault.kind === "throws") return new Error(`rank ${ranks.rank} threw`);
      if (fault.kind === "no folder") Deno.renameSync(folder, `${folder}.away`);
      else if (fault.kind === "SIGUSR1") receiveSignal("SIGUSR1");
      else if (fault.kind !== "NaN") Deno.kill(Deno.pid, fault.kind);
      return undefined;
    });
    const training = tinyLanguage.training<Error>(config, folder, {
      ...source,
      batches: (seed, size) => (step, part) =>
        Effect.map(source.batches(seed, size)(step, part), (batch) => {
          const broken = fault?.kind === "NaN" && fault.rank === ranks.rank && fault.step === step;
          // alone, what the last of two ranks has of it
          const { data } = batch["features.0"]!;
          if (broken) data[ask.skips === true && ranks.size === 1 ? data.length / 2 : 0] = NaN;
          return batch;
        }),
    });
    if (ask.drift === true && ranks.rank === 1) {
      const sum = ranks.sum;
      Object.assign(ranks, {
        sum: (bytes: Uint8Array<ArrayBufferLike>) =>
          Effect.map(sum(bytes), () => {
            bytes[2]! ^= 1;
          }),
      });
    }
    yield* Effect.provideService(train(training), theRanks, ranks).pipe(
      Effect.provide(deviceNamed(ask.device ?? "cpu", { threads: 1 })),
    );
    if (ranks.rank === 0) {
      // the arrays, in one file or in those of the ranks
      const { arrays } = yield* open(`${folder}/c.safetensors`), hashes: string[] = [];
      for (const name of Object.keys(arrays).toSorted()) {
        const { data } = yield* readLazy(arrays[name]!);
        hashes.push(`${name} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`);
      }
      console.log(sha256(hashes.join("\n")));
    }
  });

listenToSignals(() => {}); // as commands do: otherwise a write that ends would end the process

const asks = Deno.args.map((text) => JSON.parse(text) as Ask);
const program = Effect.scoped(Effect.gen(function* () {
  const ranks = startedAsRank() ? yield* openMpi(asks[0]!.watchdog ?? 60) : oneRank;
  for (const ask of asks) yield* trained(ask, ranks);
}));
const exit = await Effect.runPromiseExit(program), signal = receivedSignal();
if (Exit.isFailure(exit) && signal === undefined) console.error(String(Cause.squash(exit.cause)));
Deno.exit(signal !== undefined ? signalCodes[signal] : Exit.isSuccess(exit) ? 0 : 1);
