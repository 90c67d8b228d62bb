/**
 * Python pickles that hold plain data: numbers, texts, lists, tuples and dictionaries, protocols 0 to 4. An opcode is a
 * row of a table of what it pushes; those that name or call code are not in it, so a pickle that needs them is refused
 * and nothing of it is ever run. (Opcodes: Lib/pickletools.py of CPython.)
 */

/** Why bytes are no pickle of plain data. Readers turn it into the error of their file. */
export class PickleFault extends Error {
  /** What is at which byte, and what should. */
  constructor(
    /** What exists. */
    readonly got: string,
    /** What should. */
    readonly wanted: string,
    /** Offset of the byte. */
    readonly at: number,
  ) {
    super(`${got} at byte ${at}; expected ${wanted}`);
  }
}

/** A value of a pickle. Lists and dictionaries may be shared. */
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>;

const MARK = Symbol("mark");
type Slot = Pickled | typeof MARK;

interface Machine {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly stack: Slot[];
  readonly memo: Map<number, Pickled>;
  at: number;
  /** Lists and dictionaries that were made. */
  containers: number;
}

/**
 * Most lists and dictionaries, values on the stack, and values that are remembered: an opcode of one byte makes tens of
 * bytes. The official files have some hundred thousand.
 */
const CONTAINERS = 2 ** 21, VALUES = 2 ** 23;

const fail = (m: Machine, got: string, wanted: string): never => {
  throw new PickleFault(got, wanted, m.at);
};

const latin1 = new TextDecoder("latin1"), utf8 = new TextDecoder("utf-8", { fatal: true });

const bytesOf = (m: Machine, count: number): Uint8Array => {
  if (m.at + count > m.bytes.length) fail(m, "the end of the file", `${count} more bytes`);
  return m.bytes.subarray(m.at, m.at += count);
};
const u1 = (m: Machine): number => bytesOf(m, 1)[0]!;
const u2 = (m: Machine): number => (bytesOf(m, 2), m.view.getUint16(m.at - 2, true));
const u4 = (m: Machine): number => (bytesOf(m, 4), m.view.getUint32(m.at - 4, true));
const i4 = (m: Machine): number => (bytesOf(m, 4), m.view.getInt32(m.at - 4, true));
const u8 = (m: Machine): number => {
  bytesOf(m, 8);
  const long = m.view.getBigUint64(m.at - 8, true);
  return long > BigInt(m.bytes.length)
    ? fail(m, `a length of ${long}`, "one that the file has")
    : Number(long);
};
const line = (m: Machine): string => {
  const end = m.bytes.indexOf(10, m.at);
  if (end < 0) fail(m, "the end of the file", "the end of a line");
  const text = latin1.decode(m.bytes.subarray(m.at, end));
  m.at = end + 1;
  return text;
};
const text = (m: Machine, bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch {
    return fail(m, "a text that is not UTF-8", "UTF-8");
  }
};

const pop = (m: Machine): Pickled => {
  const top = m.stack.pop();
  return top === undefined || top === MARK ? fail(m, "an empty stack", "a value on it") : top as Pickled;
};
const popMark = (m: Machine): Pickled[] => {
  const from = m.stack.lastIndexOf(MARK);
  if (from < 0) fail(m, "no mark on the stack", "one");
  return m.stack.splice(from).slice(1) as Pickled[];
};
const top = (m: Machine): Slot => m.stack.at(-1) ?? fail(m, "an empty stack", "a value on it");
const topList = (m: Machine): Pickled[] => {
  const list = top(m);
  return Array.isArray(list) ? list : fail(m, "something else", "a list on the stack");
};
const topMap = (m: Machine): Map<Pickled, Pickled> => {
  const map = top(m);
  return map instanceof Map ? map : fail(m, "something else", "a dictionary on the stack");
};
const fill = (m: Machine, map: Map<Pickled, Pickled>, items: readonly Pickled[]): Map<Pickled, Pickled> => {
  if (items.length % 2 === 1) fail(m, "a key without a value", "pairs");
  for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  return map;
};

const whole = (big: bigint): Pickled =>
  big >= BigInt(Number.MIN_SAFE_INTEGER) && big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
