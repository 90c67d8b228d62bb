/** Codecs of records and predictions, and their plain files: one JSON object a line. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError, parseJson } from "../base/bridge.ts";
import { type BenchmarkRecord, HIDDEN_CHOICE, type Prediction, type RecordKind } from "./records.ts";

const strings = t.readonlyArray(t.string);
const required = { id: t.string, question: t.string };
const shared = {
  image: t.string,
  content: t.string,
  template: t.string,
  objectArea: t.number,
  objectSide: t.number,
};

const place = t.refinement(t.Int, (n) => n >= HIDDEN_CHOICE, "a place from 0, or -1 for a hidden answer");

const choice = t.refinement(
  t.intersection([
    t.type({ kind: t.literal("choice"), ...required, choices: strings, answer: place }),
    t.partial({
      ...shared,
      hint: t.string,
      category: t.string,
      parent: t.string,
      grade: t.number,
      circle: t.string,
    }),
  ]),
  ({ choices, answer }) => answer < choices.length,
  "a choice record whose answer is one of its choices",
);

const kinds = {
  open: t.intersection([
    t.type({ kind: t.literal("open"), ...required, answers: strings }),
    t.partial({ ...shared, answerType: t.string }),
  ]),
  exact: t.intersection([
    t.type({ kind: t.literal("exact"), ...required, answer: t.string }),
    t.partial({
      ...shared,
      structural: t.string,
      semantic: t.string,
      steps: t.number,
      group: t.string,
      entailed: strings,
    }),
  ]),
  "yes-no": t.intersection([
    t.type({ kind: t.literal("yes-no"), ...required, answer: t.boolean, part: t.string }),
    t.partial(shared),
  ]),
  choice,
  box: t.intersection([
    t.type({
      kind: t.literal("box"),
      ...required,
      box: t.tuple([t.number, t.number, t.number, t.number]),
      width: t.number,
      height: t.number,
    }),
    t.partial(shared),
  ]),
  caption: t.intersection([
    t.type({ kind: t.literal("caption"), ...required, references: strings }),
    t.partial({ ...shared, objects: strings, part: t.string }),
  ]),
  reading: t.intersection([
    t.type({ kind: t.literal("reading"), ...required, answers: strings }),
    t.partial(shared),
  ]),
} as const;

/** Codec of the records of one kind. */
export const recordCodec = <K extends RecordKind>(
  kind: K,
): t.Type<Extract<BenchmarkRecord, { readonly kind: K }>, unknown, unknown> =>
  kinds[kind] as unknown as t.Type<Extract<BenchmarkRecord, { readonly kind: K }>, unknown, unknown>;

const anyRecord = t.union(
  Object.values(kinds) as unknown as [t.Type<BenchmarkRecord>, t.Type<BenchmarkRecord>],
  "a record",
);

/** Codec of records of any kind; the error is that of the kind which a record says that it has. */
export const anyRecordCodec = (): t.Type<BenchmarkRecord, unknown, unknown> => anyRecord;

const predictionType = t.type({ id: t.string, answer: t.string });

/** Codec of predictions. */
export const predictionCodec = (): t.Type<Prediction, unknown, unknown> =>
  predictionType as unknown as t.Type<Prediction, unknown, unknown>;

/**
 * Reads a file of one JSON object a line; empty lines are passed over. The error names the file, the line and the field.
 * @param file - the name that errors use.
 */
export const parseLines = <A>(
  codec: t.Type<A, unknown, unknown>,
  file: string,
): (text: string) => E.Either<DecodeError, readonly A[]> =>
(text) => {
  const out: A[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const op = `${file}, line ${i + 1}`;
    const read = pipe(line, parseJson(op), E.flatMap(decodeEither(codec, op)));
    if (E.isLeft(read)) return read;
    out.push(read.right);
  }
  return E.right(out);
};

/** Writes values one a line, with a newline at the end of each. */
export const printLines = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");
