/** Random programs on the CPU. */
import { onCpu } from "../support/cpu.ts";
import { fuzzSuite } from "./fuzz.ts";

fuzzSuite("cpu", onCpu());
