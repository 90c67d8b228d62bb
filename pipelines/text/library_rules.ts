/**
 * What `@huggingface/tokenizers` (JavaScript, 0.2.0) reads as Hugging Face's Rust library does. Stages are rewritten into
 * the ones that it reads alike; every option that it ignores or reads otherwise is refused by name. A fuzzer compares both
 * libraries on whatever passes here.
 */
import * as E from "fp-ts/lib/Either.js";
import { hasAllBytes, type Stage, type TokenizerDocument } from "./tokenizer_document.ts";

/** A document for the JavaScript library, or the option that it does not honour. */
export type Rewritten = E.Either<string, TokenizerDocument>;

class Unhonoured extends Error {}

const refuse = (option: string): never => {
  throw new Unhonoured(option);
};

const split = (regex: string, behavior: "Isolated" | "Removed"): Stage => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior,
  invert: false,
});

/** ASCII punctuation and the Unicode categories P*, as Rust's `is_punc` has them. */
const PUNCTUATION = "[\\p{P}!-/:-@\\[-`{-~]";

/** The pattern of GPT-2 that ByteLevel splits by. */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** English contractions in any case: Oniguruma folds `ſ` to `s` as well, which the JavaScript rewriting does not. */
const CONTRACTIONS = /\(\?i:('(?:s|t|re|ve|m|ll|d)(?:\|'(?:s|t|re|ve|m|ll|d))*)\)/g;

const folded = (letter: string): string =>
  letter === "s" ? "[sSſ]" : /[a-z]/.test(letter) ? `[${letter}${letter.toUpperCase()}]` : letter;

