/** Checks of the inputs and outputs of a program, the same on every device. */
import { arrayFault, equals, type NdArray, show, sizeOf, type Tensor, TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Plan } from "../plan/plan.ts";

/** Refuses values for inputs that the plan does not read, of another shape or element type, or not held as it says. */
export const checkInputs = (
  plan: Plan,
  values: Readonly<Record<string, NdArray>>,
): Effect.Effect<void, TreeError> =>
  Effect.gen(function* () {
    for (const [path, value] of Object.entries(values)) {
      const t = plan.inputs[path];
      if (t === undefined || !equals(t.shape, value.shape) || t.dtype !== value.dtype) {
        return yield* Effect.fail(
          new TreeError({
            op: "write",
            got: `${value.dtype} ${show(value.shape)} for ${path}`,
            expected: t === undefined ? "a path that the program reads" : `${t.dtype} ${show(t.shape)}`,
            hint: "check the names and shapes of the inputs",
          }),
        );
      }
      const fault = arrayFault(value);
      if (fault !== undefined) {
        return yield* Effect.fail(new TreeError({ op: "write", ...fault, got: `${fault.got} for ${path}` }));
      }
    }
  });

/** Refuses a run of elements that an input cannot have at that place. */
export const checkPart = (
  plan: Plan,
  path: string,
  at: number,
  value: NdArray,
): Effect.Effect<void, TreeError> =>
  Effect.suspend(() => {
    const t = plan.inputs[path], end = at + value.data.length;
    const refuse = (got: string, expected: string) =>
      Effect.fail(
        new TreeError({
          op: "write",
          got: `${got} for ${path}`,
          expected,
          hint: "check the names and shapes of the inputs",
        }),
      );
    if (t === undefined || t.dtype !== value.dtype) {
      return refuse(
        `elements of ${value.dtype}`,
        t === undefined ? "a path that the program reads" : `elements of ${t.dtype} ${show(t.shape)}`,
      );
    }
    const fault = arrayFault(value);
    if (fault !== undefined) return refuse(fault.got, fault.expected);
    if (!Number.isInteger(at) || at < 0 || end > sizeOf(t.shape)) {
      return refuse(`elements ${at} to ${end}`, `elements of ${show(t.shape)}`);
    }
    return t.dtype === "f16" && at % 2 !== 0
      ? refuse(`elements of f16 from ${at} on`, "a run from an even element on")
      : Effect.void;
  });

/** Something that can be read from a program. */
export interface Named {
  /** The name it was asked by. */
  readonly name: string;
  /** Its kind. */
  readonly tensor: Tensor;
  /** Where it is: for a donated output, where the input is that it replaces. */
  readonly slot: number;
}

const named = ({ outputs, inputs, donate, memory }: Plan, name: string): Named | undefined => {
  const tensor = outputs[name] ?? inputs[name], target = donate[name];
  const slot = tensor && memory.slotOf.get(target === undefined ? tensor : inputs[target]!);
  return tensor === undefined || slot === undefined ? undefined : { name, tensor, slot };
};

/** Finds outputs by name and inputs by path; refuses what the program does not have. */
export const findNames = (
  plan: Plan,
  names: readonly string[],
): Effect.Effect<readonly Named[], TreeError> =>
  Effect.suspend(() => {
    const unknown = names.filter((name) => named(plan, name) === undefined);
    return unknown.length === 0 ? Effect.succeed(names.map((name) => named(plan, name)!)) : Effect.fail(
      new TreeError({
        op: "read",
        got: unknown.join(", "),
        expected: `outputs ${Object.keys(plan.outputs).join(", ")} or inputs`,
        hint: "read what the program computes",
      }),
    );
  });
