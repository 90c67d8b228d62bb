/** The letters of plates as coverage, drawn once at a great size and scaled down to whole pixels. */
import { Resvg } from "@resvg/resvg-js";
// Importing the manifests puts the packages in the module graph, so that `deno cache` fetches them.
import "npm:@expo-google-fonts/comic-neue@0.4.1/package.json" with { type: "json" };
import "npm:@expo-google-fonts/lora@0.4.2/package.json" with { type: "json" };
import "npm:@expo-google-fonts/oswald@0.4.1/package.json" with { type: "json" };
import "npm:@expo-google-fonts/roboto@0.4.3/package.json" with { type: "json" };
import "npm:dejavu-fonts-ttf@2.37.3/package.json" with { type: "json" };
import { packageFile } from "../base/package_files.ts";
import type { Packer } from "./sprite_pack.ts";
import { type PlateFont, plateFonts } from "./plate_fonts.ts";

/** Height of capital letters at which glyphs are kept, in pixels. */
export const GLYPH = 96;
/** Room around the letter in a cell: the pen starts there, and capital letters do. */
export const MARGIN = 32;

const CELL_HEIGHT = GLYPH + 2 * MARGIN;
const CELL_WIDTH = 2 * MARGIN + 160;

/** The name of a glyph's cell in packs. */
export const glyphName = (font: number, character: string): string => `glyph/${font}/${character}`;

const strip = (font: PlateFont): string => {
  const size = GLYPH / font.capital, base = MARGIN + GLYPH;
  const letters = [...font.characters].map((c, i) =>
    `<text x="${
      i * CELL_WIDTH + MARGIN
    }" y="${base}" font-family="${font.family}" font-weight="${font.weight}" ` +
    `font-size="${size}">${c}</text>`
  );
  const width = CELL_WIDTH * font.characters.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${CELL_HEIGHT}">${
    letters.join("")
  }</svg>`;
};

/** Adds the cells of every letter of every typeface, one channel each. Throws if a font file cannot be found. */
export const packGlyphs = ({ add }: Packer): void => {
  plateFonts.forEach((font, number) => {
    const { pixels, width } = new Resvg(strip(font), {
      font: { loadSystemFonts: false, fontFiles: [packageFile(font.file)] },
    }).render();
    [...font.characters].forEach((character, i) => {
      const data = new Uint8Array(CELL_WIDTH * CELL_HEIGHT);
      for (let y = 0; y < CELL_HEIGHT; y++) {
        for (let x = 0; x < CELL_WIDTH; x++) {
          data[y * CELL_WIDTH + x] = pixels[(y * width + i * CELL_WIDTH + x) * 4 + 3]!;
        }
      }
      add(glyphName(number, character), { width: CELL_WIDTH, height: CELL_HEIGHT, data });
    });
  });
};
