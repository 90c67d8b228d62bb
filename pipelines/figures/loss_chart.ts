/** Loss curves of several arms, one panel a stage. */
import * as Plot from "@observablehq/plot";
import { slotsOf } from "./arm_colours.ts";
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
  /** Weight of the neighbours in the smoothing, 0 (none) to below 1; 0.9 by default. */
  readonly smoothing?: number;
  /** Whether the y axis is logarithmic; values that are not above 0 are left out. */
  readonly log?: boolean;
  /** The part of the x axis that is drawn; all of it by default. */
  readonly xRange?: readonly [number, number] | undefined;
  /** Arms in the order of their colours, if curves of some of them are left out. */
  readonly arms?: readonly string[];
  /** Whether panels carry their curves as data, for pages that show values under the pointer. */
  readonly data?: boolean;
  /** Label of the x axis. */
  readonly xLabel?: string;
  /** Label of the y axis. */
  readonly yLabel?: string;
  /** Width of all panels together, pixels. */
  readonly width?: number;
  /** Height of the panels, pixels. */
  readonly height?: number;
}

/** The farthest neighbour that counts: where its weight falls below 1 %, and no more than a twentieth of the curve. */
const reachOf = (points: number, weight: number): number =>
  weight <= 0 ? 0 : Math.min(Math.floor(points / 20), Math.ceil(Math.log(0.01) / Math.log(weight)));

/**
 * Moving average over both sides: each neighbour counts with `weight` to the power of its distance. The window grows with
 * the curve, so that a curve of fewer than 20 points stays as it is, and shrinks towards both ends, so that the line begins
 * and ends at measured values and follows a straight trend exactly. Values that are not finite stay and count for nothing.
 */
export const smooth = (values: readonly number[], weight: number): number[] => {
  const reach = reachOf(values.length, weight);
  return values.map((value, i) => {
    const here = Math.min(reach, i, values.length - 1 - i);
    if (here === 0 || !Number.isFinite(value)) return value;
    let [sum, mass] = [value, 1];
    for (let d = 1; d <= here; d++) {
      for (const next of [values[i - d]!, values[i + d]!]) {
        if (!Number.isFinite(next)) continue;
        sum += weight ** d * next;
        mass += weight ** d;
      }
    }
    return sum / mass;
  });
};

const distinct = (names: readonly string[]): string[] => [...new Set(names)];

/** The range of the finite losses, with the few highest left out so that the first steps do not flatten the rest. */
export const lossDomain = (curves: readonly LossCurve[], log = false): readonly [number, number] => {
  const all = curves.flatMap((c) => c.points.map((p) => p.loss)).filter((loss) =>
    Number.isFinite(loss) && (!log || loss > 0)
  ).toSorted((a, b) => a - b);
  if (all.length === 0) return log ? [0.1, 1] : [0, 1];
  const low = all[0]!;
  const high = all[Math.min(all.length - 1, Math.ceil((all.length - 1) * 0.995))]!;
  if (log) return [low * (low / high) ** 0.04 * 0.99, high * (high / low) ** 0.04 * 1.01];
  const room = 0.04 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
};

const tickText = (n: number): string =>
  Math.abs(n) >= 1e6
    ? `${+(n / 1e6).toPrecision(4)}M`
    : Math.abs(n) >= 1e4
    ? `${+(n / 1e3).toPrecision(4)}k`
    : `${n}`;

/** Positions of ticks between two steps: about `most`, all of them whole numbers. */
export const stepTicks = (from: number, to: number, most: number): readonly number[] => {
  const [low, high] = [Math.ceil(from), Math.floor(to)];
  const rough = Math.max(1, (high - low) / Math.max(1, most)), power = 10 ** Math.floor(Math.log10(rough));
  const every = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? 10 * power;
  const first = Math.ceil(low / every) * every;
  return Array.from(
    { length: Math.max(0, Math.floor((high - first) / every) + 1) },
    (_, i) => first + i * every,
  );
};

