/** The training on the CPU: fused, and with one kernel per description as the naive path. */
import { stepOnCpu } from "../support/cpu.ts";
import { trajectorySuite } from "./suite.ts";

trajectorySuite("cpu, fused", stepOnCpu());
trajectorySuite("cpu, naive", stepOnCpu({ fuse: false }));
