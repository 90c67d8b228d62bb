/** A profile drawn: the time of every kernel, and how much of it its work needs at the device's peak rates. */
import * as Plot from "@observablehq/plot";
import { bytesText, flopsText, type Profiled, type Roofline } from "@chain-of-sight/kernels";
import { textWidth } from "./font.ts";
import { frameSvg } from "./frame.ts";
import { axisLabel, type Figure, figureOf, palette, plotSvg } from "./plot.ts";

/** Contents of the figure. */
export interface ProfileChart {
  /** Title. */
  readonly title: string;
  /** The profile, as `against` gives it. */
  readonly profile: readonly Profiled[];
  /** Achieved rates of the device. */
  readonly roofline: Roofline;
  /** Maximum number of kernels drawn, 16 if absent; the others are one bar. */
  readonly most?: number;
  /** Width of the bars' area in pixels, 520 if absent. */
  readonly width?: number;
}

interface Bar {
  readonly label: string;
  readonly least: number;
  readonly seconds: number;
  readonly bound: Profiled["bound"] | "several";
}

const BOUNDS = [
  { name: "needed: arithmetic at its peak rate", bound: "arithmetic", colour: palette[0]! },
  { name: "needed: memory at its peak rate", bound: "memory", colour: palette[2]! },
  { name: "needed: several kernels", bound: "several", colour: palette[6]! },
] as const;
const LOST = "#d9d9d9", ROW = 22, LABEL = 11, MAX_LABEL = 56;

const shortened = (label: string): string =>
  label.length <= MAX_LABEL ? label : `${label.slice(0, MAX_LABEL - 1)}…`;

const barsOf = (profile: readonly Profiled[], most: number): readonly Bar[] => {
  const shown = profile.slice(0, most), rest = profile.slice(most);
  const sum = (of: (p: Profiled) => number): number => rest.reduce((n, p) => n + of(p), 0);
  const bars = shown.map((p, i): Bar => ({
    label: `${i + 1}. ${shortened(p.count > 1 ? `${p.count} × ${p.label}` : p.label)}`,
    least: Math.min(p.least, p.seconds) * 1000,
    seconds: p.seconds * 1000,
    bound: p.bound,
  }));
  return rest.length === 0 ? bars : [...bars, {
    label: `${rest.length} further forms`,
    least: sum((p) => Math.min(p.least, p.seconds)) * 1000,
    seconds: sum((p) => p.seconds) * 1000,
    bound: "several",
  }];
};

/** Draws a profile: a bar for each kernel, coloured as far as its work needs it, grey where time could be won. */
export const profileChart = ({ title, profile, roofline, most = 16, width = 520 }: ProfileChart): Figure => {
  const bars = barsOf(profile, most), labels = bars.map((b) => b.label);
  const marginLeft = Math.max(40, ...labels.map((l) => textWidth(l, LABEL))) + 14;
  const height = ROW * Math.max(1, bars.length) + 56;
  const used = BOUNDS.filter(({ bound }) => bars.some((b) => b.bound === bound));
  const svg = plotSvg({
    width: marginLeft + width,
    height,
    marginLeft,
    marginRight: 60,
    marginTop: 8,
    marginBottom: 44,
    x: { label: null, grid: true, domain: [0, Math.max(1e-6, ...bars.map((b) => b.seconds)) * 1.02] },
    y: { label: null, domain: labels },
    marks: [
      Plot.barX(bars, { y: "label", x: "seconds", fill: LOST, insetTop: 3, insetBottom: 3 }),
      Plot.barX(bars, {
        y: "label",
        x: "least",
        fill: (b: Bar) => BOUNDS.find(({ bound }) => bound === b.bound)!.colour,
        insetTop: 3,
        insetBottom: 3,
      }),
      Plot.text(bars, {
        y: "label",
        x: "seconds",
        text: (b: Bar) => b.seconds > 0 ? `${Math.round((100 * b.least) / b.seconds)} %` : "",
        textAnchor: "start",
        dx: 5,
        fontSize: LABEL,
      }),
      Plot.axisY({ label: null, fontSize: LABEL, tickSize: 0 }),
      Plot.axisX(axisLabel("Milliseconds in one run", 38)),
    ],
  });
  const total = profile.reduce((n, p) => n + p.seconds, 0) * 1000;
  return figureOf(frameSvg({
    title,
    subtitle: `${total.toFixed(2)} ms in kernels; peak rates ${flopsText(roofline.flops)}/s and ${
      bytesText(roofline.bytes)
    }/s; % of the time that the work needs`,
    legend: [...used, { name: "to win", colour: LOST }],
    panels: [{ svg, width: marginLeft + width, height }],
  }));
};
