/**
 * Tokenizers in Hugging Face's own library (npm `tokenizers`, Rust), which honours every option of a tokenizer.json and is
 * what ids are defined by. Its calls are asynchronous; a thread of their own makes them, and the caller waits for it, so
 * that a tokenizer is a function of texts wherever it runs.
 */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { type DecodeError, fromEither } from "../bridge.ts";
import { FaultError } from "../runs/fault.ts";
import { type Coder, idsOf } from "./coder.ts";
import { FAILED, type NativeRequest, SIZE, type SharedReply, STATE, WAITING } from "./native_protocol.ts";
import { refuseDocument, type Stage, stagesIn, type TokenizerDocument, tokenizerDocument } from "./tokenizer_document.ts";

/** A text that the library could not encode. */
export class TokenizeError extends FaultError {
  /** Discriminates the error. */
  readonly _tag = "TokenizeError";
  /** The class name shown in stack traces. */
  override readonly name = "TokenizeError";
}

/** Longest wait for a reply: patterns are bounded before they are used, so that only a lost thread takes so long. */
const PATIENCE_MS = 120_000;

const FIRST_BYTES = 2 ** 20;
const MOST_BYTES = 2 ** 30;

/** Patterns of a document, for messages. */
const patternsIn = (document: TokenizerDocument): string =>
  [document.normalizer, document.pre_tokenizer].flatMap((of) => stagesIn(of))
    .map(({ pattern }: Stage) => (pattern as { readonly Regex?: string } | undefined)?.Regex)
    .filter((regex) => regex !== undefined).join(" and ") || "none";

type Ask = (request: NativeRequest) => Uint8Array;

const asker = (worker: Worker, name: string, document: TokenizerDocument): Ask => {
  const reply: SharedReply = {
    control: new Int32Array(new SharedArrayBuffer(8)),
    data: new SharedArrayBuffer(FIRST_BYTES, { maxByteLength: MOST_BYTES }),
  };
  const fault = (got: string, expected: string, mend: string) =>
    new TokenizeError({ op: name, got, expected, mend });
  return (request) => {
    Atomics.store(reply.control, STATE, WAITING);
    worker.postMessage({ ...request, ...(request.kind === "open" ? { reply } : {}) });
    if (Atomics.wait(reply.control, STATE, WAITING, PATIENCE_MS) === "timed-out") {
      worker.terminate();
      throw fault(
        `no reply in ${PATIENCE_MS / 1000} s (patterns: ${patternsIn(document)})`,
        "tokens",
        "shorten the text, or simplify the pattern",
      );
    }
    const bytes = new Uint8Array(reply.data).slice(0, Atomics.load(reply.control, SIZE));
    if (Atomics.load(reply.control, STATE) === FAILED) {
      throw fault(new TextDecoder().decode(bytes), "a text that the tokenizer can encode", "correct its tokenizer.json");
    }
    return bytes;
  };
};

const lists = (bytes: Uint8Array): readonly (readonly number[])[] => {
  const words = new Int32Array(bytes.buffer), out: number[][] = [];
  for (let at = 0; at < words.length; at += words[at]! + 1) {
    out.push(Array.from(words.subarray(at + 1, at + 1 + words[at]!)));
  }
  return out;
};

/** Opens the document in the thread; refuses one whose added tokens have other ids there. */
const opened = (ask: Ask, name: string, document: TokenizerDocument): E.Either<DecodeError, void> => {
  const added = document.added_tokens ?? [];
  try {
    // without special tokens to add, a post-processor changes offsets alone
    const text = JSON.stringify({ version: "1.0", ...document, post_processor: null });
    const ids = new Int32Array(ask({ kind: "open", document: text, tokens: added.map((a) => a.content) }).buffer);
    const other = added.findIndex(({ id }, i) => ids[i] !== id);
    return other < 0 ? E.right(undefined) : E.left(
      refuseDocument(
        name,
        `id ${added[other]!.id} for the added token ${JSON.stringify(added[other]!.content)}`,
        `${ids[other]}, which the library gives it`,
      ),
    );
  } catch (cause) {
    if (!(cause instanceof TokenizeError)) throw cause;
    return E.left(refuseDocument(name, cause.got, "stages that Hugging Face's tokenizers library knows"));
  }
};

/**
 * Opens a tokenizer from a parsed tokenizer.json for as long as the scope lives. The error names what contradicts itself.
 * A text that cannot be encoded is a defect, a {@link TokenizeError}: documents that could meet one are refused here.
 */
export const openCoder = (
  json: unknown,
  name = "tokenizer.json",
): Effect.Effect<Coder, DecodeError, Scope.Scope> =>
  Effect.gen(function* () {
    const document = yield* fromEither(tokenizerDocument(json, name));
    const worker = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("./native_worker.ts", import.meta.url), { type: "module" })),
      (open) => Effect.sync(() => open.terminate()),
    );
    const ask = asker(worker, name, document);
    yield* fromEither(opened(ask, name, document));
    const encodeAll: Coder["encodeAll"] = (texts) =>
      texts.length === 0 ? [] : lists(ask({ kind: "encode", texts }));
    return {
      ...idsOf(document),
      encode: (text) => text === "" ? [] : encodeAll([text])[0]!,
      encodeAll,
      decode: (ids, how = "keep") =>
        new TextDecoder("utf-8", { ignoreBOM: true }).decode(
          ask({ kind: "decode", ids, dropSpecial: how === "drop" }),
        ),
    };
  });
