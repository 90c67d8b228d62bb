/** The form of a kernel: a name that two kernels share exactly when the same schedules do the same to both. */
import { show, type Tensor } from "@chain-of-sight/core";
import { kernelLabel, type PlainKernel, valuesOf } from "../graph/kernel.ts";
import type { Index } from "../ir/index_expr.ts";
import type { Value } from "../ir/value.ts";

/** 53 bits of a text: two sums of 32 bits, each mixed by multiplication. */
const digest = (text: string): string => {
  let a = 0x3c6ef372, b = 0x1f83d9ab;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x9e3779b1);
    b = Math.imul(b ^ c, 0x5bd1e995);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return (2 ** 32 * (b & 0x1fffff) + (a >>> 0)).toString(36);
};

/** Words of expressions, with tensors and parts numbered in order of appearance. */
class Words {
  readonly lines: string[] = [];
  readonly #values = new Map<Value, number>();
  readonly #tensors = new Map<Tensor, string>();

  tensor(t: Tensor): string {
    const known = this.#tensors.get(t);
    if (known !== undefined) return known;
    const name = `t${this.#tensors.size}`;
    this.#tensors.set(t, name);
    this.lines.push(`${name} ${t.dtype} ${show(t.shape)}`);
    return name;
  }

  index(i: Index): string {
    const terms = i.terms.map(({ atom, by }) => {
      if (atom.kind === "var") return `${by}${atom.name}`;
      if (atom.kind === "value") return `${by}{${this.value(atom.value)}}`;
      return `${by}(${this.index(atom.of)})${atom.kind}${atom.by}`;
    });
    return `${terms.join("+")}+${i.constant}`;
  }

  value(v: Value): number {
    const known = this.#values.get(v);
    if (known !== undefined) return known;
    const text = this.#structure(v), id = this.#values.size;
    this.#values.set(v, id);
    this.lines.push(`${id} ${v.dtype} ${text}`);
    return id;
  }

  #structure(v: Value): string {
    switch (v.kind) {
      case "literal":
        return Object.is(v.value, -0) ? "-0" : String(v.value);
      case "index":
        return `index ${this.index(v.at)}`;
      case "load":
        return `${this.tensor(v.from)}[${this.index(v.at)}]`;
      case "apply":
        return `${v.op} ${v.args.map((a) => this.value(a)).join(" ")}`;
      case "guard":
        return `${v.low}<=${this.index(v.at)}<${v.high} ${this.value(v.then)} ${this.value(v.otherwise)}`;
      case "reduced":
        return `reduced ${this.tensor(v.of)}`;
      case "accumulator":
        return "accumulator";
    }
  }
}

const forms = new WeakMap<PlainKernel, string>();

/**
 * The form of a kernel: what it computes and its sizes for people, then a digest of every expression with the layout of
 * all that it reads and writes. Which tensors they are does not matter.
 */
export const formOf = (kernel: PlainKernel): string => {
  const known = forms.get(kernel);
  if (known !== undefined) return known;
  const words = new Words(), label = kernelLabel(kernel);
  const given = valuesOf(kernel).map((v) => words.value(v));
  const stored = kernel.outputs.map((o) => `${words.tensor(o.tensor)}[${words.index(o.at)}] ${o.perRow}`);
  const reduced = kernel.kind === "loop"
    ? kernel.reductions.map((r) => `${words.tensor(r.tensor)} ${r.op} ${r.length}`)
    : [];
  const masked = kernel.kind === "attention" && kernel.node.attributes.causal ? ["causal"] : [];
  const text = [label, given.join(" "), ...stored, ...reduced, ...masked, ...words.lines].join("\n");
  const form = `${label} ${kernel.outputs[0]?.tensor.dtype ?? ""} ${digest(text)}`;
  forms.set(kernel, form);
  return form;
};
