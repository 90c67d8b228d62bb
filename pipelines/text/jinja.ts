/**
 * Jinja as transformers renders chat templates with it (`chat_template_utils.py`: `trim_blocks`, `lstrip_blocks`, loop
 * controls, a `generation` tag), within bounds: a template comes from a file that may ask for any amount of work.
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";

/** Longest template, characters. */
const MAX_SOURCE = 200_000;

/** Longest run of white space in one. */
const MAX_BLANK = 2000;

/** Expressions and statements that any conversation may take, and more for each pair of its messages. */
const STEPS = 2_000_000, STEPS_OF_PAIR = 64;

/** Longest text of an expression, characters, and longest list. */
const MAX_TEXT = 2 ** 24, MAX_ITEMS = 100_000;

/** A template that asks for more than it may. */
export class BoundError extends Error {}

const spent = (what: string): never => {
  throw new BoundError(what);
};

type Program = ReturnType<typeof parse>;
type Statement = Parameters<Interpreter["evaluate"]>[0];
type Value = ReturnType<Interpreter["evaluate"]>;

/** An interpreter that counts what it evaluates, with the items of the lists that it meets. */
class Counting extends Interpreter {
  #left: number;

  constructor(environment: Environment, steps: number) {
    super(environment);
    this.#left = steps;
  }

  override evaluate(statement: Statement, environment: Environment): Value {
    const value = super.evaluate(statement, environment);
    const inner: unknown = value.value;
    let cost = 1;
    if (typeof inner === "string") {
      if (inner.length > MAX_TEXT) spent(`a text of ${inner.length} characters`);
      cost += inner.length >> 6;
    } else if (Array.isArray(inner)) {
      if (inner.length > MAX_ITEMS) spent(`a list of ${inner.length} items`);
      cost += inner.length;
    } else if (inner instanceof Map) cost += inner.size;
    this.#left -= cost;
    if (this.#left < 0) spent("more steps than a conversation of this length needs");
    return value;
  }
}

/** Numbers of a `range` as Python has it. */
const range = (...given: readonly unknown[]): readonly number[] => {
  const [start, stop, step = 1] = (given.length === 1 ? [0, given[0]] : given) as number[];
  if (![start, stop, step].every(Number.isInteger) || step === 0) {
    throw new Error(`range(${given.join(", ")}), which takes whole numbers and no step of 0`);
  }
  const count = Math.max(0, Math.ceil((stop! - start!) / step));
  if (count > MAX_ITEMS) spent(`range(${given.join(", ")}), a list of ${count} items`);
  return Array.from({ length: count }, (_, i) => start! + i * step);
};

/** A parsed template. Throws for one that is no Jinja or is too long. */
export const parseJinja = (source: string): Program => {
  // every line end is read as \\n, as Jinja's newline_sequence says
  const text = source.replace(/\r\n?/g, "\n");
  if (text.length > MAX_SOURCE) spent(`${text.length} characters; at most ${MAX_SOURCE} are read`);
  const blank = text.match(/\s{2001,}/);
  if (blank !== null) spent(`${blank[0].length} blanks in a row; at most ${MAX_BLANK} are read`);
  return parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
};

/** The text of a template for some values. Throws what it raises. */
export const renderJinja = (
  program: Program,
  values: Readonly<Record<string, unknown>>,
  messages: number,
): string => {
  const environment = new Environment();
  setGlobals(environment);
  for (const [name, value] of Object.entries(values)) environment.set(name, value);
  const interpreter = new Counting(environment, STEPS + STEPS_OF_PAIR * messages ** 2);
  return String(interpreter.run(program).value);
};

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const two = (n: number): string => String(n).padStart(2, "0");

/** Python's `strftime` in the C locale, for the directives of dates and times of day. */
const strftime = (date: Date, format: string): string =>
  format.replace(/%(.)/g, (all, directive: string) => {
    switch (directive) {
      case "Y":
        return String(date.getFullYear());
      case "y":
        return two(date.getFullYear() % 100);
      case "m":
        return two(date.getMonth() + 1);
      case "d":
        return two(date.getDate());
      case "B":
        return MONTHS[date.getMonth()]!;
      case "b":
        return MONTHS[date.getMonth()]!.slice(0, 3);
      case "A":
        return DAYS[date.getDay()]!;
      case "a":
        return DAYS[date.getDay()]!.slice(0, 3);
      case "H":
        return two(date.getHours());
      case "M":
        return two(date.getMinutes());
      case "S":
        return two(date.getSeconds());
      case "%":
        return "%";
      default:
        throw new Error(`strftime_now with ${all}, which is not read here`);
    }
  });

const setGlobals = (environment: Environment): void => {
  for (const [name, value] of [["true", true], ["false", false], ["none", null]] as const) {
    environment.set(name, value);
    environment.set(name[0]!.toUpperCase() + name.slice(1), value);
  }
  environment.set("range", range);
  environment.set("strftime_now", (format: string) => strftime(new Date(), format));
  environment.set("raise_exception", (message: string) => {
    throw new Error(message);
  });
};
