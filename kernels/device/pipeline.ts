/** Pipelines: kernels compiled by the driver, one for each text, all at once where the provider can. */
import * as Effect from "effect/Effect";
import { provenanceOf } from "../plan/blame.ts";
import type { Plan } from "../plan/plan.ts";
import type { KernelDispatch } from "../wgsl/render.ts";
import { DeviceError } from "./errors.ts";

/** A pipeline with its layout. */
export interface Pipeline {
  /** The compiled kernel. */
  readonly compute: GPUComputePipeline;
  /** Its bindings. */
  readonly layout: GPUBindGroupLayout;
}

/** Pipelines by the text of their kernels. */
export type PipelineCache = Map<string, Pipeline>;

interface Attempt {
  readonly dispatch: KernelDispatch;
  readonly module: GPUShaderModule;
  readonly layout: GPUBindGroupLayout;
  readonly compute: Promise<GPUComputePipeline>;
}

const attempt = (device: GPUDevice, dispatch: KernelDispatch): Attempt => {
  const { label, code, bindings } = dispatch;
  const layout = device.createBindGroupLayout({
    entries: bindings.map(({ write }, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: write ? "storage" as const : "read-only-storage" as const },
    })),
  });
  const module = device.createShaderModule({ label, code });
  const compute = device.createComputePipelineAsync({
    label,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: "main" },
  });
  return { dispatch, module, layout, compute };
};

/** What the driver says of a text, with the line that it points at. */
const complaint = async ({ dispatch, module }: Attempt, why: string): Promise<string> => {
  const info = await module.getCompilationInfo(), error = info.messages.find((m) => m.type === "error");
  if (error === undefined) return why;
  const line = error.lineNum > 0 ? dispatch.code.split("\n")[error.lineNum - 1] : undefined;
  const said = error.message.trim();
  return line === undefined ? said : `${said} (WGSL line ${error.lineNum}: ${line.trim()})`;
};

/** Compiles the kernels of a plan that the cache lacks, or says which the driver refused, where and why. */
export const compilePipelines = (
  device: GPUDevice,
  plan: Plan,
  dispatches: readonly KernelDispatch[],
  pipelines: PipelineCache,
): Effect.Effect<void, DeviceError> =>
  Effect.gen(function* () {
    const missing = new Map(
      dispatches.filter((d) => !pipelines.has(d.code)).map((d) => [d.code, d] as const),
    );
    if (missing.size === 0) return;
    const refusal = yield* Effect.promise(async () => {
      device.pushErrorScope("validation");
      const attempts = [...missing.values()].map((d) => attempt(device, d));
      const settled = Promise.allSettled(attempts.map((a) => a.compute));
      const scope = await device.popErrorScope(), results = await settled;
      let refused: { readonly attempt: Attempt; readonly why: string } | undefined;
      results.forEach((result, i) => {
        const { dispatch, layout } = attempts[i]!;
        if (result.status === "fulfilled") pipelines.set(dispatch.code, { compute: result.value, layout });
        else refused ??= { attempt: attempts[i]!, why: String(result.reason?.message ?? result.reason) };
      });
      if (refused !== undefined) {
        return { dispatch: refused.attempt.dispatch, got: await complaint(refused.attempt, refused.why) };
      }
      return scope === null ? undefined : { dispatch: undefined, got: scope.message };
    });
    if (refusal === undefined) return;
    const { dispatch, got } = refusal;
    return yield* Effect.fail(
      new DeviceError({
        fault: "rejected kernel",
        got,
        hint: "report the kernel's text with the driver's version",
        ...(dispatch === undefined
          ? {}
          : { kernel: dispatch.label, made: provenanceOf(plan, [dispatch.kernel]) }),
      }),
    );
  });
