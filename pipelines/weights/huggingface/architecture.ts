/** What an adapter to one kind of foreign model consists of. */
import type { ParameterSpec, Tree } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError } from "../../base/bridge.ts";
import type { Json } from "../../base/hash.ts";
import type { NameTable } from "../table.ts";
import { orNull } from "./fields.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

/** Which models an adapter reads, by what config.json says. */
export interface Kinds {
  /** Classes, such as `LlamaForCausalLM`. */
  readonly classes: readonly string[];
  /** Values of `model_type`, such as `llama`; the first is written. */
  readonly families: readonly [string, ...string[]];
}

/** An adapter: a codec of configurations and a table of names. */
export interface Architecture<C> {
  /** The kind of model, as errors name it. */
  readonly name: string;
  /** Which models it reads. */
  readonly kinds: Kinds;
  /** Whether it has no class in `transformers`, and holds a configuration here as it is; false by default. */
  readonly plain?: boolean;
  /** The configuration here of a parsed config.json. */
  readonly read: (config: unknown) => E.Either<DecodeError | UnsupportedError, C>;
  /** The config.json of a configuration here, without the type of its numbers. */
  readonly write: (config: C) => E.Either<UnsupportedError, { readonly [field: string]: Json }>;
  /** Further JSON files of a configuration, by name; none by default. */
  readonly files?: (config: C) => { readonly [name: string]: Json };
  /** The parameters of a configuration. */
  readonly specs: (config: C) => Tree<ParameterSpec>;
  /** The names of those parameters. */
  readonly names: (config: C) => NameTable;
}

/** The fields that say what kind of model a config.json describes. */
export const kindFields = t.partial({
  architectures: orNull(t.array(t.string)),
  model_type: t.string,
  quantization_config: t.unknown,
});

/** Values of {@link kindFields}. */
type Kind = t.TypeOf<typeof kindFields>;

/** Checks the kind of model, by its class and its family where they are named; quantised weights are refused. */
export const checkKind = (
  { architectures, model_type, quantization_config }: Kind,
  { classes, families }: { readonly [kind in keyof Kinds]: readonly string[] },
): UnsupportedError | undefined => {
  if (quantization_config !== undefined && quantization_config !== null) {
    return unsupported("quantization_config", quantization_config, "weights in f32, f16 or bf16");
  }
  if (model_type !== undefined && !families.includes(model_type)) {
    return unsupported("model_type", model_type, `one of ${families.join(", ")}`);
  }
  if (architectures?.length) {
    return architectures.some((name) => classes.includes(name))
      ? undefined
      : unsupported("architectures", architectures, `one of ${classes.join(", ")}`);
  }
  return model_type !== undefined
    ? undefined
    : unsupported("model_type", model_type, `one of ${families.join(", ")}`);
};

/** The adapter that reads a config.json, by its `model_type` or, where there is none, by its class. */
export const architectureOf =
  <C>(some: readonly Architecture<C>[]) =>
  (json: unknown): E.Either<DecodeError | UnsupportedError, Architecture<C>> =>
    pipe(
      json,
      decodeEither(kindFields, "config.json"),
      E.chainW((kind) => {
        const fault = checkKind(kind, {
          classes: some.flatMap(({ kinds }) => kinds.classes),
          families: some.flatMap(({ kinds }) => kinds.families),
        });
        return fault !== undefined
          ? E.left(fault)
          : E.right(some.find(({ kinds }) => checkKind(kind, kinds) === undefined) ?? some[0]!);
      }),
    );
