/** Moves an axis to the last position and back, for operations along one axis. */
import { axisOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { permute } from "./movement.ts";

/** An axis moved to the last place. Data-last. */
export const toLast = (axis: number): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const a = axisOf("toLast", axis, x.shape.length), all = x.shape.map((_, i) => i);
  return permute([...all.filter((i) => i !== a), a])(x);
};

/** The last axis moved to a place. Data-last. */
export const fromLast = (axis: number): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const n = x.shape.length, a = axisOf("fromLast", axis, n), all = x.shape.map((_, i) => i);
  return permute([...all.slice(0, a), n - 1, ...all.slice(a, n - 1)])(x);
};
