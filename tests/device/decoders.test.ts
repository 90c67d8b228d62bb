/** Configurations of decoders on the reference, the CPU and WebGPU. */
import { onCpu } from "../support/cpu.ts";
import { reference } from "../support/evaluate.ts";
import { onWebGpu } from "../support/webgpu.ts";
import { decoderSuite } from "./decoders.ts";

const single = { rtol: 1e-5, atol: 1e-6 };
decoderSuite("reference", reference, { rtol: 1e-6, atol: 0 });
decoderSuite("cpu", onCpu(), single);
decoderSuite("webgpu", onWebGpu(), single);
