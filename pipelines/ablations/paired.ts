/**
 * Steps of pre-training timed side by side: in every round each arm does some steps in turn, so that whatever else the
 * machine does falls on all. The step is the one that trains, on numbers in place of scenes.
 */
import { ndarray } from "@chain-of-sight/core";
import { type Device, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as t from "io-ts";
import { type AblationConfig, experimentsOf } from "./config.ts";
import { type SceneRows, trainsOf, type TrainSpec } from "../engine/experiment.ts";
import { bridgeAfter } from "../engine/jobs.ts";
import { DEFAULT_CACHE } from "../engine/context.ts";
import type { Resolved, ResolveError } from "../engine/resolve.ts";
import { numbers } from "../tune/step_work.ts";
import { bootstrap } from "../base/bootstrap.ts";
import { languageTraining } from "../stages/language.ts";
import { viewsRead } from "../stages/model.ts";
import { freshModel } from "../stages/train.ts";
import type { LanguageSource } from "../stages/source.ts";
import { loadPrograms, type StepError } from "../train/programs.ts";
import { median } from "../base/quantile.ts";
import { cellsOf } from "../vision/tower.ts";
import type { TypeOf } from "../base/bridge.ts";
import { intervalCodec } from "../base/bootstrap.ts";
import { writeState } from "../train/start.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import type { UploadError } from "../weights/lazy.ts";

/**
 * `times.json` of an ablation: its arms side by side.
 * @internal
 */
export interface PairedTimes extends TypeOf<typeof pairedCodec> {}

const armType = t.strict({
  /** Its name. */
  arm: t.string,
  /** Visual tokens of a step. */
  tokens: t.number,
  /** Seconds of a step, the median over rounds. */
  seconds: t.number,
  /** Seconds over those of the baseline in the same round: the median with its 95 % interval over rounds. */
  ratio: intervalCodec,
});
/** @internal */
export const pairedCodec = t.strict({
  /** Version of this format. */
  format: t.literal(1),
  /** Name of the device. */
  device: t.string,
  /** Hash of the configuration whose steps were timed. */
  configHash: t.string,
  /** The command that measures again. */
  command: t.string,
  /** Steps that each arm did in every round. */
  steps: t.number,
  /** Rounds. */
  rounds: t.number,
  /** Processes that wanted a core, on average over a minute, before and after. */
  load: t.readonly(t.tuple([t.number, t.number])),
  /** Name of the arm that is 1. */
  baseline: t.string,
  /** The arms, the baseline first. */
  arms: t.readonlyArray(armType),
});

/** The file of {@link PairedTimes} in the directory of an ablation. */
export const TIMES = "times.json";

const pretrainOf = ({ experiment }: Resolved): TrainSpec => trainsOf(experiment)[0]!;

/** Tokens of a turn, about as scenes have them. */
const TURN = 7;

/** A source of one batch of repeatable numbers, of the shapes that the experiment's scenes have. */
const sourceOf = (resolved: Resolved): LanguageSource => {
  const { parts: { tower, decoder: { vocabulary } } } = resolved,
    { length } = pretrainOf(resolved).data as SceneRows;
  const cells = cellsOf(tower, viewsRead(bridgeAfter(resolved, 0))), levels = tower.levels.length;
  const { width } = tower.config;
  const batch = (size: number) => {
    const ids = Int32Array.from({ length: size * length }, (_, i) => (i * 7919 + 13) % vocabulary);
    return {
      ...Object.fromEntries(
        Array.from({ length: levels }, (_, i) => [`features.${i}`, numbers([size, cells, width], i + 1)]),
      ),
      ids: ndarray("i32", [size, length], ids),
      labels: ndarray("i32", [size, length], ids.map((id, i) => i % length === 0 ? -100 : id)),
      turns: ndarray("i32", [size, length], ids.map((_, i) => Math.ceil(i % length / TURN))),
    };
  };
  return {
    identity: { numbers: true },
    visionInput: { kind: "features", levels, cells, width },
    length,
    separate: true,
    vocabulary,
    words: { yes: 1, no: 2 },
    batches: (_, size) => () => Effect.succeed(batch(size)),
  };
};

interface Side {
  readonly arm: string;
  readonly tokens: number;
  readonly main: Program;
  readonly step: Effect.Effect<void, StepError>;
}

const sideOf = (
  resolved: Resolved,
): Effect.Effect<Side, CheckpointError | StepError | UploadError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { experiment: { name, seed }, parts: model } = resolved, source = sourceOf(resolved);
    const { name: stage, data: _, ...config } = pretrainOf(resolved);
    const given = freshModel(bridgeAfter(resolved, 0), model, seed);
    const nowhere = { checkpoint: "", metrics: "", every: config.every };
    const training = languageTraining({ name: stage, config, model, source, seed }, given, nowhere);
    const programs = yield* loadPrograms(training), batch = yield* training.batchAt(0);
    yield* writeState(programs, training.initial);
    return {
      arm: name,
      tokens: training.work.amount / config.batch - source.length,
      main: programs.main,
      step: programs.of(batch).step(batch),
    };
  });

/** Seconds of a step in a window that ends with a wait for the device. */
const windowOf = ({ main, step }: Side, steps: number): Effect.Effect<number, StepError> =>
  Effect.gen(function* () {
    const began = performance.now();
    for (let i = 0; i < steps; i++) yield* step;
    yield* main.read(["state.step"]);
    return (performance.now() - began) / 1000 / steps;
  });

/** What is timed, and how often. */
interface PairedOptions {
  /** The ablation. */
  readonly config: AblationConfig;
  /** Hash of its configuration. */
  readonly configHash: string;
  /** Names of the arms alongside the baseline; all of them if absent. */
  readonly arms?: readonly string[];
  /** Steps of an arm in a round. */
  readonly steps: number;
  /** Rounds. */
  readonly rounds: number;
  /** The command, for the record. */
  readonly command: string;
}

const load = (): number => Deno.loadavg()[0]!;

/** Times the arms of an ablation side by side on the device of the context. */
export const timePaired = (
  { config, configHash, arms = config.arms.map(({ name }) => name), steps, rounds, command }: PairedOptions,
): Effect.Effect<PairedTimes, CheckpointError | ResolveError | StepError | UploadError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { profile } = yield* theDevice(), before = load(), sides: Side[] = [];
    const one = { ...config, seeds: config.seeds.slice(0, 1) };
    const experiments = yield* experimentsOf(one, DEFAULT_CACHE);
    for (const name of new Set([config.baseline, ...arms])) {
      sides.push(yield* sideOf(experiments.find(({ experiment }) => experiment.name === name)!));
    }
    for (const side of sides) yield* windowOf(side, steps);
    const seconds = sides.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < sides.length; turn++) {
        const i = (round + turn) % sides.length;
        seconds[i]!.push(yield* windowOf(sides[i]!, steps));
      }
    }
    return {
      format: 1,
      device: profile.name,
      configHash,
      command,
      steps,
      rounds,
      load: [before, load()],
      baseline: config.baseline,
      arms: sides.map(({ arm, tokens }, i) => ({
        arm,
        tokens,
        seconds: median(seconds[i]!),
        ratio: bootstrap(seconds[i]!.map((s, round) => s / seconds[0]![round]!), median),
      })),
    };
  }));
