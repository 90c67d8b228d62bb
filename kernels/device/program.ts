/** Programs: a plan on a device. Bind groups are recorded once; a run is one submit and waits for nothing. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import {
  equals,
  type NdArray,
  ndarray,
  show,
  sizeOf,
  type Tensor,
  TreeError,
  zeros,
} from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import type { Plan } from "../plan/plan.ts";
import type { Dispatch } from "../wgsl/module.ts";
import { dispatchesOf } from "../wgsl/render.ts";
import type { Health } from "./device.ts";
import { DeviceError } from "./errors.ts";
import { profileSteps, type Recorded, type Timed } from "./profile.ts";

/** A plan on a device. */
export interface Program {
  /** The plan. */
  readonly plan: Plan;
  /** Uploads inputs by path. A path that the plan does not read is refused. */
  readonly write: (values: Readonly<Record<string, NdArray>>) => Effect.Effect<void, DeviceError | TreeError>;
  /** Submits all dispatches once. Does not wait. */
  readonly run: Effect.Effect<void, DeviceError>;
  /** Runs every dispatch in a pass of its own and gives its time on the device. Uses up inputs and state. */
  readonly profile: (repeats?: number) => Effect.Effect<readonly Timed[], DeviceError>;
  /** Waits and downloads outputs (by name) or inputs (by path). Costs a wait on the queue. */
  readonly read: (
    names: readonly string[],
  ) => Effect.Effect<Record<string, NdArray>, DeviceError | TreeError>;
}

const upload = (value: NdArray): Float32Array | Int32Array | Uint32Array =>
  value.dtype === "bool"
    ? Uint32Array.from(value.data)
    : value.data instanceof Float64Array
    ? Float32Array.from(value.data)
    : value.data as Float32Array;

const download = (t: Tensor, bytes: ArrayBuffer): NdArray => {
  const n = sizeOf(t.shape);
  if (t.dtype === "bool") return ndarray("bool", t.shape, Uint8Array.from(new Uint32Array(bytes, 0, n)));
  const out = zeros(t.dtype, n), View = out.constructor as Float32ArrayConstructor;
  return ndarray(t.dtype, t.shape, new View(bytes, 0, n));
};

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
const pipelineOf = (device: GPUDevice, dispatch: Dispatch): Effect.Effect<Pipeline, DeviceError> =>
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
    return yield* new DeviceError({
      fault: "rejected kernel",
      got: error.message,
      mend: "report the kernel's text with the driver's version",
      kernel: dispatch.label,
    });
  });

