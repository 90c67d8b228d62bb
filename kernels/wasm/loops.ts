/** Loops over lanes and over numbers, as text. */
import type { Scope } from "./scope.ts";
import { add, get, i32, type Locals, repeat, set } from "./text.ts";

/** A loop whose lanes run over a variable. */
export interface LaneLoop {
  /** The variable. */
  readonly name: string;
  /** Its first value: text, a multiple of four. */
  readonly from: string;
  /** One more than its last: a number that is known, or text of one that is at most `length`. */
  readonly to: number | string;
  /** The variable's full extent: only its end may leave lanes over. */
  readonly length: number;
  /** Copies of the body side by side. */
  readonly copies: number;
}

/** Writes a lane loop into a scope: groups of copies, then single groups, then what is left. */
export const laneLoop = (
  scope: Scope,
  locals: Locals,
  { name, from, to, length, copies }: LaneLoop,
  body: (inner: Scope, copies: number, lanes: number) => void,
): void => {
  locals.declare(name, "i32");
  const known = typeof to === "number" && from === i32(0) ? to : undefined,
    end = typeof to === "number" ? i32(to) : to;
  const text: string[] = [set(name, from)];
  let done = 0;
  const groups = (count: number): void => {
    const step = 4 * count;
    if (known !== undefined && known - done < step || length < step) return;
    const inner = scope.loop([name], name, 4);
    body(inner, count, 4);
    const next = set(name, add(get(name), i32(step)));
    if (known !== undefined && known - done < 2 * step) text.push(...inner.lines, next);
    else {
      const room = `(i32.le_u ${add(get(name), i32(step))} ${end})`;
      text.push(...repeat(locals.unique("l"), room, [...inner.lines, next], known !== undefined));
    }
    if (known !== undefined) done += Math.floor((known - done) / step) * step;
  };
  if (copies > 1) groups(copies);
  groups(1);
  const rest = length % 4;
  if (rest > 0 && (known === undefined || done < known)) {
    const inner = scope.loop([name], name, rest);
    body(inner, 1, rest);
    text.push(
      ...(known !== undefined
        ? inner.lines
        : [`(if (i32.lt_u ${get(name)} ${end}) (then`, ...inner.lines, "))"]),
    );
  }
  scope.lines.push(...text);
};

/** Writes a loop over numbers from 0 to `size - 1` into a scope. */
export const numberLoop = (
  scope: Scope,
  locals: Locals,
  name: string,
  size: number,
  body: (inner: Scope) => void,
): void => {
  locals.declare(name, "i32");
  if (size <= 0) return;
  const inner = scope.loop([name]);
  body(inner);
  scope.lines.push(set(name, i32(0)));
  if (size === 1) {
    scope.lines.push(...inner.lines);
    return;
  }
  const next = set(name, add(get(name), i32(1)));
  scope.lines.push(
    ...repeat(locals.unique("l"), `(i32.lt_u ${get(name)} ${i32(size)})`, [...inner.lines, next], true),
  );
};

/** Writes a loop over numbers from one text to another, at least one of them, into a scope. */
export const rangeLoop = (
  scope: Scope,
  locals: Locals,
  name: string,
  from: string,
  to: string,
  body: (inner: Scope) => void,
): void => {
  locals.declare(name, "i32");
  const inner = scope.loop([name]);
  body(inner);
  const next = set(name, add(get(name), i32(1)));
  scope.lines.push(
    set(name, from),
    ...repeat(locals.unique("l"), `(i32.lt_u ${get(name)} ${to})`, [...inner.lines, next], true),
  );
};
