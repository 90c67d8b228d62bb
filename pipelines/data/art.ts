/**
 * The art: pictures of concepts and the letters of plates, taken from npm packages.
 * Licences of the art: fluent-emoji-flat MIT, noto Apache-2.0, twemoji CC-BY-4.0, Roboto OFL-1.1.
 */
import * as Effect from "effect/Effect";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { concepts } from "./concepts.ts";
import { type Style, styles } from "./config.ts";
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

// Not literals in the import: the checker would type 45 MB of JSON.
const packages: Readonly<Record<Style, string>> = {
  "fluent-flat": "npm:@iconify-json/fluent-emoji-flat@1.2.6/icons.json",
  noto: "npm:@iconify-json/noto@1.2.9/icons.json",
  twemoji: "npm:@iconify-json/twemoji@1.2.5/icons.json",
};
const fontPackage = "npm:@expo-google-fonts/roboto@0.4.3/package.json";
const fontFile = "500Medium/Roboto_500Medium.ttf";

interface IconSet {
  readonly width?: number;
  readonly height?: number;
  readonly icons: Readonly<
    Record<string, { readonly body: string; readonly width?: number; readonly height?: number }>
  >;
}

const loadJson = async (specifier: string): Promise<unknown> =>
  (await import(specifier, { with: { type: "json" } }) as { default: unknown }).default;

const attempt = <A>(what: string, f: () => Promise<A>): Effect.Effect<A, DataError> =>
  Effect.tryPromise({
    try: f,
    catch: (cause) =>
      new DataError({
        op: "art",
        got: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
        expected: `the npm package of ${what}`,
        mend: "run once with the npm registry reachable, so that Deno caches the package",
      }),
  });

const loadStyle = (style: Style): Effect.Effect<readonly (readonly [string, string])[], DataError> =>
  attempt(packages[style], async () => {
    const set = await loadJson(packages[style]) as IconSet;
    return concepts.map(({ id, slug }) => {
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

const loadFont: Effect.Effect<Uint8Array, DataError> = attempt(fontPackage, async () => {
  await loadJson(fontPackage); // once imported, the package can be found on disk by its bare name
  const manifest = createRequire(import.meta.url).resolve("@expo-google-fonts/roboto/package.json");
  return await Deno.readFile(join(dirname(manifest), fontFile));
});

/** Loads the drawings of the whole vocabulary in the given styles, and the font. */
export const loadArt = (wanted: readonly Style[] = styles): Effect.Effect<Art, DataError> =>
  Effect.gen(function* () {
    const drawings = yield* Effect.forEach([...new Set(wanted)], loadStyle);
    return { svgs: Object.fromEntries(drawings.flat()), font: yield* loadFont };
  });
