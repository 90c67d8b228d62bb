/** Donated state on the CPU. */
import { cpuServices } from "../support/cpu.ts";
import { donationSuite } from "./donation.ts";

donationSuite("cpu", cpuServices(), 120);
