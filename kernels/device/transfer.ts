/** Transfers between host arrays and the buffers of a plan. */
import { type NdArray, ndarray, sizeOf, type Tensor, type TreeError, zeros } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Plan } from "../plan/plan.ts";
import { DeviceError } from "./errors.ts";
import { type Health, healthy } from "./health.ts";
import { checkInputs, checkPart, findNames } from "./names.ts";
import { wait } from "./wait.ts";
import type { Written } from "./written.ts";

/** A piece of a buffer. */
export interface BufferRange {
  /** The buffer. */
  readonly buffer: GPUBuffer;
  /** Its first byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly size: number;
}

/** A part of what several ranges hold together. It must be in one buffer, in ranges that follow each other. */
export const partOf = (
  ranges: readonly BufferRange[],
  part: { readonly offset: number; readonly bytes: number },
): BufferRange => {
  let start = 0;
  for (const [i, { buffer, offset, size }] of ranges.entries()) {
    if (part.offset < start + size) {
      let end = start + size;
      for (let j = i + 1; end < part.offset + part.bytes; j++) {
        const [before, next] = [ranges[j - 1]!, ranges[j]];
        if (next?.buffer !== buffer || next.offset !== before.offset + before.size) break;
        end += next.size;
      }
      if (part.offset + part.bytes > end) break;
      return { buffer, offset: offset + part.offset - start, size: part.bytes };
    }
    start += size;
  }
  throw new DeviceError({
    fault: "out of memory",
    got: `a slice of ${part.bytes} bytes across the end of a buffer`,
    hint: "this device's buffers are too small for the stack: scan over fewer layers at a time",
  });
};

/** A plan whose buffers are on a device. */
export interface OnDevice {
  /** The device. */
  readonly device: GPUDevice;
  /** What runs there. */
  readonly plan: Plan;
  /** The ranges of every slot. */
  readonly places: readonly (readonly BufferRange[])[];
  /** What the driver reported. */
  readonly health: Health;
  /** Contents of its inputs. */
  readonly written: Written;
  /** Bytes of uploads of which the driver holds a copy, until something is submitted. */
  readonly waiting: { bytes: number };
}

/** Bits of f16 numbers in whole words. Never a Float16Array: a provider's writes may end the process on one. */
const halfWords = (value: NdArray): Uint32Array => {
  const words = new Uint32Array(Math.ceil(value.data.length / 2));
  new Float16Array(words.buffer).set(value.data);
  return words;
};

const hostWords = (value: NdArray): Float32Array | Int32Array | Uint32Array =>
  value.dtype === "f16"
    ? halfWords(value)
    : value.dtype === "bool"
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

/** Writes numbers into a slot from a byte on, range after range. */
export const writeSlot = (
  device: GPUDevice,
  ranges: readonly BufferRange[],
  data: BufferSource,
  from = 0,
): void => {
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  let at = -from;
  for (const { buffer, offset, size } of ranges) {
    const part = bytes.subarray(Math.max(0, at), Math.max(0, at + size));
    if (part.length > 0) device.queue.writeBuffer(buffer, offset + Math.max(0, -at), part);
    at += size;
  }
};

/** Uploads of this size and more are submitted at once; those of a step, which are smaller, wait for its run. */
const FLUSH_BYTES = 2 ** 24;

const flush = ({ device, waiting }: OnDevice, bytes: number): void => {
  waiting.bytes += bytes;
  if (waiting.bytes < FLUSH_BYTES) return;
  device.queue.submit([]);
  waiting.bytes = 0;
};

/** Uploads a run of an input's elements from one on. */
export const uploadPart = (
  on: OnDevice,
  path: string,
  at: number,
  value: NdArray,
): Effect.Effect<void, DeviceError | TreeError> =>
  Effect.gen(function* () {
    const { device, plan, places, written } = on;
    yield* checkPart(plan, path, at, value);
    yield* written.beforePart(path, at);
    const slot = plan.memory.slotOf.get(plan.inputs[path]!)!, words = hostWords(value);
    writeSlot(device, places[slot]!, words as BufferSource, at * (value.dtype === "f16" ? 2 : 4));
    written.wrotePart(path, at + value.data.length);
    flush(on, words.byteLength);
  });

/** Uploads inputs of a plan by path. */
export const uploadInputs = (
  on: OnDevice,
  values: Readonly<Record<string, NdArray>>,
): Effect.Effect<void, DeviceError | TreeError> =>
  Effect.gen(function* () {
    const { device, plan, places, written } = on;
    yield* checkInputs(plan, values);
    for (const [path, value] of Object.entries(values)) {
      const slot = plan.memory.slotOf.get(plan.inputs[path]!)!;
      writeSlot(device, places[slot]!, hostWords(value) as BufferSource);
    }
    written.wrote(Object.keys(values));
    flush(on, Object.values(values).reduce((n, { data }) => n + data.byteLength, 0));
  });

/** Waits for the queue, then downloads outputs by name or inputs by path. */
export const download = (
  { device, plan, places, health, written }: OnDevice,
  names: readonly string[],
): Effect.Effect<Record<string, NdArray>, DeviceError | TreeError> =>
  Effect.gen(function* () {
    const found = yield* findNames(plan, names);
    yield* written.beforeRead(names);
    const encoder = device.createCommandEncoder();
    const staged = found.map(({ name, tensor, slot }) => {
      const ranges = places[slot]!, total = ranges.reduce((n, r) => n + r.size, 0);
      const staging = device.createBuffer({
        size: total,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      let at = 0;
      for (const { buffer, offset, size } of ranges) {
        encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
        at += size;
      }
      return { name, tensor, staging };
    });
    device.queue.submit([encoder.finish()]);
    yield* wait({
      try: () => Promise.all(staged.map((s) => s.staging.mapAsync(GPUMapMode.READ))),
      catch: (e) => health.lost(String(e)),
    });
    const out = staged.map(({ name, tensor, staging }) => {
      const value = arrayOf(tensor, staging.getMappedRange().slice(0));
      staging.destroy();
      return [name, value] as const;
    });
    yield* healthy(health);
    return Object.fromEntries(out);
  });
