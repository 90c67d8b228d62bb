/** Canonical JSON and its hash, by which configurations and data are distinguished. */
import { createHash } from "node:crypto";

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const quote = (value: unknown, path: string): string => {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`canonicalJson: ${value} at ${path} has no JSON`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => quote(item, `${path}.${i}`)).join(",")}]`;
  if (typeof value === "object" && !ArrayBuffer.isView(value)) {
    const fields = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
      .map(([key, item]) => `${JSON.stringify(key)}:${quote(item, `${path}.${key}`)}`);
    return `{${fields.join(",")}}`;
  }
  throw new TypeError(`canonicalJson: a ${typeof value} at ${path} has no JSON`);
};

/**
 * JSON with sorted keys and no spaces: equal values give equal text. Fields that are `undefined` are left out.
 * @throws {TypeError} for values without JSON: functions, typed arrays, NaN, infinities.
 */
export const canonicalJson = (value: unknown): string => quote(value, "$");

/** The sha-256 of bytes or UTF-8 text, hexadecimal. */
export const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

/**
 * The sha-256 of a value's canonical JSON, hexadecimal; the order of keys does not matter.
 *
 * ```ts
 * import { hashOf } from "./hash.ts";
 *
 * if (hashOf({ lr: 0.1, steps: 3 }) !== hashOf({ steps: 3, lr: 0.1 })) throw new Error("unequal");
 * ```
 * @throws {TypeError} for values without JSON.
 */
export const hashOf = (value: unknown): string => sha256(canonicalJson(value));
