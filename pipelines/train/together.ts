/**
 * One training on several ranks. Each computes the gradients of its micro-batches and all update alike, so that every rank
 * has the whole state, unless they share the optimiser's memory (`sharded.ts`). Rank 0 decides when windows of steps begin, when states are compared, and when to end; the others
 * follow.
 */
import type { TreeError } from "@chain-of-sight/core";
import { type Device, type DeviceError, explainText, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { createHash } from "node:crypto";
import { decodeEither } from "../base/bridge.ts";
import { sha256 } from "../base/hash.ts";
import { receivedSignal, receiveSignal, signalCodes } from "../base/signals.ts";
import { checkAlike, type RanksError, theRanks } from "../ranks/ranks.ts";
import { TrainingError } from "./fault.ts";
import type { BatchAt, Bindings, Training } from "./training.ts";

const orderType = t.union([
  /** Programs are loaded. */
  t.strict({ kind: t.literal("begin") }),
  /** The next steps, in one window. */
  t.strict({ kind: t.literal("steps"), count: t.number }),
  /** States are compared. */
  t.strict({ kind: t.literal("compare") }),
  /** Nothing more is to do. */
  t.strict({ kind: t.literal("end") }),
]);

/** What all ranks do next. */
export type Order = t.TypeOf<typeof orderType>;

const saidType = t.partial({ order: orderType, signal: t.keyof(signalCodes) });

/** What ranks agreed on. */
export interface Agreed {
  /** The order of rank 0. */
  readonly order: Order;
  /** Whether a rank has received a signal: all end after the same step. */
  readonly stopping: boolean;
}

/** Gives the order of rank 0 to all ranks, and the signal that any of them has received. Alone there is nobody to ask. */
export const agree = (order?: Order): Effect.Effect<Agreed, RanksError> =>
  Effect.gen(function* () {
    const { gather } = yield* theRanks, signal = receivedSignal();
    const said = yield* gather(JSON.stringify({ order, signal }));
    const all = said.map((text) => {
      const read = decodeEither(saidType, "what a rank says")(JSON.parse(text));
      if (read._tag === "Left") throw read.left;
      return read.right;
    });
    const ending = all.find(({ signal }) => signal !== undefined)?.signal;
    if (ending !== undefined) receiveSignal(ending);
    return { order: all[0]!.order!, stopping: ending !== undefined };
  });

const isPowerOfTwo = (n: number): boolean => Math.log2(n) % 1 === 0;

/** Refuses a number of ranks that the micro-batches of a step cannot be shared by. */
export const checkShares = (
  { stage, micro, ema }: Pick<Training<unknown>, "ema" | "micro" | "stage">,
): Effect.Effect<void, TrainingError> =>
  Effect.gen(function* () {
    const { size, shards } = yield* theRanks, count = micro?.count ?? 1;
    if (shards && size > 1 && ema !== undefined) {
      return yield* Effect.fail(
        new TrainingError({
          op: `train ${stage} with --shard-optimiser`,
          got: "moving averages of the parameters (ema)",
          expected: "none: every rank would hold a part of them alone",
          hint: `leave out ema, or --shard-optimiser`,
          stage,
          step: 0,
        }),
      );
    }
    if (isPowerOfTwo(size) && count % size === 0) return;
    return yield* Effect.fail(
      new TrainingError({
        op: `train ${stage} on ${size} ranks`,
        got: isPowerOfTwo(size)
          ? `${count} micro-batch${count === 1 ? "" : "es"} a step`
          : `${size} ranks, which is no power of two`,
        expected:
          "a power of two of ranks that divides the micro-batches of a step: sums of gradients are then the " +
          "same bits on any number of ranks",
        hint: isPowerOfTwo(size)
          ? `set micro to a multiple of ${size}, such as --set ${stage}.micro=${size}`
          : `start ${2 ** Math.floor(Math.log2(size))} or ${2 ** Math.ceil(Math.log2(size))} ranks`,
        stage,
        step: 0,
      }),
    );
  });

/** The arrays of a training that this rank computes on. */
export const batchesHere = <E, R>(
  { batchAt }: { readonly batchAt: BatchAt<E, R> },
): (step: number) => Effect.Effect<Bindings, E, R> =>
(step) =>
  Effect.flatMap(
    theRanks,
    ({ rank, size }) => size === 1 ? batchAt(step) : batchAt(step, { index: rank, of: size }),
  );

/** The gradients of a step, and what is summed alongside them, over all ranks. */
export const sumOverRanks = (main: Program): Effect.Effect<void, DeviceError | RanksError | TreeError> =>
  Effect.flatMap(
    theRanks,
    ({ size, sum }) =>
      size === 1
        ? Effect.void
        : main.exchange(Object.keys(main.plan.inputs).filter((path) => path.startsWith("grad.")), sum),
  );

/** Bytes that are hashed at a time. */
const HASHED = 2 ** 24;

const stateHash = (
  main: Program,
  paths: readonly string[],
): Effect.Effect<string, DeviceError | TreeError> =>
  Effect.suspend(() => {
    const hash = createHash("sha256");
    const add = (bytes: Uint8Array<ArrayBufferLike>) =>
      Effect.sync(() => {
        // a copy, since memory that threads share is not taken
        for (let at = 0; at < bytes.length; at += HASHED) hash.update(bytes.slice(at, at + HASHED));
      });
    return Effect.map(main.exchange(paths, add), () => hash.digest("hex"));
  });

/** Refuses ranks whose states differ, and names one that does. */
export const compareStates = (
  { stage }: Pick<Training<unknown>, "stage">,
  main: Program,
  changing: readonly string[],
): Effect.Effect<void, DeviceError | RanksError | TreeError> =>
  Effect.gen(function* () {
    if ((yield* theRanks).size === 1) return;
    yield* checkAlike(`compare the states of ${stage}`, { state: yield* stateHash(main, changing) });
  });

/** Begins a training on all ranks: they must be alike, and take over the state of rank 0. */
export const beginTogether = (
  { stage, identity }: Pick<Training<unknown>, "stage" | "identity">,
  main: Program,
  changing: readonly string[],
): Effect.Effect<void, DeviceError | RanksError | TreeError, Device> =>
  Effect.gen(function* () {
    const { size, broadcast } = yield* theRanks;
    if (size === 1) return;
    const { profile: { name: device, ...settings } } = yield* theDevice();
    yield* checkAlike(`train ${stage} on ${size} ranks`, {
      identity,
      device,
      plan: sha256(explainText(main.plan) + JSON.stringify(settings)).slice(0, 16),
    });
    yield* main.exchange(changing, broadcast);
    const frozen = Object.keys(main.plan.inputs).filter((path) =>
      path.startsWith("state.") && !changing.includes(path)
    );
    if (frozen.length > 0) {
      yield* checkAlike(`train ${stage}`, { "frozen model": yield* stateHash(main, frozen) });
    }
  });
