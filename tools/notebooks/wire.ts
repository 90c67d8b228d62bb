/** Messages of the Jupyter protocol, version 5.3: a header, a parent, a content, signed together. */
import { createHmac, timingSafeEqual } from "node:crypto";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { KernelError } from "./fault.ts";

/** A message from a kernel. */
export interface Message {
  /** Its type, such as `stream`. */
  readonly type: string;
  /** Id of the request that it belongs to; empty where there is none. */
  readonly parent: string;
  /** Its content. */
  readonly content: Readonly<Record<string, unknown>>;
}

const DELIMITER = "<IDS|MSG>";

const signatureOf = (key: string, parts: readonly string[]): string =>
  parts.reduce((hmac, part) => hmac.update(part), createHmac("sha256", key)).digest("hex");

/** The frames of a request. `id` is its own; `session` that of the client; `date` in ISO 8601. */
export const framesOf = (
  key: string,
  request: {
    readonly id: string;
    readonly session: string;
    readonly date: string;
    readonly type: string;
    readonly content: unknown;
  },
): readonly string[] => {
  const { id, session, date, type, content } = request;
  const header = { msg_id: id, session, username: "notebooks", date, msg_type: type, version: "5.3" };
  const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
  return [DELIMITER, signatureOf(key, parts), ...parts];
};

const headerType = t.type({ msg_type: t.string });
const parentType = t.partial({ msg_id: t.string });
const contentType = t.record(t.string, t.unknown);

const refused = (got: string): KernelError =>
  new KernelError({
    op: "a message of the kernel",
    got,
    expected: "a signed message of the Jupyter protocol, version 5",
    hint: "use the kernel of `deno jupyter`",
    reason: "protocol",
  });

/** Reads the frames of a message; Left where they are not one, or where the signature is not of this key. */
export const messageOf = (key: string, frames: readonly Uint8Array[]): E.Either<KernelError, Message> => {
  const texts = frames.map((frame) => new TextDecoder().decode(frame)), at = texts.indexOf(DELIMITER);
  const parts = texts.slice(at + 2, at + 6);
  if (at < 0 || parts.length < 4) return E.left(refused(`${frames.length} frames without the parts of one`));
  const [said, true_] = [texts[at + 1]!, signatureOf(key, parts)].map((s) => new TextEncoder().encode(s));
  if (said!.length !== true_!.length || !timingSafeEqual(said!, true_!)) {
    return E.left(refused("a message with another signature"));
  }
  try {
    const [header, parent, , content] = parts.map((part) => JSON.parse(part) as unknown);
    return headerType.is(header) && parentType.is(parent) && contentType.is(content)
      ? E.right({ type: header.msg_type, parent: parent.msg_id ?? "", content })
      : E.left(refused("a header or content of another shape"));
  } catch (cause) {
    return E.left(refused(`parts that are not JSON: ${String(cause)}`));
  }
};
