/** A function of the module: its buffers, its locals and its body, over a range of units of work. */
import type { Tensor } from "@chain-of-sight/core";
import { get, i32, indent, Locals, set } from "./text.ts";

/** A piece of a kernel that threads run side by side, each on some of its units. */
export interface Phase {
  /** Its computation, for people. */
  readonly label: string;
  /** The function's text, called `$kernel`; equal texts share a function. */
  readonly text: string;
  /** Tensors whose addresses it takes, in order. */
  readonly tensors: readonly Tensor[];
  /** Those of them that it writes. */
  readonly writes: readonly Tensor[];
  /** Bytes of memory that the phases of one kernel share, beyond the plan's; its address comes last. */
  readonly shared: number;
  /** Bytes of memory that each thread needs for itself. */
  readonly scratch: number;
  /** Number of units. */
  readonly units: number;
  /** Units that are worth a claim. */
  readonly chunk: number;
}

/** A function under construction. */
export class Func {
  /** Its locals. */
  readonly locals: Locals = new Locals();
  readonly #tensors: Tensor[] = [];
  #shared = false;

  /** Text of the address of a tensor. */
  readonly buffer = (t: Tensor): string => {
    const known = this.#tensors.indexOf(t);
    return get(`x${known >= 0 ? known : this.#tensors.push(t) - 1}`);
  };

  /** Text of the address of the memory that the kernel's phases share. */
  shared(): string {
    this.#shared = true;
    return get("shared");
  }

  /** Text of the thread's own memory, some bytes in. */
  scratch(offset: number): string {
    return offset === 0 ? get("scratch") : `(i32.add ${get("scratch")} ${i32(offset)})`;
  }

  /** Tensors in order of first use. */
  tensors(): readonly Tensor[] {
    return this.#tensors;
  }

  /** The text: `outside` runs once a call, `inside` for each unit, whose number is in `$unit`. */
  text(outside: readonly string[], inside: readonly string[]): string {
    this.locals.declare("unit", "i32");
    this.#tensors.forEach((_, i) => this.locals.declare(`x${i}`, "i32"));
    if (this.#shared) this.locals.declare("shared", "i32");
    const lines = [
      ...this.#tensors.map((_, i) => set(`x${i}`, `(i32.load offset=${4 * i} ${get("args")})`)),
      ...(this.#shared
        ? [set("shared", `(i32.load offset=${4 * this.#tensors.length} ${get("args")})`)]
        : []),
      ...outside,
      set("unit", get("begin")),
      "(loop $units",
      ...inside,
      set("unit", `(i32.add ${get("unit")} (i32.const 1))`),
      `(br_if $units (i32.lt_u ${get("unit")} ${get("end")}))`,
      ")",
    ];
    return [
      `(func $kernel (param $begin i32) (param $end i32) (param $args i32) (param $scratch i32)`,
      ` ${this.locals.text()}`,
      indent(lines),
      ")",
    ].join("\n");
  }
}
