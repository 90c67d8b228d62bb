/** Pipelines: kernels compiled by the driver, one for each text. */
import * as Effect from "effect/Effect";
import type { Dispatch } from "../wgsl/module.ts";
import { DeviceError } from "./errors.ts";

/** A pipeline with its layout. */
export interface Pipeline {
  /** The compiled kernel. */
  readonly compute: GPUComputePipeline;
  /** What it binds. */
  readonly layout: GPUBindGroupLayout;
}

/** Pipelines by the text of their kernels. */
export type PipelineCache = Map<string, Pipeline>;

/** Creates a pipeline, or says which kernel the driver refused and why. */
export const pipelineOf = (device: GPUDevice, dispatch: Dispatch): Effect.Effect<Pipeline, DeviceError> =>
  Effect.gen(function* () {
    device.pushErrorScope("validation");
    const layout = device.createBindGroupLayout({
      entries: dispatch.bindings.map(({ write }, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: write ? "storage" as const : "read-only-storage" as const },
      })),
    });
    const compute = device.createComputePipeline({
      label: dispatch.label,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: device.createShaderModule({ label: dispatch.label, code: dispatch.code }),
        entryPoint: "main",
      },
    });
    const error = yield* Effect.promise(() => device.popErrorScope());
    if (error === null) return { compute, layout };
    return yield* Effect.fail(
      new DeviceError({
        fault: "rejected kernel",
        got: error.message,
        mend: "report the kernel's text with the driver's version",
        kernel: dispatch.label,
      }),
    );
  });
