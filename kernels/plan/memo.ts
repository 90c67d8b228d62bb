/** Memoisation with weak keys: a result lives as long as the objects it was made from. */
import type { Tensor } from "@chain-of-sight/core";

/** Results for one tensor; beyond this the oldest goes. */
const LIMIT = 4;

/** Makes the result for a pair of objects once: it goes with either of them. */
export const memoizePair = <A extends object, B extends object, R>(
  make: (a: A, b: B) => R,
): (a: A, b: B) => R => {
  const known = new WeakMap<A, WeakMap<B, { readonly made: R }>>();
  return (a, b) => {
    const inner = known.get(a) ?? new WeakMap<B, { readonly made: R }>();
    const before = inner.get(b);
    if (before !== undefined) return before.made;
    const made = make(a, b);
    known.set(a, inner.set(b, { made }));
    return made;
  };
};

/** Numbers that JSON has no word for keep theirs. */
const plain = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

/**
 * Remembers what was made of some tensors under a key of plain values, while the last made of them is there. Equal
 * descriptions are one tensor, so what is described again is not made again.
 */
export class Memo<R> {
  readonly #known = new WeakMap<Tensor, Map<string, R>>();

  /** The result for these tensors and this key, made where it is not known. */
  take(tensors: readonly Tensor[], key: unknown, make: () => R): R {
    const last = tensors.reduce<Tensor | undefined>(
      (a, b) => a !== undefined && a.id > b.id ? a : b,
      undefined,
    );
    if (last === undefined) return make();
    const text = JSON.stringify([tensors.map((t) => t.id), key], plain);
    const here = this.#known.get(last) ?? new Map<string, R>(), before = here.get(text);
    if (before !== undefined) return before;
    const made = make();
    if (here.size >= LIMIT) here.delete(here.keys().next().value!);
    this.#known.set(last, here.set(text, made));
    return made;
  }
}
