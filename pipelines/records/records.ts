/**
 * Questions of benchmarks as scores need them, one plain type for each kind of answer. Readers of the official files
 * make them; every score, control and result file works on them.
 */

/** What every record has. */
export interface RecordBase {
  /** The question's id in the official file, as text; unique within a benchmark. Captions: the image's id. */
  readonly id: string;
  /** The picture's name or id in the official file; absent for questions without one (a part of ScienceQA). */
  readonly image?: string;
  /**
   * The sha-256 of the image's bytes, hexadecimal, where they were read: {@link imageKey} tells images apart by it,
   * since names repeat between files and one image may have several.
   */
  readonly content?: string;
  /** The question as written, without choices and prompt suffix; the expression of a box record; "" for captions. */
  readonly question: string;
  /**
   * The kind of question, for accuracies by kind and for the majority answer: VQAv2's `question_type`, GQA's
   * `types.detailed`, the template of a scene question. One kind for all if absent.
   */
  readonly template?: string;
  /** Share of the picture, 0 to 1, that the object in question covers, where it is known. */
  readonly objectArea?: number;
  /** Longer side of the object in question in pixels of the picture, where it is known. */
  readonly objectSide?: number;
}

/** What tells the images of records apart: their content, or their name where the bytes were not read. */
export const imageKey = ({ content, image }: Pick<RecordBase, "content" | "image">): string | undefined =>
  content ?? image;

/** Answered by several people: VQAv2, OK-VQA, A-OKVQA's direct answers, TextVQA, VizWiz. */
export interface OpenRecord extends RecordBase {
  /** Discriminates the record. */
  readonly kind: "open";
  /** The people's answers as written, ten as a rule, in the file's order. */
  readonly answers: readonly string[];
  /** `answer_type`: VQAv2 `yes/no`, `number`, `other`; VizWiz `unanswerable` too. */
  readonly answerType?: string;
}

/** One right answer, compared as text: GQA, OCR-VQA. */
export interface ExactRecord extends RecordBase {
  /** Discriminates the record. */
  readonly kind: "exact";
  /** The answer as written. */
  readonly answer: string;
  /** GQA's `types.structural`: verify, query, choose, logical, compare. */
  readonly structural?: string;
  /** GQA's `types.semantic`: obj, attr, cat, rel, global. */
  readonly semantic?: string;
  /** GQA's number of reasoning steps: those of `semantic` but the one that asks. */
  readonly steps?: number;
  /** GQA's `groups.global`, over which the distribution of answers is compared. */
  readonly group?: string;
  /** Ids of questions whose answers follow from this one's, the question's own included as in GQA's `entailed`. */
  readonly entailed?: readonly string[];
}

/** Answered by yes or no: POPE, MME. */
export interface YesNoRecord extends RecordBase {
  /** Discriminates the record. */
  readonly kind: "yes-no";
  /** Whether yes is right. */
  readonly answer: boolean;
  /** POPE: `random`, `popular` or `adversarial`; MME: the subtask's file name without ending (`code_reasoning`). */
  readonly part: string;
}

/** One of some choices: MMBench, SEED-Bench, ScienceQA, A-OKVQA's multiple choice. */
export interface ChoiceRecord extends RecordBase {
  /** Discriminates the record. */
  readonly kind: "choice";
  /** The choices in the order in which they are shown, A first. */
  readonly choices: readonly string[];
  /** Place of the right choice, from 0; {@link HIDDEN_CHOICE} where the split hides it. */
  readonly answer: number;
  /** Text shown before the question; absent if none. */
  readonly hint?: string;
  /** MMBench `category`, SEED-Bench `question_type_id`, ScienceQA `subject`. */
  readonly category?: string;
  /** MMBench `l2-category`. */
  readonly parent?: string;
  /** ScienceQA's grade, 1 to 12. */
  readonly grade?: number;
  /** Questions of one circle (MMBench: `index` modulo 1,000,000) share it: all must be right. The id if absent. */
  readonly circle?: string;
}

/** An expression that speaks of one region: RefCOCO, RefCOCO+, RefCOCOg. */
export interface BoxRecord extends RecordBase {
  /** Discriminates the record. */
  readonly kind: "box";
  /** Left, top, right and bottom edge in pixels of the original picture. */
  readonly box: readonly [number, number, number, number];
  /** Width of the original picture, pixels. */
  readonly width: number;
  /** Height of the original picture, pixels. */
  readonly height: number;
}

/** A picture to be described: COCO, Flickr30k, NoCaps, TextCaps. */
export interface CaptionRecord extends RecordBase {
  /** Discriminates the record. */
  readonly kind: "caption";
  /** Captions by people as written. */
  readonly references: readonly string[];
  /** Names of the categories in the picture's object annotations, for CHAIR; absent if there are none. */
  readonly objects?: readonly string[];
  /** NoCaps: `in-domain`, `near-domain`, `out-domain`. */
  readonly part?: string;
}

/** Text to be read: DocVQA and ST-VQA style answers, text plates. */
export interface ReadingRecord extends RecordBase {
  /** Discriminates the record. */
  readonly kind: "reading";
  /** Accepted texts as written, one or more. */
  readonly answers: readonly string[];
}

/** A question of any kind. */
export type BenchmarkRecord =
  | OpenRecord
  | ExactRecord
  | YesNoRecord
  | ChoiceRecord
  | BoxRecord
  | CaptionRecord
  | ReadingRecord;

/** The kinds of records. */
export type RecordKind = BenchmarkRecord["kind"];

/** What a model wrote. */
export interface Prediction {
  /** The record's id. */
  readonly id: string;
  /** The text, empty if the model wrote nothing. */
  readonly answer: string;
}

/** A question with what the model wrote: what scores, controls and result files take. */
export interface Answered<R extends BenchmarkRecord = BenchmarkRecord> {
  /** The question. */
  readonly record: R;
  /** The model's text. */
  readonly answer: string;
}

/** The answer of a {@link ChoiceRecord} whose split hides it. */
export const HIDDEN_CHOICE = -1;

/** Whether the split hides the answer of a question, so that it can be neither learnt nor scored. */
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
