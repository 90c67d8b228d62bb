/** Rotary settings of config.json, in the spelling of `transformers` 5 (`rope_parameters`) and in the older ones. */
import type { RopeScaling } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import type { Json } from "../../base/hash.ts";
import { count, orNull, positive } from "./fields.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

const settings = t.partial({
  rope_type: t.string,
  type: t.string,
  rope_theta: positive,
  factor: positive,
  low_freq_factor: positive,
  high_freq_factor: positive,
  original_max_position_embeddings: count,
  partial_rotary_factor: positive,
});

/** The fields of config.json that concern rotations. */
export const ropeFields = t.partial({
  rope_theta: orNull(positive),
  rope_scaling: orNull(settings),
  rope_parameters: orNull(settings),
  max_position_embeddings: count,
  partial_rotary_factor: orNull(positive),
});

/** Values of {@link ropeFields}. */
export type RopeFields = t.TypeOf<typeof ropeFields>;

/** Base and scaling of the rotations. */
export interface Rope {
  /** Base of the wavelengths. */
  readonly theta: number;
  /** Change of the frequencies. */
  readonly scaling?: RopeScaling;
}

/** Kinds of scaling. */
const READ: readonly string[] = ["linear", "dynamic", "llama3"];

/** Positions that `transformers` assumes where a config does not say. */
const POSITIONS = 2048;

// settings of other kinds change what this one computes, or nothing: neither is passed over in silence
const unread = (given: Readonly<Record<string, unknown>>): UnsupportedError | undefined => {
  const other = Object.entries(given).find(([name, value]) => !(name in settings.props) && value != null);
  return other === undefined ? undefined : unsupported(
    `rope_parameters.${other[0]}`,
    other[1],
    `none but ${Object.keys(settings.props).join(", ")}`,
  );
};

/** The rotations that a config asks for. */
export const readRope = (fields: RopeFields): E.Either<UnsupportedError, Rope> => {
  // transformers 5 takes the older field where both stand
  const given = fields.rope_scaling ?? fields.rope_parameters ?? {};
  const kind = given.rope_type ?? given.type ?? "default";
  const theta = given.rope_theta ?? fields.rope_theta ?? fields.rope_parameters?.rope_theta ?? 10000;
  const partial = given.partial_rotary_factor ?? fields.partial_rotary_factor ?? 1;
  if (partial !== 1) {
    return E.left(unsupported("partial_rotary_factor", partial, "1: all channels of a head rotate"));
  }
  const other = kind === "default" || READ.includes(kind) ? unread(given) : undefined;
  if (other !== undefined) return E.left(other);
  if (kind === "default") return E.right({ theta });
  const { factor, low_freq_factor: low, high_freq_factor: high } = given;
  const positions = fields.max_position_embeddings ?? POSITIONS;
  if (!READ.includes(kind)) {
    return E.left(unsupported("rope_type", kind, "one of default, linear, dynamic, llama3"));
  }
  if (factor === undefined) return E.left(unsupported("rope_parameters.factor", factor, "a number above 0"));
  if (kind === "linear") return E.right({ theta, scaling: { kind, factor } });
  if (kind === "dynamic") return E.right({ theta, scaling: { kind, factor, trained: positions } });
  const trained = given.original_max_position_embeddings ?? positions;
  if (low === undefined || high === undefined || low >= high) {
    return E.left(
      unsupported(
        "rope_parameters",
        { low_freq_factor: low, high_freq_factor: high },
        "a low factor below the high one",
      ),
    );
  }
  return E.right({ theta, scaling: { kind: "llama3", factor, low, high, trained } });
};

// a dynamic scaling begins at this length, so that its own value is the one that decides
const positionsOf = (
  scaling: RopeScaling | undefined,
  positions: number | undefined,
): { readonly max_position_embeddings?: number } =>
  scaling?.kind === "dynamic"
    ? { max_position_embeddings: scaling.trained }
    : positions !== undefined
    ? { max_position_embeddings: positions }
    : scaling?.kind === "llama3"
    ? { max_position_embeddings: Math.ceil(scaling.trained * scaling.factor) }
    : {};

/** The fields of config.json for some rotations: those of `transformers` 5, and the older ones alongside them. */
export const writeRope = (
  theta: number,
  scaling?: RopeScaling,
  positions?: number,
): { readonly [field: string]: Json } => {
  const said = scaling === undefined ? { rope_type: "default" } : {
    rope_type: scaling.kind,
    factor: scaling.factor,
    ...(scaling.kind === "llama3" ? { low_freq_factor: scaling.low, high_freq_factor: scaling.high } : {}),
    ...(scaling.kind === "llama3" ? { original_max_position_embeddings: scaling.trained } : {}),
  };
  return {
    rope_parameters: { rope_theta: theta, ...said },
    rope_theta: theta,
    rope_scaling: scaling === undefined ? null : said,
    ...positionsOf(scaling, positions),
  };
};
