/** Writing on the CPU. */
import { cpuServices } from "../support/cpu.ts";
import { generateSuite } from "./suite.ts";

generateSuite("CPU", cpuServices());
