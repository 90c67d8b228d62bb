/**
 * What ranks cost: the step split into gradient and update against the step as one program, and on two processes of this
 * machine the exchange of gradients, and steps with it against steps of processes that know nothing of each other.
 *
 *     deno task bench ranks [--preset small] [--batch 16] [--rounds 15] [--exchanges 10000]
 */
import {
  adamw,
  constantLearningRate,
  type ParameterSpec,
  type Tree,
  type VisionLanguageBatch,
  zerosArray,
} from "@chain-of-sight/core";
import { deviceNamed } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { countFlag, presetFlagOf } from "../pipelines/cli/flags.ts";
import { ExitCode } from "../pipelines/cli/usage.ts";
import { launch } from "../pipelines/ranks/launch.ts";
import { openMpi, startedAsRank } from "../pipelines/ranks/mpi.ts";
import { alone, type Ranks, theRanks } from "../pipelines/ranks/ranks.ts";
import { print } from "../pipelines/terminal/output.ts";
import { loadPrograms, type StepPrograms } from "../pipelines/train/programs.ts";
import { RING } from "../pipelines/train/step_source.ts";
import type { Training } from "../pipelines/train/training.ts";
import { presets, type StepPreset, stepPresets } from "../pipelines/tune/presets.ts";
import {
  batchInputs,
  batchNumbers,
  benchModel,
  startValues,
  stepOptimiser,
} from "../pipelines/tune/step_work.ts";
import { spreadOf } from "./spread.ts";

interface RanksOptions {
  readonly preset: StepPreset;
  readonly batch: number;
  readonly rounds: number;
  readonly exchanges: number;
}

const TOKENS = 80;

/** The step of a preset as a training, of so many micro-batches. */
const trainingOf = ({ preset, batch }: RanksOptions, micro?: number): Training<VisionLanguageBatch> => {
  const { specs, loss } = benchModel(presets[preset], TOKENS), { rate, ...settings } = stepOptimiser;
  return {
    stage: "bench",
    identity: "bench",
    specs: specs as Tree<ParameterSpec>,
    initial: {},
    batch: batchInputs(presets[preset], batch),
    loss,
    optimiser: adamw(settings),
    schedule: constantLearningRate(rate),
    maxNorm: 1,
    trainable: () => true,
    precision: "f32",
    batchAt: () => Effect.succeed({}),
    total: 1,
    work: { amount: batch, unit: "rows" },
    places: { checkpoint: "", metrics: "", every: 1 },
    ...(micro === undefined ? {} : { micro: { count: micro, weight: "tokens" } }),
  };
};

const started = (options: RanksOptions, micro?: number) =>
  Effect.gen(function* () {
    const training = trainingOf(options, micro), programs = yield* loadPrograms(training);
    for (const [path, { dtype, shape }] of Object.entries(programs.main.plan.inputs)) {
      yield* programs.main.write({ [path]: zerosArray(dtype, shape) });
    }
    for (const [path, value] of startValues(training.specs)) {
      yield* programs.main.write({ [`state.params.${path}`]: value });
    }
    return programs;
  });

/** Milliseconds of a step, with the wait for its end. */
const timed = (programs: StepPrograms, { preset, batch }: RanksOptions) => {
  const numbers = batchNumbers(presets[preset], batch), { step } = programs.of(numbers);
  return Effect.gen(function* () {
    const began = performance.now();
    yield* step(numbers);
    yield* programs.main.read([RING]);
    return performance.now() - began;
  });
};

/** Says where measurements lie. */
const shown = (what: string, values: readonly number[], digits: number): void => {
  const { n, median, q1, q3 } = spreadOf(values), [m, a, b] = [median, q1, q3].map((x) => x.toFixed(digits));
  print(`${what}: ${m} (quartiles ${a}-${b}, ${n} rounds)`);
};

/** The step in two programs over the step in one, in one process. */
const compareSplit = (options: RanksOptions) =>
  Effect.scoped(Effect.gen(function* () {
    const whole = timed(yield* started(options), options), split = timed(yield* started(options, 1), options);
    const times: number[] = [], ratios: number[] = [];
    for (let round = -2; round < options.rounds; round++) {
      const first = round % 2 === 0, a = yield* first ? whole : split, b = yield* first ? split : whole;
      if (round < 0) continue;
      times.push(first ? a : b);
      ratios.push(first ? b / a : a / b);
    }
    shown("a step as one program, ms", times, 1);
    shown("two programs over one", ratios, 3);
  }));

/** Steps with the exchange and without, in turn, on every rank at the same time. */
const compareRanks = (options: RanksOptions, ranks: Ranks) =>
  Effect.scoped(Effect.gen(function* () {
    const programs = yield* started(options, ranks.size), step = timed(programs, options);
    const all = (value: number) => Effect.map(ranks.gather(String(value)), (texts) => texts.map(Number));
    let spent = 0;
    const watched: Ranks = {
      ...ranks,
      // all have come before the time begins
      sum: (bytes) =>
        Effect.gen(function* () {
          yield* ranks.gather("");
          const began = performance.now();
          yield* ranks.sum(bytes);
          spent += performance.now() - began;
        }),
    };
    const apart: number[] = [], share: number[] = [], efficiency: number[] = [];
    for (let round = -2; round < options.rounds; round++) {
      yield* ranks.gather("");
      const own = yield* all(yield* alone(step)), both = yield* all(yield* step);
      spent = 0;
      const whole = yield* Effect.provideService(step, theRanks, watched);
      if (round < 0) continue;
      const mean = own.reduce((a, b) => a + b) / ranks.size;
      apart.push(mean);
      share.push(100 * spent / whole);
      efficiency.push(mean / Math.max(...both));
    }
    if (ranks.rank === 0) {
      shown("a step of processes apart, ms", apart, 1);
      shown("exchange, % of a step", share, 2);
      shown("ranks over processes apart", efficiency, 3);
    }
    const held: number[] = [], bytes = new Uint8Array(2 ** 16);
    for (let i = 0; i <= options.exchanges; i++) {
      if (i % Math.ceil(options.exchanges / 10) === 0) held.push(Deno.memoryUsage().rss / 2 ** 20);
      yield* ranks.sum(bytes);
    }
    if (ranks.rank > 0) return;
    print(
      `MiB held after each tenth of ${options.exchanges} exchanges: ${
        held.map((x) => x.toFixed(0)).join(" ")
      }`,
    );
  }));

/** The command. */
export const command = Command.make(
  "ranks",
  {
    preset: presetFlagOf(stepPresets, "the model").pipe(Flag.withDefault("small" as StepPreset)),
    batch: countFlag("batch", 16, "rows of a step of a process"),
    rounds: countFlag("rounds", 15, "rounds of steps in turn"),
    exchanges: countFlag("exchanges", 10000, "exchanges after which memory is looked at"),
  },
  (options) =>
    Effect.scoped(Effect.gen(function* () {
      const cpu = Effect.provide(deviceNamed("cpu", { threads: 1 }));
      if (!startedAsRank()) {
        yield* cpu(compareSplit(options));
        const code = yield* launch(2);
        return code === 0 ? undefined : yield* Effect.fail(new ExitCode({ code }));
      }
      const ranks = yield* openMpi(300);
      yield* cpu(Effect.provideService(compareRanks(options, ranks), theRanks, ranks));
    })),
).pipe(Command.withDescription("Times what a training on several ranks costs."));
