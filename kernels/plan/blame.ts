/** Provenance for error messages: the operations of kernels and the largest tensors, by source line. */
import { is, isGiven, operandsOf, show, type Tensor, tensorBytes, topological } from "@chain-of-sight/core";
import { type Kernel, type PlainKernel, readsOf } from "../graph/kernel.ts";
import { kernelCost } from "./cost.ts";
import { bytesText } from "./explain.ts";
import type { Plan } from "./plan.ts";

/** Operations that one line of a program asked for. */
export interface Provenance {
  /** Their names, in order of use. */
  readonly ops: readonly string[];
  /** Element type and shape of the last of them: `f32 [2, 3]`. */
  readonly result: string;
  /** `file:line:column`; undefined where none is known. */
  readonly at: string | undefined;
}

/** One line for people. */
export const provenanceText = ({ ops, result, at }: Provenance): string =>
  `${ops.join(", ")} ${result}${at === undefined ? "" : ` at ${at}`}`;

const resultText = (t: Tensor): string => `${t.dtype} ${show(t.shape)}`;

/** The tensors that memory was planned for, without those that only name a group of others. */
const placed = (plan: Plan): readonly (readonly [Tensor, number])[] => {
  const { slots, slotOf } = plan.memory, wholes = new Set(slots.map((s) => s.within?.slot));
  return [...slotOf].filter(([, slot]) => !wholes.has(slot));
};

/** What a kernel runs on a device, and how often. */
const plain = (
  kernel: Kernel,
  times = 1,
): readonly { readonly kernel: PlainKernel; readonly times: number }[] =>
  kernel.kind === "repeat"
    ? kernel.inside.flatMap((k) => plain(k, times * kernel.length))
    : [{ kernel, times }];

/** The descriptions that a kernel computes: its results, and what it makes on the way from what it reads. */
const computedBy = (plan: Plan, kernel: PlainKernel): readonly Tensor[] => {
  const { slotOf, slots } = plan.memory;
  const parts = new Map<number, Tensor[]>();
  for (const [t, slot] of slotOf) {
    const whole = slots[slot]?.within?.slot;
    if (whole !== undefined) parts.set(whole, [...parts.get(whole) ?? [], t]);
  }
  const results = kernel.outputs.flatMap(({ tensor }) => parts.get(slotOf.get(tensor) ?? -1) ?? [tensor]);
  const own = new Set(results), read = new Set(readsOf(kernel));
  const elsewhere = { has: (t: Tensor) => (slotOf.has(t) || read.has(t)) && !own.has(t) };
  return topological(results, { stop: elsewhere, argsOf: operandsOf })
    .filter((t) => !elsewhere.has(t) && !is("constant", t) && (own.has(t) || !isGiven(t)));
};

/** Operations by the lines they come from, in order. */
const byLine = (tensors: readonly Tensor[]): readonly Provenance[] => {
  const lines = new Map<string | undefined, { ops: Set<string>; last: Tensor }>();
  for (const t of tensors) {
    const line = lines.get(t.origin.at) ?? { ops: new Set(), last: t };
    lines.set(t.origin.at, { ops: line.ops.add(t.op), last: t });
  }
  return [...lines].map(([at, { ops, last }]) => ({ ops: [...ops], result: resultText(last), at }));
};

/** What kernels compute, by line. */
export const provenanceOf = (plan: Plan, kernels: readonly Kernel[]): readonly Provenance[] =>
  byLine(
    [...new Set(kernels.flatMap((k) => plain(k)).flatMap(({ kernel }) => computedBy(plan, kernel)))]
      .sort((a, b) => a.id - b.id),
  );

/** The tensors of a plan that take most memory, largest first. */
export const largestTensors = (plan: Plan, most = 4): readonly Provenance[] => {
  const seen = new Set<number>();
  return placed(plan)
    .map(([t, slot]) => ({ t, slot, bytes: tensorBytes(t) }))
    .sort((a, b) => b.bytes - a.bytes || a.t.id - b.t.id)
    .filter(({ slot }) => !seen.has(slot) && seen.add(slot))
    .slice(0, most)
    .map(({ t, bytes }) => ({
      ops: [is("input", t) ? `input ${t.attributes.path}` : t.op],
      result: `${resultText(t)} of ${bytesText(bytes)}`,
      at: t.origin.at,
    }));
};

/** Actions of a plan, in a few words. */
export const planText = (plan: Plan): string => {
  const names = Object.keys(plan.outputs), shown = names.slice(0, 4).join(", ");
  return `${plan.kernels.length} kernels for ${shown}${
    names.length > 4 ? ` and ${names.length - 4} more` : ""
  }`;
};

/** What the kernels of a plan that work hardest compute, by line. */
export const mostExpensive = (plan: Plan, most = 3): readonly Provenance[] => {
  const costs = plan.kernels.flatMap((k) => plain(k)).map(({ kernel, times }) => {
    const { flops, bytes } = kernelCost(kernel);
    return { kernel, flops: times * flops, bytes: times * bytes };
  });
  const first = costs.sort((a, b) => b.flops - a.flops || b.bytes - a.bytes).slice(0, most);
  return provenanceOf(plan, first.map(({ kernel }) => kernel));
};
