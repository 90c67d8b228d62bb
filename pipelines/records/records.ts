/**
 * Questions of benchmarks as scores need them, one plain type for each kind of answer, and their codecs. Readers of the official
 * files make them; every score, control and result file works on them.
 */
import * as t from "io-ts";
import type { TypeOf } from "../base/bridge.ts";

const strings = t.readonlyArray(t.string);

/** The answer of a {@link ChoiceRecord} whose split hides it. */
export const HIDDEN_CHOICE = -1;

const required = {
  /** The question's id in the official file, as text; unique within a benchmark. Captions: the image's id. */
  id: t.string,
  /** The question as written, without choices and prompt suffix; the expression of a box record; "" for captions. */
  question: t.string,
};

const shared = {
  /** The image's name or id in the official file; absent for questions without one (a part of ScienceQA). */
  image: t.string,
  /**
   * The sha-256 of the image's bytes, hexadecimal, where they were read: {@link imageKey} tells images apart by it,
   * since names repeat between files and one image may have several.
   */
  content: t.string,
  /**
   * The kind of question, for accuracies by kind and for the majority answer: VQAv2's `question_type`, GQA's
   * `types.detailed`, the template of a scene question. One kind for all if absent.
   */
  template: t.string,
  /** Share of the image, 0 to 1, that the object in question covers, where it is known. */
  objectArea: t.number,
  /** Longer side of the object in question in pixels of the image, where it is known. */
  objectSide: t.number,
};

/**
 * Codec of {@link RecordBase}.
 * @internal
 */
export const recordBase = t.intersection([t.type(required), t.partial(shared)]);

const place = t.refinement(
  t.number,
  (n) => Number.isInteger(n) && n >= HIDDEN_CHOICE,
  "a place from 0, or -1 for a hidden answer",
);

/**
 * Codecs of the records by kind.
 * @internal
 */
export const recordCodecs = {
  open: t.intersection([
    recordBase,
    t.type({
      /** Discriminates the record. */
      kind: t.literal("open"),
      /** The people's answers as written, ten as a rule, in the file's order. */
      answers: strings,
    }),
    t.partial({
      /** `answer_type`: VQAv2 `yes/no`, `number`, `other`; VizWiz `unanswerable` too. */
      answerType: t.string,
    }),
  ]),
  exact: t.intersection([
    recordBase,
    t.type({
      /** Discriminates the record. */
      kind: t.literal("exact"),
      /** The answer as written. */
      answer: t.string,
    }),
    t.partial({
      /** GQA's `types.structural`: verify, query, choose, logical, compare. */
      structural: t.string,
      /** GQA's `types.semantic`: obj, attr, cat, rel, global. */
      semantic: t.string,
      /** GQA's number of reasoning steps: those of `semantic` but the one that asks. */
      steps: t.number,
      /** GQA's `groups.global`, over which the distribution of answers is compared. */
      group: t.string,
      /** Ids of questions whose answers follow from this one's, the question's own included as in GQA's `entailed`. */
      entailed: strings,
    }),
  ]),
  "yes-no": t.intersection([
    recordBase,
    t.type({
      /** Discriminates the record. */
      kind: t.literal("yes-no"),
      /** Whether yes is right. */
      answer: t.boolean,
      /** POPE: `random`, `popular` or `adversarial`; MME: the subtask's file name without ending (`code_reasoning`). */
      part: t.string,
    }),
  ]),
  choice: t.refinement(
    t.intersection([
      recordBase,
      t.type({
        /** Discriminates the record. */
        kind: t.literal("choice"),
        /** The choices in the order in which they are shown, A first. */
        choices: strings,
        /** Place of the right choice, from 0; {@link HIDDEN_CHOICE} where the split hides it. */
        answer: place,
      }),
      t.partial({
        /** Text shown before the question; absent if none. */
        hint: t.string,
        /** MMBench `category`, SEED-Bench `question_type_id`, ScienceQA `subject`. */
        category: t.string,
        /** MMBench `l2-category`. */
        parent: t.string,
        /** ScienceQA's grade, 1 to 12. */
        grade: t.number,
        /** Questions of one circle (MMBench: `index` modulo 1,000,000) share it: all must be right. The id if absent. */
        circle: t.string,
      }),
    ]),
    ({ choices, answer }) => answer < choices.length,
    "a choice record whose answer is one of its choices",
  ),
  box: t.intersection([
    recordBase,
    t.type({
      /** Discriminates the record. */
      kind: t.literal("box"),
      /** Left, top, right and bottom edge in pixels of the original image. */
      box: t.readonly(t.tuple([t.number, t.number, t.number, t.number])),
      /** Width of the original image, pixels. */
      width: t.number,
      /** Height of the original image, pixels. */
      height: t.number,
    }),
  ]),
  caption: t.intersection([
    recordBase,
    t.type({
      /** Discriminates the record. */
      kind: t.literal("caption"),
      /** Captions by people as written. */
      references: strings,
    }),
    t.partial({
      /** Names of the categories in the image's object annotations, for CHAIR; absent if there are none. */
      objects: strings,
      /** NoCaps: `in-domain`, `near-domain`, `out-domain`. */
      part: t.string,
    }),
  ]),
  reading: t.intersection([
    recordBase,
    t.type({
      /** Discriminates the record. */
      kind: t.literal("reading"),
      /** Accepted texts as written, one or more. */
      answers: strings,
    }),
  ]),
};

