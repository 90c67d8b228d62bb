/** Writing on WebGPU. */
import { services } from "../support/webgpu.ts";
import { generateSuite } from "./suite.ts";

generateSuite("WebGPU", services);
