/** Refuses plans whose kernels would count further than a device can: positions would wrap around, silently. Pure. */
import { is, ShapeError, show, sizeOf, type Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import {
  type Kernel,
  type PlainKernel,
  readsOf,
  valuesOf,
  walkValues,
  workspaceOf,
} from "../graph/kernel.ts";
import type { Index } from "../ir/index_expr.ts";
import type { Value } from "../ir/value.ts";

/** Positions that a value may be used as an integer: an `i32`, but for the counters of random bits. */
const MAX_I32 = 2 ** 31;

const named = (t: Tensor): string =>
  `${is("input", t) ? `input ${t.attributes.path}` : t.op} ${t.dtype} ${show(t.shape)}${
    t.origin.at === undefined ? "" : ` at ${t.origin.at}`
  }`;

const refuse = (t: Tensor, what: string, most: number, device: string): never => {
  throw new ShapeError({
    op: "compile",
    got: `${named(t)}, with ${what}`,
    expected: `fewer than ${most}, as ${device} counts positions in words of 32 bits`,
    hint: "split it along an axis, and compute the parts one after the other",
  });
};

/** The largest number that is divided within an index. */
const dividedIn = (at: Index): number =>
  at.terms.reduce(
    (most, { atom }) =>
      atom.kind === "div" || atom.kind === "mod" ? Math.max(most, largestOf(atom.of)) : most,
    0,
  );

/** The largest number that an index comes to on the way. */
const largestOf = (at: Index): number => Math.max(at.max, -at.min, dividedIn(at));

/** Numbers of things that a kernel counts alongside the elements of what it reads and writes. */
const countsOf = (kernel: PlainKernel): readonly number[] => {
  switch (kernel.kind) {
    case "loop":
      return [kernel.rows * kernel.columns, ...kernel.reductions.map((r) => r.length)];
    case "contraction":
      return [kernel.size.batch * kernel.size.m * kernel.size.n, kernel.size.k];
    case "scatter":
      return [kernel.positions * kernel.width, kernel.tableRows * kernel.width];
    case "attention":
      return [];
  }
};

const checkKernel = (kernel: Kernel, most: number, device: string): void => {
  // an iteration of a scan binds the parts of stacks that it reads and writes
  if (kernel.kind === "repeat") return kernel.inside.forEach((k) => checkKernel(k, most, device));
  const written = kernel.outputs.map((o) => o.tensor), result = written[0]!;
  for (const t of [...readsOf(kernel), ...written, ...workspaceOf(kernel)]) {
    if (sizeOf(t.shape) >= most) refuse(t, `${sizeOf(t.shape)} elements`, most, device);
  }
  const count = Math.max(0, ...countsOf(kernel));
  if (count >= most) refuse(result, `${count} elements to walk over`, most, device);
  const check = (reached: number, limit: number): void => {
    if (reached >= limit) refuse(result, `positions up to ${reached}`, limit, device);
  };
  const words = new Set<Value>(), values = valuesOf(kernel);
  walkValues(values, (v) => {
    if (v.kind === "apply" && v.op === "threefry") words.add(v.args[2]!);
  });
  for (const o of kernel.outputs) check(largestOf(o.at), most);
  walkValues(values, (v) => {
    if (v.kind === "load") check(largestOf(v.at), most);
    if (v.kind === "index") check(largestOf(v.at), words.has(v) ? most : Math.min(most, MAX_I32));
    if (v.kind === "guard") {
      check(dividedIn(v.at), most);
      // what is compared may be any number from memory, of which there are 2^32
      check(v.at.max - v.at.min, Math.max(most, 2 ** 32));
    }
  });
};

/** Throws ShapeError, naming what is too large, where it was described, and the limit. */
export const checkPositions = (kernels: readonly Kernel[], profile: DeviceProfile): void => {
  for (const k of kernels) checkKernel(k, profile.maxPositions, profile.name);
};
