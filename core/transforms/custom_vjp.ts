/** Functions with a user-defined derivative, and `stopGradient`. */
import { capturedBy, closed } from "../close.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, TreeError } from "../errors.ts";
import { callOf, resultsOf } from "../ops/call.ts";
import { markRecords } from "../ops/mark.ts";
import { make } from "../ops/make.ts";
import { equals, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { mapTensors, refuseContainers, tensorsIn, tracing } from "./trace.ts";

/**
 * The same values, which derivatives take for constants: gradients and tangents through them are zero. Takes tensors
 * in lists and records.
 *
 * ```ts
 * import { f32, grad, input, interpret, mul, stopGradient, sum, type Tensor } from "@chain-of-sight/core";
 * // d/dx of x * constant(x) is x, not 2 x
 * const slope = grad((x: Tensor) => sum()(mul(x, stopGradient(x))))(input("x", [2]));
 * const [dx] = interpret([slope], { x: f32([2], [3, 5]) });
 * if (dx!.data.join() !== "3,5") throw new Error("not so");
 * ```
 * @throws {TreeError} if tensors are in a Map, a Set or an object of a class.
 */
export const stopGradient = <T>(values: T): T => {
  refuseContainers("stopGradient", values);
  return mapTensors(values, (t) => make(markRecords.stopGradient, [t], {}));
};

/** A derivative of the user's: what the backward pass does in the place of the function's own. */
export interface VjpRule<A extends readonly unknown[], R, S> {
  /** From the arguments of the function: its result, and residuals, which the backward pass is given. */
  readonly forward: (...args: A) => readonly [result: R, residuals: S];
  /**
   * From residuals and a cotangent of the result, of its form: a cotangent for each argument, of its form; undefined
   * or null for one that has none, such as integers.
   */
  readonly backward: (residuals: S, cotangent: R) => readonly unknown[];
}

const refuse = (got: string, expected: string, hint: string): never => {
  throw new TreeError({ op: "customVjp", got, expected, hint });
};

/** The cotangents of the tensors of arguments, in order; undefined where an argument has none. */
const cotangentsFor = (args: readonly unknown[], given: unknown): (Tensor | undefined)[] => {
  if (!Array.isArray(given) || given.length !== args.length) {
    return refuse(
      Array.isArray(given) ? `${given.length} cotangents` : "a backward rule that returns no list",
      `${args.length}: one for each argument`,
      "return [cotangent, ...], with undefined for an argument that has none",
    );
  }
  return args.flatMap((arg, i): (Tensor | undefined)[] => {
    const xs = tensorsIn(arg);
    if (given[i] === undefined || given[i] === null) return xs.map(() => undefined);
    const cts = tensorsIn(given[i]);
    if (cts.length !== xs.length) {
      refuse(`${cts.length} cotangents for argument ${i}`, `${xs.length}`, "return a tree like the argument");
    }
    return xs.map((x, k) => fitting(x, cts[k]!, i));
  });
};

/** A cotangent of the form of what it belongs to. */
const fitting = (x: Tensor, ct: Tensor, argument: number): Tensor | undefined => {
  if (!isFloat(x.dtype)) return undefined;
  const name = `a cotangent ${ct.dtype} ${show(ct.shape)} for argument ${argument}`;
  const parts = { op: "customVjp", got: name, expected: `${x.dtype} ${show(x.shape)}` };
  if (ct.dtype !== x.dtype) throw new DTypeError({ ...parts, hint: "cast it in the backward rule" });
  if (!equals(ct.shape, x.shape)) throw new ShapeError({ ...parts, hint: "sum it over what was broadcast" });
  return ct;
};

/**
 * `f` with a derivative of its own: reverse mode calls `backward` with what `forward` left for it (`custom_vjp` of JAX).
 * The rule is the derivative of `f` wherever its value occurs, also within a derivative, as in PyTorch (JAX
 * differentiates `forward` there); derivatives of the gradient itself go through the operations of `forward` and
 * `backward`. Forward mode (`jvp`) transposes the backward rule where that is linear in the cotangent, and refuses it
 * otherwise. What the functions close over has no derivative: it is refused where one is requested.
 *
 * ```ts
 * import { clamp, customVjp, f32, grad, input, interpret, mul, sum, type Tensor } from "@chain-of-sight/core";
 * // the identity, with gradients cut off at 1
 * const bounded = customVjp((x: Tensor) => x, {
 *   forward: (x) => [x, undefined],
 *   backward: (_, ct) => [clamp(-1, 1)(ct)],
 * });
 * const slope = grad((x: Tensor) => sum()(mul(bounded(x), 5)))(input("x", [2]));
 * const [dx] = interpret([slope], { x: f32([2], [3, 5]) });
 * if (dx!.data.join() !== "1,1") throw new Error("not so");
 * ```
 * @throws {TreeError} if results of `forward` and `f`, or cotangents and arguments, are of different forms; {ShapeError}
 * or {DTypeError} if their tensors are.
 */
export const customVjp = <A extends readonly unknown[], R, S>(
  f: (...args: A) => R,
  rule: VjpRule<A, R, S>,
): (...args: A) => R =>
(...args: A): R => {
  refuseContainers("customVjp", args);
  const leaves = tensorsIn(args);
  return tracing("customVjp", leaves, (parameters) => {
    const given = (): A => {
      let i = 0;
      return mapTensors(args, () => parameters[i++]!);
    };
    const result = f(...given()), results = tensorsIn(result);
    const [primal, residuals] = rule.forward(...given()), primals = tensorsIn(primal);
    checkPrimals(results, primals);
    const left = tensorsIn(residuals);
    return tracing("customVjp", [...left, ...results], (back) => {
      let i = 0, j = left.length;
      const cts = cotangentsFor(
        args,
        rule.backward(mapTensors(residuals, () => back[i++]!), mapTensors(result, () => back[j++]!)),
      );
      const gives: number[] = [], found: Tensor[] = [];
      for (const ct of cts) gives.push(ct === undefined ? -1 : found.push(ct) - 1);
      const captured = [
        ...new Set([
          ...capturedBy([...results, ...primals, ...left], parameters),
          ...capturedBy(found, back),
        ]),
      ];
      const own = [...parameters, ...captured];
      if (own.length === 0 || results.length === 0) return result;
      const call = callOf([...leaves, ...captured], {
        body: closed(own, results),
        name: "",
        recompute: false,
        rule: {
          forward: closed(own, [...primals, ...left]),
          backward: closed([...back, ...captured], found),
          gives,
          captured: captured.length,
        },
      });
      const values = resultsOf(call);
      let k = 0;
      return mapTensors(result, () => values[k++]!);
    });
  });
};

/** Refuses a forward rule whose results are not of the form of the function's. */
const checkPrimals = (results: readonly Tensor[], primals: readonly Tensor[]): void => {
  const forms = (ts: readonly Tensor[]): string => ts.map((t) => `${t.dtype} ${show(t.shape)}`).join(", ");
  if (forms(results) !== forms(primals)) {
    refuse(
      `a forward rule with results ${forms(primals) || "without tensors"}`,
      `${forms(results) || "none"}, like the function`,
      "return [result, residuals]",
    );
  }
};
