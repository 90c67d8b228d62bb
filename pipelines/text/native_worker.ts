/** The thread that runs Hugging Face's tokenizers library, so that its caller can wait for an answer of it. */
/// <reference lib="deno.worker" />
import type { Tokenizer } from "tokenizers";
import { FAILED, type NativeRequest, READY, type SharedReply, SIZE, STATE } from "./native_protocol.ts";

let tokenizer: Tokenizer, reply: SharedReply;

const answer = async (request: NativeRequest): Promise<Uint8Array> => {
  switch (request.kind) {
    case "open": {
      // loaded here, so that a library which cannot be loaded is an answer too
      tokenizer = (await import("tokenizers")).Tokenizer.fromString(request.document);
      return Int32Array.from(
        request.tokens,
        (token) => tokenizer.tokenToId(token) ?? -1,
      ) as unknown as Uint8Array;
    }
    case "encode": {
      const encodings = await tokenizer.encodeBatch([...request.texts], { addSpecialTokens: false });
      const ids = encodings.map((encoding) => encoding.getIds());
      const flat = new Int32Array(ids.reduce((n, some) => n + some.length + 1, 0));
      let at = 0;
      for (const some of ids) {
        flat[at++] = some.length;
        flat.set(some, at);
        at += some.length;
      }
      return flat as unknown as Uint8Array;
    }
    case "decode":
      return new TextEncoder().encode(await tokenizer.decode([...request.ids], request.dropSpecial));
  }
};

const write = (state: number, bytes: Uint8Array): void => {
  const { control, data } = reply;
  if (bytes.length > data.byteLength) data.grow(bytes.length);
  new Uint8Array(data).set(bytes);
  Atomics.store(control, SIZE, bytes.length);
  Atomics.store(control, STATE, state);
  Atomics.notify(control, STATE);
};

self.onmessage = ({ data }: MessageEvent<NativeRequest & { readonly reply?: SharedReply }>) => {
  reply = data.reply ?? reply;
  Promise.resolve(data).then(answer).then(
    (got) => write(READY, new Uint8Array(got.buffer, got.byteOffset, got.byteLength)),
    (cause) =>
      write(FAILED, new TextEncoder().encode(cause instanceof Error ? cause.message : String(cause))),
  ).then(() => {
    // the one answer that the caller does not block for
    if (data.kind === "open") self.postMessage("open");
  });
};
