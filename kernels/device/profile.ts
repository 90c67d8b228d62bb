/** Time of every dispatch of a program, from the device's own clock. */
import * as Effect from "effect/Effect";
import type { PlainKernel } from "../graph/kernel.ts";
import type { Plan } from "../plan/plan.ts";
import { type Timed, timesOf } from "../plan/profile.ts";
import { DeviceError } from "./errors.ts";

/** One recorded dispatch on a device. */
export interface Recorded {
  /** Its computation. */
  readonly label: string;
  /** The compiled kernel. */
  readonly pipeline: GPUComputePipeline;
  /** The kernel that it computes, or a part of. */
  readonly kernel: PlainKernel;
  /** Its buffers. */
  readonly group: GPUBindGroup;
  /** Number of workgroups. */
  readonly size: readonly [number, number, number];
}

/** Maximum number of time stamps of one query set. */
const LIMIT = 4096;

const stamp = (device: GPUDevice, part: readonly Recorded[]): Promise<Float64Array> => {
  const count = 2 * part.length, bytes = 8 * count;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const resolved = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const encoder = device.createCommandEncoder();
  part.forEach(({ pipeline, group, size }, i) => {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...size);
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  return staging.mapAsync(GPUMapMode.READ).then(() => {
    const t = new BigUint64Array(staging.getMappedRange());
    const seconds = Float64Array.from(part, (_, i) => Number(t[2 * i + 1]! - t[2 * i]!) * 1e-9);
    [resolved, staging].forEach((b) => b.destroy());
    querySet.destroy();
    return seconds;
  });
};

/** Runs the dispatches `repeats` times, each in a pass of its own with time stamps. Inputs and state are used up. */
export const profileSteps = (
  device: GPUDevice,
  plan: Plan,
  steps: readonly Recorded[],
  repeats = 3,
): Effect.Effect<readonly Timed[], DeviceError> =>
  Effect.tryPromise({
    try: async () => {
      if (!device.features.has("timestamp-query")) throw new Error("no timestamp-query on this device");
      const runs: Float64Array[] = [];
      for (let r = 0; r <= repeats; r++) {
        const parts: number[] = [];
        for (let at = 0; at < steps.length; at += LIMIT / 2) {
          parts.push(...await stamp(device, steps.slice(at, at + LIMIT / 2)));
        }
        // the first run warms up
        if (r > 0) runs.push(Float64Array.from(parts));
      }
      return timesOf(plan, steps.map((s) => s.kernel), runs);
    },
    catch: (e) =>
      new DeviceError({
        fault: "refused",
        got: String(e),
        hint: "profile on a device with timestamp queries",
      }),
  });
