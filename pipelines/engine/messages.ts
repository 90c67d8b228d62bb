/** What a schedule and its worker processes say to each other: a line of JSON each way. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError, parseJson } from "../base/bridge.ts";
import { experimentCodec } from "./experiment.ts";

/** Codec of {@link Request}. */
export const requestCodec = t.strict({
  /** Says which reply belongs to it. */
  id: t.number,
  /** The experiment that wants the artefact. */
  experiment: experimentCodec(),
  /** Hashes of the files that it names, as they were when its jobs were listed. */
  hashes: t.record(t.string, t.string),
  /** Key of the artefact. */
  key: t.string,
});

const faultType = t.strict({
  tag: t.string,
  op: t.string,
  got: t.string,
  expected: t.string,
  hint: t.string,
  again: t.boolean,
  everywhere: t.boolean,
});

const replyType = t.union([
  t.strict({ kind: t.literal("ready"), device: t.string }),
  t.strict({ kind: t.literal("waiting"), id: t.number, holder: t.string }),
  t.strict({ kind: t.literal("done"), id: t.number }),
  t.strict({ kind: t.literal("failed"), id: t.number, fault: faultType }),
]);

/** A request for one artefact. */
export type Request = t.TypeOf<typeof requestCodec>;
/** Text of a worker: it is ready, waits for another process, is done with a request or has failed at it. */
export type Reply = t.TypeOf<typeof replyType>;
/** An error as it goes from process to process. */
export type WireFault = t.TypeOf<typeof faultType>;

const read =
  <A>(type: t.Type<A, unknown, unknown>, what: string) => (line: string): E.Either<DecodeError, A> =>
    pipe(line, parseJson(what), E.flatMap(decodeEither(type, what)));

/** Reads a request. */
export const readRequest: (line: string) => E.Either<DecodeError, Request> = read(requestCodec, "request");
/** Reads what a worker said; other lines on its standard output are a DecodeError. */
export const readReply: (line: string) => E.Either<DecodeError, Reply> = read(replyType, "reply");

/** A message as a line. */
export const lineOf = (message: Request | Reply): string => `${JSON.stringify(message)}\n`;

/** The lines of a stream of bytes, without their breaks; a last line without one is left out. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

interface Parts {
  readonly _tag?: unknown;
  readonly fault?: unknown;
  readonly code?: unknown;
  readonly check?: unknown;
  readonly op?: unknown;
  readonly got?: unknown;
  readonly expected?: unknown;
  readonly hint?: unknown;
}

const FULL = ["ENOSPC", "EDQUOT", "EROFS"];
// some errors keep only the system's words
const FULL_WORDS = /no space left|quota exceeded|read-only file system/i;
const textOr = (x: unknown, other: string): string => typeof x === "string" ? x : other;

/** An error for another process: device errors may pass on a fresh device, a full disk concerns every job. */
export const wireFault = (error: unknown, op: string): WireFault => {
  const parts: Parts = typeof error === "object" && error !== null ? error : {};
  const inner: Parts = typeof parts.fault === "object" && parts.fault !== null ? parts.fault : parts;
  const tag = textOr(parts._tag, "crash");
  const got = textOr(inner.got, error instanceof Error ? error.message : String(error));
  return {
    tag,
    op: textOr(inner.op, op),
    got,
    expected: textOr(inner.expected, "it to go through"),
    hint: textOr(inner.hint, "see the worker's log"),
    again: tag === "DeviceError" && ["lost", "out of memory", "invalid work"].includes(String(parts.fault)),
    everywhere: [parts.code, parts.check].some((code) => FULL.includes(String(code))) || FULL_WORDS.test(got),
  };
};
