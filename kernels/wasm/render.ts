/** Renders any kernel as phases, and a plan's phases as one module of WebAssembly text. */
import { sizeOf, type Tensor } from "@chain-of-sight/core";
import type { PlainKernel } from "../graph/kernel.ts";
import type { Plan } from "../plan/plan.ts";
import { memoizePair } from "../plan/memo.ts";
import { type SlotPart, stepsOf } from "../plan/steps.ts";
import { renderAttention } from "./attention.ts";
import { renderContraction } from "./contraction.ts";
import type { Phase } from "./function.ts";
import { renderLoop } from "./loop.ts";
import { type Dialect, poolText, preludeOf } from "./math.ts";
import { renderScatter } from "./scatter.ts";

/** The phases of a kernel, to be run one after the other; none where every result is empty. */
export const renderWasm = (kernel: PlainKernel, dialect: Dialect): Phase[] => {
  if (kernel.outputs.every((o) => sizeOf(o.tensor.shape) === 0)) return [];
  switch (kernel.kind) {
    case "loop":
      return renderLoop(kernel, dialect);
    case "contraction":
      return renderContraction(kernel, dialect);
    case "scatter":
      return [renderScatter(kernel, dialect)];
    case "attention":
      return [renderAttention(kernel, dialect)];
  }
};

/** A module and the phases that call its functions. */
export interface WasmModule {
  /** WebAssembly text: imports `cos.memory`, exports the functions. */
  readonly text: string;
  /** The phases in order, those of a scan for each iteration. */
  readonly phases: readonly PlacedPhase[];
  /** The kernel that each phase is of. */
  readonly kernels: () => readonly PlainKernel[];
}

/** A phase in its place among the others: numbers and text alone, which a file can hold. */
export interface PlacedPhase extends Omit<Phase, "text" | "tensors" | "writes"> {
  /** The name of its function. */
  readonly name: string;
  /** Where the tensors are whose addresses it takes, in order. */
  readonly tensors: readonly SlotPart[];
  /** Where those of them are that it writes. */
  readonly writes: readonly SlotPart[];
}

/** Maximum number of pages of 64 KiB in a memory. */
export const MAX_PAGES = 65536;

/** Moves a buffer: state that could not be written in place. */
const COPY =
  `(func $copy (export "copy") (param $begin i32) (param $end i32) (param $args i32) (param $scratch i32)
 (memory.copy (i32.load (local.get $args)) (i32.load offset=4 (local.get $args)) (i32.load offset=8 (local.get $args))))`;

const relaxed: Dialect = { relaxed: true }, plain: Dialect = { relaxed: false };

/** The module of a plan. Equal kernels share a function. */
export const renderModule = (plan: Plan, dialect: Dialect): WasmModule =>
  renderedOnce(plan, dialect.relaxed ? relaxed : plain);

const renderedOnce = memoizePair((plan: Plan, dialect: Dialect): WasmModule => {
  const names = new Map<string, string>(), functions: string[] = [];
  const known = new Map<PlainKernel, readonly Phase[]>();
  const each = stepsOf(plan).flatMap(({ kernel, frame }) => {
    const rendered = known.get(kernel) ?? renderWasm(kernel, dialect);
    known.set(kernel, rendered);
    return rendered.map((phase) => ({ phase, kernel, frame }));
  });
  const kernels = each.map(({ kernel }) => kernel);
  const phases = each.map(({ phase: { text, tensors, writes, ...phase }, frame }): PlacedPhase => {
    const place = (t: Tensor): SlotPart => frame.partsOf(frame.slotOf.get(t)!)[0]!;
    let name = names.get(text);
    if (name === undefined) {
      names.set(text, name = `k${names.size}`);
      functions.push(
        `;; ${phase.label}\n${text.replace("(func $kernel ", `(func $${name} (export "${name}") `)}`,
      );
    }
    return { ...phase, name, tensors: tensors.map(place), writes: writes.map(place) };
  });
  const body = functions.join("\n");
  return {
    text: [
      "(module",
      `(import "cos" "memory" (memory 1 ${MAX_PAGES} shared))`,
      poolText(),
      ...preludeOf(body, dialect),
      COPY,
      body,
      ")",
      "",
    ].join("\n"),
    phases,
    kernels: () => kernels,
  };
});
