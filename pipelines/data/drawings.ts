/**
 * The drawings of a style, found in its npm package when the style is first wanted.
 * Licences of the art: fluent-emoji-flat and fluent-emoji-3d MIT, noto Apache-2.0, twemoji CC-BY-4.0, openmoji
 * CC-BY-SA-4.0.
 */
import * as Effect from "effect/Effect";
import { createRequire } from "node:module";
import type { Style } from "./config.ts";
import { DataError } from "./error.ts";
import { type Raster, rasterFile, rasterSvg } from "./raster.ts";

/** What names a drawing in the packages. */
export interface DrawingName {
  /** Words of the Unicode name, joined by hyphens. */
  readonly slug: string;
  /** The character, without U+FE0F. */
  readonly emoji: string;
}

/** The pictures of one style. */
export interface Drawings {
  /** Names and versions of the package. */
  readonly source: string;
  /** Whether it draws something. */
  readonly has: (name: DrawingName) => boolean;
  /** The drawing's pixels; rejects if there is none. */
  readonly raster: (name: DrawingName) => Promise<Raster>;
}

/** Who made a style's art, and on which terms. */
export interface StyleSource {
  /** The npm package. */
  readonly package: string;
  /** Its version. */
  readonly version: string;
  /** Identifier of the licence (SPDX). */
  readonly licence: string;
  /** Who must be named. */
  readonly by: string;
}

/** Sources of the styles that npm ships. */
export const styleSources: Readonly<Record<Exclude<Style, "stamp">, StyleSource>> = {
  "fluent-flat": {
    package: "@iconify-json/fluent-emoji-flat",
    version: "1.2.6",
    licence: "MIT",
    by: "Microsoft (Fluent Emoji)",
  },
  "fluent-3d": {
    package: "@lobehub/fluent-emoji-3d",
    version: "1.1.0",
    licence: "MIT",
    by: "Microsoft (Fluent Emoji)",
  },
  noto: { package: "@iconify-json/noto", version: "1.2.9", licence: "Apache-2.0", by: "Google (Noto Emoji)" },
  twemoji: {
    package: "@iconify-json/twemoji",
    version: "1.2.5",
    licence: "CC-BY-4.0",
    by: "Twitter and contributors (Twemoji)",
  },
  openmoji: {
    package: "@iconify-json/openmoji",
    version: "1.2.29",
    licence: "CC-BY-SA-4.0",
    by: "OpenMoji project",
  },
};

/** Name and version of a style's package; empty for `stamp`. */
export const styleVersion = (style: Style): string =>
  style === "stamp" ? "" : `${styleSources[style].package}@${styleSources[style].version}`;

// Literal names, so that `deno cache` sees the packages; each is read only when its style is wanted.
const manifests: Readonly<Record<keyof typeof styleSources, () => Promise<unknown>>> = {
  "fluent-flat": () =>
    import("npm:@iconify-json/fluent-emoji-flat@1.2.6/package.json", { with: { type: "json" } }),
  "fluent-3d": () => import("npm:@lobehub/fluent-emoji-3d@1.1.0/package.json", { with: { type: "json" } }),
  noto: () => import("npm:@iconify-json/noto@1.2.9/package.json", { with: { type: "json" } }),
  twemoji: () => import("npm:@iconify-json/twemoji@1.2.5/package.json", { with: { type: "json" } }),
  openmoji: () => import("npm:@iconify-json/openmoji@1.2.29/package.json", { with: { type: "json" } }),
};

interface Icon {
  readonly body: string;
  readonly width?: number;
  readonly height?: number;
}

interface IconSet {
  readonly width?: number;
  readonly height?: number;
  readonly icons: Readonly<Record<string, Icon>>;
}

const fileOf = (path: string): string => createRequire(import.meta.url).resolve(path);

// Icon sets write possessives without the hyphen: `womans-hat`.
const iconOf = (set: IconSet, slug: string): Icon | undefined =>
  set.icons[slug] ?? set.icons[slug.replace("-s-", "s-")];

// resvg 2.6.2 ends the whole process on this one: it has a pattern without extent.
const unreadable: Readonly<Record<string, string>> = { "@iconify-json/noto": "package" };

const iconDrawings = async (name: string, source: string): Promise<Drawings> => {
  const all = JSON.parse(await Deno.readTextFile(fileOf(`${name}/icons.json`))) as IconSet;
  const { [unreadable[name] ?? ""]: _, ...icons } = all.icons;
  const set: IconSet = { ...all, icons };
  return {
    source,
    has: ({ slug }) => iconOf(set, slug) !== undefined,
    raster: ({ slug }) => {
      const icon = iconOf(set, slug);
      if (icon === undefined) return Promise.reject(new Error(`no picture ${slug}`));
      const w = icon.width ?? set.width ?? 16, h = icon.height ?? set.height ?? 16;
      return Promise.resolve(rasterSvg(
        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
          `width="${w}" height="${h}" viewBox="0 0 ${w} ${h}">${icon.body}</svg>`,
      ));
    },
  };
};

/** The code points of a character as the files of pictures are named, without the variation selector. */
const fileKey = (name: string): string =>
  name.replace(/\.webp$/, "").split("-").filter((p) => p !== "fe0f").join("-");

const fileDrawings = async (name: string, source: string): Promise<Drawings> => {
  const folder = fileOf(`${name}/package.json`).replace(/package\.json$/, "assets");
  const files = new Map<string, string>();
  for await (const { name: file } of Deno.readDir(folder)) files.set(fileKey(file), `${folder}/${file}`);
  const find = ({ emoji }: DrawingName): string | undefined =>
    files.get([...emoji].map((c) => c.codePointAt(0)!.toString(16)).filter((p) => p !== "fe0f").join("-"));
  return {
    source,
    has: (drawing) => find(drawing) !== undefined,
    raster: async (drawing) => {
      const file = find(drawing);
      if (file === undefined) throw new Error(`no picture ${drawing.slug}`);
      return rasterFile(await Deno.readFile(file));
    },
  };
};

/**
 * Opens the package of a style.
 * Fails with a {@link DataError} if the package cannot be read, or for `stamp`, which no npm package has.
 */
export const openDrawings = (style: Style): Effect.Effect<Drawings, DataError> =>
  Effect.tryPromise({
    try: async () => {
      if (style === "stamp") throw new Error("the style stamp");
      await manifests[style]();
      const open = style === "fluent-3d" ? fileDrawings : iconDrawings;
      return await open(styleSources[style].package, styleVersion(style));
    },
    catch: (cause) =>
      new DataError({
        op: "openDrawings",
        got: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
        expected: `the drawings of ${style}`,
        mend: "run once with the npm registry reachable, so that Deno caches the package",
      }),
  });
