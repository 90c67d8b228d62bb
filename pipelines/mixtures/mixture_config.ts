/** A mixture of data sets as a JSON file describes it: annotation files, pictures, weights, prompts and the text. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { natural } from "../base/numbers.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { type BoxFormat, decimalBoxes, locationBoxes, taggedBoxes, thousandBoxes } from "../text/boxes.ts";
import { defaultPrompts, placesIn, type PromptKind, type TaskPrompts } from "../text/record_turns.ts";
import { namedTemplates, type TemplateName } from "../text/templates.ts";
import { closed, oneOf } from "../base/codecs.ts";
import { formats } from "../formats/formats.ts";
import type { Policy } from "../formats/read.ts";

/** Where the pictures of a part lie, for formats that do not hold them. */
export interface PictureFolder {
  /** The folder. */
  readonly folder: string;
  /**
   * The file of a picture in the folder, from what the annotations call it: `{image}`, or `{image:12}` with zeros before
   * it up to 12 characters, such as `COCO_train2014_{image:12}.jpg` for the ids of VQAv2. `{image}` if absent.
   */
  readonly name?: string;
}

/** One data set of a mixture. */
export interface MixturePartConfig {
  /** Its name; decides its order of examples. */
  readonly name: string;
  /** The format of its annotations, one of `formats`. */
  readonly format: string;
  /** The annotation files, in the order that the format says. */
  readonly files: readonly string[];
  /** The split to take, where files hold several. */
  readonly split?: string;
  /** The pictures; absent for formats that hold them, and for texts alone. */
  readonly images?: PictureFolder;
  /** How often it is drawn from, relative to the others; the number of its examples if absent. */
  readonly weight?: number;
  /** What happens at a record or picture that cannot be used; that of the mixture if absent. */
  readonly policy?: Policy;
  /** Prompts by kind of record, in the place of those of the mixture. */
  readonly prompts?: Partial<TaskPrompts>;
  /** Most records about one picture that a row holds, as turns; 1 if absent. */
  readonly turns?: number;
}

/** Names of box formats. */
export type BoxName = "thousand" | "tagged" | "location" | "decimals";

/** How text becomes rows. */
export interface MixtureText {
  /** A tokenizer.json. */
  readonly tokenizer: string;
  /** How conversations are laid out. */
  readonly template: TemplateName;
  /** Text tokens of a row; what needs more is refused. */
  readonly length: number;
  /** Images of a row; what has more is refused. 1 if absent. */
  readonly images?: number;
  /** Whether a row holds as many conversations as fit, each of which sees itself alone; false if absent. */
  readonly pack?: boolean;
  /**
   * Shorter lengths of rows, ascending, such as `[64, 128]` below 256: the rows of a training step are all of one
   * length, the least that holds them. None if absent: every row is padded to `length`.
   */
  readonly buckets?: readonly number[];
  /** How boxes are written; `thousand` if absent. */
  readonly boxes?: BoxName;
}

/** A mixture. */
export interface MixtureConfig {
  /** Its parts. */
  readonly parts: readonly MixturePartConfig[];
  /** How text becomes rows. */
  readonly text: MixtureText;
  /** What happens at a record or picture that cannot be used; `stop` if absent. */
  readonly policy?: Policy;
  /** Prompts by kind of record, in the place of {@link defaultPrompts}. */
  readonly prompts?: Partial<TaskPrompts>;
}

/** The box format of a name. */
export const boxFormats: Readonly<Record<BoxName, BoxFormat>> = {
  thousand: thousandBoxes,
  tagged: taggedBoxes,
  location: locationBoxes,
  decimals: decimalBoxes(2),
};

/** Largest weight of a part: shares of any number of parts are then finite. */
const MOST_WEIGHT = 1e12;
/** Most tokens of a row: a batch of rows is made at once. */
const MOST_TOKENS = 2 ** 20;

/** Most images of a row. */
const MOST_IMAGES = 64;

const words = t.refinement(t.string, (s) => s.trim() !== "", "a text that is not empty");
const some = <A>(of: t.Type<A, unknown, unknown>): t.Type<readonly A[], unknown, unknown> =>
  t.refinement(t.readonlyArray(of), (list) => list.length > 0, `one or more of ${of.name}`);

