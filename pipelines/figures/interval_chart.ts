/** Numbers with intervals: a row for each arm, a panel for each metric. */
import * as Plot from "@observablehq/plot";
import { paddedDomain } from "./domain.ts";
import { textWidth } from "./font.ts";
import { frameSvg, type Panel } from "./frame.ts";
import { colourOf, type Figure, figureOf, plotSvg } from "./plot.ts";

/** A value with its interval. */
export interface Ranging {
  /** The value. */
  readonly value: number;
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

/** One row. */
export interface IntervalRow {
  /** Its name. */
  readonly label: string;
  /** Rows of a group share a colour. */
  readonly group: string;
  /** Values by metric; a metric without one leaves its place empty. */
  readonly values: Readonly<Record<string, Ranging>>;
}

/** Contents of the figure. */
export interface IntervalChart {
  /** Title. */
  readonly title: string;
  /** A smaller line under it; say there what the intervals are. */
  readonly subtitle?: string;
  /** The rows, from top to bottom. */
  readonly rows: readonly IntervalRow[];
  /** The panels: key in `values`, and heading. */
  readonly metrics: readonly { readonly name: string; readonly label: string }[];
  /** Label of the x axes, with their unit. */
  readonly xLabel: string;
  /** A row whose values are drawn through all rows; 0 is, where there is none. */
  readonly reference?: string;
  /** Width of one panel's plot, pixels; 170 if absent. */
  readonly width?: number;
}

const ROW = 24, LABEL = 12, TOP = 30, BOTTOM = 44;

/** Narrowest range that an axis shows, in the unit of the values. */
const MINIMUM = 1;

/** Draws values with interval bars; a dashed line is the reference row, or 0 where differences are drawn. */
export const intervalChart = (chart: IntervalChart): Figure => {
  const { rows, metrics, reference } = chart, width = chart.width ?? 170;
  const labels = rows.map(({ label }) => label), groups = [...new Set(rows.map(({ group }) => group))];
  const colour = ({ group }: { readonly group: string }): string => colourOf(groups.indexOf(group));
  const room = Math.max(...labels.map((label) => textWidth(label, LABEL)), 20) + 16;
  const height = TOP + BOTTOM + ROW * rows.length;
  const panels = metrics.map(({ name, label }, i): Panel => {
    const marginLeft = i === 0 ? room : 14;
    const points = rows.flatMap(({ label: row, group, values }) => {
      const found = values[name];
      return found === undefined ? [] : [{ row, group, ...found }];
    });
    const mark = reference === undefined
      ? 0
      : rows.find((row) => row.label === reference)?.values[name]?.value;
    const svg = plotSvg({
      width: marginLeft + width + 14,
      height,
      marginLeft,
      marginRight: 14,
      marginTop: TOP,
      marginBottom: BOTTOM,
      x: {
        domain: [...paddedDomain(
          [
            ...points.flatMap(({ low, value, high }) => [low, value, high]),
            ...(mark === undefined ? [] : [mark]),
          ],
          MINIMUM,
        )],
        label: null,
        grid: true,
        ticks: 4,
      },
      y: { domain: labels, label: null },
      marks: [
        Plot.frame({ stroke: "#bbb" }),
        ...(mark === undefined ? [] : [Plot.ruleX([mark], { stroke: "#888", strokeDasharray: "4 4" })]),
        Plot.ruleY(points, { y: "row", x1: "low", x2: "high", stroke: colour, strokeWidth: 2 }),
        Plot.dot(points, { y: "row", x: "value", fill: colour, stroke: "white", r: 4.5 }),
        Plot.text([label], { frameAnchor: "top", dy: -14, fontSize: 12, fontWeight: 600 }),
        Plot.axisY({ label: null, tickSize: 0, fontSize: LABEL, ...(i === 0 ? {} : { ticks: [] }) }),
        Plot.axisX({ label: null, ticks: 4 }),
        Plot.text([chart.xLabel], { frameAnchor: "bottom", dy: 36, fontSize: 11, fill: "#555" }),
      ],
    });
    return { svg, width: marginLeft + width + 14, height };
  });
  return figureOf(frameSvg({
    title: chart.title,
    subtitle: chart.subtitle,
    legend: groups.length < 2 ? [] : groups.map((name, i) => ({ name, colour: colourOf(i) })),
    panels,
  }));
};