const patternOf = (pattern: unknown, where: string): { readonly Regex: string } => {
  const { String: text, Regex: regex } = (pattern ?? {}) as {
    readonly String?: unknown;
    readonly Regex?: unknown;
  };
  if (typeof text === "string" && text !== "") {
    return { Regex: text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&") };
  }
  if (typeof regex !== "string") return refuse(`${where} with the pattern ${JSON.stringify(pattern)}`);
  const written = regex.replace(CONTRACTIONS, (_, body: string) => `(?:${[...body].map(folded).join("")})`);
  // what Oniguruma and JavaScript read alike, or the library translates
  const odd = /\(\?[a-z-]*[:)]|\(\?[<P#>~]|\(\?<|[*+?}][+]|\\[bBwWhHGRXKAzZ]|[$^](?!\\)|\[:|&&|\\[xu]/.exec(
    written.replace(/\\[pP]\{[^}]*\}/g, "p").replace(/\(\?:/g, "(").replace(/\(\?<?[=!]/g, "(").replace(
      /\[\^/g,
      "[",
    ),
  );
  if (odd !== null) return refuse(`${where} with ${JSON.stringify(odd[0])} in its pattern`);
  return { Regex: written };
};

const matchesNothing = (regex: string): boolean => {
  try {
    return new RegExp(regex, "u").test("");
  } catch {
    return false;
  }
};

const splitStage = (stage: Stage): Stage => {
  const { behavior, invert = false } = stage, pattern = patternOf(stage.pattern, "Split");
  if (matchesNothing(pattern.Regex)) return refuse("Split by a pattern that matches nothing");
  if (invert === true && behavior === "Removed") {
    return { type: "Split", pattern, behavior, invert: true };
  }
  if (invert !== false) return refuse(`Split with invert and behavior ${String(behavior)}`);
  return behavior === "Isolated" || behavior === "Removed"
    ? { type: "Split", pattern, behavior, invert: false }
    : refuse(`Split with behavior ${String(behavior)}`);
};

const preTokenizers = (stage: Stage): readonly Stage[] => {
  const { type } = stage;
  switch (type) {
    case "Sequence":
      return (stage.pretokenizers as readonly Stage[] | undefined ?? []).flatMap(preTokenizers);
    case "ByteLevel":
      if (stage.add_prefix_space === true) return refuse("ByteLevel with add_prefix_space");
      return [
        ...(stage.use_regex === false ? [] : [split(GPT2, "Isolated")]),
        { type, add_prefix_space: false, trim_offsets: false, use_regex: false },
      ];
    case "Split":
      return [splitStage(stage)];
    case "WhitespaceSplit":
      return [split("\\s+", "Removed")];
    case "BertPreTokenizer":
      return [split("\\s+", "Removed"), split(PUNCTUATION, "Isolated")];
    case "CharDelimiterSplit":
      return [splitStage({ type, pattern: { String: stage.delimiter }, behavior: "Removed" })];
    case "Digits":
      return [split(stage.individual_digits === true ? "\\p{N}" : "\\p{N}+", "Isolated")];
    case "Punctuation":
      switch (stage.behavior ?? "Isolated") {
        case "Isolated":
          return [split(PUNCTUATION, "Isolated")];
        case "Removed":
          return [split(PUNCTUATION, "Removed")];
        case "Contiguous":
          return [split(`${PUNCTUATION}+`, "Isolated")];
        default:
          return refuse(`Punctuation with behavior ${String(stage.behavior)}`);
      }
    case "Metaspace": {
      const { replacement, prepend_scheme: scheme, str_rep, split: splits = true } = stage;
      if (str_rep !== undefined && str_rep !== replacement) return refuse("Metaspace with str_rep");
      if (splits !== false) return refuse("Metaspace with split");
      return scheme === "never" || scheme === "always"
        ? [stage]
        : refuse(`Metaspace with prepend_scheme ${String(scheme)}`);
    }
    default:
      return refuse(`pre-tokenizer ${type}`);
  }
};

const FORMS = ["NFC", "NFD", "NFKC", "NFKD"];

const normalizers = (stage: Stage): readonly Stage[] => {
  const { type } = stage;
  switch (type) {
    case "Sequence":
      return (stage.normalizers as readonly Stage[] | undefined ?? []).flatMap(normalizers);
    case "Lowercase":
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return [stage];
    case "Prepend":
      return typeof stage.prepend === "string" ? [stage] : refuse("Prepend without a text");
    case "Replace": {
      const { content = "" } = stage, pattern = patternOf(stage.pattern, "Replace");
      if (typeof content !== "string" || content.includes("$")) {
        return refuse("Replace with $ in its content");
      }
      if (matchesNothing(pattern.Regex)) return refuse("Replace of a pattern that matches nothing");
      return [{ type, pattern, content }];
    }
    default:
      return refuse(`normalizer ${type}`);
  }
};

const checkModel = (document: TokenizerDocument): void => {
  const { model } = document;
  switch (model.type) {
    case "BPE":
      if (model.continuing_subword_prefix) refuse("BPE with continuing_subword_prefix");
      if (model.byte_fallback === true && !hasAllBytes(document)) {
        refuse("BPE with byte_fallback to some bytes only");
      }
      if (model.fuse_unk === true && !hasAllBytes(document)) refuse("BPE with fuse_unk");
      return;
    case "WordPiece":
      return;
    default:
      return refuse(`model ${model.type}`);
  }
};

/** @param dropsSpaces - whether spaces around added tokens vanish anyway, so that stripping them changes nothing. */
const checkAdded = ({ added_tokens, normalizer, model }: TokenizerDocument, dropsSpaces: boolean): void => {
  for (const token of added_tokens ?? []) {
    const flags = (["single_word", "lstrip", "rstrip"] as const).filter((name) => token[name] === true);
    const bad = flags.find((name) =>
      name === "single_word" || !dropsSpaces || token.content.trim() !== token.content
    );
    if (bad !== undefined) refuse(`added token ${JSON.stringify(token.content)} with ${bad}`);
    if ((token.normalized ?? !token.special) && normalizer != null) {
      refuse(`added token ${JSON.stringify(token.content)} with normalized`);
    }
  }
  const kinds = new Set((added_tokens ?? []).map((token) => token.normalized ?? !token.special));
  if (kinds.size > 1) refuse("added tokens of which some are normalized");
  if (model.type === "WordPiece" && (added_tokens ?? []).some(({ content }) => content.trim() !== content)) {
    refuse("added tokens with spaces around them");
  }
};

const checkDecoder = (stage: Stage): void => {
  switch (stage.type) {
    case "Sequence":
      return (stage.decoders as readonly Stage[] | undefined ?? []).forEach(checkDecoder);
    case "ByteLevel":
    case "BPEDecoder":
    case "Fuse":
    case "ByteFallback":
      return;
    case "WordPiece":
      return stage.cleanup === true ? refuse("decoder WordPiece with cleanup") : undefined;
    case "Replace":
      if (typeof stage.content !== "string" || stage.content.includes("$")) refuse("decoder Replace with $");
      return void patternOf(stage.pattern, "decoder Replace");
    case "Strip":
      return;
    case "Metaspace":
      return stage.prepend_scheme === "never"
        ? refuse("decoder Metaspace with prepend_scheme never")
        : undefined;
    default:
      return refuse(`decoder ${stage.type}`);
  }
};

const inSequence = (kind: "normalizers" | "pretokenizers", stages: readonly Stage[]): Stage | null =>
  stages.length === 0 ? null : stages.length === 1 ? stages[0]! : { type: "Sequence", [kind]: stages };

/** The document as the JavaScript library reads it; otherwise the option that it does not honour. */
export const libraryDocument = (document: TokenizerDocument): Rewritten => {
  try {
    const normal = document.normalizer == null ? [] : normalizers(document.normalizer as Stage);
    const lower = normal.findIndex(({ type }) => type === "Lowercase");
    if (lower > 0 && normal.slice(0, lower).some(({ type }) => FORMS.includes(type) || type === "Replace")) {
      refuse(`normalizer Lowercase behind ${normal[lower - 1]!.type}`);
    }
    const pre = document.pre_tokenizer == null ? [] : preTokenizers(document.pre_tokenizer as Stage);
    const removesSpaces = normal.every(({ type }) => type === "Lowercase" || FORMS.includes(type)) &&
      pre[0]?.type === "Split" && pre[0].behavior === "Removed" &&
      (pre[0].pattern as { readonly Regex?: string }).Regex === "\\s+";
    checkModel(document);
    checkAdded(document, removesSpaces);
    if (document.decoder != null) checkDecoder(document.decoder as Stage);
    return E.right({
      ...document,
      // flags that are left here concern spaces that the first pre-tokenizer removes
      added_tokens: (document.added_tokens ?? []).map((token) => ({
        ...token,
        lstrip: false,
        rstrip: false,
      })),
      normalizer: inSequence("normalizers", normal),
      pre_tokenizer: inSequence("pretokenizers", pre),
      // adds nothing where no special tokens are asked for
      post_processor: null,
      decoder: document.decoder ?? null,
    });
  } catch (cause) {
    if (cause instanceof Unhonoured) return E.left(cause.message);
    throw cause;
  }
};

/** Whether texts are lower-cased: Rust does so letter by letter, JavaScript turns a `Σ` that ends a word into `ς`. */
export const lowers = ({ normalizer }: TokenizerDocument): boolean =>
  normalizer != null && JSON.stringify(normalizer).includes('"Lowercase"');
