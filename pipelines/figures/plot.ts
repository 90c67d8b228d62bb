/** Plots as SVG text and PNG bytes, drawn without a browser. */
import * as Plot from "@observablehq/plot";
import { Resvg } from "@resvg/resvg-js";
import { parseHTML } from "linkedom";
import { sha256 } from "../base/hash.ts";
import { FONT_STACK, renderFont } from "./font.ts";
import type { LegendEntry } from "./frame.ts";

/** The key under which a notebook asks a value how to show it. */
export const display: unique symbol = Symbol.for("Jupyter.display") as never;

/** A drawn figure. As the last value of a notebook's cell it is shown. */
export interface Figure {
  /** SVG text, complete with its namespace. */
  readonly svg: string;
  /** PNG bytes on white, rendered when they are first asked for. */
  readonly png: Uint8Array;
  /** Content of a notebook, by media type. */
  readonly [display]: () => Readonly<Record<string, string>>;
}

/** Okabe and Ito's colours, distinguished with every common kind of colour blindness and in grey. */
export const palette: readonly string[] = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#000000",
  "#8a6d00",
];

/** Dash patterns alongside the colours, so that lines differ without colour too. */
export const dashes: readonly string[] = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 4", "7 2 2 2 2 2"];

/** The colour of the i-th arm. */
export const colourOf = (i: number): string => palette[i % palette.length]!;

const dashOf = (i: number): string => dashes[i % dashes.length]!;

/** How the line of the i-th arm is drawn: its colour, and its dash pattern where it has one. */
export const strokeOf = (i: number): { readonly stroke: string; readonly strokeDasharray?: string } => ({
  stroke: colourOf(i),
  ...(dashOf(i) === "" ? {} : { strokeDasharray: dashOf(i) }),
});

/** The legend of what is drawn as lines, by their names; `slots` are their places in the palette. */
export const lineLegend = (
  names: readonly string[],
  slots: readonly number[] = names.map((_, i) => i),
): readonly LegendEntry[] =>
  names.map((name, i) => ({ name, colour: colourOf(slots[i]!), dash: dashOf(slots[i]!) }));

/** An axis with a label, or none, in its middle, `labelOffset` pixels away. */
export const axisLabel = (label: string | null, labelOffset: number) =>
  ({ label, labelOffset, labelAnchor: "center", labelArrow: "none" }) as const;

/** The SVG text of a plot; sizes are in pixels, the background is left open. */
export const plotSvg = (options: Plot.PlotOptions): string => {
  const page = parseHTML("<!doctype html><html><body></body></html>") as unknown as {
    readonly document: never;
  };
  const drawn = Plot.plot({ ...options, document: page.document });
  drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  drawn.setAttribute("font-family", FONT_STACK);
  drawn.setAttribute("font-size", "12");
  drawn.setAttribute("color", "#222");
  drawn.querySelector("style")?.remove(); // its rules are for web pages, and would leak out of an embedded figure
  return drawn.outerHTML;
};

/** PNG bytes of SVG text on white, `scale` times its own size. */
export const svgToPng = (svg: string, scale = 2): Uint8Array =>
  new Resvg(svg, {
    background: "white",
    fitTo: { mode: "zoom", value: scale },
    font: renderFont(),
  }).render().asPng();

// Ids of clip paths count up over a process. Named after the figure's content, they make equal figures equal texts,
// and figures on one page do not use each other's.
// XML has no way to write them
const withoutControls = (svg: string): string =>
  // deno-lint-ignore no-control-regex
  svg.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");

const stableIds = (svg: string): string => {
  const found = [...new Set(svg.match(/plot-clip-\d+/g) ?? [])];
  const renamed = (prefix: string): string =>
    svg.replace(/plot-clip-\d+/g, (id) => `${prefix}-${found.indexOf(id) + 1}`);
  return renamed(`clip-${sha256(renamed("clip")).slice(0, 10)}`);
};

/** A figure from its SVG text; the ids of its clip paths are made to depend on its content alone. */
export const figureOf = (svg: string): Figure => {
  const stable = stableIds(withoutControls(svg));
  let png: Uint8Array | undefined;
  return {
    svg: stable,
    get png() {
      return png ??= svgToPng(stable);
    },
    [display]: () => ({ "image/svg+xml": stable }),
  };
};
