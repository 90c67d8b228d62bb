/**
 * Chain-of-Sight: write a vision-language model as a pure function, compile its training step to WebGPU, and
 * pre-train it in stages with few visual tokens that become many (arXiv 2407.15819).
 *
 * Three packages, one direction: {@link core} is the pure language of descriptions and the models in it, {@link kernels}
 * compiles descriptions to programs on a device, {@link pipelines} does everything that touches the world.
 *
 * ```ts
 * import { core } from "@chain-of-sight/chain-of-sight";
 *
 * // The paper's pre-training layout at 224 px, and its growth to 448 px.
 * const small = core.layoutOf(224, 14, [16, 4], [16, 4]);
 * const grown = core.grow(core.compoundScaling())(small);
 * if (core.tokenCount(small) !== 80 || core.tokenCount(grown.layout) !== 1296) throw new Error("other counts");
 * ```
 * @module
 */
export * as core from "@chain-of-sight/core";
export * as kernels from "@chain-of-sight/kernels";
export * as pipelines from "@chain-of-sight/pipelines";
