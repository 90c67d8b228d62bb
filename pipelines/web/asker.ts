/** Questions to a model that stays on the device: its answer in words as they come, then its attention maps. */
import type { NdArray } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { attentionMapsAt } from "../ask/attention_maps.ts";
import { fromEither } from "../base/bridge.ts";
import { type GenerationError, type Generator, openGenerator } from "../generate/generator.ts";
import { pixelsOfImage } from "../images/pixels.ts";
import { askedAbout } from "../text/image_mark.ts";
import type { TemplateError } from "../text/template.ts";
import type { UploadError } from "../weights/lazy.ts";
import type { ScaleMap } from "./messages.ts";
import type { PageModel } from "./model.ts";

/** Prompts share programs up to multiples of this many tokens. */
export const PROMPTS = 16;

/** Maximum number of tokens of an answer. */
export const TOKENS = 16;

/** Errors of asking. */
export type AskFailure = GenerationError | TemplateError | UploadError;

/** A question about an image. */
export interface Question {
  /** `side * side * 3` bytes of RGB, at the resolution of the model. */
  readonly rgb: Uint8Array;
  /** The question. */
  readonly question: string;
}

/** An answer. */
export interface PageAnswer {
  /** Token numbers, the end left out. */
  readonly ids: readonly number[];
  /** The text. */
  readonly answer: string;
  /** Words of the question that the model never learned. */
  readonly unknown: readonly string[];
}

/** The attention maps of an answer. */
export interface AnswerMaps {
  /** Text of every token. */
  readonly tokens: readonly string[];
  /** Scales of every token, coarse to fine. */
  readonly maps: readonly (readonly ScaleMap[])[];
}

/** A model on a device. */
export interface Asker {
  /** Answers; `onText` is given the text so far. */
  readonly answer: (
    question: Question,
    onText: (text: string) => void,
  ) => Effect.Effect<PageAnswer, AskFailure, Device>;
  /** Attention maps of an answer; none of a bridge without windows. */
  readonly maps: (
    question: Question,
    ids: readonly number[],
  ) => Effect.Effect<AnswerMaps, TemplateError | UploadError, Device>;
}

/** Puts a model on the device for as long as the scope lives; programs are loaded at the first prompt of their length. */
export const openAsker = (model: PageModel): Effect.Effect<Asker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope, { causalLM, speech, layout, about } = model;
    const generators = new Map<number, Generator>();
    const promptOf = (question: string) => fromEither(speech.prompt(askedAbout(speech.asked(question), 1)));
    const given = (rgb: Uint8Array): Readonly<Record<string, NdArray>> => ({
      images: pixelsOfImage(rgb, about.bridge.resolution),
    });
    const generatorFor = (prompt: number, ends: readonly number[]) =>
      Effect.gen(function* () {
        const found = generators.get(prompt);
        if (found !== undefined) return found;
        const made = yield* openGenerator(causalLM, { rows: 1, prompt, tokens: TOKENS }, {
          ends,
          pad: speech.pad,
        })
          .pipe(Effect.provideService(Scope.Scope, scope));
        generators.set(prompt, made);
        return made;
      });
    return {
      answer: ({ rgb, question }, onText) =>
        Effect.gen(function* () {
          const { ids: prompt, ends } = yield* promptOf(question);
          const generator = yield* generatorFor(Math.ceil(prompt.length / PROMPTS) * PROMPTS, ends);
          const ids = yield* Stream.runFoldEffect(
            generator.stream({ prompts: [prompt], given: given(rgb) }),
            (): readonly number[] => [],
            (before, [more]) =>
              Effect.sync(() => {
                const now = [...before, ...more!];
                onText(speech.decode(now));
                return now;
              }),
          );
          return { ids, answer: speech.decode(ids), unknown: speech.unknown(speech.asked(question)) };
        }),
      maps: ({ rgb, question }, ids) =>
        Effect.gen(function* () {
          if (layout === undefined) return { tokens: [], maps: [] };
          const { ids: prompt, ends } = yield* promptOf(question);
          // an answer without words was chosen by looking, too: at its end
          const answer = ids.length > 0 ? ids : [ends[0]!];
          const looks = yield* attentionMapsAt(causalLM, layout, { prompt, answer, given: given(rgb) });
          return {
            tokens: ids.length > 0 ? ids.map((id) => speech.decode([id])) : ["(end)"],
            maps: looks.map((scales) =>
              scales.map(({ scale: { window, queries }, share, windows, patches }) => ({
                window,
                queries,
                share,
                windows,
                patches,
              }))
            ),
          };
        }),
    };
  });
