/** Fields of config.json that no adapter here reads although their names speak of the mathematics of a model. */
import { unsupported, type UnsupportedError } from "./unsupported.ts";

/** Names under which the families of `transformers` keep factors, caps, norms, experts and masks of their own. */
const MATHEMATICS =
  /softcap|multiplier|(^|_)(scal(e|es|ar|ing|ings)|mup|emb_scale)(_|$)|^clip_|clamp|qk_?(layer_?)?norm|norm_(type|before|after|position|topk)|^(pre|post|sandwich|parallel)_\w*norm|(^|_)bias(_|$)|rope|rotary|expert|(^|_)moe(_|$)|router|alibi|(^|_)chunk(_|$)|parallel_(attn|attention|residual)|use_parallel|attn_temperature|query_pre_attn|position_embedding_type|(^|_)sinks?(_|$)|window|layers_block_type|layer_pattern|hybrid|mamba|residual_|value_residual|shared_?(kv|layers)/;

const plainWords: readonly unknown[] = [
  "",
  "none",
  "default",
  "rope",
  "rope_only",
  "absolute",
  "rmsnorm",
  "rms_norm",
];

// how families write that they do nothing of a kind: no factor, factor 1, nothing in a list
const changesNothing = (field: string, value: unknown): boolean =>
  value === undefined || value === null || value === false || value === 0 || plainWords.includes(value) ||
  (value === 1 && /multiplier|scal|expert|mup/.test(field)) ||
  (typeof value === "object" && Object.keys(value).length === 0);

/**
 * The error of the first field that is not among the known ones, has a name that speaks of mathematics, and is set. Other
 * fields, such as those of generation and training, are left alone, as `transformers` leaves them.
 */
export const mathFault = (
  fields: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
): UnsupportedError | undefined => {
  const found = Object.entries(fields).find(([field, value]) =>
    !known.has(field) && MATHEMATICS.test(field) && !changesNothing(field, value)
  );
  return found === undefined
    ? undefined
    : unsupported(found[0], found[1], "a field that is not set: no model here computes what it asks for");
};
