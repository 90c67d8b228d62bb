/** Codecs of the fields of config.json, and the names of activations. */
import type { ActivationName } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { countTo, isF32 } from "../../base/numbers.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

/** How many of something. */
export const count: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (n) => Number.isSafeInteger(n) && n > 0,
  "an integer above 0",
);

/** Blocks of a model: a damaged file cannot ask for memory that no model of its kind needs. */
export const layerCount = countTo(2 ** 10);

/** Channels, heads or tokens of a model. */
export const lengthCount = countTo(2 ** 24);

/** A finite number above 0. */
export const positive: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (x) => x > 0 && isF32(x),
  "a number above 0 within the range of f32",
);

/** A number that f32 holds as a finite one. */
export const finite: t.Type<number, number, unknown> = t.refinement(
  t.number,
  isF32,
  "a finite number within the range of f32",
);

/** Yes or no. */
export const flag: t.Type<boolean, boolean, unknown> = t.boolean;

/** A field that may be `null`, which means its default. */
export const orNull = <A, O>(codec: t.Type<A, O, unknown>): t.Type<A | null, O | null, unknown> =>
  t.union([codec, t.null]);

const activationOf: Readonly<Record<string, ActivationName>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_new: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  quick_gelu: "quickGelu",
  relu: "relu",
};

const nameOf: Readonly<Record<ActivationName, string>> = {
  silu: "silu",
  gelu: "gelu",
  geluTanh: "gelu_pytorch_tanh",
  quickGelu: "quick_gelu",
  relu: "relu",
};

/** The activation of a foreign name. */
export const readActivation = (name: string): E.Either<UnsupportedError, ActivationName> =>
  Object.hasOwn(activationOf, name)
    ? E.right(activationOf[name]!)
    : E.left(unsupported("hidden_act", name, `one of ${Object.keys(activationOf).join(", ")}`));

/** The foreign name of an activation. */
export const writeActivation = (name: ActivationName): string => nameOf[name];
