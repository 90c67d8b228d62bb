/** Random programs on WebGPU. */
import { onWebGpu } from "../support/webgpu.ts";
import { fuzzSuite } from "./fuzz.ts";

fuzzSuite("webgpu", onWebGpu());
