/** Checkpoints streamed into programs of the CPU and of WebGPU. */
import { theDevice } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import { cpuServices } from "../support/cpu.ts";
import { services } from "../support/webgpu.ts";
import { checkpointSuite } from "./checkpoint.suite.ts";

checkpointSuite("cpu", cpuServices().then((context) => Context.get(context, theDevice())));
checkpointSuite("webgpu", services.then((context) => Context.get(context, theDevice())));
