/** Results of a program as versions of places: which of them are the next version of which input. Pure. */
import { ConfigError, equals, ShapeError, show, type Tensor } from "@chain-of-sight/core";
import { storedResults } from "../graph/repeat.ts";

/** Results that kernels write, each with memory of its own. */
export interface Results {
  /** By name: a tensor that a kernel writes, or an input that is donated to itself and so keeps its version. */
  readonly named: Readonly<Record<string, Tensor>>;
  /** Results and the inputs whose next version they are. */
  readonly donated: ReadonlyMap<Tensor, Tensor>;
}

const described = (t: Tensor | undefined): string =>
  t === undefined ? "missing" : `${t.dtype} ${show(t.shape)}`;

/** The inputs that results are donated to, by the names of the results. Throws ShapeError or ConfigError. */
const targetsOf = (
  outputs: Readonly<Record<string, Tensor>>,
  donate: Readonly<Record<string, string>>,
  inputs: Readonly<Record<string, Tensor>>,
): ReadonlyMap<string, Tensor> => {
  const targets = new Map<string, Tensor>(), first = new Map<string, string>();
  for (const [name, path] of Object.entries(donate)) {
    const o = outputs[name], target = inputs[path], other = first.get(path);
    if (
      o === undefined || target === undefined || !equals(o.shape, target.shape) || o.dtype !== target.dtype
    ) {
      throw new ShapeError({
        op: "donate",
        got: `output ${name} (${described(o)}) for input ${path} (${described(target)})`,
        expected: "an output and an input of equal shape and element type",
        hint: "donate state to its own update",
      });
    }
    if (other !== undefined) {
      throw new ConfigError({
        op: "donate",
        got: `the outputs ${other} and ${name} for the input ${path}`,
        expected: "one output for each input that is taken over",
        hint: `leave ${name} out of donate: it is then kept in memory of its own`,
      });
    }
    first.set(path, name);
    targets.set(name, target);
  }
  return targets;
};

/**
 * Tells results apart: an input among them, and a result of several names of which one is donated, become copies that
 * kernels write. Those of several names that are not donated are kept once.
 */
export const resultsOf = (
  outputs: Readonly<Record<string, Tensor>>,
  donate: Readonly<Record<string, string>>,
  inputs: Readonly<Record<string, Tensor>>,
): Results => {
  const targets = targetsOf(outputs, donate, inputs);
  const changed = [...targets].filter(([name, target]) => outputs[name] !== target);
  const kept = [...new Set(Object.keys(outputs).filter((n) => !targets.has(n)).map((n) => outputs[n]!))];
  const stored = storedResults([...changed.map(([name]) => outputs[name]!), ...kept], "program");
  const next = new Map(changed.map(([name], i) => [name, stored[i]!]));
  const copies = new Map(kept.map((t, i) => [t, stored[changed.length + i]!]));
  return {
    named: Object.fromEntries(
      Object.entries(outputs).map(([name, t]) => [
        name,
        targets.has(name) ? next.get(name) ?? t : copies.get(t)!,
      ]),
    ),
    donated: new Map(changed.map(([name, target]) => [next.get(name)!, target])),
  };
};
