/** Score by size of the object in question: a line with its band for each model, a panel for each set of scenes. */
import * as Plot from "@observablehq/plot";
import { textWidth } from "./font.ts";
import { frameSvg, type Panel } from "./frame.ts";
import { axisLabel, colourOf, type Figure, figureOf, lineLegend, plotSvg, strokeOf } from "./plot.ts";

/** The score of one size. */
export interface SizePoint {
  /** Name of the size, as the axis has it; the order of names is that of their first appearance. */
  readonly name: string;
  /** Number of questions. */
  readonly n: number;
  /** Score. */
  readonly value: number;
  /** Lower end of its interval. */
  readonly low: number;
  /** Upper end of its interval. */
  readonly high: number;
}

/** The scores of one model on one set. */
export interface SizeLine {
  /** The model, as the legend names it: its resolution and its tokens. It has the same colour in every panel. */
  readonly model: string;
  /** The set, as the panel is titled. */
  readonly panel: string;
  /** Scores by size; those without questions are left out. */
  readonly points: readonly SizePoint[];
}

/** How the chart looks. */
export interface SizeChart {
  /** Title. */
  readonly title: string;
  /** A smaller line under it; say there what the bands are. */
  readonly subtitle?: string;
  /** Lines; panels, sizes and legend follow their order. */
  readonly lines: readonly SizeLine[];
  /** A score that needs no image, drawn as a dashed line. */
  readonly chance?: number;
  /** Label of the x axis. */
  readonly xLabel?: string;
  /** Label of the y axis, with its unit. */
  readonly yLabel?: string;
  /** Width of all panels together, pixels. */
  readonly width?: number;
  /** Height of the panels, pixels. */
  readonly height?: number;
}

const MARGIN = { left: 62, right: 16, top: 30, bottom: 62 };
const SIZE = 11;

const distinct = (names: readonly string[]): readonly string[] => [...new Set(names)];

const sizesOf = (lines: readonly SizeLine[]): readonly string[] =>
  distinct(lines.flatMap(({ points }) => points.map(({ name }) => name)));

/** The range of scores in all panels, so that heights can be compared. */
export const sizeDomain = ({ lines, chance }: SizeChart): readonly [number, number] => {
  const all = [
    ...lines.flatMap(({ points }) => points.flatMap((p) => [p.low, p.value, p.high])),
    ...(chance === undefined ? [] : [chance]),
  ].filter(Number.isFinite);
  if (all.length === 0) return [0, 1];
  const [low, high] = [Math.min(...all), Math.max(...all)], room = 0.06 * (high - low || 1);
  return [low - room, high + room];
};

interface Placed extends SizePoint {
  readonly x: number;
}

const marksOf = (
  line: SizeLine,
  sizes: readonly string[],
  arm: number,
  arms: number,
): readonly Plot.Markish[] => {
  // Models accompany each other at each size, so that their intervals can be distinguished.
  const shift = arms < 2 ? 0 : (arm / (arms - 1) - 0.5) * 0.36;
  const points = line.points.map((p): Placed => ({ ...p, x: sizes.indexOf(p.name) + shift }));
  const stroke = colourOf(arm);
  return [
    Plot.areaY(points, { x: "x", y1: "low", y2: "high", fill: stroke, fillOpacity: 0.13 }),
    Plot.ruleX(points, { x: "x", y1: "low", y2: "high", stroke, strokeWidth: 1.4 }),
    Plot.line(points, { x: "x", y: "value", strokeWidth: 2, ...strokeOf(arm) }),
    Plot.dot(points, { x: "x", y: "value", fill: stroke, stroke: "white", r: 4.5 }),
  ];
};

/** Numbers of questions under the sizes, where all models were asked the same. */
const askedOf = (lines: readonly SizeLine[], size: string): string => {
  const asked = distinct(
    lines.flatMap(({ points }) => points.filter((p) => p.name === size).map(({ n }) => String(n))),
  );
  return asked.length === 1 ? `n = ${asked[0]}` : "";
};

const panelOf = (
  chart: SizeChart,
  panel: string,
  models: readonly string[],
  width: number,
  first: boolean,
): Panel => {
  const xLabel = chart.xLabel ?? "Longer side of the object in the 448 px image";
  // A narrow panel leaves the words to the first one rather than cut them.
  const labelled = first || textWidth(xLabel, 12) < width - MARGIN.left;
  const lines = chart.lines.filter((line) => line.panel === panel), sizes = sizesOf(lines);
  const height = chart.height ?? 380, places = sizes.map((_, i) => i);
  const room = (width - MARGIN.left - MARGIN.right) / Math.max(1, sizes.length);
  const fits = sizes.every((name) => textWidth(name, SIZE) < room - 4);
  const label = (i: number): string => {
    const words = sizes[i]!.split(" ");
    const name = fits || words.length < 3
      ? sizes[i]!
      : `${words.slice(0, -2).join(" ")}\n${words.slice(-2).join(" ")}`;
    return `${name}\n${askedOf(lines, sizes[i]!)}`;
  };
  const svg = plotSvg({
    width,
    height,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    x: { domain: [-0.5, sizes.length - 0.5], label: null },
    y: { domain: [...sizeDomain(chart)], label: null, grid: true },
    marks: [
      Plot.frame({ stroke: "#bbb" }),
      ...(chart.chance === undefined
        ? []
        : [Plot.ruleY([chart.chance], { stroke: "#888", strokeDasharray: "4 4" })]),
      ...lines.flatMap((line) => marksOf(line, sizes, models.indexOf(line.model), models.length)),
      Plot.text([panel], { frameAnchor: "top", dy: -14, fontSize: 13, fontWeight: 600 }),
      Plot.axisX(places, {
        ...axisLabel(labelled ? xLabel : null, 54),
        fontSize: SIZE,
        tickFormat: (_: number, i: number) => label(i),
      }),
      Plot.axisY(axisLabel(first ? chart.yLabel ?? "Score" : null, 50)),
    ],
  });
  return { svg, width, height };
};

/**
 * Draws score over size: a line with dots and the band of its intervals for each model, a panel for each set, all with
 * the same range of scores. Sets with few sizes get narrower panels.
 */
export const sizeChart = (chart: SizeChart): Figure => {
  const panels = distinct(chart.lines.map(({ panel }) => panel));
  const models = distinct(chart.lines.map(({ model }) => model));
  const weights = panels.map((panel) =>
    1.2 + sizesOf(chart.lines.filter((line) => line.panel === panel)).length
  );
  const total = weights.reduce((a, b) => a + b, 0);
  return figureOf(frameSvg({
    title: chart.title,
    subtitle: chart.subtitle,
    legend: lineLegend(models),
    panels: panels.map((panel, i) =>
      panelOf(chart, panel, models, Math.round((chart.width ?? 880) * weights[i]! / total), i === 0)
    ),
  }));
};
