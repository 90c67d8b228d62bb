/** Records to train on: a picture, if any, and what is said about it. */
import type { Message } from "../text/template.ts";

/** A conversation about a picture, or without one. */
export interface ConversationRecord {
  /** Discriminates the record. */
  readonly kind: "conversation";
  /** Its id in the file; not unique in published mixtures. */
  readonly id: string;
  /** The picture's name; absent for texts. The picture stands before the first message. */
  readonly image?: string;
  /** What is said: roles take turns, the model has the last word. */
  readonly messages: readonly Message[];
}

/** A picture and a text that was found with it. */
export interface PairRecord {
  /** Discriminates the record. */
  readonly kind: "pair";
  /** Its id in the file. */
  readonly id: string;
  /** The picture's name in the archive, or its address. */
  readonly image: string;
  /** The text as written. */
  readonly caption: string;
}

/** A record to train on. */
export type TrainingRecord = ConversationRecord | PairRecord;
