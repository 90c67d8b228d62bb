/**
 * Waits that leave nothing behind in a long fiber. Effect keeps the async context of a fiber over each wait, and in
 * Deno the context of one wait holds that of the wait before it: about 400 bytes for every wait, until the fiber ends.
 */
import * as Effect from "effect/Effect";

/** The async context that Effect takes up again at the end of a wait (its own field, read with care). */
interface Waiting {
  _asyncContext?: { readonly emitDestroy?: () => void } | undefined;
}

/** The context of the first wait of each fiber. */
const firsts = new WeakMap<object, NonNullable<Waiting["_asyncContext"]>>();

/** Lets a fiber go on in the context of its first wait, so that those in between can be collected. */
const goOnAsFirst = (fiber: Waiting): void => {
  const now = fiber._asyncContext, first = firsts.get(fiber);
  if (now === undefined || now === first) return;
  if (first === undefined) firsts.set(fiber, now);
  else {
    fiber._asyncContext = first;
    now.emitDestroy?.();
  }
};

/** `Effect.tryPromise` for waits that a program repeats at each step: memory does not grow with their number. */
export const wait = <A, E>(
  options: { readonly try: () => Promise<A>; readonly catch: (error: unknown) => E },
): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) =>
    Effect.tryPromise({
      try: () => options.try().finally(() => goOnAsFirst(fiber as Waiting)),
      catch: options.catch,
    })
  );
