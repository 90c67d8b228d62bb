/** The device-generic suite on the CPU, fused and naive. */
import { onCpu } from "../support/cpu.ts";
import { deviceSuite } from "./suite.ts";

deviceSuite("cpu, fused", onCpu());
deviceSuite("cpu, naive", onCpu({ fuse: false }));
