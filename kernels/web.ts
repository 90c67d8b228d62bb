/**
 * The compiler and runtime for pages and bundlers: {@link run} computes a description on the visitor's device.
 *
 * ```ts no-eval
 * import { add, f32, input } from "@chain-of-sight/core";
 * import { run } from "@chain-of-sight/kernels/web";
 *
 * const x = input("x", [3]);
 * const { data } = await run(add(x, 1), { x: f32([3], [1, 2, 3]) });
 * console.log(data); // 2, 3, 4
 * ```
 * @module
 */
export * from "./portable.ts";
export * from "./device/browser_run.ts";
