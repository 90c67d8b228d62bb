/** Score against relative pre-training time: one labelled point with its interval for each arm. */
import * as Plot from "@observablehq/plot";
import { slotsOf } from "./arm_colours.ts";
import { paddedDomain } from "./domain.ts";
import { escapeXml, textWidth } from "./font.ts";
import { frameSvg } from "./frame.ts";
import { type Box, placeLabels } from "./labels.ts";
import { axisLabel, colourOf, type Figure, figureOf, plotSvg } from "./plot.ts";

/** One arm. */
export interface TimeScorePoint {
  /** Its name, written alongside the point. */
  readonly label: string;
  /** Pre-training time relative to the baseline's, which is 1. */
  readonly time: number;
  /** Score. */
  readonly score: number;
  /** Lower end of the score's interval. */
  readonly low: number;
  /** Upper end of the score's interval. */
  readonly high: number;
  /** Group that shares a colour; the label unless said. */
  readonly group?: string;
}

/** How the chart looks. */
export interface TimeScoreChart {
  /** Title. */
  readonly title: string;
  /** A smaller line under it; say there what the intervals are. */
  readonly subtitle?: string;
  /** The arms. */
  readonly points: readonly TimeScorePoint[];
  /** Label of the x axis. */
  readonly xLabel?: string;
  /** Label of the y axis, with its unit. */
  readonly yLabel?: string;
  /** What scores can be; the axis shows nothing beyond. */
  readonly yRange?: readonly [number, number];
  /** Width, pixels. */
  readonly width?: number;
  /** Height, pixels. */
  readonly height?: number;
}

const MARGIN = { left: 62, right: 22, top: 14, bottom: 48 };
const SIZE = 12;

/** Narrowest range of the y axis, in the unit of the scores. */
const MINIMUM = 1;

const scale =
  (domain: readonly [number, number], range: readonly [number, number]) => (value: number): number =>
    range[0] + (value - domain[0]) / (domain[1] - domain[0]) * (range[1] - range[0]);

// A line joins a label that had to move away from its point to that point.
const leaders = (
  points: readonly { readonly x: number; readonly y: number }[],
  boxes: readonly Box[],
): string =>
  points.map(({ x, y }, i) => {
    const box = boxes[i]!;
    const near = x < box.x ? box.x - 2 : box.x + box.width + 2;
    const middle = box.y + box.height / 2;
    return Math.hypot(near - x, middle - y) < 16
      ? ""
      : `<line x1="${x}" y1="${y}" x2="${near}" y2="${middle}" stroke="#999" stroke-width="0.8"/>`;
  }).join("");

/** Draws scores with interval bars over relative pre-training time; a dashed line marks the baseline's time. */
export const timeScoreChart = (chart: TimeScoreChart): Figure => {
  const { points } = chart;
  const width = chart.width ?? 720;
  const height = chart.height ?? 440;
  const groups = [...new Set(points.map((p) => p.group ?? p.label))];
  const slots = slotsOf(groups);
  const colour = (p: TimeScorePoint): string => colourOf(slots[groups.indexOf(p.group ?? p.label)]!);
  const yDomain = paddedDomain(points.flatMap((p) => [p.low, p.score, p.high]), MINIMUM, 0.1, chart.yRange);
  const xDomain = [0, Math.max(1, ...points.map((p) => p.time).filter(Number.isFinite)) * 1.08] as const;
  const xRange = [MARGIN.left, width - MARGIN.right] as const;
  const yRange = [height - MARGIN.bottom, MARGIN.top] as const;
  const toX = scale(xDomain, xRange);
  const toY = scale(yDomain, yRange);
  const places = points.map((p) => ({ x: toX(p.time), y: toY(p.score) }));
  const sizes = points.map((p, i) => ({ ...places[i]!, width: textWidth(p.label, SIZE), height: SIZE + 4 }));
  const bars = points.map((p): Box => ({
    x: toX(p.time) - 7,
    y: toY(p.high) - 2,
    width: 14,
    height: toY(p.low) - toY(p.high) + 4,
  }));
  const bounds: Box = {
    x: xRange[0] + 4,
    y: yRange[1] + 2,
    width: xRange[1] - xRange[0] - 8,
    height: yRange[0] - yRange[1] - 4,
  };
  const baseline: Box = { x: toX(1) - 2, y: yRange[1], width: 4, height: yRange[0] - yRange[1] };
  const boxes = placeLabels(sizes, bounds, [...bars, baseline]);
  const text = points.map((p, i) => ({ ...boxes[i]!, label: p.label }));
  const marks: Plot.Markish[] = [
    Plot.frame({ stroke: "#bbb" }),
    Plot.ruleX([1], { stroke: "#888", strokeDasharray: "4 4" }),
    Plot.ruleX(points, { x: "time", y1: "low", y2: "high", stroke: colour, strokeWidth: 1.6 }),
    ...(["low", "high"] as const).map((y) =>
      Plot.vector(points, {
        x: "time",
        y,
        stroke: colour,
        strokeWidth: 1.6,
        length: 10,
        rotate: 90,
        anchor: "middle",
        shape: { draw: (context, l) => (context.moveTo(0, 0), context.lineTo(0, -l)) },
      })
    ),
    Plot.dot(points, { x: "time", y: "score", fill: colour, stroke: "white", r: 5.5 }),
    Plot.axisX(axisLabel(chart.xLabel ?? "Pre-training time relative to the baseline (×)", 38)),
    Plot.axisY(axisLabel(chart.yLabel ?? "Score", 50)),
  ];
  const drawn = plotSvg({
    width,
    height,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    x: { domain: [...xDomain], range: [...xRange], label: null },
    y: { domain: [...yDomain], range: [...yRange], label: null, grid: true },
    marks,
  });
  const labels = text.map(({ x, y, label, height: tall }) =>
    `<text x="${x}" y="${y + tall - 4}" font-size="${SIZE}">${escapeXml(label)}</text>`
  ).join("");
  const grouped = groups.length < points.length;
  return figureOf(frameSvg({
    title: chart.title,
    subtitle: chart.subtitle,
    legend: grouped ? groups.map((name, i) => ({ name, colour: colourOf(slots[i]!) })) : [],
    panels: [{ svg: `${drawn}${leaders(places, boxes)}${labels}`, width, height }],
  }));
};
