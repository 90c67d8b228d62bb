/** The frame of a figure: title, legend and panels side by side, in one SVG. */
import { escapeXml, FONT_STACK, textWidth } from "./font.ts";

/** One entry of a legend. */
export interface LegendEntry {
  /** What it represents. */
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
  /** Data that the panel carries as JSON, in the attribute `data-panel`. */
  readonly data?: unknown;
}

/** What is in a frame. */
export interface Frame {
  /** Title, in a line of its own. */
  readonly title: string;
  /** A smaller line under the title, if there is one. */
  readonly subtitle?: string | undefined;
  /** Legend entries; none draws no legend. */
  readonly legend: readonly LegendEntry[];
  /** Panels from left to right, row by row. */
  readonly panels: readonly Panel[];
  /** Panels of a row; all of them by default. */
  readonly columns?: number;
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
export const frameSvg = ({ title, subtitle, legend, panels, columns = panels.length }: Frame): string => {
  const lines = Array.from(
    { length: Math.ceil(panels.length / Math.max(1, columns)) },
    (_, i) => panels.slice(i * columns, (i + 1) * columns),
  );
  const widths = lines.map((line) => line.reduce((w, panel) => w + panel.width, 0));
  const inner = Math.max(textWidth(title, 16), ...widths);
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
  for (const line of lines) {
    let x = MARGIN;
    for (const { svg, width, height, data } of line) {
      // the empty rectangle makes all of the panel answer to the pointer
      const [carried, area] = data === undefined ? ["", ""] : [
        ` data-panel="${escapeXml(JSON.stringify(data))}"`,
        `<rect width="${width}" height="${height}" fill="none" pointer-events="all"/>`,
      ];
      parts.push(`<g transform="translate(${x},${y})"${carried}>${area}${svg}</g>`);
      x += width;
    }
    y += Math.max(...line.map((panel) => panel.height));
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${
    y + MARGIN
  }" width="${width}" height="${y + MARGIN}" ` +
    `font-family="${FONT_STACK}" fill="#222" role="img" aria-label="${
      escapeXml(title)
    }"><rect width="${width}" height="${y + MARGIN}" fill="white"/>${parts.join("")}</svg>`;
};
