/** One question about one photo, from a run directory to an answer. */
import type { ConfigError, Layout, NdArray } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import { theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as O from "fp-ts/lib/Option.js";
import * as Stream from "effect/Stream";
import type { Box } from "../records/box.ts";
import { atomicWrite, type DiskError } from "../base/disk.ts";
import { fromEither } from "../base/bridge.ts";
import type { PromptIds } from "../text/language.ts";
import type { TemplateError } from "../text/template.ts";
import { stackedPixels } from "../images/pixels.ts";
import { askedAbout, IMAGE_MARK, marksIn } from "../text/image_mark.ts";
import { openSearch } from "../generate/beam_search.ts";
import { type Decoding, greedily } from "../generate/decoding.ts";
import { GenerateError } from "../generate/fault.ts";
import { described, type GenerationError, openGenerator } from "../generate/generator.ts";
import { attentionFigure } from "./attention_figure.ts";
import { attentionMapsAt, windowsOf } from "./attention_maps.ts";
import { type InputImage, type InputImageError, loadInputImage } from "./input_image.ts";
import { loadTrained, type TrainedError, type TrainedModel } from "./trained.ts";

/** Errors of asking. */
export type AskError =
  | ConfigError
  | DiskError
  | GenerationError
  | InputImageError
  | TemplateError
  | TrainedError;

/** What is asked, and how. */
export interface Ask {
  /** Directory of a run, an ablation or an artefact of a store, or a checkpoint in one. */
  readonly checkpoint: string;
  /** The arm of the run; the first fine-tuned one with several scales by default. */
  readonly arm?: string;
  /** Files of the images, in the order of their marks. */
  readonly images: readonly string[];
  /** The question, `<image>` where each image is; without marks they stand before it. */
  readonly question: string;
  /** Maximum number of tokens of the answer. */
  readonly tokens: number;
  /** How tokens are chosen; greedily by default. */
  readonly decoding?: Decoding;
  /** Beams of a search, in place of `decoding`; none by default. */
  readonly beams?: number;
  /** File to which an image of where the answer looked is written; none by default. */
  readonly show?: string;
}

/** An answer, and what it was made with. */
export interface Answer {
  /** The question as the model read it. */
  readonly question: string;
  /** The words. */
  readonly answer: string;
  /** Its tokens, the end left out. */
  readonly ids: readonly number[];
  /** Words of the question that the model does not know. */
  readonly unknown: readonly string[];
  /** The box that the answer speaks of, in shares of the image's sides, if it is one. */
  readonly box?: Box;
  /** The arm. */
  readonly arm: string;
  /** Visual tokens. */
  readonly visualTokens: number;
  /** The device. */
  readonly device: string;
  /** Seconds from the first kernel to the last token, without loading and compiling. */
  readonly seconds: number;
}

const refuse = (got: string, expected: string, hint: string): GenerateError =>
  new GenerateError({ op: "ask", got, expected, hint });

/** More than this no answer is long. */
export const MAX_TOKENS = 4096;

const checked = ({ question, images, tokens, beams, decoding, show }: Ask): GenerateError | undefined => {
  const marks = marksIn(question);
  if (marks > 0 && marks !== images.length) {
    return refuse(
      `${marks} marks <image> for ${images.length} images`,
      "one for each",
      "change the question",
    );
  }
  if (show !== undefined && images.length !== 1) {
    return refuse(`--show with ${images.length} images`, "one image", "leave out --show, or ask about one");
  }
  if (/^[\s?.!]*$/.test(question)) {
    return refuse(`the question ${JSON.stringify(question)}`, "words", "ask for example `is there a cow`");
  }
  if (!Number.isInteger(tokens) || tokens < 1 || tokens > MAX_TOKENS) {
    return refuse(`${tokens} tokens at most`, `1 to ${MAX_TOKENS}`, "change --max-tokens");
  }
  if (beams !== undefined && decoding?.kind === "sample") {
    return refuse("beams and a temperature", "one of them", "leave out --beams or --temperature");
  }
  return undefined;
};

/** What a stream tells when a text has grown; all of it again, on a new line, where more tokens changed its beginning. */
export const added = (before: string, now: string): string =>
  now.startsWith(before) ? now.slice(before.length) : `\n${now}`;

/** Requirements of all parts of an answer. */
interface AskedPrompt {
  readonly request: Ask;
  readonly trained: TrainedModel;
  readonly inputImages: readonly InputImage[];
  readonly question: string;
  readonly prompt: PromptIds;
  readonly given: Readonly<Record<string, NdArray>>;
}

/** The tokens of the answer and the seconds that they took; words are printed as they come. */
const write = (
  { request, trained, inputImages, prompt, given }: AskedPrompt,
  tell: (words: string) => void,
) =>
  Effect.gen(function* () {
    const { speech, causalLM } = trained, { beams, decoding = greedily, tokens } = request;
    // prompts of one length share their kernels
    const room = {
      rows: 1,
      prompt: Math.ceil(prompt.ids.length / 16) * 16,
      images: inputImages.length,
      tokens,
    };
    const marks = { ends: prompt.ends, pad: speech.pad };
    if (beams !== undefined) {
      const search = yield* openSearch(causalLM, room, marks, beams), began = performance.now();
      const ids = (yield* search({ prompts: [prompt.ids], given }))[0]!;
      tell(speech.decode(ids));
      return { ids, seconds: (performance.now() - began) / 1000 };
    }
    const generator = yield* openGenerator(causalLM, room, marks, decoding.kind), began = performance.now();
    const ids = yield* Stream.runFoldEffect(
      generator.stream({ prompts: [prompt.ids], given, decoding }),
      (): readonly number[] => [],
      (before, [more]) =>
        Effect.sync(() => {
          const now = [...before, ...more!];
          tell(added(speech.decode(before), speech.decode(now)));
          return now;
        }),
    );
    return { ids, seconds: (performance.now() - began) / 1000 };
  });

/** Writes the image of where an answer looked. An answer without words was chosen by looking too: at its end. */
const draw = (
  { trained: { speech, causalLM }, inputImages, question, prompt, given }: AskedPrompt,
  ids: readonly number[],
  layout: Layout,
  path: string,
) =>
  Effect.gen(function* () {
    const answer = ids.length > 0 ? ids : [prompt.ends[0]!];
    const words = ids.length > 0 ? ids.map((id) => speech.decode([id])) : ["(end)"];
    const looks = yield* attentionMapsAt(causalLM, layout, { prompt: prompt.ids, answer, given });
    yield* atomicWrite(path, [attentionFigure({ photo: inputImages[0]!, question, tokens: words, looks })]);
  });

/** Answers one question; `tell` is given the words as they come. */
export const ask = (
  request: Ask,
  tell: (words: string) => void,
): Effect.Effect<Answer, AskError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const bad = checked(request);
    if (bad !== undefined) return yield* Effect.fail(bad);
    const device = yield* theDevice(), { show } = request;
    const trained = yield* loadTrained(request.checkpoint, request.arm);
    const { speech, causalLM, bridge, experiment: { world } } = trained, side = bridge.resolution;
    const layout = show === undefined
      ? undefined
      : yield* described(() => windowsOf(bridge, trained.parts.tower));
    const master = Math.max(side, world?.data.master ?? 0), { images } = request;
    const inputImages = yield* Effect.forEach(images, (path) => loadInputImage(path, side, master));
    const question = speech.asked(request.question);
    const prompt = yield* fromEither(speech.prompt(askedAbout(question, images.length)));
    const given = images.length === 0
      ? {}
      : { images: stackedPixels(inputImages.map(({ bytes }) => bytes), side) };
    const all = { request, trained, inputImages, question, prompt, given };
    const { ids, seconds } = yield* write(all, tell);
    if (show !== undefined && layout !== undefined) yield* draw(all, ids, layout, show);
    const answer = speech.decode(ids), box = speech.box(answer);
    return {
      question,
      answer,
      ids,
      unknown: speech.unknown(question.replaceAll(IMAGE_MARK, " ")),
      ...(O.isSome(box) ? { box: box.value } : {}),
      arm: trained.arm,
      visualTokens: causalLM.images!.tokens * images.length,
      device: device.profile.name,
      seconds,
    };
  }));
