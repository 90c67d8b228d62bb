/**
 * Measures the typefaces of plates, so that scenes can be sampled with exact boxes and without any font file:
 *
 *     deno run -A tools/vocabulary/make_fonts.ts
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import opentype from "npm:opentype.js@1.3.4";
import comic from "npm:@expo-google-fonts/comic-neue@0.4.1/package.json" with { type: "json" };
import lora from "npm:@expo-google-fonts/lora@0.4.2/package.json" with { type: "json" };
import oswald from "npm:@expo-google-fonts/oswald@0.4.1/package.json" with { type: "json" };
import roboto from "npm:@expo-google-fonts/roboto@0.4.3/package.json" with { type: "json" };
import dejavu from "npm:dejavu-fonts-ttf@2.37.3/package.json" with { type: "json" };

/** What plates are written with. */
const characters = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const faces = [
  [roboto, "500Medium/Roboto_500Medium.ttf", "OFL-1.1"],
  [roboto, "900Black/Roboto_900Black.ttf", "OFL-1.1"],
  [oswald, "500Medium/Oswald_500Medium.ttf", "OFL-1.1"],
  [lora, "700Bold/Lora_700Bold.ttf", "OFL-1.1"],
  [comic, "700Bold/ComicNeue_700Bold.ttf", "OFL-1.1"],
  [dejavu, "ttf/DejaVuSerif-Bold.ttf", "Bitstream-Vera"],
  [dejavu, "ttf/DejaVuSansMono-Bold.ttf", "Bitstream-Vera"],
] as const;

const require = createRequire(import.meta.url);
const thousandths = (x: number): number => Math.round(1000 * x) / 1000;

const measure = ([source, path, licence]: typeof faces[number]) => {
  const bytes = Deno.readFileSync(require.resolve(`${source.name}/${path}`));
  const font = opentype.parse(bytes.buffer);
  const box = font.charToGlyph("H").getBoundingBox(), capital = (box.y2 - box.y1) / font.unitsPerEm;
  const advances = [...characters].map((c) =>
    thousandths(font.charToGlyph(c).advanceWidth! / font.unitsPerEm / capital)
  );
  return {
    family: font.names.fontFamily!.en,
    weight: font.tables.os2!.usWeightClass as number,
    source: `${source.name}@${source.version}`,
    file: `${source.name}/${path}`,
    licence,
    capital: thousandths(capital),
    characters,
    advances,
  };
};

if (import.meta.main) {
  const rows = faces.map((face) => JSON.stringify(measure(face)));
  await Deno.writeTextFile(
    fileURLToPath(new URL("../../pipelines/scenes/plate_fonts.json", import.meta.url)),
    `[\n${rows.join(",\n")}\n]\n`,
  );
}
