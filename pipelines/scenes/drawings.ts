/**
 * The drawings of a style, found in its npm package when the style is first wanted.
 * Licences of the art: fluent-emoji-flat and fluent-emoji-3d MIT, noto Apache-2.0, twemoji CC-BY-4.0, openmoji
 * CC-BY-SA-4.0.
 */
import * as Effect from "effect/Effect";
import type { DataError } from "../base/data_error.ts";
import { packageError, packageFile } from "../base/package_files.ts";
import type { DataConfig, Style } from "./config.ts";
import { plateFonts } from "./plate_fonts.ts";
import { type Raster, rasterFile, rasterSvg } from "./raster.ts";

/** What names a drawing in the packages. */
export interface DrawingName {
  /** Words of the Unicode name, joined by hyphens. */
  readonly slug: string;
  /** The character, without U+FE0F. */
  readonly emoji: string;
}

/** The images of one style. */
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

/** One drawing of an icon set, as SVG without its root element. */
interface Icon {
  /** What is inside of the root. */
  readonly body: string;
  /** Width of its view box. */
  readonly width: number;
  /** Height of its view box. */
  readonly height: number;
}

interface IconSet {
  readonly width?: number;
  readonly height?: number;
  readonly icons: Readonly<Record<string, Pick<Icon, "body"> & Partial<Icon>>>;
}

/** The icons of an icon set by slug. Rejects if the package cannot be read. */
const readIcons = async (
  style: Exclude<Style, "stamp" | "fluent-3d">,
): Promise<(slug: string) => Icon | undefined> => {
  await manifests[style]();
  const set = JSON.parse(
    await Deno.readTextFile(packageFile(`${styleSources[style].package}/icons.json`)),
  ) as IconSet;
  return (slug) => {
    // Icon sets write possessives without the hyphen: `womans-hat`.
    const icon = set.icons[slug] ?? set.icons[slug.replace("-s-", "s-")];
    if (icon === undefined) return undefined;
    return { body: icon.body, width: icon.width ?? set.width ?? 16, height: icon.height ?? set.height ?? 16 };
  };
};

/** An icon as an SVG document that is drawn at a size. */
const iconSvg = ({ body, width, height }: Icon, size: readonly [string, string]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
  `width="${size[0]}" height="${size[1]}" viewBox="0 0 ${width} ${height}">${body}</svg>`;

// resvg 2.6.2 ends the whole process on this one: it has a pattern without extent.
const unreadable: Readonly<Partial<Record<Style, string>>> = { noto: "package" };

const iconDrawings = async (style: Exclude<Style, "stamp" | "fluent-3d">): Promise<Drawings> => {
  const icons = await readIcons(style);
  const find = (slug: string): Icon | undefined => unreadable[style] === slug ? undefined : icons(slug);
  return {
    source: styleVersion(style),
    has: ({ slug }) => find(slug) !== undefined,
    raster: ({ slug }) => {
      const icon = find(slug);
      if (icon === undefined) return Promise.reject(new Error(`no image ${slug}`));
      return Promise.resolve(rasterSvg(iconSvg(icon, [String(icon.width), String(icon.height)])));
    },
  };
};

/** The code points of a character as the files of images are named, without the variation selector. */
const fileKey = (name: string): string =>
  name.replace(/\.webp$/, "").split("-").filter((p) => p !== "fe0f").join("-");

const fileDrawings = async (style: "fluent-3d"): Promise<Drawings> => {
  await manifests[style]();
  const folder = packageFile(`${styleSources[style].package}/package.json`).replace(
    /package\.json$/,
    "assets",
  );
  const files = new Map<string, string>();
  for await (const { name: file } of Deno.readDir(folder)) files.set(fileKey(file), `${folder}/${file}`);
  const find = ({ emoji }: DrawingName): string | undefined =>
    files.get([...emoji].map((c) => c.codePointAt(0)!.toString(16)).filter((p) => p !== "fe0f").join("-"));
  return {
    source: styleVersion(style),
    has: (drawing) => find(drawing) !== undefined,
    raster: async (drawing) => {
      const file = find(drawing);
      if (file === undefined) throw new Error(`no image ${drawing.slug}`);
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
      return style === "fluent-3d" ? await fileDrawings(style) : await iconDrawings(style);
    },
    catch: packageError("openDrawings", `the drawings of ${style}`),
  });

/** The styles of a configuration that npm ships, in the order of their sources. */
export const shippedStyles = (config: DataConfig): readonly (keyof typeof styleSources)[] => {
  const used: readonly Style[] = [
    ...config.styles.train,
    ...config.styles.eval,
    ...config.world?.heldOutStyles ?? [],
  ];
  return (Object.keys(styleSources) as (keyof typeof styleSources)[]).filter((style) => used.includes(style));
};

/** Names and versions of the packages that a configuration's pixels come from; part of every key of its images. */
export const materialsVersion = (config: DataConfig): string =>
  [...shippedStyles(config).map(styleVersion), ...new Set(plateFonts.map((f) => f.source))].join(" ");
