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
const STEPS = 1_000_000, STEPS_OF_PAIR = 64;

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

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

const nodesIn = (value: unknown): readonly Node[] =>
  (Array.isArray(value) ? value : []).filter((one) => typeof one === "object" && one !== null);

const isControl = (node: Node): boolean =>
  node.type === "Break" || node.type === "Continue" ||
  (node.type === "If" && [...nodesIn(node.body), ...nodesIn(node.alternate)].some(isControl));

const SILENT = new Set(["Set", "Macro", "Comment", "Break", "Continue"]);

/** Whether statements write anything before they break out of a loop: the library would lose it. */
const losesText = (nodes: readonly Node[], inLoop: boolean): boolean => {
  let written = false;
  for (const node of nodes) {
    const inner = [node.body, node.alternate, node.defaultBlock].map(nodesIn);
    if (inLoop && written && isControl(node)) return true;
    if (inner.some((some, i) => losesText(some, node.type === "For" ? i === 0 : inLoop))) return true;
    if (!SILENT.has(node.type)) written = written || !isControl(node) || inner.flat().length > 1;
  }
  return false;
};

const identifier = (name: string): Node => nodesIn(parse(tokenize(`{{ ${name} }}`)).body)[0]!;

/** Methods that the library calls without their argument, by the functions that take it. */
const STRIPS = new Map([["strip", "strip_of"], ["lstrip", "lstrip_of"], ["rstrip", "rstrip_of"]]);

/** Turns `text.strip(letters)` into a call of a function here. */
const completeStrips = (value: unknown): void => {
  if (typeof value !== "object" || value === null) return;
  Object.values(value).forEach(completeStrips);
  const node = value as { type?: string; callee?: Node; args?: readonly unknown[] };
  if (node.type !== "CallExpression" || node.callee?.type !== "MemberExpression" || node.args?.length !== 1) {
    return;
  }
  const { object, property, computed } = node.callee, name = STRIPS.get(String((property as Node).value));
  if (computed === true || name === undefined) return;
  node.args = [object, ...node.args];
  node.callee = identifier(name);
};

/** A parsed template. Throws for one that is no Jinja or is too long. */
export const parseJinja = (source: string): Program => {
  // every line end is read as \\n, as Jinja's newline_sequence says
  const text = source.replace(/\r\n?/g, "\n");
  if (text.length > MAX_SOURCE) spent(`${text.length} characters; at most ${MAX_SOURCE} are read`);
  const blank = text.match(/\s{2001,}/);
  if (blank !== null) spent(`${blank[0].length} blanks in a row; at most ${MAX_BLANK} are read`);
  const program = parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
  if (losesText(nodesIn(program.body), false)) {
    throw new Error("text before a break or continue in one turn of a loop");
  }
  completeStrips(program.body);
  return program;
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

const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);
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

/** Python's `strip` with an argument: all of these letters, from one end or both. */
const stripped = (left: boolean, right: boolean) => (text: unknown, letters: unknown): string => {
  if (typeof text !== "string" || typeof letters !== "string") throw new Error("strip of what is no text");
  const of = new Set(letters), all = [...text];
  let from = 0, to = all.length;
  while (left && from < to && of.has(all[from]!)) from++;
  while (right && to > from && of.has(all[to - 1]!)) to--;
  return all.slice(from, to).join("");
};

const setGlobals = (environment: Environment): void => {
  for (const [name, value] of [["true", true], ["false", false], ["none", null]] as const) {
    environment.set(name, value);
    environment.set(name[0]!.toUpperCase() + name.slice(1), value);
  }
  environment.set("range", range);
  environment.set("strip_of", stripped(true, true));
  environment.set("lstrip_of", stripped(true, false));
  environment.set("rstrip_of", stripped(false, true));
  environment.set("strftime_now", (format: string) => strftime(new Date(), format));
  environment.set("raise_exception", (message: string) => {
    throw new Error(message);
  });
};
