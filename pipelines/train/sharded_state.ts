/**
 * The state of a training whose optimiser's memory ranks share: compared, begun and saved. Every rank writes its part as one
 * file of the checkpoint, which any number of ranks reads.
 */
import { type NdArray, type TreeError, zerosArray } from "@chain-of-sight/core";
import { type Device, type DeviceError, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { createHash } from "node:crypto";
import { checkAlike, type RanksError, theRanks } from "../ranks/ranks.ts";
import {
  type CheckpointError,
  type OpenedCheckpoint,
  saveShard,
  saveShardIndex,
} from "../weights/checkpoint.ts";
import type { LazyError } from "../weights/lazy.ts";
import type { TensorForm } from "../weights/safetensors.ts";
import { eachGroup, type StoredArrays } from "../weights/write.ts";
import type { StepPrograms } from "./programs.ts";
import type { Shard } from "./shard.ts";
import type { MoveError } from "./sharded.ts";
import { saveState, stateOf } from "./saved_state.ts";
import { PARAMS } from "./step_source.ts";
import { beginTogether, compareStates } from "./together.ts";
import type { Training } from "./training.ts";

const bytesOf = ({ data }: NdArray): Uint8Array<ArrayBufferLike> =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Prefix of the optimiser's memory in a state. */
const MEMORY = "state.opt.";

const memoryOf = (slots: readonly string[], path: string): readonly string[] =>
  slots.map((slot) => `${MEMORY}${slot}.${path}`);

/** What changes and all ranks hold. */
const commonOf = (changing: readonly string[]): readonly string[] =>
  changing.filter((path) => !path.startsWith(MEMORY)).toSorted();

/** Hash of arrays of a program, in the order of their names. */
const hashOfArrays = (
  main: Program,
  names: readonly string[],
): Effect.Effect<string, DeviceError | TreeError> =>
  Effect.suspend(() => {
    const hash = createHash("sha256");
    const add = (arrays: Readonly<Record<string, NdArray>>) =>
      Effect.sync(() => {
        for (const name of Object.keys(arrays)) hash.update(bytesOf(arrays[name]!));
      });
    return Effect.map(eachGroup(stateOf(main, names), names, add), () => hash.digest("hex"));
  });

/** Refuses ranks whose states differ, as far as all hold them, and names one that does. */
export const compareAll = (
  training: Pick<Training<unknown>, "stage">,
  { main, shard, step: { changing } }: Pick<StepPrograms, "main" | "shard" | "step">,
): Effect.Effect<void, MoveError> =>
  shard === undefined ? compareStates(training, main, changing) : Effect.flatMap(
    hashOfArrays(main, commonOf(changing)),
    (state) => checkAlike(`compare the states of ${training.stage}`, { state }),
  );

/** Hands on what all hold, and from the checkpoint of rank 0 to each rank its part of the optimiser's memory. */
const spreadState = (
  { byRank }: Shard,
  slots: readonly string[],
  main: Program,
  changing: readonly string[],
  saved: OpenedCheckpoint | undefined,
): Effect.Effect<void, CheckpointError | MoveError> =>
  Effect.gen(function* () {
    const { rank, broadcast, gather } = yield* theRanks;
    const [resumes] = yield* gather(String(saved !== undefined));
    const move = (path: string, array: NdArray, holder: boolean) =>
      Effect.gen(function* () {
        yield* broadcast(bytesOf(array));
        if (rank > 0 && holder) yield* main.write({ [path]: array });
      });
    for (const path of commonOf(changing)) yield* move(path, (yield* main.read([path]))[path]!, true);
    if (resumes !== "true") return;
    for (const [owner, pieces] of byRank.entries()) {
      for (const { path, shape } of pieces) {
        for (const name of memoryOf(slots, path)) {
          const array = saved === undefined ? zerosArray("f32", shape) : (yield* saved.read([name]))[name]!;
          yield* move(name, array, rank === owner);
        }
      }
    }
  });

/** Begins a training on all ranks: they must be alike, and take over the state of rank 0. */
export const beginAll = <B, E, R>(
  { stage, identity, optimiser: { slots } }: Training<B, E, R>,
  { main, shard, step: { changing } }: Pick<StepPrograms, "main" | "shard" | "step">,
  saved?: OpenedCheckpoint,
): Effect.Effect<void, CheckpointError | MoveError, Device> =>
  Effect.gen(function* () {
    if (shard === undefined) return yield* beginTogether({ stage, identity }, main, changing);
    const { profile: { name: device } } = yield* theDevice();
    yield* checkAlike(`train ${stage}, its optimiser's memory in parts,`, { identity, device });
    yield* spreadState(shard, slots, main, changing, saved);
    const known = new Set(changing),
      frozen = Object.keys(main.plan.inputs)
        .filter((path) => path.startsWith(PARAMS) && !known.has(path)).toSorted();
    yield* checkAlike(`train ${stage}`, { "frozen model": yield* hashOfArrays(main, frozen) });
  });

/** Saves the state after some steps: by rank 0, or by all ranks their parts. */
export const saveAll = <B, E, R>(
  training: Training<B, E, R>,
  { main, shard, step: { changing } }: Pick<StepPrograms, "main" | "shard" | "step">,
  step: number,
): Effect.Effect<void, CheckpointError | DeviceError | LazyError | RanksError | TreeError> =>
  Effect.gen(function* () {
    const state = stateOf(main, changing);
    if (shard !== undefined) {
      return yield* saveState(training, state, step, saveSharded(shard, training.optimiser.slots));
    }
    if ((yield* theRanks).rank === 0) yield* saveState(training, state, step);
  });

/** Writes this rank's file of a checkpoint; once all are there, rank 0 makes them the checkpoint. */
const saveSharded = ({ byRank }: Shard, slots: readonly string[]) =>
<E, R>(
  path: string,
  state: StoredArrays<E, R>,
  metadata: Readonly<Record<string, string>>,
): Effect.Effect<void, CheckpointError | RanksError | E, R> =>
  Effect.gen(function* () {
    const { rank, size, gather } = yield* theRanks;
    const formsOf = (r: number): Record<string, TensorForm> =>
      Object.fromEntries(
        byRank[r]!.flatMap(({ path, shape }) =>
          [`${PARAMS}${path}`, ...memoryOf(slots, path)].map((name) =>
            [name, { type: "F32", shape }] as const
          )
        ),
      );
    const all = byRank.map((_, r) => formsOf(r)),
      elsewhere = new Set(all.flatMap((forms) => Object.keys(forms)));
    const mine = rank > 0 ? all[rank]! : {
      ...all[0]!,
      ...Object.fromEntries(Object.entries(state.forms).filter(([name]) => !elsewhere.has(name))),
    };
    const { hash, bytes } = yield* saveShard(
      path,
      { index: rank, of: size },
      { forms: mine, read: state.read },
      metadata,
    );
    const saved = (yield* gather(JSON.stringify({ hash, bytes }))).map((text) =>
      JSON.parse(text) as { readonly hash: string; readonly bytes: number }
    );
    if (rank > 0) return;
    yield* saveShardIndex(path, [mine, ...all.slice(1)], saved, metadata);
  });
