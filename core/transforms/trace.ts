/**
 * Tracing: a function of descriptions is called with parameters in the place of its arguments, so that a transform sees
 * what depends on the arguments and nothing else. A closure over the very same tensor stays a constant, as it should:
 * the inner derivative of `x => mul(x, grad(y => add(x, y))(x))` is 1, not 2.
 */
import { TreeError } from "../errors.ts";
import { together, withOrigin } from "../origin.ts";
import { parameterOf } from "../ops/source.ts";
import { show } from "../shape.ts";
import { substitute } from "../substitute.ts";
import { type Form, is, isTensor, type Tensor, topological } from "../tensor.ts";

let traces = 0;

/** The functions that are being traced. */
const open = new Set<number>();

const parametersOf = (trace: number, like: readonly Form[]): Tensor[] =>
  together(() => like.map(({ shape, dtype }, index) => parameterOf({ of: trace, index }, shape, dtype)));

/** Parameters of the forms of some tensors, each a node that no other function has. */
export const parametersLike = (like: readonly Form[]): Tensor[] => parametersOf(traces++, like);

/**
 * Calls `use` with parameters, which have a meaning until it returns: `use` traces a function of the user's with them
 * and replaces them in what comes of it.
 * @throws {TreeError} if the result holds one of them where it cannot be replaced, such as in a Map.
 */
export const tracing = <R>(
  op: string,
  like: readonly Form[],
  use: (parameters: readonly Tensor[]) => R,
): R => {
  const trace = traces++;
  open.add(trace);
  try {
    const result = use(parametersOf(trace, like));
    refuseHidden(op, result, trace);
    return result;
  } finally {
    open.delete(trace);
  }
};

const isOf = (trace: number) => (t: Tensor): boolean => is("parameter", t) && t.attributes.of === trace;

/** Refuses a result with tensors of a trace in containers that are no trees. */
const refuseHidden = (op: string, result: unknown, trace: number): void => {
  for (const { container, tensor } of hiddenIn(result)) {
    if (!topological([tensor]).some(isOf(trace))) continue;
    withOrigin(tensor.origin, () => {
      throw new TreeError({
        op,
        got: `${container} with a ${tensor.op} of the arguments in a function's result`,
        expected: "tensors in lists and plain records",
        hint: "return it as a record, so that it is found",
      });
    });
  }
};

/**
 * Refuses arguments with tensors in containers that are no trees, where they would be passed over.
 * @throws {TreeError} naming the container.
 */
export const refuseContainers = (op: string, value: unknown): void => {
  const [hidden] = hiddenIn(value);
  if (hidden === undefined) return;
  throw new TreeError({
    op,
    got: `${hidden.container} with tensors`,
    expected: "tensors in lists and plain records",
    hint: "pass a record of them",
  });
};

interface Hidden {
  readonly container: string;
  readonly tensor: Tensor;
}

/** Tensors in maps, sets and objects of classes below a value. */
const hiddenIn = (
  value: unknown,
  container: string | undefined = undefined,
  seen: Set<unknown> = new Set(),
): Hidden[] => {
  if (isTensor(value)) return container === undefined ? [] : [{ container, tensor: value }];
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return [];
  seen.add(value);
  if (Array.isArray(value)) return value.flatMap((v) => hiddenIn(v, container, seen));
  const inner = isPlain(value) ? container : container ?? `a ${value.constructor?.name ?? "object"}`;
  const parts = value instanceof Map
    ? [...value.keys(), ...value.values()]
    : value instanceof Set
    ? [...value]
    : Object.values(value);
  return parts.flatMap((v) => hiddenIn(v, inner, seen));
};

/** Every tensor in a value, through lists and plain records. */
export const tensorsIn = (value: unknown): Tensor[] =>
  isTensor(value)
    ? [value]
    : Array.isArray(value)
    ? value.flatMap(tensorsIn)
    : isPlain(value)
    ? Object.values(value).flatMap(tensorsIn)
    : [];

/** Whether a value is a record and no object of a class. */
export const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** A value with its tensors replaced, through lists and plain records; all else stays. */
export const mapTensors = <T>(value: T, f: (t: Tensor) => Tensor): T => {
  const walk = (v: unknown): unknown =>
    isTensor(v)
      ? f(v)
      : Array.isArray(v)
      ? v.map(walk)
      : isPlain(v)
      ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, walk(x)]))
      : v;
  return walk(value) as T;
};

/** A value with nodes replaced inside all tensors of its lists and plain records. */
export const replaceIn = <T>(value: T, by: ReadonlyMap<Tensor, Tensor>): T =>
  rewriteIn(value, (found) => substitute(found, by));

/** A value with the tensors of its lists and plain records rewritten, all of them together. */
export const rewriteIn = <T>(value: T, rewrite: (roots: readonly Tensor[]) => readonly Tensor[]): T => {
  const found = [...new Set(tensorsIn(value))], replaced = rewrite(found);
  const becomes = new Map(found.map((t, i) => [t, replaced[i]!]));
  return mapTensors(value, (t) => becomes.get(t)!);
};

/** The line of a program that a parameter comes from, as the end of a sentence. */
const tracedAt = ({ origin: { at } }: Tensor): string => at === undefined ? "" : ` of the call at ${at}`;

/**
 * Refuses parameters below some roots: tensors that left their function, which have no value. Those that `allowed`
 * says to have a meaning are passed over.
 * @throws {TreeError} at the line where the first tensor of that function was made.
 */
export const refuseLeaks = (
  op: string,
  roots: readonly Tensor[],
  allowed: (t: Tensor<"parameter">) => boolean = () => false,
): void => {
  const order = topological(roots);
  const parameter = order.find((t) => is("parameter", t) && !allowed(t));
  if (parameter === undefined) return;
  const user = order.find((t) => t.args.includes(parameter)) ?? parameter;
  withOrigin(user.origin, () => {
    throw new TreeError({
      op,
      got: `a tensor that left its function: ${user === parameter ? "" : `${user.op} `}${user.dtype} ${
        show(user.shape)
      }, made of a parameter${tracedAt(parameter)}`,
      expected: "descriptions of inputs and constants",
      hint: "return the tensor from the function that is differentiated, mapped or looped over",
    });
  });
};

/** Whether a parameter has a meaning where graphs are rewritten: of a closed function, or of one that is being traced. */
export const isOpen = ({ attributes: { of } }: Tensor<"parameter">): boolean =>
  typeof of === "string" || open.has(of);
