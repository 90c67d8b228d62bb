/** Renders any kernel as phases, and a plan's phases as one module of WebAssembly text. */
import { sizeOf } from "@chain-of-sight/core";
import type { PlainKernel } from "../graph/kernel.ts";
import type { Plan } from "../plan/plan.ts";
import { memoizePair } from "../plan/memo.ts";
import { type Frame, stepsOf } from "../plan/steps.ts";
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
}

/** A phase in its place among the others. */
export interface PlacedPhase {
  /** The phase. */
  readonly phase: Phase;
  /** The name of its function. */
  readonly name: string;
  /** The kernel that it is of. */
  readonly kernel: PlainKernel;
  /** Where its tensors are. */
  readonly frame: Frame;
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
  const phases = each.map(({ phase, kernel, frame }) => {
    let name = names.get(phase.text);
    if (name === undefined) {
      names.set(phase.text, name = `k${names.size}`);
      functions.push(
        `;; ${phase.label}\n${phase.text.replace("(func $kernel ", `(func $${name} (export "${name}") `)}`,
      );
    }
    return { phase, name, kernel, frame };
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
  };
});
