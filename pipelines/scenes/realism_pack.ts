/**
 * The realism pack: cut-out photographs (Tux Paint's stamps) and wallpapers of Debian packages, where they are
 * installed. None of them is part of this repository; scenes that use them record which files, and their hashes.
 */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { concepts } from "./concepts.ts";
import type { PhotoSource, RealismPack, StampSource } from "./config.ts";
import { DataError } from "../base/data_error.ts";
import { packerOf, photoName, spriteLevels, spriteName, type SpritePack } from "./sprite_pack.ts";
import { type Raster, rasterFile, scaled } from "./raster.ts";
import { sha256 } from "../base/hash.ts";
import { extent } from "./world_layout.ts";

/** Debian packages that the pack is made of. */
export const realismPackages: readonly string[] = [
  "tuxpaint-stamps-default",
  "mate-backgrounds",
  "plasma-workspace-wallpapers",
];

/** Licences of the packages, as Debian states them. */
export const realismLicences: Readonly<Record<string, string>> = {
  "tuxpaint-stamps-default": "GPL-2",
  "mate-backgrounds": "GPL-2+ and CC-BY-SA",
  "plasma-workspace-wallpapers": "GPL-2+",
};

const STAMPS = "usr/share/tuxpaint/stamps";
const PHOTOS = ["usr/share/backgrounds/mate/nature", "usr/share/wallpapers"];
/** Wallpapers that show nothing that scenes have a name for: skies, hills, water, wood, plain colours. */
const scenery: readonly string[] =
  ("Aqua Blinds Dune Garden GreenMeadow RainDrops Storm Wood Altai Autumn BytheWater Canopee Cascade Cluster ColdRipple " +
    "DarkestHour Elarun EveningGlow Flow Grey Honeywave IceCold Kay Kokkini MilkyWay Opal PastelHills Patak Path Volna " +
    "summer_1am").split(" ");
/** The least longer side of a stamp. */
const MIN_STAMP = 96;
/** Shorter side of photos, of the master's side: room from which different parts are cut. */
const ROOM = 1.4;

const filesBelow = async (folder: string): Promise<readonly string[]> => {
  const out: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) out.push(...await filesBelow(path));
      else if (entry.isFile) out.push(path);
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
  return out.toSorted();
};

/** Names and versions of those packages of {@link realismPackages} that dpkg has installed. */
const installed = async (root: string): Promise<readonly string[]> => {
  const status = await Deno.readTextFile(`${root}/var/lib/dpkg/status`).catch(() => "");
  return status.split("\n\n").flatMap((record) => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(record)?.[1];
    const known = realismPackages.includes(field("Package") ?? "") &&
      field("Status") === "install ok installed";
    return known ? [`${field("Package")}=${field("Version")}`] : [];
  }).toSorted();
};

// The first line is the English caption: "A cow." or "Cow".
const captionOf = (text: string): string =>
  text.split("\n")[0]!.trim().toLowerCase().replace(/[.!]+$/, "").replace(/^(?:an?|the|some) /, "");

const stampsIn = async (root: string): Promise<readonly StampSource[]> => {
  const byName = new Map(concepts.flatMap((c) => [c.name, ...c.synonyms].map((n) => [n, c.id] as const)));
  const found = new Map<number, StampSource>();
  for (const file of await filesBelow(`${root}/${STAMPS}`)) {
    if (!file.endsWith(".png") || file.endsWith("_mirror.png")) continue;
    const text = await Deno.readTextFile(file.replace(/\.png$/, ".txt")).catch(() => "");
    const concept = byName.get(captionOf(text));
    if (concept === undefined || found.has(concept)) continue;
    const bytes = await Deno.readFile(file), { width, height } = await rasterFile(bytes);
    if (Math.max(width, height) < MIN_STAMP) continue;
    const aspect = Math.round(1000 * width / height) / 1000;
    found.set(concept, { concept, file, sha256: sha256(bytes), aspect });
  }
  return [...found.values()].toSorted((a, b) => a.concept - b.concept);
};

