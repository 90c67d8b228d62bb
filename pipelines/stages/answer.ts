/** Answers of a model to batches of questions about stored features; of several ranks, each answers its share of the batches. */
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { generateTexts, type GenerationError, openGenerator } from "../generate/generator.ts";
import { type RanksError, spreadTexts } from "../ranks/ranks.ts";
import { IMAGE_ID } from "../text/image_mark.ts";
import { questionIds } from "../text/prompt.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FeatureSet, gatherFeatures } from "../train/features.ts";
import type { UploadError } from "../weights/lazy.ts";
import { levelsRead } from "./model.ts";
import { causalLMOf, featureInputs, type ModelWeights } from "./causal_lm.ts";

/** A question to be answered about an image. */
export interface ImagePrompt {
  /** Row of the feature set. */
  readonly imageIndex: number;
  /** The question. */
  readonly prompt: string;
  /** Tokens to be written; an answer ends early at `<eos>`. */
  readonly tokens: number;
}

/**
 * Answers questions from features, in the order of the questions.
 * @internal
 */
export type Answerer = (
  features: FeatureSet,
  requests: readonly ImagePrompt[],
) => Effect.Effect<readonly string[], GenerationError | RanksError>;

/** What an answerer needs to know. */
export interface AnswererOptions extends ModelWeights {
  /** The encoding. */
  readonly tokenizer: Tokenizer;
  /** Questions per submit. */
  readonly batch: number;
  /** Maximum number of tokens of a question. */
  readonly prompt: number;
  /** Maximum number of tokens of an answer. */
  readonly tokens: number;
}

/** Puts a model on the device for as long as the scope lives. */
export const openAnswerer = (
  options: AnswererOptions,
): Effect.Effect<Answerer, UploadError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { tokenizer, batch, prompt, tokens } = options;
    const levels = levelsRead(options.model, options.bridge);
    const marks = { ends: [tokenizer.eos], pad: tokenizer.pad };
    const generator = yield* openGenerator(causalLMOf(options), { rows: batch, prompt, tokens }, marks);

    const group = (set: FeatureSet, requests: readonly ImagePrompt[], limit: number) =>
      Effect.gen(function* () {
        const rows = Array.from({ length: batch }, (_, i) => requests[Math.min(i, requests.length - 1)]!);
        const prompts = requests.map((a) => [IMAGE_ID, ...questionIds(tokenizer, a.prompt)]);
        const given = featureInputs(gatherFeatures(set, rows.map((r) => r.imageIndex)), levels);
        const answers = yield* generateTexts(generator, { prompts, given, limit, stride: limit });
        return answers.map((ids) => tokenizer.decode(ids));
      });

    return (set, requests) =>
      Effect.gen(function* () {
        // Long answers together, so that short ones do not wait for them.
        const order = requests.map((_, i) => i).toSorted((a, b) =>
          requests[a]!.tokens - requests[b]!.tokens || a - b
        );
        const groups: (readonly number[])[] = [];
        for (let from = 0; from < order.length; from += groups.at(-1)!.length) {
          const { tokens } = requests[order[from]!]!;
          groups.push(order.slice(from, from + batch).filter((i) => requests[i]!.tokens === tokens));
        }
        const texts = yield* spreadTexts(groups, (some) =>
          Effect.tap(
            group(set, some.map((i) => requests[i]!), requests[some[0]!]!.tokens),
            () => Effect.sleep(0),
          ));
        const answers: string[] = Array.from({ length: requests.length }, () => "");
        groups.forEach((some, g) => some.forEach((i, k) => answers[i] = texts[g]![k]!));
        return answers;
      });
  });