const prompt = (kind: PromptKind): t.Type<string, unknown, unknown> =>
  t.refinement(
    words,
    (text) => placesIn(kind).every((place) => text.includes(place)),
    ["a prompt", ...placesIn(kind)].join(" with "),
  );
const kinds = Object.keys(defaultPrompts) as readonly PromptKind[];
const prompts = closed(
  t.partial(
    Object.fromEntries(kinds.map((kind) => [kind, some(prompt(kind))])) as unknown as {
      readonly [K in PromptKind]: t.Type<readonly string[], unknown, unknown>;
    },
  ),
);
const policy = oneOf<Policy>(["stop", "skip"]);
const folder = closed(
  t.intersection([
    t.type({ folder: words }),
    t.partial({
      name: t.refinement(
        t.string,
        (s) => /\{image(:\d{1,2})?\}/.test(s),
        "a name with {image} or {image:12}",
      ),
    }),
  ]),
);
const partType = closed(
  t.intersection([
    t.type({ name: words, format: oneOf(formats.map(({ name }) => name)), files: some(words) }),
    t.partial({
      split: words,
      images: folder,
      weight: t.refinement(t.number, (n) => n > 0 && n <= MOST_WEIGHT, `a number above 0, to ${MOST_WEIGHT}`),
      policy,
      prompts,
      turns: natural,
    }),
  ]),
);
const ascending = (list: readonly number[]): boolean => list.every((n, i) => i === 0 || list[i - 1]! < n);
const textType = t.refinement(
  closed(
    t.intersection([
      t.type({
        tokenizer: words,
        template: oneOf(Object.keys(namedTemplates) as readonly TemplateName[]),
        length: t.refinement(natural, (n) => n <= MOST_TOKENS, `an integer from 1 to ${MOST_TOKENS}`),
      }),
      t.partial({
        images: t.refinement(natural, (n) => n <= MOST_IMAGES, `an integer from 1 to ${MOST_IMAGES}`),
        pack: t.boolean,
        boxes: oneOf(Object.keys(boxFormats) as readonly BoxName[]),
        buckets: t.refinement(some(natural), ascending, "lengths in ascending order"),
      }),
    ]),
  ),
  ({ length, buckets = [] }) => buckets.every((bucket) => bucket < length),
  "buckets shorter than the length of a row",
);
const unlike = (parts: readonly { readonly name: string }[]): boolean =>
  new Set(parts.map(({ name }) => name)).size === parts.length;
const mixtureType = closed(
  t.intersection([
    t.type({
      parts: t.refinement(some(partType), unlike, "parts with different names"),
      text: textType,
    }),
    t.partial({ policy, prompts }),
  ]),
);

/** Codec of {@link MixtureConfig}. */
export const mixtureCodec = (): t.Type<MixtureConfig, unknown, unknown> =>
  mixtureType as unknown as t.Type<MixtureConfig, unknown, unknown>;

const under = (base: string) => (path: string): string =>
  path.startsWith("/") || base === "" || base === "." ? path : `${base}/${path}`;

/** The mixture with its paths taken from a folder. */
export const mixtureUnder = (base: string, config: MixtureConfig): MixtureConfig => {
  const at = under(base);
  return {
    ...config,
    text: { ...config.text, tokenizer: at(config.text.tokenizer) },
    parts: config.parts.map((part) => ({
      ...part,
      files: part.files.map(at),
      ...(part.images === undefined ? {} : { images: { ...part.images, folder: at(part.images.folder) } }),
    })),
  };
};

/** A mixture from the text of its file; paths are as they are written. */
export const parseMixture = (text: string, name = "mixture.json"): E.Either<DecodeError, MixtureConfig> =>
  pipe(parseJson(name)(text), E.flatMap(decodeEither(mixtureCodec(), name)));

/** Reads a mixture; its paths are relative to the folder of its file. */
export const loadMixture = (path: string): Effect.Effect<MixtureConfig, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const text = yield* onDisk("read", path, () => Deno.readTextFile(path));
    const config = yield* fromEither(parseMixture(text, path));
    return mixtureUnder(folderOf(path), config);
  });

/** The file of a picture in its folder. */
export const pictureName = ({ name = "{image}" }: PictureFolder, image: string): string =>
  name.replace(/\{image(?::(\d+))?\}/g, (_, width?: string) => image.padStart(Number(width ?? 0), "0"));
