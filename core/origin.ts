/**
 * Source locations of descriptions: the line of the user's program that made them. For messages only: an origin is no
 * part of what a description is, and of two equal ones the first made keeps its line. It is text: frames of a stack
 * would keep everything alive that the functions on it hold.
 */

/** A place in a program. */
export interface Origin {
  /** `file:line:column` of the innermost call from outside of this package; undefined where none is known. */
  readonly at: string | undefined;
}

/** Frames that are looked at: a line that calls an operation is among the first, one that calls a model is not. */
const REACHES = [4, 14, 80];

/** The packages that build descriptions. */
const PACKAGES = ["./", "../kernels/"].map((room) => new URL(room, import.meta.url).href);
/** The runtime, and packages whose functions (`pipe`) are between a user's line and ours. */
const BETWEEN = /\/node_modules\/|\/npm\/|^(?:ext|node|internal):/;

/** Whether a file is a user's. */
const isOutside = (file: string): boolean =>
  !BETWEEN.test(file) && !PACKAGES.some((room) => file.startsWith(room));

/** The place in a line of a stack, as V8 (`at f (place)`, `at place`) and others (`f@place`) write it. */
const placeIn = (line: string): string | undefined => {
  const text = line.trim().replace(/^at (?:async )?/, ""), open = text.indexOf(" (");
  const place = open >= 0 && text.endsWith(")")
    ? text.slice(open + 2, -1)
    : text.replace(/^[^/:]*@(?=\w+:)/, "");
  return /:\d+:\d+$/.test(place) ? place : undefined;
};

/** The innermost place of a stack that is neither in this package nor between. */
export const placeOf = (stack: string): string | undefined =>
  stack.split("\n").map(placeIn).find((place) => place !== undefined && isOutside(place));

/** What V8 tells of a frame. */
interface Frame {
  readonly getScriptNameOrSourceURL: () => string | null;
  readonly getLineNumber: () => number | null;
  readonly getColumnNumber: () => number | null;
}

/** What V8 knows of stacks alongside the standard. */
interface Stacks {
  stackTraceLimit?: number;
  prepareStackTrace?: unknown;
  readonly captureStackTrace?: (holder: object, above: unknown) => void;
}

/** What frames say: the place of the first one outside, or that there are more of them. */
interface Found {
  readonly at: string | undefined;
  readonly more: boolean;
}

/** Reads frames, without making text of all of them as `stack` would. */
const placeAmong = (_: unknown, frames: readonly Frame[]): Found => {
  const frame = frames.find((f) => isOutside(f.getScriptNameOrSourceURL() ?? "internal:"));
  return frame === undefined
    ? { at: undefined, more: frames.length === (Error as Stacks).stackTraceLimit }
    : {
      at: `${frame.getScriptNameOrSourceURL()}:${frame.getLineNumber()}:${frame.getColumnNumber()}`,
      more: false,
    };
};

/** The place of the call under way: the frames of `above` and of what it calls are left out. */
const placeNow = (above: unknown): string | undefined => {
  const stacks = Error as Stacks, { stackTraceLimit, prepareStackTrace } = stacks;
  if (stackTraceLimit === undefined || stacks.captureStackTrace === undefined) {
    return placeOf(new Error().stack ?? "");
  }
  stacks.prepareStackTrace = placeAmong;
  try {
    for (const reach of REACHES) {
      const holder: { readonly stack?: Found | string } = {};
      stacks.stackTraceLimit = reach;
      stacks.captureStackTrace(holder, above);
      const found = holder.stack;
      // engines without `prepareStackTrace` give the text
      const { at, more } = typeof found === "object" ? found : { at: placeOf(found ?? ""), more: true };
      if (at !== undefined || !more) return at;
    }
    return undefined;
  } finally {
    stacks.stackTraceLimit = stackTraceLimit;
    stacks.prepareStackTrace = prepareStackTrace;
  }
};

/** An origin for all that is made in some call; looked up when the first of it is made. */
interface Shared {
  origin: Origin | undefined;
}

let shared: Shared | undefined;

/**
 * The origin of what is made now: the one that a transform hands down, or the call under way. `above` is a function of
 * that call, from which on frames are looked at.
 */
export const currentOrigin = (above?: unknown): Origin => {
  if (shared?.origin !== undefined) return shared.origin;
  const made = { at: placeNow(above ?? currentOrigin) };
  if (shared !== undefined) shared.origin = made;
  return made;
};

const within = <A>(given: Shared, build: () => A): A => {
  const before = shared;
  shared = given;
  try {
    return build();
  } finally {
    shared = before;
  }
};

/** Builds with a given origin: what a transform makes of a description comes from where that came from. */
export const withOrigin = <A>(origin: Origin, build: () => A): A => within({ origin }, build);

/** Builds the parts of one call, whose line is looked up once. Not around functions of the user's. */
export const together = <A>(build: () => A): A =>
  shared === undefined ? within({ origin: undefined }, build) : build();
