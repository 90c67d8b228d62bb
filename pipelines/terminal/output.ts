/**
 * All that a command says. Standard output and standard error are written behind the program's back: a reader that stops
 * reading, a closed terminal, a full disk cost no step. Hidden characters are spelt out ({@link visible}).
 */
import { visible } from "./visible.ts";

/** Something that bytes are written to. */
export interface ByteSink {
  /** Writes some of the bytes, and says how many. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
}

/** A stream of a command. */
export interface Outlet {
  /** Adds text as it is; it is written when the stream takes it. */
  readonly raw: (text: string) => void;
  /** Resolves once everything is written, or nothing can be written any more. */
  readonly drained: () => Promise<void>;
  /** Why text was lost: `EPIPE` where the reader went, the system's code otherwise; nothing while all is well. */
  readonly lost: () => string | undefined;
}

const codeOf = (cause: unknown): string => {
  if (cause instanceof Deno.errors.BrokenPipe) return "EPIPE";
  const code = cause instanceof Error ? (cause as { readonly code?: unknown }).code : undefined;
  return typeof code === "string" ? code : cause instanceof Error ? cause.name : "unknown";
};

/** Milliseconds before a stream that takes nothing at the moment is tried again. */
const PAUSE = 20;

const writeWhole = async (sink: ByteSink, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.byteLength;) {
    try {
      at += await sink.write(bytes.subarray(at));
    } catch (cause) {
      if (!(cause instanceof Deno.errors.WouldBlock)) throw cause;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
};

/**
 * A stream that is written in the background.
 * @param most - characters that wait at most; the oldest are dropped beyond that.
 */
export const outletOf = (sink: ByteSink, most = Infinity): Outlet => {
  let waiting = "", writing: Promise<void> | undefined, lost: string | undefined;
  const pump = async (): Promise<void> => {
    while (waiting !== "" && lost === undefined) {
      const bytes = new TextEncoder().encode(waiting);
      waiting = "";
      await writeWhole(sink, bytes).catch((cause) => {
        lost = codeOf(cause);
      });
    }
    waiting = "";
    writing = undefined;
  };
  return {
    raw: (text) => {
      if (lost !== undefined || text === "") return;
      waiting = (waiting + text).slice(-most);
      writing ??= pump();
    },
    drained: async () => {
      while (writing !== undefined) await writing;
    },
    lost: () => lost,
  };
};

/** Characters of news that wait for a terminal that takes none. */
const NEWS = 1 << 16;

/** Standard output: results, all of them. */
export const results: Outlet = outletOf(Deno.stdout);

/** Standard error: news, of which the latest matter. */
export const news: Outlet = outletOf(Deno.stderr, NEWS);

/** Prints a result: a line, or several, on standard output. */
export const print = (text: string): void => results.raw(`${visible(text)}\n`);

/** Prints a part of a result as it comes. */
export const printPart = (text: string): void => results.raw(visible(text));

/** Tells a line, or several, on standard error. */
export const notice = (text: string): void => news.raw(`${visible(text)}\n`);
