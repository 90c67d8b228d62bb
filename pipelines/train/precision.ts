/** The precision of a training by name, the same in configurations, benchmarks and the trainer. */
import { everyParameter, type MixedPrecision, type PathPredicate, under } from "@chain-of-sight/core";

/**
 * Element types of a training: all of it f32, or `mixed`: products and attention in f16 with f32 parameters, norms,
 * losses and gradients of parameters, and a scaled loss. `mixed` needs a GPU with 16-bit floating point.
 */
export type Precision = "f32" | "mixed";

/** Every precision, the default first. */
export const precisions: readonly Precision[] = ["f32", "mixed"];

/** Inputs of a step of a precision alongside its loss: nothing for f32. Frozen parameters are stored as f16. */
export const mixedOf = (
  precision: Precision | undefined,
  half: PathPredicate = everyParameter,
): { readonly mixed?: MixedPrecision } => precision === "mixed" ? { mixed: { half } } : {};

/** Blocks that a backward pass may recompute (activation checkpointing): those of the encoder or of the decoder. */
export type RematRegion = "vision" | "decoder";

const blocks: Readonly<Record<RematRegion, string>> = { vision: "encoder.layers", decoder: "model.layers" };

/** The blocks of some regions, by the names that models give them. */
export const blocksOf = (regions: readonly RematRegion[]): PathPredicate =>
  under(...regions.map((region) => blocks[region]));
