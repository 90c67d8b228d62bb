/**
 * Bytes as text and as JSON as it is found: Python writes NaN and Infinity, and whole numbers of any length. Such numbers are read
 * as they are written, and refused by the codec of the field that reads them; a field that nobody reads may hold anything. Of
 * keys that occur twice the last counts, as in Python. Values that nest, or hold, far more than any record does are
 * refused before they take memory.
 */
import type { Refusal } from "../base/bridge.ts";

/** Maximum number of levels of a value; Python's reader ends at about a thousand. */
const DEPTH = 512;
/** Most values in one: each takes tens of bytes. */
const VALUES = 2 ** 20;

const QUOTE = 34, ESCAPE = 92, COMMA = 44, MINUS = 45;

/** Where the text that begins behind `at` ends: the place behind its quote. */
const endOfString = (text: string, at: number): number => {
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === ESCAPE) i++;
    else if (code === QUOTE) return i + 1;
  }
  return text.length;
};

/** Why a value is refused before it is parsed; nothing if it may be. */
const overgrown = (text: string): string | undefined => {
  if (text.length <= DEPTH) return undefined;
  let depth = 0, values = 1;
  for (let i = 0; i < text.length;) {
    const code = text.charCodeAt(i++);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === 91 || code === 123) {
      values++;
      if (++depth > DEPTH) return `values more than ${DEPTH} levels deep`;
    } else if (code === 93 || code === 125) depth--;
    else if (code === COMMA) values++;
    if (values > VALUES) return `more than ${VALUES} values`;
  }
  return undefined;
};

/** A number that no writer writes, in the place of NaN. */
const NOT_A_NUMBER = "1e-99999";

/** The text with Python's numbers written as JSON has them. */
const withNumbers = (text: string): string => {
  let out = "", from = 0;
  for (let i = 0; i < text.length;) {
    if (text.charCodeAt(i) === QUOTE) {
      i = endOfString(text, i + 1);
      continue;
    }
    const token = text.startsWith("NaN", i) && text.charCodeAt(i - 1) !== MINUS
      ? ["NaN", NOT_A_NUMBER]
      : text.startsWith("Infinity", i)
      ? ["Infinity", "1e999"]
      : undefined;
    if (token === undefined) {
      i++;
      continue;
    }
    out += text.slice(from, i) + token[1]!;
    i = from = i + token[0]!.length;
  }
  return out + text.slice(from);
};

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

const exact: Reviver = (_, value, { source }) => {
  if (typeof value !== "number" || source === undefined) return value;
  if (source === NOT_A_NUMBER) return NaN;
  return Number.isSafeInteger(value) || !/^-?\d+$/.test(source) ? value : BigInt(source);
};

/**
 * The value of a text; throws what `JSON.parse` throws. Whole numbers beyond 2^53 are `bigint`s, NaN and Infinity the
 * numbers of those names.
 */
export const parseJsonText = (text: string): unknown => {
  const parse = (of: string, revived: boolean): unknown =>
    revived ? JSON.parse(of, exact as (key: string, value: unknown) => unknown) : JSON.parse(of);
  const long = /\d{16}/.test(text);
  if (!/NaN|Infinity/.test(text)) return parse(text, long);
  try {
    return parse(text, long);
  } catch (cause) {
    const tried = withNumbers(text);
    if (tried === text) throw cause;
    return parse(tried, true);
  }
};

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
