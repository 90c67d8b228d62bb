/** Records to train on: images, if any, and what is said about them. */
import type { Message } from "../text/template.ts";

/** A conversation about images, or without any. */
export interface ConversationRecord {
  /** Discriminates the record. */
  readonly kind: "conversation";
  /** Its id in the file; not unique in published mixtures. */
  readonly id: string;
  /** Names of the images, in the order in which the messages have their marks `<image>`. */
  readonly images: readonly string[];
  /** What is said: roles take turns, the model has the last word. */
  readonly messages: readonly Message[];
}

/** An image and a text that was found with it. */
export interface PairRecord {
  /** Discriminates the record. */
  readonly kind: "pair";
  /** Its id in the file. */
  readonly id: string;
  /** The image's name in the archive, or its address. */
  readonly image: string;
  /** The text as written. */
  readonly caption: string;
}

/** A record to train on. */
export type TrainingRecord = ConversationRecord | PairRecord;
