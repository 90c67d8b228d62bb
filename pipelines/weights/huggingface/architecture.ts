/** What an adapter to one kind of foreign model consists of. */
import type { ParameterSpec, Tree } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import type { DecodeError } from "../../base/bridge.ts";
import type { Json } from "../../base/hash.ts";
import type { NameTable } from "../table.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

/** An adapter: a codec of configurations and a table of names. */
export interface Architecture<C> {
  /** The kind of model, as errors name it. */
  readonly name: string;
  /** The configuration here of a parsed config.json. */
  readonly read: (config: unknown) => E.Either<DecodeError | UnsupportedError, C>;
  /** The config.json of a configuration here, without the type of its numbers. */
  readonly write: (config: C) => E.Either<UnsupportedError, { readonly [field: string]: Json }>;
  /** The parameters of a configuration. */
  readonly specs: (config: C) => Tree<ParameterSpec>;
  /** The names of those parameters. */
  readonly names: (config: C) => NameTable;
}

/** The fields that say what kind of model a config.json describes. */
export interface Kind {
  /** Classes, such as `LlamaForCausalLM`. */
  readonly architectures?: readonly string[] | null | undefined;
  /** Family, such as `llama`. */
  readonly model_type?: string | undefined;
  /** Present where the numbers are quantised. */
  readonly quantization_config?: unknown;
}

/** Checks the kind of model, by its class and its family where they are named; quantised weights are refused. */
export const checkKind = (
  kind: Kind,
  classes: readonly string[],
  families: readonly string[],
): UnsupportedError | undefined => {
  const { architectures, model_type, quantization_config } = kind;
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
  return model_type !== undefined && families.includes(model_type)
    ? undefined
    : unsupported("model_type", model_type, `one of ${families.join(", ")}`);
};
