/**
 * Where descriptions come from: the line of the user's program that made them. For messages alone: an origin is no
 * part of what a description is, and of two equal ones the first made keeps its line.
 */

/** A place in a program, looked up only when someone asks for it. */
export interface Origin {
  /** `file:line:column` of the innermost call from outside of this package; undefined where none is known. */
  readonly at: string | undefined;
}

/** Frames that are kept: a model calls layers, which call operations. */
const FRAMES = 40;

/** The rooms that build descriptions. */
const ROOMS = ["./", "../kernels/"].map((room) => new URL(room, import.meta.url).href);
/** The runtime, and packages whose functions (`pipe`) stand between a user's line and ours. */
const BETWEEN = /\/node_modules\/|\/npm\/|^(?:ext|node|internal):/;

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
  stack.split("\n").map(placeIn).find((place) =>
    place !== undefined && !BETWEEN.test(place) && !ROOMS.some((room) => place.startsWith(room))
  );

/** The call under way. Its stack is text only once it is asked for. */
class Call implements Origin {
  #stack: Error | undefined;
  #at: string | undefined;

  constructor() {
    const limits = Error as { stackTraceLimit?: number }, before = limits.stackTraceLimit;
    if (before === undefined) this.#stack = new Error();
    else {
      limits.stackTraceLimit = FRAMES;
      this.#stack = new Error();
      limits.stackTraceLimit = before;
    }
  }

  get at(): string | undefined {
    if (this.#stack !== undefined) {
      this.#at = placeOf(this.#stack.stack ?? "");
      this.#stack = undefined;
    }
    return this.#at;
  }
}

/** An origin for all that is made in some call; looked up when the first of it is made. */
interface Shared {
  origin: Origin | undefined;
}

let shared: Shared | undefined;

/** The origin of what is made now: the one that a transform hands down, or the call under way. */
export const originNow = (): Origin => shared === undefined ? new Call() : shared.origin ??= new Call();

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
export const cameFrom = <A>(origin: Origin, build: () => A): A => within({ origin }, build);

/** Builds the parts of one call, whose line is looked up once. Not around functions of the user's. */
export const together = <A>(build: () => A): A =>
  shared === undefined ? within({ origin: undefined }, build) : build();
