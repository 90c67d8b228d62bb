/** The font that sheets of pictures are written with. */
import { GlobalFonts } from "@napi-rs/canvas";
import { Buffer } from "node:buffer";
// Importing the manifest puts the package in the module graph: `deno cache` fetches it, and its files can then be found.
import "npm:@expo-google-fonts/roboto@0.4.3/package.json" with { type: "json" };
import { packageFile } from "../base/package_files.ts";

/** Name under which it is registered. */
export const sheetFont = "chain-of-sight sheet";

/** Registers it; safe to call again. */
export const registerFont = (): void => {
  if (GlobalFonts.has(sheetFont)) return;
  const file = packageFile("@expo-google-fonts/roboto/500Medium/Roboto_500Medium.ttf");
  GlobalFonts.register(Buffer.from(Deno.readFileSync(file)), sheetFont);
};
