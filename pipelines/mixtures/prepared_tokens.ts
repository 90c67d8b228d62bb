/**
 * Tokens of a part's records as they are kept: each way in which a record may be learned is encoded once, when its files are
 * read, and batches copy it. Where records share a row, each way has a second form, as it follows another record.
 */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import type { Conversation } from "../text/conversation.ts";
import type { Language } from "../text/language.ts";
import { IMAGE_MARK, imagesIn } from "../text/image_mark.ts";
import {
  answerCount,
  firstTurns,
  imagesOf,
  joinedTurns,
  type TaskConfig,
  variantsOf,
  withoutImages,
} from "../text/record_turns.ts";
import { needOf, type RowCapacity, type RowTokens } from "../text/rows.ts";
import type { Message, TemplateError } from "../text/template.ts";
import type { AnyRecord } from "../formats/read.ts";

/** Tokens of which the end may be cut off. */
export interface KeptTokens extends RowTokens {
  /** Tokens from the end token of the last answer on. */
  readonly rest: number;
}

const restOf = ({ ids, stops }: Conversation): number => ids.length - (stops.at(-1) ?? ids.length);

/** A conversation as words: its length, that of its rest, its ids, and where learned tokens begin and end. */
export const packTokens = (conversation: Conversation): Int32Array => {
  const { ids, learned } = conversation, edges: number[] = [];
  learned.forEach((on, i) => {
    if (on !== (learned[i - 1] ?? 0)) edges.push(i);
  });
  if (edges.length % 2 === 1) edges.push(ids.length);
  return Int32Array.from([ids.length, restOf(conversation), ...ids, ...edges]);
};

/** The tokens of {@link packTokens}. */
export const unpackTokens = (words: Int32Array): KeptTokens => {
  const [n = 0, rest = 0] = words, learned: (0 | 1)[] = Array.from({ length: n }, () => 0);
  for (let at = 2 + n; at < words.length; at += 2) learned.fill(1, words[at]!, words[at + 1]!);
  return { ids: Array.from(words.subarray(2, 2 + n)), learned, rest };
};

/** Tokens one after the other: of all but the last the rest gives way to what follows. */
export const joinTokens = (parts: readonly KeptTokens[]): RowTokens => ({
  ids: parts.flatMap(({ ids, rest }, i) => i + 1 < parts.length ? ids.slice(0, ids.length - rest) : ids),
  learned: parts.flatMap(({ learned, rest }, i) =>
    i + 1 < parts.length ? learned.slice(0, learned.length - rest) : learned
  ),
});

/** A record in tokens. */
export interface EncodedRecord {
  /** Its ways: the forms in which they begin a row, then those in which they follow another record. */
  readonly forms: readonly Int32Array[];
  /** Text tokens of the longest. */
  readonly tokens: number;
  /** How many of its images the answers that there is room for speak of: the first ones. */
  readonly images: number;
  /** How many of its answers a row has room for. */
  readonly answers: number;
}

/** Why a record cannot be learned: field, what it is, what it should be. */
export type RecordFault = readonly [field: string, got: string, expected: string];

/** How records are encoded. */
export interface EncodeOptions {
  /** How they are asked about. */
  readonly tasks: TaskConfig;
  /** The language. */
  readonly language: Language;
  /** Contents of a row. */
  readonly row: RowCapacity;
  /** Most records about one image in a row. */
  readonly turns: number;
}

const all = (
  encode: (messages: readonly Message[]) => E.Either<TemplateError, Conversation>,
  variants: readonly (readonly Message[])[],
): E.Either<RecordFault, readonly Conversation[]> =>
  pipe(
    E.traverseArray(encode)(variants),
    E.mapLeft(({ got, expected }): RecordFault => ["(text)", got, expected]),
  );

/** Every way of a record in tokens; of a conversation that is too long, as many answers as there is room for. */
export const encodeRecord = (
  record: AnyRecord,
  { tasks, language, row, turns }: EncodeOptions,
): E.Either<RecordFault, EncodedRecord> => {
  const variants = variantsOf(record, tasks), { length } = imagesOf(record);
  if (variants.length === 0) {
    return E.left(["answers", "none", "an answer to learn: a split that does not hide them"]);
  }
  const encoded = (answers: number): E.Either<RecordFault, EncodedRecord> => {
    const cut = variants.map((messages) => firstTurns(messages, answers));
    return pipe(
      all(language.tokens, cut),
      E.flatMap((first) =>
        pipe(
          turns > 1 ? all(language.continued, cut.map(withoutImages)) : E.right([]),
          E.map((next) => [...first, ...next]),
        )
      ),
      E.map((forms) => ({
        forms: forms.map(packTokens),
        tokens: forms.reduce((most, form) => Math.max(most, needOf(form).length), 0),
        images: needOf(forms[0]!).images,
        answers,
      })),
    );
  };
  const most = answerCount(variants[0]!);
  const fits = ({ tokens, images }: EncodedRecord): boolean => tokens <= row.length && images <= row.images;
  return pipe(
    encoded(most),
    E.flatMap((whole): E.Either<RecordFault, EncodedRecord> => {
      // a mark that is not of an image: one that a question or an answer spells out
      if (whole.images !== length) {
        return E.left(["(text)", `${whole.images} marks ${IMAGE_MARK}`, `${length}, one for each image`]);
      }
      if (fits(whole)) return E.right(whole);
      // where the end tokens stand says how many answers fit; what follows the last of them may differ by a few tokens
      const stops = pipe(
        language.tokens(variants[0]!),
        E.match(() => [], ({ ids, stops }) => stops.map((at) => at - imagesIn(ids.slice(0, at)))),
      );
      for (
        let answers = Math.min(most - 1, stops.filter((at) => at < row.length).length);
        answers > 0;
        answers--
      ) {
        const shorter = encoded(answers);
        if (E.isLeft(shorter) || fits(shorter.right)) return shorter;
      }
      return E.left(
        whole.images > row.images && whole.tokens <= row.length
          ? ["(images)", `${whole.images} images`, `at most ${row.images}, the images of a row (text.images)`]
          : ["(length)", `${whole.tokens} tokens`, `at most ${row.length}, the length of a row`],
      );
    }),
  );
};

const probe = (i: number): readonly Message[] => [
  { role: "user", content: `question ${i}` },
  { role: "assistant", content: `answer ${i}` },
];

/** Whether tokens of records one after the other are those of the conversation that they make together. */
export const joins = ({ tokens, continued }: Pick<Language, "tokens" | "continued">): boolean => {
  const parts = [1, 2, 3].map(probe);
  const kept = parts.map((part, i) => (i === 0 ? tokens : continued)(part));
  return pipe(
    E.sequenceArray([tokens(joinedTurns(parts)), ...kept]),
    E.match(() => false, ([whole, ...each]) => {
      const joined = joinTokens(each.map((one) => unpackTokens(packTokens(one))));
      return joined.ids.join() === whole!.ids.join() && joined.learned.join() === whole!.learned.join();
    }),
  );
};
