/** The kinds of questions about scenes: a closed union, so that rules and scores of every kind are checked to exist. */
import type { Box } from "../../records/box.ts";
import type { ColourName } from "../colours.ts";

/** How the absent concept of a presence question was chosen, after POPE (arXiv 2305.10355). */
export type NegativeKind = "random" | "popular" | "adversarial";

/** Every negative kind, in the order in which POPE reports them. */
export const negativeKinds: readonly NegativeKind[] = ["random", "popular", "adversarial"];

/** Where one thing is from another. */
export type Relation = "left" | "right" | "above" | "below";

/** Every relation. */
export const relations: readonly Relation[] = ["left", "right", "above", "below"];

/** What every question has. */
export interface QuestionBase {
  /** The words that the model reads. */
  readonly prompt: string;
  /** The words that it should write. */
  readonly answer: string;
  /** Name of its template, `kind` or `kind/variant`; answers are balanced within it. */
  readonly template: string;
  /**
   * Longer side of the thing in question, in pixels of the master image: of several the smallest that has to be
   * seen (the largest where one is enough), of signs the height of their letters. Absent where nothing is there to be
   * seen, and for captions.
   */
  readonly size?: number;
}

/** Asks for what is in the image, in a sentence. */
export interface CaptionQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "caption";
  /** The concepts in the image, named by the caption or not. */
  readonly truth: readonly number[];
}

/** Asks for everything in the image, region by region. */
export interface DenseQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "dense";
  /** The concepts in the image. */
  readonly truth: readonly number[];
}

/** Asks whether a concept is in the image. */
export interface PresenceQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "presence";
  /** The POPE setting; a yes-question belongs to the setting of the no-question next to it. */
  readonly negative: NegativeKind;
  /** The concept asked for. */
  readonly concept: number;
  /** Whether it is there. */
  readonly truth: boolean;
}

/** Asks how often a concept is in the image. */
export interface CountQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "count";
  /** The concept asked for. */
  readonly concept: number;
  /** How often it is there, 0 to 9. */
  readonly truth: number;
}

/** Asks whether there are more objects of the first concept than of the second. */
export interface CompareQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "compare";
  /** The two concepts, in the order in which they are named. */
  readonly concepts: readonly [number, number];
  /** Whether there are more of the first. */
  readonly truth: boolean;
}

/** Asks which of two objects is larger. */
export interface LargerQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "larger";
  /** The concepts of the two, in the order in which they are named. */
  readonly concepts: readonly [number, number];
  /** The concept of the larger. */
  readonly truth: number;
}

/** Asks whether one object is somewhere from another. */
export interface RelationQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "relation";
  /** Where the first should be from the second. */
  readonly relation: Relation;
  /** The concepts of the two, in the order in which they are named. */
  readonly concepts: readonly [number, number];
  /** Whether it is there. */
  readonly truth: boolean;
}

/** Asks what is next to an object on one side. */
export interface NeighbourQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "neighbour";
  /** The side. */
  readonly relation: Relation;
  /** The concept of the object whose neighbour is asked for. */
  readonly concept: number;
  /** The neighbour's concept. */
  readonly truth: number;
}

/** Asks for the colour of an object. */
export interface AttributeQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "attribute";
  /** Place of the object in the scene's list. */
  readonly object: number;
  /** Its colour. */
  readonly truth: ColourName;
}

/** Asks where the only object of an expression is. */
export interface ReferQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "refer";
  /** The concept asked for. */
  readonly concept: number;
  /** Its exact box. */
  readonly truth: Box;
}

/** Asks what is in a box. */
export interface NameQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "name";
  /** Place of the object in the scene's list. */
  readonly object: number;
  /** Its concept. */
  readonly truth: number;
}

/** Asks what a sign says. */
export interface ReadingQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "reading";
  /** Place of the sign in the scene's list of plates. */
  readonly plate: number;
  /** Its text. */
  readonly truth: string;
}

/** Asks which object is of a kind. */
export interface KindOfQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "kind-of";
  /** The kind, as `kindNames` has it. */
  readonly hypernym: string;
  /** The only concept in the image that is of this kind. */
  readonly truth: number;
}

/** Asks for the name of an object in another language. */
export interface TranslateQuestion extends QuestionBase {
  /** Discriminates. */
  readonly kind: "translate";
  /** The language. */
  readonly locale: string;
  /** Place of the object in the scene's list. */
  readonly object: number;
  /** Its concept. */
  readonly truth: number;
}

/** A question about one image. */
export type Question =
  | CaptionQuestion
  | DenseQuestion
  | PresenceQuestion
  | CountQuestion
  | CompareQuestion
  | LargerQuestion
  | RelationQuestion
  | NeighbourQuestion
  | AttributeQuestion
  | ReferQuestion
  | NameQuestion
  | ReadingQuestion
  | KindOfQuestion
  | TranslateQuestion;

/** The kinds of questions. */
export type QuestionKind = Question["kind"];

/** The questions of a kind. */
export type QuestionOf<K extends QuestionKind> = Extract<Question, { readonly kind: K }>;

const places: Readonly<Record<QuestionKind, number>> = {
  caption: 0,
  dense: 1,
  presence: 2,
  count: 3,
  compare: 4,
  larger: 5,
  relation: 6,
  neighbour: 7,
  attribute: 8,
  refer: 9,
  name: 10,
  reading: 11,
  "kind-of": 12,
  translate: 13,
};

/** Every kind, in the order in which scenes ask them. */
export const questionKinds: readonly QuestionKind[] = (Object.keys(places) as QuestionKind[])
  .toSorted((a, b) => places[a] - places[b]);
