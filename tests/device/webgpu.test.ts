/** The device-generic suite on WebGPU, fused and naive. */
import { onWebGpu } from "../support/webgpu.ts";
import { deviceSuite } from "./suite.ts";

deviceSuite("webgpu, fused", onWebGpu());
deviceSuite("webgpu, naive", onWebGpu({ fuse: false, simplify: false }));
