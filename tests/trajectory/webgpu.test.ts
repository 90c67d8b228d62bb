/** The training on WebGPU: fused, with one kernel per description as the naive path, and with recomputed blocks. */
import { under } from "@chain-of-sight/core";
import { stepOnWebGpu } from "../support/webgpu.ts";
import { loraSuite } from "./lora.suite.ts";
import { trajectorySuite } from "./suite.ts";

trajectorySuite("webgpu, fused", stepOnWebGpu());
trajectorySuite("webgpu, a kernel for each parameter", stepOnWebGpu({ batch: false }));
trajectorySuite("webgpu, naive", stepOnWebGpu({ fuse: false, simplify: false }));
trajectorySuite("webgpu, blocks recomputed", stepOnWebGpu(), { remat: under("model.layers") });
trajectorySuite("webgpu, blocks in a loop", stepOnWebGpu(), { scan: true });
trajectorySuite("webgpu, naive, blocks in a loop", stepOnWebGpu({ fuse: false, simplify: false }), {
  scan: true,
});
trajectorySuite("webgpu, blocks in a loop, recomputed", stepOnWebGpu(), {
  scan: true,
  remat: under("model.layers"),
});
loraSuite("webgpu", stepOnWebGpu());