/** Puts a plan on a device. Buffers are freed with the scope. */
export const loadProgram = (
  device: GPUDevice,
  plan: Plan,
  profile: DeviceProfile,
  pipelines: PipelineCache,
  health: Health,
): Effect.Effect<Program, DeviceError, Scope.Scope> =>
  Effect.gen(function* () {
    const tooLarge = plan.memory.slots.find((s) => s.bytes > profile.maxBindingBytes);
    if (tooLarge !== undefined) {
      return yield* new DeviceError({
        fault: "out of memory",
        got: `a tensor of ${tooLarge.bytes} bytes`,
        mend: `this device binds at most ${profile.maxBindingBytes} bytes at once: use a smaller batch`,
      });
    }
    const buffers = yield* Effect.acquireRelease(
      Effect.gen(function* () {
        device.pushErrorScope("out-of-memory");
        device.pushErrorScope("validation");
        const made = plan.memory.slots.map((s) =>
          device.createBuffer({
            label: `slot ${s.id} (${s.role})`,
            size: s.bytes,
            usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
          })
        );
        const errors = [
          yield* Effect.promise(() => device.popErrorScope()),
          yield* Effect.promise(() => device.popErrorScope()),
        ];
        const error = errors.find((e) => e !== null);
        if (error) {
          made.forEach((b) => b.destroy());
          const total = plan.memory.slots.reduce((n, s) => n + s.bytes, 0);
          return yield* new DeviceError({
            fault: "out of memory",
            got: `${error.message} (the program needs ${total} bytes)`,
            mend: "use a smaller batch or model",
          });
        }
        return made;
      }),
      (made) => Effect.sync(() => made.forEach((b) => b.destroy())),
    );
    const steps: Recorded[] = [];
    for (const dispatch of dispatchesOf(plan, profile)) {
      let pipeline = pipelines.get(dispatch.code);
      if (pipeline === undefined) {
        pipelines.set(dispatch.code, pipeline = yield* pipelineOf(device, dispatch));
      }
      const group = device.createBindGroup({
        layout: pipeline.layout,
        entries: dispatch.bindings.map(({ slot }, binding) => ({
          binding,
          resource: { buffer: buffers[slot]! },
        })),
      });
      steps.push({ label: dispatch.label, pipeline: pipeline.compute, group, size: dispatch.workgroups });
    }
    yield* health.check;

    const slotFor = (name: string): { tensor: Tensor; buffer: GPUBuffer } | undefined => {
      const tensor = plan.outputs[name] ?? plan.inputs[name];
      const donated = plan.donate[name];
      const slot = donated !== undefined
        ? plan.memory.slotOf.get(plan.inputs[donated]!)
        : tensor && plan.memory.slotOf.get(tensor);
      return tensor === undefined || slot === undefined ? undefined : { tensor, buffer: buffers[slot]! };
    };

    const write: Program["write"] = (values) =>
      Effect.gen(function* () {
        for (const [path, value] of Object.entries(values)) {
          const t = plan.inputs[path];
          if (t === undefined || !equals(t.shape, value.shape) || t.dtype !== value.dtype) {
            return yield* Effect.fail(
              new TreeError({
                op: "write",
                got: `${value.dtype} ${show(value.shape)} for ${path}`,
                expected: t === undefined ? "a path that the program reads" : `${t.dtype} ${show(t.shape)}`,
                mend: "check the names and shapes of the inputs",
              }),
            );
          }
          if (value.data.length > 0) {
            device.queue.writeBuffer(buffers[plan.memory.slotOf.get(t)!]!, 0, upload(value) as BufferSource);
          }
        }
      });

    const run: Program["run"] = Effect.suspend(() => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      let current: GPUComputePipeline | undefined;
      for (const { pipeline, group, size } of steps) {
        if (pipeline !== current) pass.setPipeline(current = pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...size);
      }
      pass.end();
      for (const c of plan.memory.copies) {
        encoder.copyBufferToBuffer(buffers[c.from]!, 0, buffers[c.to]!, 0, c.bytes);
      }
      device.queue.submit([encoder.finish()]);
      return health.check;
    });

    const read: Program["read"] = (names) =>
      Effect.gen(function* () {
        const unknown = names.filter((n) => slotFor(n) === undefined);
        if (unknown.length > 0) {
          return yield* Effect.fail(
            new TreeError({
              op: "read",
              got: unknown.join(", "),
              expected: `outputs ${Object.keys(plan.outputs).join(", ")} or inputs`,
              mend: "read what the program computes",
            }),
          );
        }
        const encoder = device.createCommandEncoder();
        const staged = names.map((name) => {
          const { tensor, buffer } = slotFor(name)!;
          const staging = device.createBuffer({
            size: buffer.size,
            usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
          });
          encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
          return { name, tensor, staging };
        });
        device.queue.submit([encoder.finish()]);
        yield* Effect.tryPromise({
          try: () => Promise.all(staged.map((s) => s.staging.mapAsync(GPUMapMode.READ))),
          catch: (e) =>
            new DeviceError({ fault: "lost", got: String(e), mend: "start again from the last checkpoint" }),
        });
        const out = staged.map(({ name, tensor, staging }) => {
          const value = download(tensor, staging.getMappedRange().slice(0));
          staging.destroy();
          return [name, value] as const;
        });
        yield* health.check;
        return Object.fromEntries(out);
      });

    return { plan, write, run, read, profile: (repeats) => profileSteps(device, steps, repeats) };
  });