/** Digits and bytes of whole numbers that data has; longer ones only cost time. */
const DIGITS = 1000;
const decimal = (m: Machine, digits: string): Pickled =>
  /^[-+]?\d+$/.test(digits) && digits.length <= DIGITS
    ? whole(BigInt(digits))
    : fail(m, `the number ${digits.slice(0, 40)}`, `at most ${DIGITS} digits`);
const longOf = (m: Machine, count: number): Pickled => {
  if (count > DIGITS) fail(m, `a number of ${count} bytes`, `at most ${DIGITS}`);
  const bytes = bytesOf(m, count);
  const big = bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return whole((bytes.at(-1) ?? 0) > 127 ? big - (1n << BigInt(8 * count)) : big);
};
const float = (m: Machine, digits: string): number => {
  const value = Number(digits.trim() === "" ? NaN : digits);
  return Number.isNaN(value) ? fail(m, `the number ${digits.slice(0, 40)}`, "a decimal number") : value;
};

const plain: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};
/** A text as Python's `repr` writes it, in quotes. */
const quoted = (m: Machine, repr: string): string => {
  const found = /^(['"])(.*)\1$/s.exec(repr);
  if (found === null) return fail(m, repr.slice(0, 40), "a text in quotes");
  return found[2]!.replace(
    /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs,
    (all, hex: string | undefined, octal: string | undefined, one: string | undefined) =>
      hex !== undefined
        ? String.fromCharCode(parseInt(hex, 16))
        : octal !== undefined
        ? String.fromCharCode(parseInt(octal, 8) & 255)
        : plain[one!] ?? all,
  );
};
const rawUnicode = (m: Machine, raw: string): string =>
  raw.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g, (_, four: string, eight: string) => {
    const code = parseInt(four ?? eight, 16);
    return code > 0x10ffff ? fail(m, `the character ${code}`, "one of Unicode") : String.fromCodePoint(code);
  });

const remember = (m: Machine, key: number): void => {
  const value = top(m);
  if (value === MARK) fail(m, "a mark", "a value to remember");
  m.memo.set(key, value as Pickled);
};
const recall = (m: Machine, key: number): void => {
  const value = m.memo.get(key);
  if (value === undefined) fail(m, `the memory of ${key}`, "something remembered before");
  m.stack.push(value!);
};
const push = (value: (m: Machine) => Slot) => (m: Machine): void => void m.stack.push(value(m));

/** What opcodes do, by their letter. `.` ends. */
const opcodes: Readonly<Record<string, (m: Machine) => void>> = {
  "(": push(() => MARK),
  "0": (m) => void (m.stack.pop() ?? fail(m, "an empty stack", "a value on it")),
  "1": (m) => void popMark(m),
  "2": (m) => void m.stack.push(top(m)),
  N: push(() => null),
  I: push((m) => {
    const digits = line(m);
    return digits === "01" ? true : digits === "00" ? false : decimal(m, digits);
  }),
  J: push(i4),
  K: push(u1),
  M: push(u2),
  L: push((m) => decimal(m, line(m).replace(/L$/, ""))),
  "\x8a": push((m) => longOf(m, u1(m))),
  "\x8b": push((m) => longOf(m, u4(m))),
  "\x88": push(() => true),
  "\x89": push(() => false),
  F: push((m) => float(m, line(m))),
  G: push((m) => (bytesOf(m, 8), m.view.getFloat64(m.at - 8))),
  S: push((m) => quoted(m, line(m))),
  T: push((m) => latin1.decode(bytesOf(m, u4(m)))),
  U: push((m) => latin1.decode(bytesOf(m, u1(m)))),
  V: push((m) => rawUnicode(m, line(m))),
  X: push((m) => text(m, bytesOf(m, u4(m)))),
  "\x8c": push((m) => text(m, bytesOf(m, u1(m)))),
  "\x8d": push((m) => text(m, bytesOf(m, u8(m)))),
  B: push((m) => bytesOf(m, u4(m)).slice()),
  C: push((m) => bytesOf(m, u1(m)).slice()),
  "\x8e": push((m) => bytesOf(m, u8(m)).slice()),
  "]": push(() => []),
  l: push(popMark),
  a: (m) => {
    const value = pop(m);
    topList(m).push(value);
  },
  e: (m) => {
    const items = popMark(m), list = topList(m);
    for (const item of items) list.push(item);
  },
  ")": push(() => []),
  t: push(popMark),
  "\x85": push((m) => [pop(m)]),
  "\x86": push((m) => [pop(m), pop(m)].reverse()),
  "\x87": push((m) => [pop(m), pop(m), pop(m)].reverse()),
  "}": push(() => new Map()),
  d: push((m) => fill(m, new Map(), popMark(m))),
  s: (m) => {
    const value = pop(m), key = pop(m);
    topMap(m).set(key, value);
  },
  u: (m) => {
    const items = popMark(m);
    fill(m, topMap(m), items);
  },
  p: (m) => remember(m, Number(decimal(m, line(m)))),
  q: (m) => remember(m, u1(m)),
  r: (m) => remember(m, u4(m)),
  "\x94": (m) => remember(m, m.memo.size),
  g: (m) => recall(m, Number(decimal(m, line(m)))),
  h: (m) => recall(m, u1(m)),
  j: (m) => recall(m, u4(m)),
  "\x80": (m) => {
    const protocol = u1(m);
    if (protocol > 4) fail(m, `protocol ${protocol}`, "0 to 4");
  },
  "\x95": (m) => void bytesOf(m, 8),
};

/** Opcodes that make lists and dictionaries. */
const makers = "]l)t}d\x85\x86\x87";

/** Opcodes that name or run code, for errors. */
const active: Readonly<Record<string, string>> = {
  c: "GLOBAL",
  R: "REDUCE",
  b: "BUILD",
  i: "INST",
  o: "OBJ",
  P: "PERSID",
  Q: "BINPERSID",
  "\x81": "NEWOBJ",
  "\x82": "EXT1",
  "\x83": "EXT2",
  "\x84": "EXT4",
  "\x92": "NEWOBJ_EX",
  "\x93": "STACK_GLOBAL",
};

/**
 * The value of a pickle of plain data. Texts of Python 2 are read as Latin-1.
 * @throws {PickleFault} for anything else, with the byte where it is.
 */
export const unpickle = (bytes: Uint8Array): Pickled => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const m: Machine = { view, bytes, stack: [], memo: new Map(), at: 0, containers: 0 };
  for (;;) {
    const code = String.fromCharCode(u1(m));
    if (code === ".") {
      const value = pop(m);
      return m.stack.length === 0 ? value : fail(m, "values left on the stack", "one value");
    }
    const run = Object.hasOwn(opcodes, code) ? opcodes[code]! : undefined;
    if (run === undefined) {
      m.at--;
      fail(
        m,
        active[code] === undefined
          ? `the opcode ${JSON.stringify(code)}`
          : `${active[code]}, which names or runs code`,
        "opcodes of plain data",
      );
    }
    if (makers.includes(code) && ++m.containers > CONTAINERS) {
      fail(m, `more than ${CONTAINERS} lists and dictionaries`, "fewer");
    }
    run!(m);
    if (m.stack.length > VALUES || m.memo.size > VALUES) fail(m, `more than ${VALUES} values`, "fewer");
  }
};

/**
 * A value as JSON would have it, with dictionaries as objects; `undefined` if it holds itself, is nested deeper than 32,
 * has more than `most` parts or keys that are no texts.
 */
export const plainValue = (value: Pickled, most: number): unknown => {
  let parts = 0;
  const walk = (v: Pickled, depth: number): unknown => {
    if (++parts > most || depth > 32) throw new RangeError();
    if (Array.isArray(v)) return v.map((item) => walk(item, depth + 1));
    if (!(v instanceof Map)) return v;
    return Object.fromEntries(
      [...v].map(([key, item]) => {
        if (typeof key !== "string") throw new RangeError();
        return [key, walk(item, depth + 1)];
      }),
    );
  };
  try {
    return walk(value, 0);
  } catch (cause) {
    if (cause instanceof RangeError) return undefined;
    throw cause;
  }
};
