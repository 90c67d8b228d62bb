/** Other deviations for what starts random. */
import { type ParameterSpec, specTrees, type Tree } from "@chain-of-sight/core";

/** Specifications with another deviation for everything that starts random. */
export const spread = (specs: Tree<ParameterSpec>, std: number): Tree<ParameterSpec> =>
  specTrees.map(
    specs,
    (spec) => spec.init.kind === "truncatedNormal" ? { ...spec, init: { ...spec.init, std } } : spec,
  ) as Tree<ParameterSpec>;
