/** Scores over the number of visual tokens: a line for each way to grow, a letter for what grew, a panel a metric. */
import * as Plot from "@observablehq/plot";
import { paddedDomain } from "./domain.ts";
import { frameSvg, type Panel } from "./frame.ts";
import type { Ranging } from "./interval_chart.ts";
import { axisLabel, colourOf, type Figure, figureOf, lineLegend, plotSvg, strokeOf } from "./plot.ts";

/** One arm. */
export interface ScalingPoint {
  /** How it grew; points of a group are joined. */
  readonly group: string;
  /** What grew, written alongside the point; empty for nothing. */
  readonly mark: string;
  /** Visual tokens in fine-tuning. */
  readonly tokens: number;
  /** Scores by metric. */
  readonly values: Readonly<Record<string, Ranging>>;
}

/** Contents of the figure. */
export interface ScalingChart {
  /** Title. */
  readonly title: string;
  /** A smaller line under it. */
  readonly subtitle?: string;
  /** The arms. */
  readonly points: readonly ScalingPoint[];
  /** The panels: key in `values`, and heading. */
  readonly metrics: readonly { readonly name: string; readonly label: string }[];
  /** Label of the y axis, with its unit. */
  readonly yLabel: string;
  /** Width of one panel, pixels; 300 if absent. */
  readonly width?: number;
}

/** Narrowest range that an axis shows, in the unit of the scores. */
const MINIMUM = 1;

/** Draws scores with interval bars over visual tokens, on a scale of powers; groups stand a little aside of each other. */
export const scalingChart = (chart: ScalingChart): Figure => {
  const { points, metrics } = chart, width = chart.width ?? 300, height = 300;
  const groups = [...new Set(points.map(({ group }) => group))];
  const ticks = [...new Set(points.map(({ tokens }) => tokens))].toSorted((a, b) => a - b);
  // labels of counts that are close on the scale would cover each other
  const spaced = ticks.filter((t, i) => i === 0 || t >= 1.35 * ticks[i - 1]!);
  const panels = metrics.map(({ name, label }, i): Panel => {
    const drawn = points.flatMap((point) => {
      const found = point.values[name];
      const aside = 1.04 ** (groups.indexOf(point.group) - (groups.length - 1) / 2);
      return found === undefined ? [] : [{ ...point, ...found, x: point.tokens * aside }];
    }).toSorted((a, b) => a.tokens - b.tokens);
    const colour = ({ group }: { readonly group: string }): string => colourOf(groups.indexOf(group));
    const svg = plotSvg({
      width,
      height,
      marginLeft: 54,
      marginRight: 24,
      marginTop: 30,
      marginBottom: 46,
      x: { type: "log", label: null, domain: [ticks[0]! / 1.25, ticks.at(-1)! * 1.35] },
      y: {
        label: null,
        grid: true,
        domain: [...paddedDomain(drawn.flatMap(({ low, high }) => [low, high]), MINIMUM, 0.14)],
      },
      marks: [
        Plot.frame({ stroke: "#bbb" }),
        ...groups.map((group, g) =>
          Plot.line(drawn.filter((p) => p.group === group), {
            x: "x",
            y: "value",
            strokeWidth: 1.6,
            ...strokeOf(g),
          })
        ),
        Plot.ruleX(drawn, {
          x: "x",
          y1: "low",
          y2: "high",
          stroke: colour,
          strokeOpacity: 0.55,
          strokeWidth: 1.6,
        }),
        Plot.dot(drawn, { x: "x", y: "value", fill: colour, stroke: "white", r: 4.5 }),
        ...groups.map((group, g) =>
          Plot.text(drawn.filter((p) => p.group === group), {
            x: "x",
            y: g % 2 === 0 ? "high" : "low",
            text: "mark",
            dy: g % 2 === 0 ? -8 : 9,
            fontSize: 11,
            fill: colourOf(g),
          })
        ),
        Plot.text([label], { frameAnchor: "top", dy: -14, fontSize: 12, fontWeight: 600 }),
        Plot.axisX({
          ticks: spaced,
          tickFormat: String,
          ...axisLabel("Visual tokens in fine-tuning", 38),
        }),
        Plot.axisY(axisLabel(i === 0 ? chart.yLabel : null, 44)),
      ],
    });
    return { svg, width, height };
  });
  return figureOf(frameSvg({
    title: chart.title,
    subtitle: chart.subtitle,
    legend: lineLegend(groups),
    panels,
  }));
};
