/**
 * The art: pictures of concepts and the letters of plates, taken from npm packages.
 * Licences of the art: fluent-emoji-flat MIT, noto Apache-2.0, twemoji CC-BY-4.0, Roboto OFL-1.1.
 */
import * as Effect from "effect/Effect";
import { createRequire } from "node:module";
// Importing the manifests puts the packages in the module graph: `deno cache` fetches them, and their other files,
// which are too large to be checked as modules, can then be found by name.
import fluent from "npm:@iconify-json/fluent-emoji-flat@1.2.6/package.json" with { type: "json" };
import noto from "npm:@iconify-json/noto@1.2.9/package.json" with { type: "json" };
import twemoji from "npm:@iconify-json/twemoji@1.2.5/package.json" with { type: "json" };
import roboto from "npm:@expo-google-fonts/roboto@0.4.3/package.json" with { type: "json" };
import { concepts } from "./concepts.ts";
import type { Style } from "./config.ts";
import { DataError } from "./error.ts";

/** Drawings as text, ready to be sent to a worker. */
export interface Art {
  /** SVG documents by {@link artKey}. */
  readonly svgs: Readonly<Record<string, string>>;
  /** The TrueType file of the plates. */
  readonly font: Uint8Array;
}

/** Name of the drawing of a concept in a style. */
export const artKey = (concept: number, style: Style): string => `${style}/${concept}`;

const packages: Readonly<Partial<Record<Style, string>>> = {
  "fluent-flat": "@iconify-json/fluent-emoji-flat",
  noto: "@iconify-json/noto",
  twemoji: "@iconify-json/twemoji",
};

/** Names and versions of the packages that the pixels come from; part of every cache key. */
export const artVersion: string = [fluent, noto, twemoji, roboto].map((p) => `${p.name}@${p.version}`).join(
  " ",
);

const fontFile = "@expo-google-fonts/roboto/500Medium/Roboto_500Medium.ttf";
const fileOf = (path: string): string => createRequire(import.meta.url).resolve(path);

interface IconSet {
  readonly width?: number;
  readonly height?: number;
  readonly icons: Readonly<
    Record<string, { readonly body: string; readonly width?: number; readonly height?: number }>
  >;
}

const attempt = <A>(what: string, f: () => Promise<A>): Effect.Effect<A, DataError> =>
  Effect.tryPromise({
    try: f,
    catch: (cause) =>
      new DataError({
        op: "art",
        got: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
        expected: `the npm package ${what}`,
        mend: "run once with the npm registry reachable, so that Deno caches the package",
      }),
  });

/** Concepts that worlds without {@link DataConfig.world} can show. */
export const FIRST = 48;

const loadStyle = (style: Style): Effect.Effect<readonly (readonly [string, string])[], DataError> =>
  attempt(packages[style] ?? `of the style ${style}`, async () => {
    const path = fileOf(`${packages[style]}/icons.json`);
    const set = JSON.parse(await Deno.readTextFile(path)) as IconSet;
    return concepts.slice(0, FIRST).map(({ id, slug }) => {
      const icon = set.icons[slug];
      if (icon === undefined) throw new Error(`no picture ${slug}`);
      const w = icon.width ?? set.width ?? 16, h = icon.height ?? set.height ?? 16;
      return [
        artKey(id, style),
        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
        `width="SIDE" height="SIDE" viewBox="0 0 ${w} ${h}">${icon.body}</svg>`,
      ];
    });
  });

/** The TrueType file of the plates and of sheets. */
export const loadFont = (): Uint8Array => Deno.readFileSync(fileOf(fontFile));

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
