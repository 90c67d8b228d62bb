/**
 * The art: pictures of concepts and the letters of plates, taken from npm packages.
 * Licences of the art: fluent-emoji-flat MIT, noto Apache-2.0, twemoji CC-BY-4.0, Roboto OFL-1.1.
 */
import * as Effect from "effect/Effect";
// Importing the manifest puts the package in the module graph: `deno cache` fetches it, and its other files can then be
// found by name.
import roboto from "npm:@expo-google-fonts/roboto@0.4.3/package.json" with { type: "json" };
import { concepts, smallVocabulary } from "./concepts.ts";
import type { Style } from "./config.ts";
import { iconSvg, readIcons, styleVersion } from "./drawings.ts";
import type { DataError } from "../base/data_error.ts";
import { packageError, packageFile } from "../base/package_files.ts";

/** Drawings as text, ready to be sent to a worker. */
export interface Art {
  /** SVG documents by {@link artKey}. */
  readonly svgs: Readonly<Record<string, string>>;
  /** The TrueType file of the plates. */
  readonly font: Uint8Array;
}

/** Name of the drawing of a concept in a style. */
export const artKey = (concept: number, style: Style): string => `${style}/${concept}`;

/** Names and versions of the packages that the pixels come from; part of every cache key. */
export const artVersion: string = [
  ...(["fluent-flat", "noto", "twemoji"] as const).map(styleVersion),
  `${roboto.name}@${roboto.version}`,
].join(" ");

const fontFile = "@expo-google-fonts/roboto/500Medium/Roboto_500Medium.ttf";

const attempt = <A>(what: string, f: () => Promise<A>): Effect.Effect<A, DataError> =>
  Effect.tryPromise({ try: f, catch: packageError("art", `the npm package ${what}`) });

const loadStyle = (style: Style): Effect.Effect<readonly (readonly [string, string])[], DataError> =>
  attempt(`of the style ${style}`, async () => {
    if (style === "stamp" || style === "fluent-3d") {
      throw new Error(`${style}, which small worlds are not drawn in`);
    }
    const icons = await readIcons(style);
    return concepts.slice(0, smallVocabulary).map(({ id, slug }) => {
      const icon = icons(slug);
      if (icon === undefined) throw new Error(`no picture ${slug}`);
      return [artKey(id, style), iconSvg(icon, ["SIDE", "SIDE"])];
    });
  });

/** The TrueType file of the plates and of sheets. */
export const loadFont = (): Uint8Array => Deno.readFileSync(packageFile(fontFile));

/** Styles of worlds without {@link DataConfig.world}. */
export const smallStyles: readonly Style[] = ["fluent-flat", "noto", "twemoji"];

/** Loads the drawings of the first concepts in the given styles, and the font: all that small worlds are drawn with. */
export const loadArt = (wanted: readonly Style[] = smallStyles): Effect.Effect<Art, DataError> =>
  Effect.gen(function* () {
    const drawings = yield* Effect.forEach([...new Set(wanted)], loadStyle);
    return {
      svgs: Object.fromEntries(drawings.flat()),
      font: yield* attempt("@expo-google-fonts/roboto", () => Promise.resolve(loadFont())),
    };
  });
