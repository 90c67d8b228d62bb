/** Devices as plans know them: two peak rates, a precision and perhaps a memory. */
import { type DeviceProfile, portableProfile } from "@chain-of-sight/kernels";
import { TaggedFault } from "../base/fault.ts";
import type { Precision } from "../train/precision.ts";
import * as E from "fp-ts/lib/Either.js";

/** A device by its peak rates. */
export interface PlanDevice {
  /** Its name. */
  readonly name: string;
  /**
   * Element types that its peak rates are for; `mixed` has f16 for products, what goes from one to the next, and frozen
   * weights.
   */
  readonly precision: Precision;
  /** Most FLOPs per second. */
  readonly flops: number;
  /** Maximum number of bytes read and written per second. */
  readonly bytes: number;
  /** Bytes of its memory; null where not known. */
  readonly memory: number | null;
}

/** Names of devices whose peak rates are known. */
export type PlanDeviceName = "h100-f32" | "h100-mixed" | "m2-max-f32" | "m2-max-mixed";

const h100 = { bytes: 3.13e12, memory: 78 * 2 ** 30 } as const;
const m2Max = { flops: 13.6e12, bytes: 4e11, memory: 48 * 2 ** 30 } as const;

/**
 * Devices by name. NVIDIA H100, all measured: products of 4096 x 4096 matrices in PyTorch, strict f32 and bf16; bytes of a
 * row sum over 1 GiB; the memory that is free for programs. Apple M2 Max with 64 GiB and 38 GPU cores, as published: the
 * same arithmetic in f16, and three quarters of the memory for the GPU.
 */
export const planDevices: Readonly<Record<PlanDeviceName, PlanDevice>> = {
  "h100-f32": { name: "h100-f32", precision: "f32", flops: 51.5e12, ...h100 },
  "h100-mixed": { name: "h100-mixed", precision: "mixed", flops: 789e12, ...h100 },
  "m2-max-f32": { name: "m2-max-f32", precision: "f32", ...m2Max },
  "m2-max-mixed": { name: "m2-max-mixed", precision: "mixed", ...m2Max },
};

/** Names of all devices. */
export const planDeviceNames: readonly PlanDeviceName[] = Object.keys(planDevices) as PlanDeviceName[];

const gpu: DeviceProfile = {
  ...portableProfile,
  provider: "deno",
  maxInvocations: 1024,
  bindingAlignment: 32,
};

/** What WebGPU allows on a device by name: for the H100 as Deno reports it. */
const limits: Readonly<Record<string, DeviceProfile>> = {
  h100: {
    ...gpu,
    name: "NVIDIA H100",
    maxBindings: 32,
    maxBindingBytes: 2_147_483_644,
    maxBufferBytes: 4_292_870_144,
    workgroupBytes: 49_152,
  },
  "m2-max": {
    ...gpu,
    name: "Apple M2 Max",
    maxBindings: 31,
    maxBindingBytes: 2 ** 32 - 4,
    maxBufferBytes: 2 ** 32,
    workgroupBytes: 32_768,
  },
};

/** A GPU with as much memory as is asked for, and bindings of any number and size: nothing is cut to fit. */
const unlimited: DeviceProfile = {
  ...gpu,
  name: "a GPU without limits",
  maxBindings: 32,
  maxBindingBytes: 2 ** 60,
  maxBufferBytes: 2 ** 60,
  maxPositions: 2 ** 60,
  workgroupBytes: 49_152,
};

/** The profile that the compiler is given for a device; with `limited` false one without limits of memory. */
export const profileOfDevice = ({ name, precision }: PlanDevice, limited = true): DeviceProfile => ({
  ...(limited ? limits[name.replace(/-(f32|mixed)$/, "")] ?? unlimited : unlimited),
  f16: precision === "mixed",
});

/** A setting of a plan that cannot be. */
export class PlanError extends TaggedFault("PlanError") {}

/** A device from `FLOP/s,bytes/s` or `FLOP/s,bytes/s,bytes of memory`, such as `51.5e12,3.13e12,80e9`. */
export const deviceOfRoofline = (
  text: string,
  precision: Precision = "f32",
): E.Either<PlanError, PlanDevice> => {
  const parts = text.split(",").map((part) => part.trim());
  const numbers = parts.map(Number);
  const [flops, bytes, memory = null] = numbers;
  const fits = (numbers.length === 2 || numbers.length === 3) &&
    parts.every((part, i) => part !== "" && Number.isFinite(numbers[i]) && numbers[i]! > 0);
  return fits
    ? E.right({ name: "by its peak rates", precision, flops: flops!, bytes: bytes!, memory })
    : E.left(
      new PlanError({
        op: "--device-peak",
        got: text === "" ? "nothing" : text,
        expected:
          "two or three numbers above 0 with commas between: FLOP/s, bytes/s and, if known, bytes of memory",
        hint: "write them like 51.5e12,3.13e12,80e9",
      }),
    );
};
