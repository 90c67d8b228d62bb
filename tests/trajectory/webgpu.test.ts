/** The training on WebGPU: fused, and with one kernel per description as the naive path. */
import { stepOnWebGpu } from "../support/webgpu.ts";
import { trajectorySuite } from "./suite.ts";

trajectorySuite("webgpu, fused", stepOnWebGpu());
trajectorySuite("webgpu, naive", stepOnWebGpu({ fuse: false, simplify: false }));
