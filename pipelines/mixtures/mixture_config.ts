/** A mixture of data sets as a JSON file describes it: annotation files, images, weights, prompts and the text. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError, fromEither, parseJson, type TypeOf } from "../base/bridge.ts";
import { natural } from "../base/numbers.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { type BoxFormat, decimalBoxes, locationBoxes, taggedBoxes, thousandBoxes } from "../text/boxes.ts";
import { defaultPrompts, placesIn, type PromptKind } from "../text/record_turns.ts";
import { namedTemplates, type TemplateName } from "../text/templates.ts";
import { closed, oneOf } from "../base/codecs.ts";
import { formats } from "../formats/formats.ts";
import type { Policy } from "../formats/read.ts";

/** Where the images of a part are, for formats that do not hold them. */
export interface ImageFolder extends TypeOf<typeof imageFolderCodec> {}

/** One data set of a mixture. */
export interface MixturePartConfig extends TypeOf<typeof mixturePartCodec> {}

/** Names of box formats. */
export type BoxName = "thousand" | "tagged" | "location" | "decimals";

/** How text becomes rows. */
export interface MixtureText extends TypeOf<typeof mixtureTextCodec> {}

/** A mixture. */
export interface MixtureConfig extends TypeOf<typeof mixtureCodec> {}

/** The box format of a name. */
export const boxFormats: Readonly<Record<BoxName, BoxFormat>> = {
  thousand: thousandBoxes,
  tagged: taggedBoxes,
  location: locationBoxes,
  decimals: decimalBoxes(2),
};

/** Largest weight of a part: shares of any number of parts are then finite. */
const MAX_WEIGHT = 1e12;
/** Maximum number of tokens of a row: a batch of rows is made at once. */
const MAX_TOKENS = 2 ** 20;

/** Maximum number of images of a row. */
const MAX_IMAGES = 64;

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
/** @internal */
export const imageFolderCodec = closed(
  t.intersection([
    t.type({
      /** The folder. */
      folder: words,
    }),
    t.partial({
      /**
       * The file of an image in the folder, from what the annotations call it: `{image}`, or `{image:12}` with zeros before
       * it up to 12 characters, such as `COCO_train2014_{image:12}.jpg` for the ids of VQAv2. `{image}` if absent.
       */
      name: t.refinement(
        t.string,
        (s) => /\{image(:\d{1,2})?\}/.test(s),
        "a name with {image} or {image:12}",
      ),
    }),
  ]),
);
/** @internal */
export const mixturePartCodec = closed(
  t.intersection([
    t.type({
      /** Its name; decides its order of examples. */
      name: words,
      /** The format of its annotations, one of `formats`. */
      format: oneOf(formats.map(({ name }) => name)),
      /** The annotation files, in the order that the format says. */
      files: some(words),
    }),
    t.partial({
      /** The split to take, where files hold several. */
      split: words,
      /** The images; absent for formats that hold them, and for texts alone. */
      images: imageFolderCodec,
      /** How often it is drawn from, relative to the others; the number of its examples if absent. */
      weight: t.refinement(t.number, (n) => n > 0 && n <= MAX_WEIGHT, `a number above 0, to ${MAX_WEIGHT}`),
      /** What happens at a record or image that cannot be used; that of the mixture if absent. */
      policy,
      /** Prompts by kind of record, in the place of those of the mixture. */
      prompts,
      /** Most records about one image that a row holds, as turns; 1 if absent. */
      turns: natural,
    }),
  ]),
);
const ascending = (list: readonly number[]): boolean => list.every((n, i) => i === 0 || list[i - 1]! < n);
/** @internal */
export const mixtureTextCodec = t.refinement(
  closed(
    t.intersection([
      t.type({
        /** A tokenizer.json. */
        tokenizer: words,
        /** How conversations are laid out. */
        template: oneOf(Object.keys(namedTemplates) as readonly TemplateName[]),
        /** Text tokens of a row; what needs more is refused. */
        length: t.refinement(natural, (n) => n <= MAX_TOKENS, `an integer from 1 to ${MAX_TOKENS}`),
      }),
      t.partial({
        /** Images of a row; what has more is refused. 1 if absent. */
        images: t.refinement(natural, (n) => n <= MAX_IMAGES, `an integer from 1 to ${MAX_IMAGES}`),
        /** Whether a row holds as many conversations as fit, each of which sees itself alone; false if absent. */
        pack: t.boolean,
        /** How boxes are written; `thousand` if absent. */
        boxes: oneOf(Object.keys(boxFormats) as readonly BoxName[]),
        /**
         * Shorter lengths of rows, ascending, such as `[64, 128]` below 256: the rows of a training step are all of one
         * length, the least that holds them. None if absent: every row is padded to `length`.
         */
        buckets: t.refinement(some(natural), ascending, "lengths in ascending order"),
      }),
    ]),
  ),
  ({
    /** Text tokens of a row; what needs more is refused. */
    length,
    buckets = [],
  }) => buckets.every((bucket) => bucket < length),
  "buckets shorter than the length of a row",
);
const unlike = (parts: readonly { readonly name: string }[]): boolean =>
  new Set(parts.map(({ name }) => name)).size === parts.length;
/** @internal */
export const mixtureCodec = closed(
  t.intersection([
    t.type({
      /** Its parts. */
      parts: t.refinement(some(mixturePartCodec), unlike, "parts with different names"),
      /** How text becomes rows. */
      text: mixtureTextCodec,
    }),
    t.partial({
      /** What happens at a record or image that cannot be used; `stop` if absent. */
      policy,
      /** Prompts by kind of record, in the place of {@link defaultPrompts}. */
      prompts,
    }),
  ]),
);

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
  pipe(parseJson(name)(text), E.flatMap(decodeEither(mixtureCodec, name)));

/** Reads a mixture; its paths are relative to the folder of its file. */
export const loadMixture = (path: string): Effect.Effect<MixtureConfig, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const text = yield* onDisk("read", path, () => Deno.readTextFile(path));
    const config = yield* fromEither(parseMixture(text, path));
    return mixtureUnder(folderOf(path), config);
  });

/** The file of an image in its folder. */
export const imageName = ({ name = "{image}" }: ImageFolder, image: string): string =>
  name.replace(/\{image(?::(\d+))?\}/g, (_, width?: string) => image.padStart(Number(width ?? 0), "0"));
