/**
 * Regular expressions that come with files. An engine that backtracks may need a time exponential in the length of a text
 * (`(a+)+$`, `(a|aa)*$`, thirty times `a?`); such patterns are refused before they meet one.
 */
import * as E from "fp-ts/lib/Either.js";

/** Most characters of a pattern. */
const MAX_LENGTH = 20_000;

/** Most repetitions without bound in one branch: time grows with at most this power of the length of a text. */
const MAX_UNBOUNDED = 3;

/** Most parts of one branch that may match in several ways: of n of them a text can be split in up to 2^n ways. */
const MAX_CHOICES = 10;

/** What a part of a pattern can do to a search. */
interface Freedom {
  /** Repetitions without bound in sequence. */
  readonly unbounded: number;
  /** Parts in sequence that match in several ways. */
  readonly choices: number;
}

const NONE: Freedom = { unbounded: 0, choices: 0 };

interface Reader {
  readonly source: string;
  at: number;
}

class Refused extends Error {}

const refused = (got: string): never => {
  throw new Refused(got);
};

/** Skips a character class; `[` begins at the position of the reader. Classes may hold classes. */
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

/** Skips what opens a group and does not match anything itself, such as `(?:` and `(?<name>`. */
const skipOpening = (reader: Reader): void => {
  const rest = reader.source.slice(reader.at);
  const opening = /^\((?:\?(?:[:=!>]|<[=!]|P?<\w+>|[a-z-]*(?::|(?=\)))))?/i.exec(rest);
  reader.at += opening?.[0].length ?? 1;
};

const QUANTIFIER = /^(?:[*+?]|\{(\d*)(,?)(\d*)\})[?+]?/;

interface Times {
  readonly least: number;
  readonly most: number;
}

const times = (reader: Reader): Times => {
  const found = QUANTIFIER.exec(reader.source.slice(reader.at, reader.at + 40));
  if (found === null || (found[0].startsWith("{") && !/\d/.test(found[0]))) return { least: 1, most: 1 };
  reader.at += found[0].length;
  const [all, low = "", comma = "", high = ""] = found;
  switch (all[0]) {
    case "*":
      return { least: 0, most: Infinity };
    case "+":
      return { least: 1, most: Infinity };
    case "?":
      return { least: 0, most: 1 };
    default:
      return {
        least: Number(low || 0),
        most: comma === "" ? Number(low) : high === "" ? Infinity : Number(high),
      };
  }
};

/** A part under its quantifier. */
const repeated = (part: Freedom, { least, most }: Times, what: string): Freedom => {
  if (most > 1 && part.choices > 0) {
    return refused(`${JSON.stringify(what)}: a repetition of what itself matches in several ways`);
  }
  if (most === Infinity) return { unbounded: part.unbounded + 1, choices: part.choices + 1 };
  return least === most ? part : { ...part, choices: part.choices + 1 };
};

const branches = (reader: Reader, depth: number): Freedom => {
  if (depth > 50) return refused("groups nested deeper than 50");
  let all: Freedom | undefined, here = NONE, branched = 0;
  const close = (): void => {
    if (here.unbounded > MAX_UNBOUNDED) refused(`more than ${MAX_UNBOUNDED} unbounded repetitions in a row`);
    if (here.choices > MAX_CHOICES) refused(`more than ${MAX_CHOICES} optional parts in a row`);
    all = all === undefined ? here : {
      unbounded: Math.max(all.unbounded, here.unbounded),
      choices: Math.max(all.choices, here.choices),
    };
    branched++;
    here = NONE;
  };
  for (;;) {
    const c = reader.source[reader.at];
    if (c === undefined || c === ")") break;
    if (c === "|") {
      close();
      reader.at++;
      continue;
    }
    const from = reader.at;
    let part = NONE;
    if (c === "[") skipClass(reader);
    else if (c === "(") {
      skipOpening(reader);
      part = branches(reader, depth + 1);
      if (reader.source[reader.at] !== ")") refused("a group without an end");
      reader.at++;
    } else if (c === "\\") {
      if (/[1-9k]/.test(reader.source[reader.at + 1] ?? "")) refused("a reference to a group");
      // \p{L} and \x{1F}: the braces are no quantifier
      reader.at += /^\\[pPxu]\{[^}]*\}/.exec(reader.source.slice(reader.at))?.[0].length ?? 2;
    } else reader.at++;
    part = repeated(part, times(reader), reader.source.slice(from, reader.at));
    here = { unbounded: here.unbounded + part.unbounded, choices: here.choices + part.choices };
  }
  close();
  return branched > 1 ? { ...all!, choices: all!.choices + 1 } : all!;
};

/** Why a pattern may take a time that no text of ordinary length justifies; undefined where it cannot. */
export const explosive = (source: string): string | undefined => {
  if (source.length > MAX_LENGTH) return `${source.length} characters; at most ${MAX_LENGTH} are read`;
  const reader: Reader = { source, at: 0 };
  try {
    branches(reader, 0);
    return reader.at < source.length ? "a closing bracket without a group" : undefined;
  } catch (cause) {
    if (cause instanceof Refused) return cause.message;
    throw cause;
  }
};

/** A pattern as JavaScript's, if it compiles and its time is bounded; otherwise the reason. */
export const boundedPattern = (source: string): E.Either<string, RegExp> => {
  const reason = explosive(source);
  if (reason !== undefined) return E.left(reason);
  return E.tryCatch(
    () => new RegExp(source),
    (cause) => cause instanceof Error ? cause.message : String(cause),
  );
};
