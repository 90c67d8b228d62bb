/** Writing on WebGPU, as planned for this adapter and as planned for a GPU. */
import { webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { services } from "../support/webgpu.ts";
import { generateSuite } from "./suite.ts";

generateSuite("WebGPU", services);
generateSuite(
  "WebGPU, planned as for a GPU",
  Effect.runPromise(Layer.buildWithScope(webGpu({ software: false }), Scope.makeUnsafe())),
);
