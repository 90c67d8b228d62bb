/**
 * Regular expressions that come with files. An engine that backtracks may need a time exponential in the length of a text
 * (`(a+)+$`, `(a|aa)*$`, thirty times `a?`), or one of its square or cube (`a*a*b`): Oniguruma ends the process after ten
 * million retries, V8 never ends. Such patterns are refused before they meet a text.
 */
import * as E from "fp-ts/lib/Either.js";

/** Maximum number of characters of a pattern. */
const MAX_LENGTH = 20_000;

/** Most ways in which the bounded parts before something that may fail match, so often the rest is tried again. */
const MAX_WAYS = 4096;

/** From so many repetitions on a bound is as good as none. */
const UNBOUNDED = 32;

/** Deepest groups. */
const MAX_DEPTH = 50;

/**
 * How often a part may be tried again: each unbounded repetition in front of something that may fail multiplies the tries
 * by the length of the text, each choice by its ways.
 */
interface Retries {
  /** Unbounded repetitions in front of something that may fail. */
  readonly powers: number;
  /** Unbounded repetitions behind which nothing of the part may fail. */
  readonly openPowers: number;
  /** Ways of the bounded choices of the part. */
  readonly ways: number;
  /** Whether the part may match nothing, so that it never fails. */
  readonly nullable: boolean;
}

const EMPTY: Retries = { powers: 0, openPowers: 0, ways: 1, nullable: true };
const ATOM: Retries = { powers: 0, openPowers: 0, ways: 1, nullable: false };

class Refused extends Error {}

const refused = (got: string): never => {
  throw new Refused(got);
};

interface Reader {
  readonly source: string;
  /** Most unbounded repetitions in front of something that may fail. */
  readonly powers: number;
  at: number;
}

/** Skips a character class, which may hold others; the reader is at its bracket. */
const skipClass = (reader: Reader): void => {
  const { source } = reader;
  let depth = 0;
  do {
    const c = source[reader.at];
    if (c === undefined) refused("a character class without an end");
    if (c === "\\") reader.at++;
    else if (c === "[") {
      depth++;
      if (source[reader.at + 1] === "^") reader.at++;
      if (source[reader.at + 1] === "]") reader.at++;
    } else if (c === "]") depth--;
    reader.at++;
  } while (depth > 0);
};

const OPENING = /\((?:\?(?:[:=!>]|<[=!]|P?<\w+>|[a-z]*(?:-[a-z]+)?(?::|(?=\)))))?/iy;
const QUANTIFIER = /(?:[*+?]|\{(\d*)(,?)(\d*)\})[?+]?/y;
const BRACED = /\\[pPxu]\{[^}]*\}/y;

const match = (pattern: RegExp, { source, at }: Reader): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(source);
};

interface Times {
  readonly least: number;
  readonly most: number;
}

const ONCE: Times = { least: 1, most: 1 };

/** The quantifier at the reader, which moves behind it. */
const times = (reader: Reader): Times => {
  const found = match(QUANTIFIER, reader);
  if (found === null || (found[0].startsWith("{") && !/\d/.test(found[0]))) return ONCE;
  reader.at += found[0].length;
  const [all, low = "", comma = "", high = ""] = found;
  if (all[0] === "*") return { least: 0, most: Infinity };
  if (all[0] === "+") return { least: 1, most: Infinity };
  if (all[0] === "?") return { least: 0, most: 1 };
  return { least: Number(low), most: comma === "" ? Number(low) : high === "" ? Infinity : Number(high) };
};

const isFree = ({ powers, openPowers, ways }: Retries): boolean => powers + openPowers > 0 || ways > 1;

/** A part under its quantifier. */
const repeated = (part: Retries, { least, most }: Times, text: string): Retries => {
  if (most > 1 && isFree(part)) {
    return refused(`${text}, a repetition of what itself matches in several ways`);
  }
  const nullable = part.nullable || least === 0;
  if (most - least >= UNBOUNDED) return { ...part, openPowers: part.openPowers + 1, nullable };
  return least === most ? { ...part, nullable } : { ...part, ways: part.ways * (most - least + 1), nullable };
};