/** What a panel carries for pages that show values under the pointer; places are in pixels of the panel. */
export interface PanelData {
  /** Left and right edge of the plot. */
  readonly across: readonly [number, number];
  /** Lower and upper edge of the plot. */
  readonly down: readonly [number, number];
  /** What the left and right edge represent. */
  readonly x: readonly [number, number];
  /** What the lower and upper edge represent. */
  readonly y: readonly [number, number];
  /** Whether the y axis is logarithmic. */
  readonly log: boolean;
  /** The curves as they were measured. */
  readonly curves: readonly {
    /** The arm. */
    readonly name: string;
    /** Its colour. */
    readonly colour: string;
    /** Its points in order of x. */
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

interface PanelOptions {
  readonly stage: string;
  readonly curves: readonly LossCurve[];
  readonly slotOf: (arm: string) => number;
  readonly smoothing: number;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly width: number;
  readonly height: number;
  readonly log: boolean;
  readonly xRange: readonly [number, number] | undefined;
  readonly data: boolean;
}

const MARGIN = { left: 66, top: 30, bottom: 46 };

const within = (range: readonly [number, number] | undefined) => ({ x }: LossPoint): boolean =>
  range === undefined || (x >= range[0] && x <= range[1]);

const panelOf = (o: PanelOptions): Panel => {
  const mine = o.curves.filter((curve) => curve.stage === o.stage);
  const inRange = mine.map((curve) => ({ ...curve, points: curve.points.filter(within(o.xRange)) }));
  const domain = lossDomain(inRange, o.log);
  const drawable = (y: number | undefined): number => y !== undefined && (!o.log || y > 0) ? y : NaN;
  const marks = mine.flatMap((curve): Plot.Markish[] => {
    const arm = o.slotOf(curve.arm), raw = curve.points.map((p) => p.loss);
    const smoothed = smooth(raw, o.smoothing);
    const points = curve.points.map((p, i) => ({
      x: p.x,
      raw: drawable(p.loss),
      smooth: drawable(smoothed[i]),
    }));
    const faint = Plot.line(points, {
      x: "x",
      y: "raw",
      stroke: colourOf(arm),
      strokeOpacity: 0.35,
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
    return reachOf(raw.length, o.smoothing) > 0 ? [faint, bold] : [bold];
  });
  const last = mine.flatMap((curve) => curve.points.map((p) => p.x)).reduce((a, b) => Math.max(a, b), 0) || 1;
  const x = o.xRange ?? [0, last];
  const marginRight = Math.max(14, textWidth(tickText(x[1]), 12) / 2 + 8);
  const svg = plotSvg({
    width: o.width,
    height: o.height,
    marginLeft: MARGIN.left,
    marginRight,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    x: { domain: [...x], label: null },
    y: { domain: [...domain], label: null, grid: true, ticks: o.height / 60, type: o.log ? "log" : "linear" },
    marks: [
      Plot.frame({ stroke: "#bbb" }),
      ...marks,
      Plot.text([o.stage], { frameAnchor: "top", dy: -14, fontSize: 13, fontWeight: 600 }),
      Plot.axisX(stepTicks(x[0], x[1], o.width / 110), {
        ...axisLabel(o.xLabel, 38),
        tickFormat: tickText,
      }),
      Plot.axisY({
        ...axisLabel(o.yLabel, 56),
        ticks: o.height / 60,
        ...(o.log ? { tickFormat: tickText } : {}),
      }),
    ],
  });
  const data: PanelData = {
    across: [MARGIN.left, o.width - marginRight],
    down: [o.height - MARGIN.bottom, MARGIN.top],
    x,
    y: domain,
    log: o.log,
    curves: inRange.map(({ arm, points }) => ({
      name: arm,
      colour: colourOf(o.slotOf(arm)),
      points: points.map(({ x, loss }) => [x, Number(loss.toPrecision(5))]),
    })),
  };
  return { svg, width: o.width, height: o.height, ...(o.data ? { data } : {}) };
};

/** Narrowest panel, pixels; those for which there is no room in a row go into the next. */
const NARROWEST = 280;

/** Draws smoothed loss curves over the faint raw ones: a panel for each stage, a colour and dash for each arm. */
export const lossChart = (chart: LossChart): Figure => {
  const stages = distinct(chart.curves.map((curve) => curve.stage));
  const shown = distinct(chart.curves.map((curve) => curve.arm)),
    arms = chart.arms ?? shown,
    slots = slotsOf(arms);
  const smoothing = chart.smoothing ?? 0.9, width = chart.width ?? 880;
  const most = Math.max(1, Math.floor(width / NARROWEST)), rows = Math.ceil(stages.length / most);
  const columns = Math.max(1, Math.ceil(stages.length / rows));
  const panels = stages.map((stage) =>
    panelOf({
      stage,
      curves: chart.curves,
      slotOf: (arm) => slots[arms.indexOf(arm)]!,
      smoothing,
      xLabel: chart.xLabel ?? "Optimiser steps",
      yLabel: chart.yLabel ?? "Loss (nats per token)",
      width: width / columns,
      height: chart.height ?? 360,
      log: chart.log ?? false,
      xRange: chart.xRange,
      data: chart.data ?? false,
    })
  );
  const smoothed = chart.curves.some(({ points }) => reachOf(points.length, smoothing) > 0);
  const note = smoothed
    ? `Lines: moving average over both sides, weight ${smoothing}; faint: every measurement`
    : undefined;
  return figureOf(frameSvg({
    title: chart.title,
    subtitle: chart.subtitle ?? note,
    legend: lineLegend(arms, slots).filter(({ name }) => shown.includes(name)),
    panels,
    columns,
  }));
};