/** The kinds of records. */
export type RecordKind = keyof typeof recordCodecs;

/** What every record has. */
export interface RecordBase extends TypeOf<typeof recordBase> {}

/** Answered by several people: VQAv2, OK-VQA, A-OKVQA's direct answers, TextVQA, VizWiz. */
export interface OpenRecord extends TypeOf<(typeof recordCodecs)["open"]> {}

/** One right answer, compared as text: GQA, OCR-VQA. */
export interface ExactRecord extends TypeOf<(typeof recordCodecs)["exact"]> {}

/** Answered by yes or no: POPE, MME. */
export interface YesNoRecord extends TypeOf<(typeof recordCodecs)["yes-no"]> {}

/** One of some choices: MMBench, SEED-Bench, ScienceQA, A-OKVQA's multiple choice. */
export interface ChoiceRecord extends TypeOf<(typeof recordCodecs)["choice"]> {}

/** An expression that speaks of one region: RefCOCO, RefCOCO+, RefCOCOg. */
export interface BoxRecord extends TypeOf<(typeof recordCodecs)["box"]> {}

/** An image to be described: COCO, Flickr30k, NoCaps, TextCaps. */
export interface CaptionRecord extends TypeOf<(typeof recordCodecs)["caption"]> {}

/** Text to be read: DocVQA and ST-VQA style answers, text plates. */
export interface ReadingRecord extends TypeOf<(typeof recordCodecs)["reading"]> {}

/** What tells the images of records apart: their content, or their name where the bytes were not read. */
export const imageKey = ({ content, image }: Pick<RecordBase, "content" | "image">): string | undefined =>
  content ?? image;

/** A question of any kind. */
export type BenchmarkRecord =
  | OpenRecord
  | ExactRecord
  | YesNoRecord
  | ChoiceRecord
  | BoxRecord
  | CaptionRecord
  | ReadingRecord;

/** Codec of the records of one kind. */
export const recordCodec = (kind: RecordKind): t.Type<BenchmarkRecord, unknown, unknown> => {
  const codec: t.Mixed = recordCodecs[kind];
  return codec;
};

/**
 * Codec of records of any kind.
 * @internal
 */
export const anyRecordCodec = t.union(
  Object.values(recordCodecs) as unknown as [t.Type<BenchmarkRecord>, t.Type<BenchmarkRecord>],
  "a record",
);

/** Output of a model. */
export interface Prediction extends TypeOf<typeof predictionCodec> {}

/** @internal */
export const predictionCodec = t.type({
  /** The record's id. */
  id: t.string,
  /** The text, empty if the model wrote nothing. */
  answer: t.string,
});

/** A question with what the model wrote: what scores, controls and result files take. */
export interface Answered<R extends BenchmarkRecord = BenchmarkRecord> {
  /** The question. */
  readonly record: R;
  /** The model's text. */
  readonly answer: string;
}

/** Whether the split hides the answer of a question, so that it can be neither learned nor scored. */
export const isHidden = (record: BenchmarkRecord): boolean => {
  switch (record.kind) {
    case "open":
    case "reading":
      return record.answers.length === 0;
    case "exact":
      return record.answer === "";
    case "choice":
      return record.answer === HIDDEN_CHOICE;
    case "caption":
      return record.references.length === 0;
    case "yes-no":
    case "box":
      return false;
  }
};
