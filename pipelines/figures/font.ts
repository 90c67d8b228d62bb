/** The font of the figures, shipped as a package so that every machine draws the same, and how wide its text is. */
import { Resvg, type ResvgRenderOptions } from "@resvg/resvg-js";
// The import makes the runtime fetch the font's package, after which its files have addresses.
// deno-lint-ignore no-import-prefix
import "npm:@expo-google-fonts/inter@0.4.2/package.json" with { type: "json" };

/** Font family of every figure. */
export const FONT = "Inter";

/** The family as SVG text should name it, with fonts to fall back on where the viewer lacks it. */
export const FONT_STACK = `${FONT}, 'Helvetica Neue', Arial, sans-serif`;

const pathOf = (address: string): string =>
  decodeURIComponent(new URL(address).pathname).replace(/^\/([A-Za-z]:)/, "$1");

/** The font files, regular and semi-bold. */
export const fontFiles = (): readonly string[] => [
  pathOf(import.meta.resolve("npm:@expo-google-fonts/inter@0.4.2/400Regular/Inter_400Regular.ttf")),
  pathOf(import.meta.resolve("npm:@expo-google-fonts/inter@0.4.2/600SemiBold/Inter_600SemiBold.ttf")),
];

/** Options that make the renderer use these files and no font of the system. */
export const renderFont = (): NonNullable<ResvgRenderOptions["font"]> => ({
  loadSystemFonts: false,
  fontFiles: [...fontFiles()],
  defaultFontFamily: FONT,
  sansSerifFamily: FONT,
});

/** Text made safe for SVG. */
export const escapeXml = (text: string): string =>
  [...text].filter((char) => char >= " " || char === "\t").join("")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const emsOf = new Map<string, number>();

/** Width of a text in the figures' font, pixels, as the renderer draws it. */
export const textWidth = (text: string, size: number): number => {
  const known = emsOf.get(text);
  if (known !== undefined) return known * size;
  // Bars on both sides make blanks at the ends count; their own width is taken off again.
  const widthOf = (content: string): number =>
    new Resvg(
      `<svg xmlns="http://www.w3.org/2000/svg"><text y="100" font-family="${FONT}" font-size="100">${content}</text></svg>`,
      { font: renderFont() },
    ).getBBox()?.width ?? 0;
  const ems = (widthOf(`|${escapeXml(text)}|`) - widthOf("||")) / 100;
  emsOf.set(text, ems);
  return ems * size;
};
