/** Devices as plans know them: two ceilings, a precision and perhaps a memory. */
import { TaggedFault } from "../base/fault.ts";
import type { Precision } from "../train/precision.ts";
import * as E from "fp-ts/lib/Either.js";

/** A device by its ceilings. */
export interface PlanDevice {
  /** Its name. */
  readonly name: string;
  /**
   * Element types that its ceilings are for; `mixed` has half precision (f16 and bf16 are alike here) for activations,
   * frozen weights and a copy of the trained ones.
   */
  readonly precision: Precision;
  /** Most floating-point operations per second. */
  readonly flops: number;
  /** Most bytes read and written per second. */
  readonly bytes: number;
  /** Bytes of its memory; null where not known. */
  readonly memory: number | null;
}

/** Names of devices whose ceilings are known. */
export type PlanDeviceName = "h100-f32" | "h100-bf16";

const h100 = { bytes: 3.13e12, memory: 78 * 2 ** 30 } as const;

/**
 * Devices by name. NVIDIA H100: products of 4096 x 4096 matrices in PyTorch, strict f32 and bf16; bytes of a row sum
 * over 1 GiB; the memory that is free for programs. All measured.
 */
export const planDevices: Readonly<Record<PlanDeviceName, PlanDevice>> = {
  "h100-f32": { name: "h100-f32", precision: "f32", flops: 51.5e12, ...h100 },
  "h100-bf16": { name: "h100-bf16", precision: "mixed", flops: 789e12, ...h100 },
};

/** Names of all devices. */
export const planDeviceNames: readonly PlanDeviceName[] = ["h100-f32", "h100-bf16"];

/** A setting of a plan that cannot be. */
export class PlanError extends TaggedFault("PlanError") {}

/** A device from `FLOP/s,bytes/s` or `FLOP/s,bytes/s,bytes of memory`, such as `51.5e12,3.13e12,80e9`. */
export const deviceOfCeilings = (
  text: string,
  precision: Precision = "f32",
): E.Either<PlanError, PlanDevice> => {
  const parts = text.split(",").map((part) => part.trim());
  const numbers = parts.map(Number);
  const [flops, bytes, memory = null] = numbers;
  const fits = (numbers.length === 2 || numbers.length === 3) &&
    parts.every((part, i) => part !== "" && Number.isFinite(numbers[i]) && numbers[i]! > 0);
  return fits
    ? E.right({ name: "by its ceilings", precision, flops: flops!, bytes: bytes!, memory })
    : E.left(
      new PlanError({
        op: "--device-ceilings",
        got: text === "" ? "nothing" : text,
        expected:
          "two or three numbers above 0 with commas between: FLOP/s, bytes/s and, if known, bytes of memory",
        mend: "write them like 51.5e12,3.13e12,80e9",
      }),
    );
};
