/** A trained model, ready to be asked. */
import {
  input,
  type ParameterSpec,
  type Tensor,
  type Tree,
  type TreeError,
  type VisionLanguage,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import * as O from "fp-ts/lib/Option.js";
import type { Box } from "../records/box.ts";
import { fromEither } from "../base/bridge.ts";
import { mixturesOf } from "../engine/experiment.ts";
import { encoderFrom, savedModel } from "../engine/models.ts";
import { DEFAULT_CACHE } from "../engine/context.ts";
import { experimentLanguage, modelHash, openParts, type ResolveError } from "../engine/resolve.ts";
import { GenerateError } from "../generate/fault.ts";
import type { Writer } from "../generate/programs.ts";
import { boxFormats, loadMixture } from "../mixtures/mixture_config.ts";
import { parseBox } from "../records/grid.ts";
import { writerOf } from "../stages/answer.ts";
import { apart, seesPictures } from "../stages/encoder.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import { modelOf, type ModelParts, type PlacedBridge, viewsRead } from "../stages/model.ts";
import type { Language, PromptIds } from "../text/language.ts";
import { IMAGE_ID, IMAGE_MARK, marksIn } from "../text/image_mark.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { questionIds } from "../text/prompt.ts";
import type { LanguageFiles } from "../text/language_files.ts";
import type { TemplateError } from "../text/template.ts";
import { namedTemplates } from "../text/templates.ts";
import type { TrainingError } from "../train/fault.ts";
import type { TrainingResult } from "../train/training.ts";
import { encodedViews, type EncoderViews } from "../vision/tower.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import type { LoadError } from "../weights/huggingface/load.ts";
import type { LazyArray } from "../weights/lazy.ts";
import { type PlaceError, type TrainedPlace, trainedPlace } from "./trained_place.ts";

/** What loading a model can fail with. */
export type TrainedError = CheckpointError | PlaceError | ResolveError | TrainingError | TreeError;

/**
 * How a model is spoken to.
 * @internal
 */
export interface Speech {
  /** The question as the model learnt to read questions. */
  readonly asked: (question: string) => string;
  /** The tokens of a question with marks of its images, and those that end an answer. */
  readonly prompt: (question: string) => E.Either<TemplateError, PromptIds>;
  /** The text of an answer. */
  readonly decode: (ids: readonly number[]) => string;
  /** What stands behind an end. */
  readonly pad: number;
  /** Words of a question that the model never learnt. */
  readonly unknown: (question: string) => readonly string[];
  /** The box that an answer speaks of, in shares of the image's sides. */
  readonly box: (answer: string) => O.Option<Box>;
}

/** A model after a stage of its experiment. */
export interface TrainedModel extends TrainedPlace {
  /** Its parts. */
  readonly parts: ModelParts;
  /** Its bridge. */
  readonly bridge: PlacedBridge;
  /** How it is spoken to. */
  readonly speech: Speech;
  /** Its tokenizer and template, for exports. */
  readonly language: LanguageFiles;
  /** The encoder, the bridge and the decoder behind inputs `images` of `[rows, side, side, 3]`. */
  readonly writer: Writer;
}

const named = <A>(tree: Tree<A>): Readonly<Record<string, Tree<A>>> =>
  tree as Readonly<Record<string, Tree<A>>>;

/** The same writer with the encoder before it, so that it reads images: the input `images`, `[rows, side, side, 3]`. */
const seeing = (
  writer: Writer,
  { tower }: ModelParts,
  model: VisionLanguage,
  views: EncoderViews,
  encoder: Tree<LazyArray>,
): Writer => ({
  ...writer,
  specs: { vision: vitSpecs(tower.config) as Tree<ParameterSpec>, ...named(writer.specs) },
  params: { vision: encoder, ...named(writer.params) },
  images: {
    tokens: model.visualTokens,
    describe: (held, rows) => {
      const { vision, ...rest } = named(held), images = input("images", [rows, views.side, views.side, 3]);
      const features = encodedViews(tower, views)(vision as unknown as VitParams<Tensor>, images);
      return model.visual(rest, { features });
    },
  },
});

/** The tokens of a question as rows of scenes have them: images that come first stand before the beginning of the text. */
const worldIds = (tokenizer: Tokenizer, question: string): readonly number[] => {
  const [first = ""] = /^(<image>\s*)*/.exec(question)!;
  const [text = "", ...more] = question.slice(first.length).split(IMAGE_MARK);
  return [
    ...Array.from({ length: marksIn(first) }, () => IMAGE_ID),
    ...questionIds(tokenizer, text),
    ...more.flatMap((part) => [IMAGE_ID, ...tokenizer.encode(part)]),
  ];
};

const ofWorld = ({ experiment: { world } }: TrainedPlace): Pick<TrainedModel, "speech" | "language"> => {
  const tokenizer = tokenizerFor(world!);
  const speech: Speech = {
    // without a mark at its end
    asked: (question) => question.trim().replace(/[\s?.!]+$/, ""),
    prompt: (question) => E.right({ ids: worldIds(tokenizer, question), ends: [tokenizer.eos] }),
    decode: tokenizer.decode,
    pad: tokenizer.pad,
    unknown: (question) =>
      question.split(/\s+/).filter((word) => tokenizer.encode(word).includes(tokenizer.unk)),
    box: (answer) => parseBox(answer, world!.data.grid),
  };
  return { speech, language: { tokenizer: tokenizer.json, template: namedTemplates.plain } };
};

const ofMixture = (
  file: string,
  language: Language,
): Effect.Effect<Pick<TrainedModel, "speech" | "language">, ResolveError> =>
  Effect.gen(function* () {
    const { text } = yield* loadMixture(file), { parse } = boxFormats[text.boxes ?? "thousand"];
    const speech: Speech = {
      asked: (question) => question.trim(),
      prompt: (question) => language.prompt([{ role: "user", content: question }]),
      decode: language.decode,
      pad: language.pad,
      unknown: () => [],
      box: parse,
    };
    return { speech, language: { tokenizer: language.json, template: namedTemplates[text.template] } };
  });

/** Refuses a model whose tower or decoder of another project is no more what it was trained with. */
const checkModels = (
  { experiment: { model: { vision, decoder } }, hashes, checkpoint }: TrainedPlace,
  cache: string,
): Effect.Effect<void, LoadError | GenerateError> =>
  Effect.forEach(
    [vision, decoder].flatMap((of) => of.from === "huggingface" ? [of.folder] : []),
    (folder) =>
      Effect.flatMap(modelHash(folder, cache), (hash) =>
        hash === hashes[folder] ? Effect.void : Effect.fail(
          new GenerateError({
            op: `open ${checkpoint}`,
            got: `${folder}, whose config.json or weights have changed since the training`,
            expected: `content with the hash ${hashes[folder]}, which the training read there`,
            mend: "put the files of that time back, or train again with these",
          }),
        )),
    { discard: true },
  );

/**
 * Loads the model that a path names, for as long as the scope lives: the directory of a run, an ablation or an artefact, in
 * which `name` chooses the arm, or a checkpoint in one. `want` asks for another checkpoint or other weights than those
 * that its training says are its result; hashes of other projects' files are remembered in `cache`.
 */
export const loadTrained = (
  path: string,
  name?: string,
  want: TrainingResult = {},
  cache: string = DEFAULT_CACHE,
): Effect.Effect<TrainedModel, TrainedError, Scope.Scope> =>
  Effect.gen(function* () {
    const place = yield* trainedPlace(path, name), { experiment, hashes, stage, checkpoint } = place;
    yield* checkModels(place, cache);
    const parts = yield* openParts(experiment), resolved = { experiment, parts, hashes, lengths: {} };
    const language = yield* experimentLanguage(experiment);
    const speaking = language === undefined
      ? ofWorld(place)
      : yield* ofMixture(mixturesOf(experiment)[0]!, language);
    const whole = yield* savedModel(checkpoint, resolved, stage, want);
    const { model: { bridge, params }, encoder } = seesPictures(whole)
      ? yield* fromEither(apart(whole, parts.tower))
      : { model: whole, encoder: yield* encoderFrom(resolved, place.encoder) };
    const writer = writerOf({ model: parts, bridge, params });
    const looking = seeing(
      writer,
      parts,
      modelOf(parts, bridge),
      viewsRead(bridge),
      encoder.params,
    );
    return { ...place, parts, bridge, ...speaking, writer: looking };
  });
