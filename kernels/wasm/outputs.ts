/** Results of loop kernels, and the phases that compute them. */
import { kernelLabel, type LoopKernel, type Output } from "../graph/kernel.ts";
import type { Func, Phase } from "./function.ts";
import type { Scope } from "./scope.ts";

/** Instructions that are worth a claim. */
export const CLAIM = 20000;

/** Stores results; all are computed before the first is stored. */
export const storeAll = (scope: Scope, outputs: readonly Output[], copies: number): void => {
  const texts = outputs.map((o) => Array.from({ length: copies }, (_, c) => scope.value(o.value, c)));
  outputs.forEach((o, i) => texts[i]!.forEach((text, c) => scope.store(o.tensor, o.at, text, c)));
};

/** The phase of a loop kernel's function. `cost` is that of one unit, in instructions. */
export const phaseOf = (
  kernel: LoopKernel,
  func: Func,
  top: Scope,
  unit: Scope,
  units: number,
  cost: number,
): Phase => ({
  label: kernelLabel(kernel),
  text: func.text(top.lines, unit.lines),
  tensors: func.tensors(),
  writes: kernel.outputs.map((o) => o.tensor),
  shared: 0,
  scratch: 0,
  units,
  chunk: Math.max(1, Math.round(CLAIM / Math.max(1, cost))),
});
