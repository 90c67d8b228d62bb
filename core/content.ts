/** Descriptions as text that holds all that they are, the same in every process: what files on disk are known by. */
import { ClosedFunction } from "./ops/closed.ts";
import { type Tensor, topological } from "./tensor.ts";

/**
 * The text of descriptions: a line for each node, arguments before users, and for each function that a node applies,
 * which comes before it. Equal descriptions have equal text, and others another, whatever the process described before;
 * lines of the program that made them are no part of it.
 */
export const contentOf = (roots: readonly Tensor[]): string => {
  const nodes = new Map<Tensor, number>(),
    functions = new Map<ClosedFunction, number>(),
    lines: string[] = [];
  const numbers = (tensors: readonly Tensor[]): string => tensors.map((t) => nodes.get(t)).join(",");
  const functionNumber = (f: ClosedFunction): string => {
    if (!functions.has(f)) {
      add([...f.parameters, ...f.results]);
      functions.set(f, functions.size);
      lines.push(`function (${numbers(f.parameters)}) ${numbers(f.results)}`);
    }
    return `function ${functions.get(f)}`;
  };
  // functions have a number of this process as their JSON, which comes before a replacer sees the value
  const value = (holder: Readonly<Record<string, unknown>>, name: string): unknown => {
    const v = holder[name];
    if (v instanceof ClosedFunction) return functionNumber(v);
    return typeof v === "number" && (!Number.isFinite(v) || Object.is(v, -0)) ? `number ${v}, ${1 / v}` : v;
  };
  const add = (tensors: readonly Tensor[]): void => {
    for (const t of topological(tensors, { stop: nodes })) {
      if (nodes.has(t)) continue;
      const attributes = JSON.stringify(t.attributes, function (name) {
        return value(this as Readonly<Record<string, unknown>>, name);
      });
      const forms = (t.results ?? [t]).map(({ dtype, shape }) => `${dtype}[${shape}]`);
      lines.push(`${t.op}(${numbers(t.args)}) ${attributes} ${forms.join(" ")}`);
      nodes.set(t, nodes.size);
    }
  };
  add(roots);
  return `${lines.join("\n")}\n${numbers(roots)}`;
};
