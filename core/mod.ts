/**
 * The tensor language: pure descriptions of computations, their derivatives, their costs, and the models of
 * Chain-of-Sight built on them. Nothing here touches a device, a file or a clock.
 * @module
 */
export * from "./array.ts";
export * from "./dtype.ts";
export * from "./errors.ts";
export * from "./shape.ts";
export * from "./tensor.ts";
export * from "./tree.ts";
export * from "./grad.ts";
export * from "./interpret.ts";
export * from "./threefry.ts";
export * from "./ops/elementwise.ts";
export * from "./ops/source.ts";
export * from "./ops/reduce.ts";
export * from "./ops/movement.ts";
export * from "./ops/contraction.ts";
export * from "./ops/index.ts";
export * from "./ops/random.ts";
export * from "./ops/record.ts";
export * from "./ops/table.ts";
