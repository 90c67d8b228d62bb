/**
 * The compiler and runtime: descriptions become kernels, a memory plan and one Program per training step, on WebGPU.
 * @module
 */
export * from "./portable.ts";
export * from "./device/choice.ts";
export * from "./device/dawn.ts";
export { throttled } from "./device/dawn_throttle.ts";
export { openAssembler, wabtModules } from "./device/cpu_assemble.ts";
export * from "./device/deno.ts";
export * from "./device/run.ts";
export { nodeThreads } from "./device/threads_node.ts";
