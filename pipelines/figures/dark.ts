/** Figures for dark pages. */

/** Colours of figures on white, and what they are in the dark. */
const INKS: Readonly<Record<string, string>> = {
  white: "#15171a",
  "#222": "#e3e6ea",
  "#555": "#9aa4b0",
  "#bbb": "#3d444d",
  "#999": "#5c6570",
  "#888": "#5c6570",
  "#000000": "#e3e6ea",
  "#0072b2": "#4aa3df",
  "#8a6d00": "#c2a33a",
};

/** The SVG of a figure with the colours of a dark page. */
export const darkSvg = (svg: string): string =>
  svg.replace(
    /(fill|stroke|color)="(white|#[0-9a-f]{3,6})"/g,
    (whole, name: string, ink: string) => INKS[ink] === undefined ? whole : `${name}="${INKS[ink]}"`,
  );
