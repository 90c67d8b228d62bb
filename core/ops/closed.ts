/**
 * Closed functions: graphs over numbered parameters that read nothing else. Parameters are known by role and number,
 * so that equal functions are one object, whatever they were traced from; and as a closed function has no free tensor,
 * parameters of one never meet those of another: whatever uses a function replaces all its parameters at once.
 */
import { TreeError } from "../errors.ts";
import { isGiven, type Tensor, topological } from "../tensor.ts";
import { textHash } from "../text_hash.ts";

/** A closed function: known by its id, as equal ones are one object. Made by `functionOf` and `bodyOf` alone. */
export class ClosedFunction {
  /** What it is applied to, in order. */
  readonly parameters: readonly Tensor[];
  /** Its computation, in order. */
  readonly results: readonly Tensor[];
  /** A number of its own. */
  readonly id: number;
  /** A number that follows from its structure alone. */
  readonly rank: number;

  /** From its parts. */
  constructor(parameters: readonly Tensor[], results: readonly Tensor[], id: number) {
    this.parameters = parameters;
    this.results = results;
    this.id = id;
    this.rank = textHash(`${parameters.map((t) => t.rank)};${results.map((t) => t.rank)}`);
  }

  /** What nodes are distinguished by. */
  toJSON(): number {
    return this.id;
  }
}

const known = new Map<string, WeakRef<ClosedFunction>>();
const forget = new FinalizationRegistry<string>((key) => {
  if (known.get(key)?.deref() === undefined) known.delete(key);
});
let functions = 0;

/** The one function of a key, made where it is not known. */
export const oneFunction = <F extends ClosedFunction>(
  key: string,
  results: readonly Tensor[],
  parameters: readonly Tensor[],
  make: (id: number) => F,
): F => {
  const before = known.get(key)?.deref();
  if (before !== undefined) return before as F;
  const own = new Set(parameters), free = topological(results).find((t) => isGiven(t) && !own.has(t));
  if (free !== undefined) {
    throw new TreeError({
      op: "function",
      got: `a body that reads ${free.op} ${JSON.stringify(free.attributes)}`,
      expected: "a body that reads its parameters alone",
      hint: "make a parameter of it",
    });
  }
  const made = make(functions++);
  known.set(key, new WeakRef(made));
  forget.register(made, key);
  return made;
};

/** Nodes as a part of a key. */
export const idsOf = (ts: readonly Tensor[]): string => ts.map((t) => t.id).join(",");

/** The function of results over parameters with a role and a number. They must depend on nothing else from outside. */
export const functionOf = (parameters: readonly Tensor[], results: readonly Tensor[]): ClosedFunction =>
  oneFunction(
    `${idsOf(parameters)};${idsOf(results)}`,
    results,
    parameters,
    (id) => new ClosedFunction(parameters, results, id),
  );
