/**
 * The compiler and runtime: descriptions become kernels, a memory plan and one Program per training step, on WebGPU.
 * @module
 */
export * from "./capabilities.ts";
export * from "./device_profile.ts";
export * from "./ir/index_expr.ts";
export * from "./ir/value.ts";
export * from "./graph/kernel.ts";
export * from "./graph/fuse.ts";
export type { Inside, Part, Place } from "./graph/repeat.ts";
export * from "./plan/blame.ts";
export * from "./plan/cost.ts";
export * from "./plan/explain.ts";
export * from "./plan/memory.ts";
export * from "./plan/plan.ts";
export * from "./plan/profile.ts";
export * from "./plan/steps.ts";
export * from "./schedule/chosen.ts";
export * from "./schedule/contraction.ts";
export * from "./schedule/fits.ts";
export * from "./schedule/form.ts";
export * from "./schedule/loop.ts";
export * from "./schedule/pieces.ts";
export * from "./schedule/space.ts";
export * from "./tune/search.ts";
export * from "./tune/table.ts";
export * from "./tune/tune.ts";
export * from "./wgsl/module.ts";
export * from "./wgsl/render.ts";
export { type PlacedPhase, renderModule, renderWasm, type WasmModule } from "./wasm/render.ts";
export type { Phase } from "./wasm/function.ts";
export type { Dialect } from "./wasm/math.ts";
export * from "./device/ceilings.ts";
export * from "./device/cpu.ts";
export * from "./device/cpu_choice.ts";
export * from "./device/dawn.ts";
export { paced } from "./device/dawn_pace.ts";
export * from "./device/device.ts";
export * from "./device/errors.ts";
export * from "./device/evaluate.ts";
export * from "./device/health.ts";
export * from "./device/names.ts";
export * from "./device/pipeline.ts";
export * from "./device/profile.ts";
export * from "./device/program.ts";
export * from "./device/provider.ts";
export * from "./device/submit.ts";
export * from "./device/transfer.ts";
