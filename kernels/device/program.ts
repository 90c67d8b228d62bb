/** Programs: a plan on a device. Bind groups are recorded once; a run is one submit and waits for nothing. */
import type { NdArray, TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { DeviceProfile } from "../device_profile.ts";
import type { Plan } from "../plan/plan.ts";
import { largestTensors, provenanceOf } from "../plan/blame.ts";
import { bytesText } from "../plan/explain.ts";
import { without } from "../plan/memory.ts";
import { type Homes, homesOf } from "../wgsl/module.ts";
import { iterationsOf } from "../schedule/choose.ts";
import { dispatchesOf, type KernelDispatch } from "../wgsl/render.ts";
import { DeviceError } from "./errors.ts";
import { type Exchange, exchangeOf } from "./exchange.ts";
import { type Health, healthy } from "./health.ts";
import { compilePipelines, type PipelineCache } from "./pipeline.ts";
import { keepDispatches, keptDispatches } from "./plan_store.ts";
import { profileSteps, type Recorded } from "./profile.ts";
import { type Home, placesShared, scratchShared } from "./shared.ts";
import { runnerOf } from "./submit.ts";
import { Written } from "./written.ts";
import {
  type BufferRange,
  download,
  type OnDevice,
  partOf,
  uploadInputs,
  uploadPart,
  writeSlot,
} from "./transfer.ts";

/** A plan on a device. */
export interface Program {
  /** The plan. */
  readonly plan: Plan;
  /** Bytes of its tensors on the device, without those that are in programs that it was loaded alongside. */
  readonly bytes: number;
  /** Uploads inputs by path. A path that the plan does not read, or an array that does not fit it, is refused. */
  readonly write: (values: Readonly<Record<string, NdArray>>) => ReturnType<typeof uploadInputs>;
  /**
   * Uploads a run of an input's elements, from element `at` on, so that the host need not hold all of them. Runs are written
   * in order from the first element on, and those of f16 begin at even ones; with the last run the input holds a value.
   */
  readonly writePart: (path: string, at: number, value: NdArray) => ReturnType<typeof uploadInputs>;
  /** Submits all dispatches once. Does not wait. Refused while an input that results depend on was never written. */
  readonly run: ReturnType<typeof runnerOf>;
  /** Waits and downloads outputs (by name) or inputs (by path) that hold a value. Costs a wait on the queue. */
  readonly read: (names: readonly string[]) => ReturnType<typeof download>;
  /** Hands the memory of inputs to the host between two runs. */
  readonly exchange: Exchange;
  /** Runs every dispatch in a pass of its own and gives its time on the device. Uses up inputs and state. */
  readonly profile: (repeats?: number) => ReturnType<typeof profileSteps>;
}

const homes = new WeakMap<Program, Home<readonly BufferRange[], GPUBuffer>>();

/**
 * Puts a plan on a device, alongside programs whose inputs of the same path it shares, and whose temporaries are where its
 * own do. Its own buffers are freed with the scope, which those of the others must outlive.
 */
export const loadProgram = (
  device: GPUDevice,
  plan: Plan,
  profile: DeviceProfile,
  pipelines: PipelineCache,
  health: Health,
  alongside: readonly Program[] = [],
): Effect.Effect<Program, DeviceError | TreeError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* healthy(health);
    const around = alongside.flatMap((program) => homes.get(program) ?? []);
    const shared = yield* placesShared(plan, around, {
      shift: ([range], by, size) => [{ buffer: range!.buffer, offset: range!.offset + by, size }],
      same: ([a, ...more], [b]) =>
        more.length === 0 && a!.buffer === b!.buffer && a!.offset === b!.offset && a!.size === b!.size,
    });
    const memory = without(plan.memory, new Set(shared.keys()));
    const lent = scratchShared(memory.buffers, around);
    const own = memory.buffers.reduce((n, b, i) => lent.has(i) ? n : n + b.bytes, 0);
    if (memory.slots.some((s) => s.ranges.length > profile.maxBindings)) {
      return yield* Effect.fail(
        new DeviceError({
          fault: "out of memory",
          got: `a tensor that no kernel can bind, in ${profile.maxBindings} pieces of ${
            bytesText(profile.maxBindingBytes)
          }`,
          hint: "use a smaller batch or model; the largest tensors are",
          made: largestTensors(plan),
        }),
      );
    }
    const buffers = yield* Effect.acquireRelease(
      Effect.gen(function* () {
        device.pushErrorScope("out-of-memory");
        device.pushErrorScope("validation");
        const made = memory.buffers.map(({ bytes, role }, i) =>
          lent.has(i) ? undefined : device.createBuffer({
            label: `${role} ${i}`,
            size: bytes,
            usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
          })
        );
        const errors = [
          yield* Effect.promise(() => device.popErrorScope()),
          yield* Effect.promise(() => device.popErrorScope()),
        ];
        const error = errors.find((e) => e !== null);
        if (error) {
          made.forEach((b) => b?.destroy());
          return yield* Effect.fail(
            new DeviceError({
              fault: "out of memory",
              got: `${error.message} (the program needs ${bytesText(own)})`,
              hint: "use a smaller batch or model; the largest tensors are",
              made: largestTensors(plan),
            }),
          );
        }
        return made;
      }),
      (made) =>
        Effect.sync(() => {
          health.ended(plan);
          made.forEach((b) => b?.destroy());
        }),
    );
    const places = memory.slots.map(({ id, ranges }) =>
      shared.get(id) ??
        ranges.map(({ buffer, offset, bytes }): BufferRange => ({
          buffer: buffers[buffer] ?? lent.get(buffer)!,
          offset,
          size: bytes,
        }))
    );
    for (const [tensor, table] of memory.tables) {
      writeSlot(device, places[memory.slotOf.get(tensor)!]!, table as BufferSource);
    }
    const here: Homes = {
      ...homesOf(memory),
      rangeBytes: (slot) => places[slot]![0]!.size,
      buffersOf: (slot) => places[slot]!.map((r) => r.buffer),
    };
    // texts depend on where tensors are: those of a program alongside others are its own
    const known = shared.size > 0 ? undefined : keptDispatches(plan, profile);
    const steps: Recorded[] = [],
      dispatches = known ?? dispatchesOf(plan, profile, shared.size > 0 ? here : undefined);
    for (const dispatch of dispatches) {
      if (dispatch.bindings.length > profile.maxBindings) {
        return yield* Effect.fail(
          new DeviceError({
            fault: "out of memory",
            got: `${dispatch.bindings.length} bindings of at most ${profile.maxBindingBytes} bytes`,
            hint: `this device has ${profile.maxBindings} bindings: use a smaller batch or model`,
            kernel: dispatch.label,
            made: provenanceOf(plan, [dispatch.kernel]),
          }),
        );
      }
    }
    const iterations = (d: KernelDispatch): number => iterationsOf(d.kernel, plan.schedules);
    // what was kept has been loaded before
    const endless = known === undefined
      ? dispatches.find((d) => iterations(d) > profile.maxIterations)
      : undefined;
    if (endless !== undefined) {
      return yield* Effect.fail(
        new DeviceError({
          fault: "refused",
          got: `a kernel whose loops take ${iterations(endless)} iterations`,
          hint:
            `this device stops after ${profile.maxIterations}, silently: compute it in parts, or on the CPU`,
          kernel: endless.label,
          made: provenanceOf(plan, [endless.kernel]),
        }),
      );
    }
    yield* compilePipelines(device, plan, dispatches, pipelines);
    for (const dispatch of dispatches) {
      const pipeline = pipelines.get(dispatch.code)!;
      const group = device.createBindGroup({
        layout: pipeline.layout,
        entries: dispatch.bindings.map(({ slot, window, part }, binding) => ({
          binding,
          resource: part === undefined ? places[slot]![window]! : partOf(places[slot]!, part),
        })),
      });
      const { label, workgroups: size } = dispatch;
      steps.push({
        label,
        get kernel() {
          return dispatch.kernel;
        },
        pipeline: pipeline.compute,
        group,
        size,
      });
    }
    if (known === undefined && shared.size === 0) keepDispatches(plan, dispatches);
    yield* healthy(health);

    const written = new Written(plan, around.map((home) => home.written));
    const on: OnDevice = { device, plan, places, health, written, waiting: { bytes: 0 } };
    const program: Program = {
      plan,
      bytes: own,
      write: (values) => uploadInputs(on, values),
      writePart: (path, at, value) => uploadPart(on, path, at, value),
      run: runnerOf(on, steps),
      read: (names) => download(on, names),
      exchange: yield* exchangeOf(on),
      profile: (repeats) => profileSteps(device, plan, steps, repeats),
    };
    const scratch = memory.buffers.flatMap(({ bytes, role }, i) =>
      role === "scratch" && buffers[i] !== undefined ? [{ bytes, at: buffers[i] }] : []
    );
    homes.set(program, { plan, places, scratch, written });
    return program;
  });
