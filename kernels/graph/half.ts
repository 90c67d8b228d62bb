/** Rejects f16 on devices without it. */
import { DTypeError, is, type Tensor, topological, withOrigin } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";

/** The first f16 tensor below some roots, bodies of scans included. */
const firstHalf = (roots: readonly Tensor[]): Tensor | undefined => {
  for (const t of topological(roots)) {
    if (t.dtype === "f16") return t;
    const inside = is("scan", t) ? firstHalf(t.attributes.body.results) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
};

/** @throws {DTypeError} if a description has f16 tensors and the device cannot hold them. */
export const refuseHalf = (roots: readonly Tensor[], { f16, name }: DeviceProfile): void => {
  const found = f16 ? undefined : firstHalf(roots);
  if (found === undefined) return;
  withOrigin(found.origin, () => {
    throw new DTypeError({
      op: found.op,
      got: "f16 numbers",
      expected: `f32, as this device has no 16-bit floating point: ${name}`,
      hint: 'choose precision "f32", or a GPU with the feature shader-f16',
    });
  });
};
