/** Pre-training time by number of visual tokens, as predicted and as the paper measured it. */
import type { Geometry, NamedConfig } from "../configs/config.ts";
import { bridgeOfStage } from "../configs/model.ts";
import { configsOf } from "../configs/named.ts";

/** A configuration's time of pre-training, that of 336 tokens being 1. */
export interface RelativeTime {
  /** The configuration. */
  readonly config: string;
  /** Its visual tokens in pre-training. */
  readonly tokens: number;
  /** What is predicted. */
  readonly predicted: number;
  /** Measurements of the paper; null for what is not in the paper. */
  readonly measured: number | null;
}

/** Values derived from the times. */
export interface RelativeTimes {
  /** The token counts of the paper, most first. */
  readonly points: readonly RelativeTime[];
  /** The configuration that is planned. */
  readonly planned: RelativeTime;
  /** RMSE of predicted against measured times, over the points but the first, which is 1 by definition. */
  readonly rmsError: number;
  /** The largest absolute difference. */
  readonly maxError: number;
  /**
   * What does not depend on visual tokens (text, encoder, the rest of a training), in visual tokens of equal cost: by
   * straight lines through what was predicted and what was measured.
   */
  readonly fixedTokens: { readonly predicted: number; readonly measured: number };
}

/** A configuration for each token count whose time the paper gives, the slowest first; Chain-of-Sight where it is one. */
export const measuredConfigs = (geometry: Geometry): readonly NamedConfig[] => {
  const timeOf = ({ rows }: NamedConfig): number | null => rows[0]?.relativeTime ?? null;
  const found = new Map<number, NamedConfig>();
  for (const config of configsOf(geometry)) {
    const time = timeOf(config), before = time === null ? undefined : found.get(time);
    if (time === null) continue;
    if (
      before === undefined ||
      (before.bridge.kind !== "chain-of-sight" && config.bridge.kind === "chain-of-sight")
    ) {
      found.set(time, config);
    }
  }
  return [...found].sort(([a], [b]) => b - a).map(([, config]) => config);
};

/** Intercept over slope of the line of least squares. */
const interceptBySlope = (points: readonly (readonly [number, number])[]): number => {
  const n = points.length,
    sum = (of: (p: readonly [number, number]) => number) => points.reduce((s, p) => s + of(p), 0);
  const mx = sum(([x]) => x) / n, my = sum(([, y]) => y) / n;
  const slope = sum(([x, y]) => (x - mx) * (y - my)) / sum(([x]) => (x - mx) ** 2);
  return my / slope - mx;
};

/** Relative times from the seconds that a step of pre-training takes for each configuration, at equal batches. */
export const relativeTimes = (
  config: NamedConfig,
  secondsOf: (config: NamedConfig) => number,
): RelativeTimes => {
  const measured = measuredConfigs(config.geometry), longest = secondsOf(measured[0]!);
  const relative = (c: NamedConfig): RelativeTime => ({
    config: c.name,
    tokens: bridgeOfStage(c, "pretrain").tokens,
    predicted: secondsOf(c) / longest,
    measured: c.rows[0]?.relativeTime ?? null,
  });
  // the planned configuration represents those that are pre-trained as it is
  const alike = (c: NamedConfig): boolean => JSON.stringify(c.bridge) === JSON.stringify(config.bridge);
  const points = measured.map((c) => ({ ...relative(c), ...(alike(c) ? { config: config.name } : {}) }));
  const errors = points.slice(1).map(({ predicted, measured }) => predicted - measured!);
  const line = (of: (t: RelativeTime) => number): number =>
    interceptBySlope(points.map((p) => [p.tokens, of(p)]));
  return {
    points,
    planned: relative(config),
    rmsError: Math.sqrt(errors.reduce((s, e) => s + e * e, 0) / errors.length),
    maxError: Math.max(...errors.map(Math.abs)),
    fixedTokens: { predicted: line((p) => p.predicted), measured: line((p) => p.measured!) },
  };
};
