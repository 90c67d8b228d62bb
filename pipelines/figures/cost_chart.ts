/** Relative time over visual tokens: what was measured alongside what was predicted. */
import * as Plot from "@observablehq/plot";
import { frameSvg } from "./frame.ts";
import { axisLabel, colourOf, type Figure, figureOf, lineLegend, plotSvg, strokeOf } from "./plot.ts";

/** One cost. */
export interface CostPoint {
  /** Visual tokens. */
  readonly tokens: number;
  /** Relative time. */
  readonly time: number;
  /** Written alongside a point that is of another kind than the others and not joined with them. */
  readonly label?: string;
}

/** One series of costs. */
export interface CostSeries {
  /** Its kind. */
  readonly name: string;
  /** Visual tokens and relative time, in order of the tokens. */
  readonly points: readonly CostPoint[];
}

/** Contents of the figure. */
export interface CostChart {
  /** Title. */
  readonly title: string;
  /** A smaller line under it. */
  readonly subtitle?: string;
  /** The series. */
  readonly series: readonly CostSeries[];
  /** Label of the x axis. */
  readonly xLabel: string;
  /** Label of the y axis. */
  readonly yLabel: string;
  /** Width, pixels; 720 if absent. */
  readonly width?: number;
}

/** Draws relative times over tokens, both from 0: a line that starts above 0 shows what does not depend on tokens. */
export const costChart = (chart: CostChart): Figure => {
  const { series } = chart, width = chart.width ?? 720, height = 380;
  const all = series.flatMap(({ points }) => points);
  const svg = plotSvg({
    width,
    height,
    marginLeft: 62,
    marginRight: 22,
    marginTop: 14,
    marginBottom: 48,
    x: { domain: [0, Math.max(1, ...all.map(({ tokens }) => tokens)) * 1.04], label: null },
    y: { domain: [0, Math.max(1, ...all.map(({ time }) => time)) * 1.08], label: null, grid: true },
    marks: [
      Plot.frame({ stroke: "#bbb" }),
      ...series.flatMap(({ points }, i): readonly Plot.Markish[] => [
        Plot.line(points.filter(({ label }) => label === undefined), {
          x: "tokens",
          y: "time",
          strokeWidth: 1.8,
          ...strokeOf(i),
        }),
        Plot.dot(points, { x: "tokens", y: "time", fill: colourOf(i), stroke: "white", r: 4.5 }),
        Plot.text(points.filter(({ label }) => label !== undefined), {
          x: "tokens",
          y: "time",
          text: "label",
          dx: 8,
          textAnchor: "start",
          fontSize: 11,
          fill: colourOf(i),
        }),
      ]),
      Plot.axisX(axisLabel(chart.xLabel, 38)),
      Plot.axisY(axisLabel(chart.yLabel, 48)),
    ],
  });
  return figureOf(frameSvg({
    title: chart.title,
    subtitle: chart.subtitle,
    legend: lineLegend(series.map(({ name }) => name)),
    panels: [{ svg, width, height }],
  }));
};