const photosIn = async (root: string): Promise<readonly PhotoSource[]> => {
  const out = new Map<string, PhotoSource>();
  for (const folder of PHOTOS) {
    const best = new Map<string, readonly [string, number]>();
    for (const file of await filesBelow(`${root}/${folder}`)) {
      const names = file.slice(root.length).split(/[/.]/);
      if (!/\.(?:jpe?g|png)$/.test(file) || !scenery.some((name) => names.includes(name))) continue;
      if (file.includes("screenshot")) continue;
      // Wallpapers come in several sizes, named after them, in one folder each: the largest file is kept.
      const group = /\d+x\d+\.\w+$/.test(file) ? file.slice(0, file.lastIndexOf("/")) : file;
      const { size } = await Deno.stat(file);
      if (size > (best.get(group)?.[1] ?? 0)) best.set(group, [file, size]);
    }
    for (const [file] of best.values()) {
      const hash = sha256(await Deno.readFile(file));
      if (!out.has(hash)) out.set(hash, { file, sha256: hash });
    }
  }
  return [...out.values()].toSorted((a, b) => a.file < b.file ? -1 : 1);
};

const fault = (op: string, expected: string, hint: string) => (cause: unknown): DataError =>
  cause instanceof DataError ? cause : new DataError({
    op,
    got: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
    expected,
    hint,
  });

/**
 * What is installed of the realism pack: an exact record of files and hashes, to be put into `DataConfig.world`. None
 * where there is nothing.
 * @param root - The root of the file system, without a slash at its end.
 */
export const findRealism = (root = ""): Effect.Effect<Option.Option<RealismPack>, DataError> =>
  Effect.tryPromise({
    try: async () => {
      const stamps = await stampsIn(root), photos = await photosIn(root);
      if (stamps.length + photos.length === 0) return Option.none();
      return Option.some({ packages: await installed(root), stamps, photos });
    },
    catch: fault(
      "findRealism",
      "images of Debian packages that can be read",
      "install the packages again, or leave them out",
    ),
  });

const readChecked = async ({ file, sha256: expected }: PhotoSource): Promise<Uint8Array> => {
  const bytes = await Deno.readFile(file), got = sha256(bytes);
  if (got === expected) return bytes;
  throw new DataError({
    op: "packRealism",
    got: `${file} with the sha-256 ${got}`,
    expected,
    hint: "install the version of the package that the configuration records",
  });
};

const opaque = ({ rgba }: Raster): Uint8Array => {
  const out = new Uint8Array(rgba.length / 4 * 3);
  for (let p = 0, q = 0; p < rgba.length; p += 4, q += 3) {
    out[q] = rgba[p]!, out[q + 1] = rgba[p + 1]!, out[q + 2] = rgba[p + 2]!;
  }
  return out;
};

/** Stamps at the levels of sprites, and photos whose shorter side is 1.4 times the master's. */
export const packRealism = (realism: RealismPack, master: number): Effect.Effect<SpritePack, DataError> =>
  Effect.tryPromise({
    try: async () => {
      const packer = packerOf();
      for (const stamp of realism.stamps) {
        const drawing = await rasterFile(await readChecked(stamp)), aspect = drawing.width / drawing.height;
        for (const level of spriteLevels) {
          const { width, height, rgba } = scaled(drawing, ...extent(level, aspect));
          packer.add(spriteName("stamp", stamp.concept, level), { width, height, data: rgba });
        }
      }
      for (const [i, photo] of realism.photos.entries()) {
        const whole = await rasterFile(await readChecked(photo));
        const by = ROOM * master / Math.min(whole.width, whole.height);
        const small = scaled(whole, Math.ceil(whole.width * by), Math.ceil(whole.height * by));
        packer.add(photoName(i), { width: small.width, height: small.height, data: opaque(small) });
      }
      return packer.pack();
    },
    catch: fault(
      "packRealism",
      "the images that the configuration records",
      "install the packages that it names",
    ),
  });
