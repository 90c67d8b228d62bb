/** The programs of a training: for each shape of its batches, all over one state on the device. */
import type { TreeError } from "@chain-of-sight/core";
import {
  compileFor,
  type Device,
  type DeviceError,
  placedIn,
  type Program,
  type Source,
  theDevice,
} from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { additionsOf, microBatchesOf, microSources } from "./micro_batches.ts";
import { type RanksError, theRanks } from "../ranks/ranks.ts";
import { type Shard, shardFor } from "./shard.ts";
import { placedOrder, squaresSource, updateSharded } from "./sharded.ts";
import { type StepSource, stepSource } from "./step_source.ts";
import { sumOverRanks } from "./together.ts";
import type { Bindings, Training } from "./training.ts";

/**
 * Errors of a step.
 * @internal
 */
export type StepError = DeviceError | RanksError | TreeError;

/** A step on batches of one shape. */
export interface StepProgram {
  /** Uploads a batch, or this rank's part of it, and computes the step. */
  readonly step: (batch: Bindings) => Effect.Effect<void, StepError>;
  /** What it gets done, in the unit of the training. */
  readonly amount: number;
}

/** Steps on batches of every shape. */
export interface StepPrograms {
  /** The step on the training's own batch. */
  readonly step: StepSource;
  /** The program in whose memory the state is stored. */
  readonly main: Program;
  /** The part of the optimiser's memory that this rank keeps, where ranks share it. */
  readonly shard?: Shard;
  /** The step that a batch is for; that of the training's own batch, which refuses it by name, if it is for none. */
  readonly of: (batch: Bindings) => StepProgram;
  /** Bytes that all of them hold on the device. */
  readonly deviceBytes: number;
}

type Loaded = Effect.Effect<Program, DeviceError | TreeError, Device | Scope.Scope>;

/** Loads the program that others share memory with. */
const loadMain = (source: Source): Loaded =>
  Effect.flatMap(theDevice(), (device) => device.load(compileFor(device, source)));

/** Loads a source alongside other programs; one that would need another order of the shared state updates it apart. */
export const loadAlongside = (source: Source, alongside: readonly Program[]): Loaded =>
  Effect.gen(function* () {
    const device = yield* theDevice(), placed = placedIn(alongside.map(({ plan }) => plan));
    const load = (apart: boolean) =>
      Effect.suspend(() =>
        device.load(compileFor(device, source, apart ? { batch: false } : { placed }), alongside)
      );
    return yield* load(false).pipe(Effect.catchTag("TreeError", () => load(true)));
  });

interface ShapeProgram extends StepProgram {
  readonly program: Program;
}

const chosenBy = (all: readonly ShapeProgram[]) => (batch: Bindings): StepProgram =>
  all.find(({ program }) => Object.keys(batch).every((path) => path in program.plan.inputs)) ?? all[0]!;

const bytesOf = (programs: readonly Program[]): number => programs.reduce((sum, { bytes }) => sum + bytes, 0);

/** A step is one program. */
const loadWhole = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<StepPrograms, DeviceError | TreeError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { work, others = [] } = training, step = stepSource(training);
    const main = yield* loadMain(step.source);
    const stepOf = (program: Program, amount: number): ShapeProgram => ({
      program,
      amount,
      step: (batch) => Effect.andThen(program.write(batch), program.run),
    });
    const more = yield* Effect.forEach(
      others,
      ({ batch, amount }) =>
        Effect.map(loadAlongside(stepSource(training, batch).source, [main]), (p) => stepOf(p, amount)),
    );
    const all = [stepOf(main, work.amount), ...more];
    return { step, main, of: chosenBy(all), deviceBytes: bytesOf(all.map(({ program }) => program)) };
  });

/**
 * A step is a program for the gradients, run for each micro-batch, programs that add them, and one that updates. Each of
 * several ranks has its share of the micro-batches, and the upper levels of the tree of sums are those over ranks.
 */
const loadMicro = <B, E, R>(
  training: Training<B, E, R>,
  count: number,
): Effect.Effect<StepPrograms, DeviceError | TreeError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { batch, work, others = [] } = training, ranks = yield* theRanks, share = count / ranks.size;
    const shard = shardFor(training, ranks), sources = microSources(training, shard?.isOwn);
    const additions = additionsOf(share), levels = Math.max(...additions.map(({ hold = -1 }) => hold)) + 1;
    // the update wants parameters, memory and gradients side by side: it decides their places
    const main = yield* loadMain(sources.update.source);
    const merges: Program[] = [], holds: Program[] = [];
    for (let level = 0; level < levels; level++) {
      merges.push(yield* loadAlongside(sources.merge(level), [main, ...holds]));
      holds.push(yield* loadAlongside(sources.hold(level), [main, ...merges]));
    }
    const squares = shard &&
      (yield* loadAlongside(squaresSource(shard, placedOrder(main.plan, sources.trained)), [main]));
    const update = shard === undefined || squares === undefined
      ? Effect.andThen(sumOverRanks(main), main.run)
      : updateSharded(shard, sources.trained, main, squares);
    const stepOf = (program: Program, amount: number): ShapeProgram => ({
      program,
      amount,
      step: (whole) =>
        Effect.gen(function* () {
          for (const [i, micro] of microBatchesOf(whole, share).entries()) {
            yield* Effect.andThen(program.write(micro), program.run);
            const { merge, hold } = additions[i]!;
            for (const level of merge) yield* merges[level]!.run;
            if (hold !== undefined) yield* holds[hold]!.run;
          }
          yield* update;
        }),
    });
    const gradient = (of: B): Loaded => loadAlongside(sources.gradient(of), [main]);
    const all = [stepOf(yield* gradient(batch), work.amount)];
    for (const other of others) all.push(stepOf(yield* gradient(other.batch), other.amount));
    return {
      step: sources.update,
      main,
      ...(shard === undefined ? {} : { shard }),
      of: chosenBy(all),
      deviceBytes: bytesOf([
        main,
        ...(squares === undefined ? [] : [squares]),
        ...merges,
        ...holds,
        ...all.map(({ program }) => program),
      ]),
    };
  });

/**
 * Compiles and loads the programs of a training for as long as the scope lives. They take parameters, the optimiser's
 * memory and the ring from the main program's memory.
 */
export const loadPrograms = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<StepPrograms, DeviceError | TreeError, Device | Scope.Scope> =>
  training.micro === undefined ? loadWhole(training) : loadMicro(training, training.micro.count);
