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
export * from "./parameter.ts";
export * from "./nn/linear.ts";
export * from "./nn/norm.ts";
export * from "./nn/activation.ts";
export * from "./nn/softmax.ts";
export * from "./nn/attention.ts";
export * from "./nn/rope.ts";
export * from "./nn/embedding.ts";
export * from "./nn/loss.ts";
export * from "./nn/patch.ts";
export * from "./nn/resize.ts";
export * from "./token_scaling.ts";
export * from "./bridges/bridge.ts";
export * from "./bridges/chain_of_sight.ts";
export * from "./bridges/resampler.ts";
export * from "./models/vit.ts";
export * from "./models/llama.ts";
export * from "./models/vision_language.ts";
export * from "./optim/optimiser.ts";
export * from "./optim/adamw.ts";
export * from "./optim/sgd.ts";
export * from "./optim/schedule.ts";
export * from "./optim/clip.ts";
export * from "./optim/train_step.ts";
export * from "./optim/metric_ring.ts";
export * from "./cost.ts";
export * from "./show.ts";
export * from "./simplify.ts";
