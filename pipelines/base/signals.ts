/**
 * Signals that end a command. Where nobody listens, the system ends the process at once, whatever it is computing: that
 * is right wherever there is nothing to save. A command that saves its state listens; a write in progress holds signals
 * back until it is whole.
 */
import * as Effect from "effect/Effect";

/** Exit code of what the same command may go on with: after a notice of a scheduler, a lost device, ranks that hang. */
export const MAY_HELP_AGAIN = 75;

/**
 * Exit codes by signal, as shells have them: the terminal's Ctrl-C, a request to end, the end of the terminal. SIGUSR1 is
 * what schedulers send before a time limit.
 */
export const signalCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGUSR1: MAY_HELP_AGAIN } as const;

/** A signal that ends a command. */
export type EndingSignal = keyof typeof signalCodes;

/** Hears a signal. */
export type SignalListener = (signal: EndingSignal) => void;

const signals = Object.keys(signalCodes) as readonly EndingSignal[];

/** Bits of Linux's mask of ignored signals. */
const BITS = { SIGINT: 1n, SIGTERM: 14n, SIGHUP: 0n, SIGUSR1: 9n } as const;

/** Signals that this process was started to ignore, as `nohup` does with SIGHUP; unknown is none. */
const ignoredAtStart = (): ReadonlySet<EndingSignal> => {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1] ?? "0";
    return new Set(signals.filter((signal) => (BigInt(`0x${mask}`) >> BITS[signal]) & 1n));
  } catch {
    return new Set(); // another system, or not to be read
  }
};

// A worker of this process has no signals of its own.
const inWorker = "WorkerGlobalScope" in globalThis;

let listener: SignalListener | undefined, holds = 0, open = 0, received: EndingSignal | undefined;
let ignored: ReadonlySet<EndingSignal> | undefined;
const installed = new Map<EndingSignal, () => void>();

const onSignal = (signal: EndingSignal): void => {
  if (received !== undefined) Deno.exit(signalCodes[signal]);
  received = signal;
  listener?.(signal);
};

const settle = (): void => {
  const wanted = (listener !== undefined && open === 0) || holds > 0;
  for (const signal of signals) {
    const before = installed.get(signal);
    if (wanted && before === undefined) {
      // nohup keeps a command alive; a shell script's `&`, which ignores SIGINT, does not mean to
      if (signal === "SIGHUP" && (ignored ??= ignoredAtStart()).has(signal)) continue;
      const handler = (): void => onSignal(signal);
      Deno.addSignalListener(signal, handler);
      installed.set(signal, handler);
    } else if (!wanted && before !== undefined) {
      Deno.removeSignalListener(signal, before);
      installed.delete(signal);
    }
  }
};

/** Hears the first signal for as long as the process lives; a second one ends it at once. */
export const listenToSignals = (listen: SignalListener): void => {
  listener = listen;
  settle();
};

/** Whether this process was started to ignore SIGINT, as by a script that puts it into the background. */
export const ignoresSigint = (): boolean => (ignored ??= ignoredAtStart()).has("SIGINT");

/** Takes a signal that another process received as this one's own, unless one was received already. */
export const receiveSignal = (signal: EndingSignal): void => {
  if (received === undefined) onSignal(signal);
};

/** The signal that was received, if any. */
export const receivedSignal = (): EndingSignal | undefined => received;

const counted = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  enter: () => void,
  leave: () => void,
): Effect.Effect<A, E, R> =>
  inWorker ? effect : Effect.acquireUseRelease(Effect.sync(enter), () => effect, () => Effect.sync(leave));

/** Something that must be whole or not at all: a signal that comes meanwhile ends the process right after it. */
export const holdingSignals = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  counted(effect, () => {
    holds++;
    settle();
  }, () => {
    holds--;
    if (holds === 0 && listener === undefined && received !== undefined) Deno.exit(signalCodes[received]);
    settle();
  });

/** Milliseconds in which a signal that has come reaches its listener. */
const DELIVERY = 20;

/**
 * Something long with nothing to save, such as compiling: a signal ends the process at once, listener or not. A signal
 * that came before is handled first: Deno drops one that is on its way to a listener that is removed.
 */
export const openToSignals = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  inWorker ? effect : Effect.andThen(
    Effect.sleep(DELIVERY),
    counted(effect, () => {
      open++;
      settle();
    }, () => {
      open--;
      settle();
    }),
  );
