/** Loss curves of several arms, one panel a stage. */
import * as Plot from "@observablehq/plot";
import { textWidth } from "./font.ts";
import { frameSvg, type Panel } from "./frame.ts";
import { axisLabel, colourOf, type Figure, figureOf, lineLegend, plotSvg, strokeOf } from "./plot.ts";

/** One measured point. */
export interface LossPoint {
  /** Position along the x axis, optimiser steps unless the chart says otherwise. */
  readonly x: number;
  /** Loss. */
  readonly loss: number;
}

/** The curve of one arm in one stage. */
export interface LossCurve {
  /** The arm, as the legend names it; the same arm has the same colour in every panel. */
  readonly arm: string;
  /** The stage, as the panel is titled. */
  readonly stage: string;
  /** Points in order of x. */
  readonly points: readonly LossPoint[];
}

/** How a loss chart looks. */
export interface LossChart {
  /** Title. */
  readonly title: string;
  /** A smaller line under it. */
  readonly subtitle?: string;
  /** Curves; panels and legend follow their order. */
  readonly curves: readonly LossCurve[];
  /** Weight of the neighbours in the smoothing, 0 (none) to below 1; 0.9 unless said. */
  readonly smoothing?: number;
  /** Label of the x axis. */
  readonly xLabel?: string;
  /** Label of the y axis. */
  readonly yLabel?: string;
  /** Width of all panels together, pixels. */
  readonly width?: number;
  /** Height of the panels, pixels. */
  readonly height?: number;
}

/**
 * Moving average over both sides: value i is the mean of all values, each weighted by `weight` to the power of its
 * distance, so that curves do not lag. Values that are not finite stay as they are and count for nothing.
 */
export const smooth = (values: readonly number[], weight: number): number[] => {
  const sums = values.map((v) => Number.isFinite(v) ? v : 0);
  const masses: number[] = values.map((v) => Number.isFinite(v) ? 1 : 0);
  const sweep = (order: readonly number[]): void => {
    let [sum, mass] = [0, 0];
    for (const i of order) {
      const here = Number.isFinite(values[i]);
      sums[i] = sums[i]! + weight * sum;
      masses[i] = masses[i]! + weight * mass;
      sum = weight * sum + (here ? values[i]! : 0);
      mass = weight * mass + (here ? 1 : 0);
    }
  };
  const forwards = values.map((_, i) => i);
  sweep(forwards);
  sweep(forwards.toReversed());
  return values.map((value, i) => Number.isFinite(value) ? sums[i]! / masses[i]! : value);
};

const distinct = (names: readonly string[]): string[] => [...new Set(names)];

/** The range of the finite losses, with the few highest left out so that the first steps do not flatten the rest. */
export const lossDomain = (curves: readonly LossCurve[]): readonly [number, number] => {
  const all = curves.flatMap((c) => c.points.map((p) => p.loss)).filter(Number.isFinite).toSorted((a, b) =>
    a - b
  );
  if (all.length === 0) return [0, 1];
  const low = all[0]!;
  const high = all[Math.min(all.length - 1, Math.ceil((all.length - 1) * 0.995))]!;
  const room = 0.04 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
};

const tickText = (n: number): string =>
  Math.abs(n) >= 1e6
    ? `${+(n / 1e6).toPrecision(4)}M`
    : Math.abs(n) >= 1e4
    ? `${+(n / 1e3).toPrecision(4)}k`
    : `${n}`;

interface PanelOptions {
  readonly stage: string;
  readonly curves: readonly LossCurve[];
  readonly arms: readonly string[];
  readonly smoothing: number;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly width: number;
  readonly height: number;
}

const panelOf = (o: PanelOptions): Panel => {
  const mine = o.curves.filter((curve) => curve.stage === o.stage);
  const domain = lossDomain(mine);
  const marks = mine.flatMap((curve): Plot.Markish[] => {
    const arm = o.arms.indexOf(curve.arm);
    const smoothed = smooth(curve.points.map((p) => p.loss), o.smoothing);
    const points = curve.points.map((p, i) => ({ x: p.x, raw: p.loss, smooth: smoothed[i] }));
    const faint = Plot.line(points, {
      x: "x",
      y: "raw",
      stroke: colourOf(arm),
      strokeOpacity: 0.18,
      strokeWidth: 1,
      clip: true,
    });
    const bold = Plot.line(points, {
      x: "x",
      y: "smooth",
      strokeWidth: 2,
      clip: true,
      ...strokeOf(arm),
    });
    return o.smoothing > 0 ? [faint, bold] : [bold];
  });
  const ends = mine.flatMap((curve) => curve.points.map((p) => p.x));
  const last = ends.reduce((a, b) => Math.max(a, b), 0) || 1;
  const marginRight = Math.max(14, textWidth(tickText(last), 12) / 2 + 8);
  const svg = plotSvg({
    width: o.width,
    height: o.height,
    marginLeft: 58,
    marginRight,
    marginTop: 30,
    marginBottom: 46,
    x: { domain: [0, last], label: null, tickFormat: tickText, ticks: Math.max(3, o.width / 110) },
    y: { domain: [...domain], label: null, grid: true },
    marks: [
      Plot.frame({ stroke: "#bbb" }),
      ...marks,
      Plot.text([o.stage], { frameAnchor: "top", dy: -14, fontSize: 13, fontWeight: 600 }),
      Plot.axisX({
        ...axisLabel(o.xLabel, 38),
        tickFormat: tickText,
      }),
      Plot.axisY(axisLabel(o.yLabel, 48)),
    ],
  });
  return { svg, width: o.width, height: o.height };
};

/** Draws smoothed loss curves over the faint raw ones: a panel for each stage, a colour and dash for each arm. */
export const lossChart = (chart: LossChart): Figure => {
  const stages = distinct(chart.curves.map((curve) => curve.stage));
  const arms = distinct(chart.curves.map((curve) => curve.arm));
  const smoothing = chart.smoothing ?? 0.9;
  const width = (chart.width ?? 880) / Math.max(1, stages.length);
  const panels = stages.map((stage) =>
    panelOf({
      stage,
      curves: chart.curves,
      arms,
      smoothing,
      xLabel: chart.xLabel ?? "Optimiser steps",
      yLabel: chart.yLabel ?? "Loss (nats per token)",
      width,
      height: chart.height ?? 360,
    })
  );
  const said = smoothing > 0
    ? `Lines: moving average over both sides, weight ${smoothing}; faint: every measurement`
    : undefined;
  const subtitle = chart.subtitle ?? said;
  return figureOf(frameSvg({
    title: chart.title,
    subtitle,
    legend: lineLegend(arms),
    panels,
  }));
};
