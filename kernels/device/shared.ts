/**
 * Memory that programs have in common. A program loaded alongside others keeps the inputs that they have too, by path,
 * in place: weights are uploaded once, and the state that one program leaves is the initial state of the next.
 */
import { equals, show, type Tensor, TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Plan } from "../plan/plan.ts";
import type { Written } from "./written.ts";

/** Memory of temporaries: a buffer, or an address. */
export interface Scratch<S> {
  /** Its size. */
  readonly bytes: number;
  /** Where it is. */
  readonly at: S;
}

/** A program that others may be loaded alongside: its plan, where a slot of it is, and its temporaries. */
export interface Home<A, S> {
  /** The plan. */
  readonly plan: Plan;
  /** Place of each slot: a buffer, or an address. */
  readonly places: readonly A[];
  /** Memory of its temporaries. */
  readonly scratch: readonly Scratch<S>[];
  /** Contents of its inputs. */
  readonly written: Written;
}

/**
 * Memory of other programs' temporaries for those of a plan, by number of its buffer: programs run one after the other,
 * and temporaries do not outlive a run. A buffer that no other is large enough for has none.
 */
export const scratchShared = <A, S>(
  buffers: Plan["memory"]["buffers"],
  alongside: readonly Home<A, S>[],
): ReadonlyMap<number, S> => {
  const free = alongside.flatMap(({ scratch }) => scratch).toSorted((a, b) => a.bytes - b.bytes);
  const found = new Map<number, S>();
  buffers.forEach(({ bytes, role }, i) => {
    const least = role === "scratch" ? free.findIndex((s) => s.bytes >= bytes) : -1;
    if (least >= 0) found.set(i, free.splice(least, 1)[0]!.at);
  });
  return found;
};

/** Arithmetic of places. */
export interface Places<A> {
  /** The place that begins some bytes after another, of some size. */
  readonly shift: (place: A, by: number, bytes: number) => A;
  /** Whether two are one. */
  readonly same: (a: A, b: A) => boolean;
}

/**
 * Places of the slots of a plan that other programs hold already. Inputs of one path must be of one shape, and those
 * that the plan wants side by side must be so.
 */
export const placesShared = <A>(
  plan: Plan,
  alongside: readonly Pick<Home<A, unknown>, "plan" | "places">[],
  places: Places<A>,
): Effect.Effect<ReadonlyMap<number, A>, TreeError> =>
  Effect.gen(function* () {
    const found = new Map<number, A>();
    for (const [path, tensor] of Object.entries(plan.inputs)) {
      for (const home of alongside) {
        const there: Tensor | undefined = home.plan.inputs[path];
        if (there === undefined) continue;
        if (!equals(there.shape, tensor.shape) || there.dtype !== tensor.dtype) {
          return yield* Effect.fail(
            new TreeError({
              op: "load",
              got: `${tensor.dtype} ${show(tensor.shape)} for the shared input ${path}`,
              expected: `${there.dtype} ${show(there.shape)}, as the other program has it`,
              hint: "rename one of them, or describe both alike",
            }),
          );
        }
        found.set(plan.memory.slotOf.get(tensor)!, home.places[home.plan.memory.slotOf.get(there)!]!);
      }
    }
    const { slots } = plan.memory, paths = Object.keys(plan.inputs);
    for (const whole of slots) {
      const parts = slots.filter((s) => s.within?.slot === whole.id && found.has(s.id));
      const first = parts[0];
      if (first === undefined) continue;
      const start = places.shift(found.get(first.id)!, -first.within!.offset, whole.bytes);
      const apart = slots.filter((s) => {
        if (s.within?.slot !== whole.id) return false;
        const here = found.get(s.id);
        return here === undefined || !places.same(here, places.shift(start, s.within.offset, s.bytes));
      });
      const path = (slot: number): string | undefined =>
        paths.find((p) => plan.memory.slotOf.get(plan.inputs[p]!) === slot);
      if (apart.length > 0) {
        return yield* Effect.fail(
          new TreeError({
            op: "load",
            got: `the shared inputs ${path(first.id)} and ${path(apart[0]!.id)} apart from each other`,
            expected: "inputs side by side, as kernels of this program take them together",
            hint: "load this program before the other, or compile it with `batch: false`",
          }),
        );
      }
      found.set(whole.id, start);
    }
    return found;
  });
