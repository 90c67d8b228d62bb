/** Transfers between host arrays and the buffers of a plan. */
import { type NdArray, ndarray, sizeOf, type Tensor, TreeError, zeros } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Plan } from "../plan/plan.ts";
import { DeviceError } from "./errors.ts";
import { type Health, healthy } from "./health.ts";
import { checkInputs } from "./names.ts";

/** A plan whose buffers are on a device. */
export interface OnDevice {
  /** The device. */
  readonly device: GPUDevice;
  /** What runs there. */
  readonly plan: Plan;
  /** A buffer for every slot. */
  readonly buffers: readonly GPUBuffer[];
  /** What the driver reported. */
  readonly health: Health;
}

const hostWords = (value: NdArray): Float32Array | Int32Array | Uint32Array =>
  value.dtype === "bool"
    ? Uint32Array.from(value.data)
    : value.data instanceof Float64Array
    ? Float32Array.from(value.data)
    : value.data as Float32Array;

const arrayOf = (t: Tensor, bytes: ArrayBuffer): NdArray => {
  const n = sizeOf(t.shape);
  if (t.dtype === "bool") return ndarray("bool", t.shape, Uint8Array.from(new Uint32Array(bytes, 0, n)));
  const out = zeros(t.dtype, n), View = out.constructor as Float32ArrayConstructor;
  return ndarray(t.dtype, t.shape, new View(bytes, 0, n));
};

const slotFor = (
  { plan, buffers }: OnDevice,
  name: string,
): { tensor: Tensor; buffer: GPUBuffer } | undefined => {
  const tensor = plan.outputs[name] ?? plan.inputs[name];
  const donated = plan.donate[name];
  const slot = donated !== undefined
    ? plan.memory.slotOf.get(plan.inputs[donated]!)
    : tensor && plan.memory.slotOf.get(tensor);
  return tensor === undefined || slot === undefined ? undefined : { tensor, buffer: buffers[slot]! };
};

/** Uploads inputs of a plan by path. */
export const uploadInputs = (
  { device, plan, buffers }: OnDevice,
  values: Readonly<Record<string, NdArray>>,
): Effect.Effect<void, DeviceError | TreeError> =>
  Effect.gen(function* () {
    yield* checkInputs(plan, values);
    for (const [path, value] of Object.entries(values)) {
      const slot = plan.memory.slotOf.get(plan.inputs[path]!)!;
      if (value.data.length > 0) {
        device.queue.writeBuffer(buffers[slot]!, 0, hostWords(value) as BufferSource);
      }
    }
  });

/** Waits for the queue, then downloads outputs by name or inputs by path. */
export const download = (
  on: OnDevice,
  names: readonly string[],
): Effect.Effect<Record<string, NdArray>, DeviceError | TreeError> =>
  Effect.gen(function* () {
    const { device, health } = on;
    const unknown = names.filter((n) => slotFor(on, n) === undefined);
    if (unknown.length > 0) {
      return yield* Effect.fail(
        new TreeError({
          op: "read",
          got: unknown.join(", "),
          expected: `outputs ${Object.keys(on.plan.outputs).join(", ")} or inputs`,
          mend: "read what the program computes",
        }),
      );
    }
    const encoder = device.createCommandEncoder();
    const staged = names.map((name) => {
      const { tensor, buffer } = slotFor(on, name)!;
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
      const value = arrayOf(tensor, staging.getMappedRange().slice(0));
      staging.destroy();
      return [name, value] as const;
    });
    yield* healthy(health);
    return Object.fromEntries(out);
  });
