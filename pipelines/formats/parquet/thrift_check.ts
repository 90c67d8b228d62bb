/**
 * A look over a structure of Thrift's compact protocol before it is parsed. The parser believes what lengths say: it
 * allocates lists of any length and follows structures to any depth. Here every length must fit into the bytes that
 * follow, so that parsing takes memory and time in proportion to the bytes.
 */

/** Why bytes of a Parquet table were refused. */
export class TableFault extends Error {}

/** Most structures within each other; Parquet has about six. */
const DEPTH = 24;
/** Bytes of a whole number of 64 bits. */
const VARINT = 10;

const STOP = 0, BYTE = 3, DOUBLE = 7, BINARY = 8, LIST = 9, SET = 10, STRUCT = 12;

/**
 * Where the structure that begins at `from` ends. Throws a {@link TableFault} if it is none, or reaches beyond the bytes.
 */
export const structureEnd = (bytes: Uint8Array, from: number): number => {
  let at = from;
  const fault = (what: string): never => {
    throw new TableFault(`${what} at byte ${at - from} of a structure`);
  };
  const byte = (): number => at < bytes.length ? bytes[at++]! : fault("an end");
  const number = (): number => {
    let value = 0;
    for (let i = 0; i < VARINT; i++) {
      const next = byte();
      value += (next & 0x7f) * 2 ** (7 * i);
      if (next < 0x80) return value;
    }
    return fault("a number of more than 64 bits");
  };
  const skip = (count: number): void => {
    if (count > bytes.length - at) fault(`a length of ${count} bytes`);
    at += count;
  };
  const element = (type: number, depth: number): void => {
    if (type === BYTE) return skip(1);
    if (type > BYTE && type < DOUBLE) return void number();
    if (type === DOUBLE) return skip(8);
    if (type === BINARY) return skip(number());
    if (type === LIST || type === SET) return list(depth + 1);
    if (type === STRUCT) return structure(depth + 1);
    fault(`the type ${type}`);
  };
  const list = (depth: number): void => {
    if (depth > DEPTH) fault("lists within each other");
    const head = byte(), type = head & 15, short = head >> 4, count = short === 15 ? number() : short;
    if (count > bytes.length - at) fault(`a list of ${count}`);
    // truth values of lists take a byte each
    for (let i = 0; i < count; i++) element(type === 1 || type === 2 ? BYTE : type, depth);
  };
  const structure = (depth: number): void => {
    if (depth > DEPTH) fault("structures within each other");
    for (;;) {
      const head = byte(), type = head & 15;
      if (type === STOP) return;
      if (head >> 4 === 0) number();
      // truth values of fields are in their type
      if (type > 2) element(type, depth);
    }
  };
  structure(0);
  return at;
};
