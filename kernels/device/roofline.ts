/** Peak rates of a device, measured with programs of the compiler's own. */
import { add, input, matmul, mul, type Tensor, type TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { explain } from "../plan/explain.ts";
import { compile } from "../plan/plan.ts";
import type { Roofline } from "../plan/profile.ts";
import { type Device, theDevice } from "./device.ts";
import type { DeviceError } from "./errors.ts";

/** Sizes of the measurements: elements copied, elements of the arithmetic, side of the product. */
export interface RooflineSizes {
  /** Elements that are copied. */
  readonly copied: number;
  /** Elements that arithmetic is done on. */
  readonly busy: number;
  /** Rows and columns of the product. */
  readonly side: number;
}

const CHAINS = 8, LINKS = 64, REPEATS = 5;

/** Chains of multiply-adds that do not wait for each other: nearly no memory, much arithmetic. */
const chains = (x: Tensor): Tensor => {
  const link = (c: number, i: number) => (t: Tensor): Tensor =>
    add(mul(t, 0.5 + c / 32), 0.001 * (c + 1) + i / 65536);
  const ends = Array.from(
    { length: CHAINS },
    (_, c) => Array.from({ length: LINKS }, (_, i) => i).reduce((t, i) => link(c, i)(t), x),
  );
  return ends.reduce((a, b) => add(a, b));
};

const seconds = (output: Tensor) =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* theDevice();
    const plan = compile({ outputs: { output } }, device.profile);
    const program = yield* device.load(plan);
    const times: number[] = [];
    for (let i = 0; i < REPEATS; i++) {
      times.push((yield* program.profile(1)).reduce((n, t) => n + t.seconds, 0));
    }
    const { flops, bytes } = explain(plan);
    // the best, not the middle: whatever disturbs a run makes it slower
    return { flops, bytes, seconds: Math.min(...times) };
  }));

/**
 * Measures the peak rates: bytes by adding one to a long vector; arithmetic by chains of multiply-adds in registers and
 * by a large product, whichever is faster. Takes seconds. Kernels whose data stays in caches can exceed the peak rate of
 * bytes.
 */
export const measureRoofline = (
  sizes?: Partial<RooflineSizes>,
): Effect.Effect<Roofline, DeviceError | TreeError, Device> =>
  Effect.gen(function* () {
    const { profile: { software, maxBindingBytes } } = yield* theDevice();
    const { copied, busy, side }: RooflineSizes = {
      ...(software
        ? { copied: 2 ** 23, busy: 2 ** 18, side: 512 }
        : { copied: Math.min(2 ** 28, maxBindingBytes / 4), busy: 2 ** 22, side: 4096 }),
      ...sizes,
    };
    const copy = yield* seconds(add(input("peak rate of bytes", [copied]), 1));
    const registers = yield* seconds(chains(input("peak rate of arithmetic", [busy])));
    const square = (path: string) => input(path, [side, side]);
    const product = yield* seconds(
      matmul(square("peak rate of products, b"))(square("peak rate of products, a")),
    );
    return {
      bytes: copy.bytes / copy.seconds,
      flops: Math.max(registers.flops / registers.seconds, product.flops / product.seconds),
    };
  });
