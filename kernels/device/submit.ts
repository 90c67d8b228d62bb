/** One run of a program: every dispatch in one pass of one submit. */
import type { TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { DeviceError } from "./errors.ts";
import type { Recorded } from "./profile.ts";
import { healthy } from "./health.ts";
import type { OnDevice } from "./transfer.ts";

/** Submits recorded dispatches and copies once; waits for nothing. */
export const runnerOf = (
  { device, plan, places, health, written }: OnDevice,
  steps: readonly Recorded[],
): Effect.Effect<void, DeviceError | TreeError> =>
  Effect.flatMap(written.beforeRun(), () => {
    health.began(plan);
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
      places[c.from]!.forEach(({ buffer, offset, size }, i) => {
        const to = places[c.to]![i]!;
        encoder.copyBufferToBuffer(buffer, offset, to.buffer, to.offset, size);
      });
    }
    device.queue.submit([encoder.finish()]);
    written.ran();
    return healthy(health);
  });
