/** Bytes as text and as JSON. */
import type { Refusal } from "../base/bridge.ts";
import { overgrown, parseJsonText } from "./json_text.ts";

/** The refusal of a value as a whole. */
export const wrong = (got: string, expected: string): Refusal => ({ path: "(root)", got, expected });

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Text of bytes, or why they are none. */
export const textOf = (bytes: Uint8Array): { readonly value: string } | { readonly fault: Refusal } => {
  try {
    return { value: decoder.decode(bytes) };
  } catch {
    return { fault: wrong("bytes that are not UTF-8", "text in UTF-8") };
  }
};

/** The JSON value of bytes, or why they have none. */
export const jsonOf = (bytes: Uint8Array): { readonly value: unknown } | { readonly fault: Refusal } => {
  const text = textOf(bytes);
  if ("fault" in text) return text;
  const grown = overgrown(text.value);
  if (grown !== undefined) return { fault: wrong(grown, "a record") };
  try {
    return { value: parseJsonText(text.value) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { fault: wrong(`a text that is not JSON (${why.slice(0, 120)})`, "JSON") };
  }
};
