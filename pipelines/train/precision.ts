/** The precision of a training by name, the same in configurations, benchmarks and the trainer. */
import type { MixedPrecision } from "@chain-of-sight/core";

/**
 * Element types of a training: all of it f32, or `mixed`: products and attention in f16 with f32 parameters, norms,
 * losses and gradients of parameters, and a scaled loss. `mixed` needs a GPU with 16-bit floating point.
 */
export type Precision = "f32" | "mixed";

/** Every precision, the default first. */
export const precisions: readonly Precision[] = ["f32", "mixed"];

/** What a step of a precision is told beside its loss: nothing for f32. */
export const mixedOf = (precision: Precision | undefined): { readonly mixed?: MixedPrecision } =>
  precision === "mixed" ? { mixed: {} } : {};
