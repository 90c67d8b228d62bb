/** A graph as readable text: one line per node, arguments before users. */
import { show } from "./shape.ts";
import { is, type Tensor, topological } from "./tensor.ts";

const attribute = (value: unknown): string => Array.isArray(value) ? `[${value.join(", ")}]` : String(value);

const attributesOf = (t: Tensor): string => {
  const entries = Object.entries(t.attributes).filter(([name]) => name !== "body" && name !== "rule");
  return entries.length === 0 ? "" : ` {${entries.map(([k, v]) => `${k}: ${attribute(v)}`).join(", ")}}`;
};

/** The listing of a node's function, where it has one, indented, with its results by the index under which they are read. */
const bodyOf = ({ attributes }: Tensor): string =>
  !("body" in attributes)
    ? ""
    : `\n${listing(Object.fromEntries(attributes.body.results.map((r, i) => [`result ${i}`, r])))}`
      .replaceAll(/\n/g, "\n    ");

/**
 * The listing of a graph. Nodes are numbered from 0 in their order, so equal graphs have equal listings; a root is
 * marked with its name.
 */
export const listing = (roots: Readonly<Record<string, Tensor>>): string => {
  const order = topological(Object.values(roots)), number = new Map(order.map((t, i) => [t, i]));
  const width = String(order.length - 1).length;
  return order.map((t) => {
    const names = Object.entries(roots).filter(([, r]) => r === t).map(([name]) => name);
    const what = is("input", t)
      ? `input ${t.attributes.path}`
      : is("parameter", t)
      ? `parameter ${t.attributes.of} ${t.attributes.index}`
      : is("constant", t)
      ? `constant ${t.attributes.value}`
      : `${t.op}(${t.args.map((a) => `%${number.get(a)}`).join(", ")})${attributesOf(t)}`;
    const mark = names.length === 0 ? "" : `   -> ${names.join(", ")}`;
    const line = `%${String(number.get(t)).padEnd(width)} = ${what}`;
    const forms = (t.results ?? [t]).map(({ dtype, shape }) => `${dtype} ${show(shape)}`).join(", ");
    return `${line} : ${forms}${mark}${bodyOf(t)}`;
  }).join("\n");
};
