/**
 * Tokenizers in Hugging Face's own library (npm `tokenizers`, Rust), which honours every option of a tokenizer.json and is
 * what ids are defined by. Its calls are asynchronous; a thread of their own makes them, and the caller waits for it, so
 * that a tokenizer is a function of texts wherever it runs.
 */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import { TaggedFault } from "../base/fault.ts";
import { type Coder, idsOf } from "./coder.ts";
import { FAILED, type NativeRequest, type SharedReply, SIZE, STATE, WAITING } from "./native_protocol.ts";
import {
  refuseDocument,
  type Stage,
  stagesIn,
  type TokenizerDocument,
  tokenizerDocument,
} from "./tokenizer_document.ts";

/** A text that the library could not encode. */
export class TokenizeError extends TaggedFault("TokenizeError") {}

/** Longest wait for a reply: patterns are bounded before they are used, so that only a lost thread takes so long. */
const TIMEOUT_MS = 120_000;

const FIRST_BYTES = 2 ** 20;
const MAX_BYTES = 2 ** 30;

/** Patterns of a document, for messages. */
const patternsIn = (document: TokenizerDocument): string =>
  [document.normalizer, document.pre_tokenizer].flatMap((of) => stagesIn(of))
    .map(({ pattern }: Stage) => (pattern as { readonly Regex?: string } | undefined)?.Regex)
    .filter((regex) => regex !== undefined).join(" and ") || "none";

const newReply = (): SharedReply => ({
  control: new Int32Array(new SharedArrayBuffer(8)),
  data: new SharedArrayBuffer(FIRST_BYTES, { maxByteLength: MAX_BYTES }),
});

/** The bytes of the reply that is there; throws its message if it is an error. */
const readReply = ({ control, data }: SharedReply, name: string): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(data).slice(0, Atomics.load(control, SIZE));
  if (Atomics.load(control, STATE) !== FAILED) return bytes as Uint8Array<ArrayBuffer>;
  throw new TokenizeError({
    op: name,
    got: new TextDecoder().decode(bytes),
    expected: "a text that the tokenizer can encode",
    hint: "correct its tokenizer.json",
  });
};

type Ask = (request: NativeRequest) => Uint8Array<ArrayBuffer>;

const asker =
  (worker: Worker, reply: SharedReply, name: string, document: TokenizerDocument): Ask => (request) => {
    Atomics.store(reply.control, STATE, WAITING);
    worker.postMessage(request);
    if (Atomics.wait(reply.control, STATE, WAITING, TIMEOUT_MS) === "timed-out") {
      worker.terminate();
      throw new TokenizeError({
        op: name,
        got: `no reply in ${TIMEOUT_MS / 1000} s (patterns: ${patternsIn(document)})`,
        expected: "tokens",
        hint: "shorten the text, or simplify the pattern",
      });
    }
    return readReply(reply, name);
  };

const lists = (bytes: Uint8Array): readonly (readonly number[])[] => {
  const words = new Int32Array(bytes.buffer), out: number[][] = [];
  for (let at = 0; at < words.length; at += words[at]! + 1) {
    out.push(Array.from(words.subarray(at + 1, at + 1 + words[at]!)));
  }
  return out;
};

const unknownStage = (name: string, got: string): DecodeError =>
  refuseDocument(
    name,
    got,
    "stages that Hugging Face's tokenizers library knows, and permission to load it (--allow-ffi, --allow-env, --allow-read)",
  );

/** Opens the document in the thread; refuses one whose added tokens have other ids there. */
const opened = (
  worker: Worker,
  reply: SharedReply,
  name: string,
  document: TokenizerDocument,
): Effect.Effect<void, DecodeError> => {
  const added = document.added_tokens ?? [];
  return Effect.callback<void, DecodeError>((resume) => {
    const fail = (error: DecodeError) => resume(Effect.fail(error));
    worker.onerror = (event) => {
      event.preventDefault();
      fail(unknownStage(name, event.message));
    };
    worker.onmessage = () => {
      try {
        const ids = new Int32Array(readReply(reply, name).buffer),
          other = added.findIndex(({ id }, i) => ids[i] !== id);
        if (other < 0) return resume(Effect.void);
        const { id, content } = added[other]!;
        fail(refuseDocument(
          name,
          `id ${id} for the added token ${JSON.stringify(content)}`,
          `${ids[other]}, which Hugging Face's library gives it`,
        ));
      } catch (cause) {
        fail(unknownStage(name, cause instanceof TokenizeError ? cause.got : String(cause)));
      }
    };
    worker.postMessage(
      {
        kind: "open",
        // without special tokens to add, a post-processor changes offsets alone
        document: JSON.stringify({ version: "1.0", ...document, post_processor: null }),
        tokens: added.map((a) => a.content),
        reply,
      } satisfies NativeRequest & { readonly reply: SharedReply },
    );
  });
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
    const reply = newReply(), ask = asker(worker, reply, name, document);
    yield* opened(worker, reply, name, document);
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
