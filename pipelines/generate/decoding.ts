/** How the next token is chosen. */
import * as E from "fp-ts/lib/Either.js";
import { isF32 } from "../base/numbers.ts";
import { GenerateError } from "./fault.ts";

/** Settings of sampling. */
export interface Sampled {
  /** Discriminates the ways. */
  readonly kind: "sample";
  /** Divides the logits, above 0: below 1 the likely becomes likelier. */
  readonly temperature: number;
  /** Only so many of the most probable tokens, at least 1; all by default. */
  readonly topK?: number;
  /** Only the minimum number of most probable tokens with this share of the probability, above 0; 1, which is all, by default. */
  readonly topP?: number;
  /** Key of the draws, an integer of 32 bits: equal keys and batches give equal texts. */
  readonly seed: number;
}

/** Always the most probable token, or a draw. */
export type Decoding = { readonly kind: "greedy" } | Sampled;

/** The most probable token, always. */
export const greedily: Decoding = { kind: "greedy" };

/** More than any vocabulary has. */
export const ALL_TOKENS: number = 2 ** 30;

const refuse = (got: string, expected: string): E.Either<GenerateError, never> =>
  E.left(new GenerateError({ op: "decoding", got, expected, hint: "change that setting" }));

/** The settings, if they can be used as the device stores them: f32, i32 and u32. More tokens than any vocabulary are all. */
export const checkDecoding = (decoding: Decoding): E.Either<GenerateError, Decoding> => {
  if (decoding.kind === "greedy") return E.right(decoding);
  const { temperature, topK = ALL_TOKENS, topP = 1, seed } = decoding;
  if (!(temperature <= 100 && temperature > 0 && isF32(temperature))) {
    return refuse(`a temperature of ${temperature}`, "1.2e-38 to 100; greedy decoding has none");
  }
  if (!Number.isInteger(topK) || topK < 1) return refuse(`top-k of ${topK}`, "an integer of at least 1");
  if (!(topP <= 1 && topP > 0 && isF32(topP))) return refuse(`top-p of ${topP}`, "1.2e-38 to 1");
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    return refuse(`a seed of ${seed}`, "an integer from 0 to 4294967295");
  }
  return E.right({
    ...decoding,
    ...(decoding.topK === undefined ? {} : { topK: Math.min(topK, ALL_TOKENS) }),
  });
};
