/**
 * A trainer of small byte-pair encodings (Sennrich et al., arXiv 1508.07909), as a tokenizer.json document. The trainers of
 * Hugging Face's library cannot be set from JavaScript: its `train` takes files, and no size, suffix or special tokens.
 */
import * as t from "io-ts";

/** A token that is never split. */
export interface AddedToken {
  /** Its number. */
  readonly id: number;
  /** Its text. */
  readonly content: string;
  /** Always false: it may accompany letters. */
  readonly single_word: boolean;
  /** Whether it swallows the space before it. */
  readonly lstrip: boolean;
  /** Whether it swallows the space after it. */
  readonly rstrip: boolean;
  /** Always false: it is looked for before lower-casing. */
  readonly normalized: boolean;
  /** Whether decoding may leave it out. */
  readonly special: boolean;
}

/** The part of the tokenizer.json format that the trainer writes and the loader reads. */
export interface TokenizerJson {
  /** Version of the format. */
  readonly version: string;
  /** Special tokens and coordinate words. */
  readonly added_tokens: readonly AddedToken[];
  /** Lower-casing. */
  readonly normalizer: { readonly type: "Lowercase" };
  /** Splitting at spaces. */
  readonly pre_tokenizer: { readonly type: "WhitespaceSplit" };
  /** None: prompts are laid out elsewhere. */
  readonly post_processor: null;
  /** Putting words together again. */
  readonly decoder: { readonly type: "BPEDecoder"; readonly suffix: string };
  /** The encoding itself. */
  readonly model: {
    /** Always `BPE`. */
    readonly type: "BPE";
    /** What unknown characters become. */
    readonly unk_token: string;
    /** What the last piece of a word ends with. */
    readonly end_of_word_suffix: string;
    /** Numbers of the pieces. */
    readonly vocab: Readonly<Record<string, number>>;
    /** Pairs to be joined, first ones first. */
    readonly merges: readonly (readonly [string, string])[];
  };
}

const jsonType: t.Type<TokenizerJson> = t.strict({
  version: t.string,
  added_tokens: t.readonlyArray(t.strict({
    id: t.number,
    content: t.string,
    single_word: t.boolean,
    lstrip: t.boolean,
    rstrip: t.boolean,
    normalized: t.boolean,
    special: t.boolean,
  })),
  normalizer: t.strict({ type: t.literal("Lowercase") }),
  pre_tokenizer: t.strict({ type: t.literal("WhitespaceSplit") }),
  post_processor: t.null,
  decoder: t.strict({ type: t.literal("BPEDecoder"), suffix: t.string }),
  model: t.strict({
    type: t.literal("BPE"),
    unk_token: t.string,
    end_of_word_suffix: t.string,
    vocab: t.record(t.string, t.number),
    merges: t.readonlyArray(t.readonly(t.tuple([t.string, t.string]))),
  }),
});

/** Codec of {@link TokenizerJson}. */
export const tokenizerJsonCodec = (): t.Type<TokenizerJson> => jsonType;

/** The tokens that every vocabulary begins with, numbers 0 to 3. */
export const specialTokens = ["<pad>", "<bos>", "<eos>", "<unk>"] as const;

const SUFFIX = "</w>";
/** Joins two pieces into a text that no piece contains. */
const pairKey = (a: string, b: string): string => `${a} ${b}`;

interface Word {
  readonly pieces: readonly string[];
  readonly count: number;
}

const wordsOf = (texts: readonly string[], reserved: ReadonlySet<string>): readonly Word[] => {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.toLowerCase().split(/\s+/)) {
      if (word !== "" && !reserved.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return [...counts].map(([word, count]) => {
    const letters = [...word];
    return { pieces: [...letters.slice(0, -1), letters.at(-1)! + SUFFIX], count };
  });
};

const join = (pieces: readonly string[], a: string, b: string): readonly string[] => {
  const out: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === a && pieces[i + 1] === b) out.push(a + b), i++;
    else out.push(pieces[i]!);
  }
  return out;
};

const less = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;

/** The most frequent pair; the alphabetically first among equals, so that training does not depend on order. */
const bestPair = (words: readonly Word[]): readonly [string, string] | undefined => {
  const counts = new Map<string, number>();
  for (const { pieces, count } of words) {
    for (let i = 0; i + 1 < pieces.length; i++) {
      const key = pairKey(pieces[i]!, pieces[i + 1]!);
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  const best = [...counts].reduce<readonly [string, number] | undefined>(
    (top, now) => top === undefined || now[1] > top[1] || (now[1] === top[1] && now[0] < top[0]) ? now : top,
    undefined,
  );
  return best?.[0].split(" ") as unknown as readonly [string, string] | undefined;
};

/**
 * Trains an encoding on texts. The result depends on the multiset of words alone.
 * @param size - most tokens, special and reserved ones included; fewer where every word has become one token.
 * @param reserved - words that are tokens from the beginning, such as coordinate words.
 * @throws {RangeError} if the letters of the texts alone do not fit into `size`.
 */
export const trainBpe = (
  texts: readonly string[],
  size: number,
  reserved: readonly string[] = [],
): TokenizerJson => {
  const added = [...specialTokens, ...reserved];
  let words = wordsOf(texts, new Set(added));
  // Every letter is a piece inside and at the end of words, so that new words of known letters can be written.
  const letters = [...new Set(words.flatMap(({ pieces }) => pieces.map((p) => p.replace(SUFFIX, ""))))];
  const pieces = letters.toSorted(less).flatMap((c) => [c, c + SUFFIX]);
  if (added.length + pieces.length > size) {
    throw new RangeError(
      `trainBpe: got size ${size}; expected at least ${
        added.length + pieces.length
      } for the letters alone; raise it`,
    );
  }
  const merges: (readonly [string, string])[] = [], known = new Set(pieces);
  while (added.length + known.size < size) {
    const pair = bestPair(words);
    if (pair === undefined) break;
    merges.push(pair);
    known.add(pair[0] + pair[1]);
    words = words.map((w) => ({ pieces: join(w.pieces, ...pair), count: w.count }));
  }
  return {
    version: "1.0",
    added_tokens: added.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: true,
      rstrip: true,
      normalized: false,
      special: id < specialTokens.length,
    })),
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: { type: "BPEDecoder", suffix: SUFFIX },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      end_of_word_suffix: SUFFIX,
      vocab: Object.fromEntries([...added, ...known].map((piece, id) => [piece, id])),
      merges,
    },
  };
};
