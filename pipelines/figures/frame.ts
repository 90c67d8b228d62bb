/** The frame of a figure: title, legend and panels side by side, in one SVG. */
import { escapeXml, FONT_STACK, textWidth } from "./font.ts";

/** One entry of a legend. */
export interface LegendEntry {
  /** What it stands for. */
  readonly name: string;
  /** Its colour. */
  readonly colour: string;
  /** Its dash pattern; empty is solid. Left out, the entry is a dot. */
  readonly dash?: string;
}

/** One drawn panel. */
export interface Panel {
  /** SVG text of the panel. */
  readonly svg: string;
  /** Width, pixels. */
  readonly width: number;
  /** Height, pixels. */
  readonly height: number;
}

/** What stands in a frame. */
export interface Frame {
  /** Title, in a line of its own. */
  readonly title: string;
  /** A smaller line under the title, if there is one. */
  readonly subtitle?: string | undefined;
  /** Legend entries; none draws no legend. */
  readonly legend: readonly LegendEntry[];
  /** Panels from left to right. */
  readonly panels: readonly Panel[];
}

interface Row {
  readonly x: number;
  readonly y: number;
  readonly entry: LegendEntry;
}

const LEGEND = { size: 12, line: 26, dot: 12, gap: 8, between: 22, row: 20 };

const swatchWidth = ({ dash }: LegendEntry): number => dash === undefined ? LEGEND.dot : LEGEND.line;

/** Places legend entries in rows no wider than `width`. */
export const legendRows = (entries: readonly LegendEntry[], width: number): readonly Row[] => {
  const rows: Row[] = [];
  let [x, y] = [0, 0];
  for (const entry of entries) {
    const wide = swatchWidth(entry) + LEGEND.gap + textWidth(entry.name, LEGEND.size);
    if (x > 0 && x + wide > width) [x, y] = [0, y + LEGEND.row];
    rows.push({ x, y, entry });
    x += wide + LEGEND.between;
  }
  return rows;
};

const swatch = ({ colour, dash }: LegendEntry): string =>
  dash === undefined
    ? `<circle cx="${LEGEND.dot / 2}" cy="-4" r="5" fill="${colour}"/>`
    : `<line x2="${LEGEND.line}" y1="-4" y2="-4" stroke="${colour}" stroke-width="2.5"${
      dash === "" ? "" : ` stroke-dasharray="${dash}"`
    }/>`;

const MARGIN = 16;

/** One SVG of a frame and its panels. */
export const frameSvg = ({ title, subtitle, legend, panels }: Frame): string => {
  const inner = Math.max(textWidth(title, 16), panels.reduce((w, panel) => w + panel.width, 0));
  const width = inner + 2 * MARGIN;
  const rows = legendRows(legend, inner - 8);
  let y = MARGIN + 14;
  const parts = [`<text x="${MARGIN}" y="${y}" font-size="16" font-weight="600">${escapeXml(title)}</text>`];
  if (subtitle !== undefined) {
    y += 19;
    parts.push(`<text x="${MARGIN}" y="${y}" font-size="12" fill="#555">${escapeXml(subtitle)}</text>`);
  }
  if (rows.length > 0) {
    y += 26;
    for (const row of rows) {
      parts.push(
        `<g transform="translate(${MARGIN + row.x},${y + row.y})">${swatch(row.entry)}` +
          `<text x="${swatchWidth(row.entry) + LEGEND.gap}" font-size="${LEGEND.size}">${
            escapeXml(row.entry.name)
          }</text></g>`,
      );
    }
    y += rows[rows.length - 1]!.y;
  }
  y += 6;
  let x = MARGIN;
  for (const panel of panels) {
    parts.push(`<g transform="translate(${x},${y})">${panel.svg}</g>`);
    x += panel.width;
  }
  const height = y + Math.max(0, ...panels.map((panel) => panel.height)) + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `font-family="${FONT_STACK}" fill="#222" role="img" aria-label="${
      escapeXml(title)
    }"><rect width="${width}" height="${height}" fill="white"/>${parts.join("")}</svg>`;
};
