/**
 * Inputs that programs have in common. A program loaded beside others keeps the inputs that they have too, by path,
 * where they lie there: weights are uploaded once, and state that one program leaves is what the next begins with.
 */
import { equals, show, type Tensor, TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Plan } from "../plan/plan.ts";

/** A program that others may be loaded beside: its plan, and where a slot of it lies. */
export interface Home<A> {
  /** The plan. */
  readonly plan: Plan;
  /** Place of each slot: a buffer, or an address. */
  readonly places: readonly A[];
}

/** Places of the slots of a plan that other programs hold already; inputs of one path must be of one shape. */
export const placesShared = <A>(
  plan: Plan,
  beside: readonly Home<A>[],
): Effect.Effect<ReadonlyMap<number, A>, TreeError> =>
  Effect.gen(function* () {
    const found = new Map<number, A>();
    for (const [path, tensor] of Object.entries(plan.inputs)) {
      for (const home of beside) {
        const there: Tensor | undefined = home.plan.inputs[path];
        if (there === undefined) continue;
        if (!equals(there.shape, tensor.shape) || there.dtype !== tensor.dtype) {
          return yield* Effect.fail(
            new TreeError({
              op: "load",
              got: `${tensor.dtype} ${show(tensor.shape)} for the shared input ${path}`,
              expected: `${there.dtype} ${show(there.shape)}, as the other program has it`,
              mend: "rename one of them, or describe both alike",
            }),
          );
        }
        found.set(plan.memory.slotOf.get(tensor)!, home.places[home.plan.memory.slotOf.get(there)!]!);
      }
    }
    return found;
  });
