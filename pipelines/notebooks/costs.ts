/** What pre-training costs at each token count of the paper: measured here, by operations, planned, and as reported. */
import { type Device, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import { experimentOf } from "../ablations/config.ts";
import { armNamed, quarterName } from "../ablations/families.ts";
import type { PresetName } from "../configs/preset.ts";
import { type MakeError, makeStage } from "../engine/make.ts";
import { presets } from "../ablations/presets.ts";
import type { SummaryTable } from "../ablations/table.ts";
import { resolve } from "../engine/resolve.ts";
import { workOf } from "../engine/work.ts";
import { jobContext } from "../engine/context.ts";
import { bridgeOfStage } from "../configs/model.ts";
import member from "../deno.json" with { type: "json" };
import { costChart } from "../figures/cost_chart.ts";
import type { Figure } from "../figures/plot.ts";
import { fromEither } from "../base/bridge.ts";
import { planDevices } from "../plan/device.ts";
import { plannedTimes } from "../plan/plan.ts";
import { measuredConfigs, type RelativeTimes } from "../plan/relative.ts";

/** The cost of one pre-training step at one token count. */
export interface Cost {
  /** The configuration. */
  readonly config: string;
  /** Kind of its bridge. */
  readonly bridge: string;
  /** Visual tokens at the paper's size. */
  readonly paperTokens: number;
  /** Visual tokens at the size that was trained here: a quarter. */
  readonly tokens: number;
  /** Median seconds of a step here. */
  readonly seconds: number;
  /** Operations of a step here. */
  readonly flops: number;
  /** Relative time that the paper reports; 336 tokens are 1. */
  readonly reported: number;
  /** The training that was measured, as a directory in the store. */
  readonly run: string;
}

/**
 * Pre-trains the configuration of each token count whose time the paper reports, the slowest first, and measures it.
 * Trainings that the main family has made already, with the first seed, are taken from the store.
 */
export const pretrainingCosts = (
  preset: PresetName,
): Effect.Effect<readonly Cost[], MakeError, Device> =>
  Effect.gen(function* () {
    const context = yield* jobContext(DEFAULT_STORE, (yield* theDevice()).profile.name, member.version);
    const costs: Cost[] = [];
    for (const full of measuredConfigs("full")) {
      const arm = armNamed(quarterName(full.name));
      const experiment = yield* Effect.flatMap(
        fromEither(experimentOf(presets[preset], arm, 1)),
        (one) => resolve(one, context.cache),
      );
      const { numbers, directory } = yield* makeStage(context, experiment, "pretrain");
      const { visualTokens, flops } = workOf(experiment, "pretrain");
      costs.push({
        config: arm.name,
        bridge: full.bridge.kind,
        paperTokens: bridgeOfStage(full, "pretrain").tokens,
        tokens: visualTokens,
        seconds: numbers.secondsPerStep ?? NaN,
        flops,
        reported: full.rows[0]!.relativeTime!,
        run: directory.split("/").at(-1)!,
      });
    }
    return costs;
  });

/**
 * Relative times of the paper's own models, planned from their descriptions for an H100 with 16-bit products: kernel by
 * kernel at the peak rate that it meets first. Throws ConfigError for a configuration whose parts do not fit.
 */
export const plannedCosts = (): RelativeTimes =>
  plannedTimes(measuredConfigs("full")[0]!, planDevices["h100-mixed"]);

const ratio = (x: number): string => x.toFixed(2);

/** Seconds and operations of a step, absolute and relative to the slowest, alongside the plan and the paper. */
export const costTable = (costs: readonly Cost[], { points }: RelativeTimes): SummaryTable => {
  const [slowest] = costs;
  return {
    title: "A step of pre-training by visual tokens; relative to 336 tokens",
    columns: [
      "configuration",
      "tokens, paper",
      "tokens, here",
      "ms",
      "GFLOP",
      "measured",
      "by FLOPs",
      "planned",
      "paper",
    ],
    rows: costs.map((cost) => [
      cost.config,
      String(cost.paperTokens),
      String(cost.tokens),
      (1000 * cost.seconds).toFixed(1),
      (cost.flops / 1e9).toFixed(2),
      ratio(cost.seconds / slowest!.seconds),
      ratio(cost.flops / slowest!.flops),
      ratio(points.find(({ tokens }) => tokens === cost.paperTokens)?.predicted ?? NaN),
      ratio(cost.reported),
    ]),
  };
};

/** Relative times over the paper's token counts: measured here, by operations, planned at full size, reported. */
export const costsChart = (costs: readonly Cost[], { points }: RelativeTimes): Figure => {
  const ordered = costs.toSorted((a, b) => a.paperTokens - b.paperTokens), slowest = ordered.at(-1)!;
  const series = (name: string, timeOf: (cost: Cost) => number) => ({
    name,
    points: ordered.map((cost) => ({
      tokens: cost.paperTokens,
      time: timeOf(cost),
      ...(cost.bridge === slowest.bridge ? {} : { label: cost.bridge }),
    })),
  });
  return costChart({
    title: "Time of pre-training by visual tokens",
    subtitle:
      "336 tokens = 1; trained here with a quarter of the tokens that the axis says; lines join one kind of bridge",
    series: [
      {
        name: "the paper, 7B",
        points: ordered.map((cost) => ({ tokens: cost.paperTokens, time: cost.reported })),
      },
      series("measured here", ({ seconds }) => seconds / slowest.seconds),
      series("here, by FLOPs", ({ flops }) => flops / slowest.flops),
      {
        name: "planned, 7B on an H100",
        points: points.map(({ tokens, predicted }) => ({ tokens, time: predicted }))
          .toSorted((a, b) => a.tokens - b.tokens),
      },
    ],
    xLabel: "Visual tokens in pre-training, as the paper counts them",
    yLabel: "Relative time of a step",
  });
};
