/** Checks of what a program is asked to take or give, the same on every device. */
import { equals, type NdArray, show, TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Plan } from "../plan/plan.ts";

/** Refuses values for inputs that the plan does not read, or of another shape or element type. */
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
            mend: "check the names and shapes of the inputs",
          }),
        );
      }
    }
  });