/** Two parts in a row. */
const joined = (a: Retries, b: Retries, powers: number): Retries => {
  const both = b.nullable
    ? { powers: a.powers + b.powers, openPowers: a.openPowers + b.openPowers }
    : { powers: a.powers + a.openPowers + b.powers, openPowers: b.openPowers };
  if (both.powers > powers) {
    return refused("repetitions without bound in a row, in front of something that may fail");
  }
  const ways = a.ways * b.ways;
  if (ways > MAX_WAYS) return refused(`more than ${MAX_WAYS} ways to match its choices`);
  return { ...both, ways, nullable: a.nullable && b.nullable };
};

const either = (parts: readonly Retries[]): Retries =>
  parts.length === 1 ? parts[0]! : {
    powers: Math.max(...parts.map((p) => p.powers)),
    openPowers: Math.max(...parts.map((p) => p.openPowers)),
    ways: parts.reduce((n, p) => n + p.ways, 0),
    nullable: parts.some((p) => p.nullable),
  };

/** One atom without its quantifier. */
const atom = (reader: Reader, depth: number): Retries => {
  const c = reader.source[reader.at]!;
  if (c === "[") {
    skipClass(reader);
    return ATOM;
  }
  if (c === "(") {
    const opening = match(OPENING, reader)![0];
    reader.at += opening.length;
    const inner = alternatives(reader, depth + 1);
    if (reader.source[reader.at] !== ")") refused("a group without an end");
    reader.at++;
    // what a lookaround found is not tried again, but it may fail
    return /^\(\?<?[=!]/.test(opening) ? ATOM : inner;
  }
  if (c === "\\") {
    const next = reader.source[reader.at + 1] ?? "";
    if (/[1-9kgG]/.test(next)) refused(`\\${next}, a reference to a group`);
    reader.at += match(BRACED, reader)?.[0].length ?? 2;
    return ATOM;
  }
  reader.at++;
  return ATOM;
};

const alternatives = (reader: Reader, depth: number): Retries => {
  if (depth > MAX_DEPTH) return refused(`groups nested deeper than ${MAX_DEPTH}`);
  const parts: Retries[] = [];
  let here = EMPTY;
  for (;;) {
    const c = reader.source[reader.at];
    if (c === undefined || c === ")") return either([...parts, here]);
    if (c === "|") {
      parts.push(here);
      here = EMPTY;
      reader.at++;
      continue;
    }
    const from = reader.at, part = atom(reader, depth);
    const many = times(reader);
    here = joined(here, repeated(part, many, reader.source.slice(from, reader.at)), reader.powers);
  }
};

/**
 * Why a pattern may take a time that no text justifies; undefined where it cannot.
 * @param powers - the power of a text's length that its time may grow with: 1 for texts of any length.
 */
export const explosive = (source: string, powers = 1): string | undefined => {
  if (source.length > MAX_LENGTH) return `${source.length} characters`;
  const reader: Reader = { source, powers, at: 0 };
  try {
    alternatives(reader, 0);
    return reader.at < source.length ? "a closing bracket without a group" : undefined;
  } catch (cause) {
    if (cause instanceof Refused) return cause.message;
    throw cause;
  }
};

/** Unbounded repetitions in patterns of names, which are short. */
const NAME_POWERS = 4;

/** A pattern of names of parameters as JavaScript's, if it compiles and its time is bounded; otherwise the reason. */
export const namePattern = (source: string): E.Either<string, RegExp> => {
  const reason = explosive(source, NAME_POWERS);
  if (reason !== undefined) return E.left(reason);
  return E.tryCatch(
    () => new RegExp(source),
    (cause) => cause instanceof Error ? cause.message : String(cause),
  );
};
