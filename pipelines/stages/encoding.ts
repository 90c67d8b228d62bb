/** The encoding that fits a world: trained on what is said about its scenes. */
import type { DataConfig } from "../scenes/config.ts";
import { coordinateWords } from "../records/grid.ts";
import { sampleScenes } from "../scenes/scene.ts";
import { corpusOf } from "../scenes/tasks.ts";
import { trainBpe } from "../text/bpe.ts";
import { type Tokenizer, tokenizerOf } from "../text/tokenizer.ts";
import { shippedTokenizer } from "../decoder/shipped.ts";

/** Scenes whose texts the encoding is trained on; more add no words. */
const CORPUS_SCENES = 400;

/**
 * The encoding of a world, with a vocabulary of at most some size, or that of the shipped decoder; it remembers what it has
 * encoded, since questions repeat.
 */
export const tokenizerFor = (
  { data, vocabulary }: { readonly data: DataConfig; readonly vocabulary: number | "shipped" },
): Tokenizer => {
  const texts = () => corpusOf(data, sampleScenes(data, "pretrain", CORPUS_SCENES));
  const plain = vocabulary === "shipped"
    ? shippedTokenizer
    : tokenizerOf(trainBpe(texts(), vocabulary, coordinateWords(data.grid)));
  const known = new Map<string, readonly number[]>();
  const encode = (text: string): readonly number[] => {
    const found = known.get(text) ?? plain.encode(text);
    known.set(text, found);
    return found;
  };
  return { ...plain, encode };
};
