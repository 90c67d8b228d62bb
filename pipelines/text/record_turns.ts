/** Records of annotation files as turns of a conversation: what is asked, by the kind of the record, and its answer. */
import type { Box } from "../records/box.ts";
import type { AnyRecord } from "../formats/read.ts";
import { type BoxRecord, type ChoiceRecord, isHidden } from "../records/records.ts";
import type { BoxFormat } from "./boxes.ts";
import { IMAGE_MARK } from "./image_mark.ts";
import { letterOf } from "./prompts.ts";
import { describeImage, lettered, locate, shortly } from "./task_prompts.ts";
import type { Message } from "./template.ts";
import { mostFrequent } from "../base/quantile.ts";

/** The kinds of records that a prompt is put around. */
export type PromptKind = Exclude<AnyRecord["kind"], "conversation">;

/**
 * Prompts by kind, one or more; of several, each pass draws one. `{question}` represents the question or expression,
 * `{choices}` for the lettered choices, a line each, `{hint}` for a hint and a line break, or nothing.
 */
export type TaskPrompts = Readonly<Record<PromptKind, readonly string[]>>;

/** The prompts of `task_prompts.ts`. */
export const defaultPrompts: TaskPrompts = {
  open: [shortly],
  exact: [shortly],
  "yes-no": [shortly],
  reading: [shortly],
  choice: [lettered],
  box: [locate],
  caption: [describeImage],
  pair: [describeImage],
};

/** What a prompt of a kind must contain. */
export const placesIn = (kind: PromptKind): readonly string[] =>
  kind === "caption" || kind === "pair"
    ? []
    : kind === "choice"
    ? ["{question}", "{choices}"]
    : ["{question}"];

const filled = (prompt: string, values: Readonly<Record<string, string>>): string =>
  prompt.replace(/\{(question|choices|hint)\}/g, (_, name: string) => values[name] ?? "");

const choicesOf = ({ choices }: ChoiceRecord): string =>
  choices.map((choice, i) => `${letterOf(i)}. ${choice}`).join("\n");

/** What people agree on is what is learned, as in LLaVA-1.5. */
const agreed = (texts: readonly string[]): readonly string[] =>
  texts.length === 0 ? [] : [mostFrequent(texts)!];

const boxOf = ({ box: [x1, y1, x2, y2], width, height }: BoxRecord): Box => [
  x1 / width,
  y1 / height,
  x2 / width,
  y2 / height,
];

/** The answers that may be learned for a record, each as good as any; none where the split hides them. */
export const answersOf = (
  record: Exclude<AnyRecord, { kind: "conversation" }>,
  boxes: BoxFormat,
): readonly string[] => {
  if (record.kind !== "pair" && isHidden(record)) return [];
  const known = ((): readonly string[] => {
    switch (record.kind) {
      case "open":
        return agreed(record.answers);
      case "exact":
        return [record.answer];
      case "reading":
        return record.answers.slice(0, 1);
      case "yes-no":
        return [record.answer ? "yes" : "no"];
      case "choice":
        return [letterOf(record.answer)];
      case "box":
        return [boxes.print(boxOf(record))];
      case "caption":
        return record.references;
      case "pair":
        return [record.caption];
    }
  })();
  return known.map((text) => text.trim()).filter((text) => text !== "");
};

/** How records are asked about. */
export interface TaskConfig {
  /** Prompts by kind. */
  readonly prompts: TaskPrompts;
  /** How boxes are written. */
  readonly boxes: BoxFormat;
}

/** The question of a record around which a prompt is put; conversations have their own. */
export const askedOf = (record: Exclude<AnyRecord, { kind: "conversation" }>, prompt: string): string =>
  filled(prompt, {
    question: "question" in record ? record.question : "",
    choices: record.kind === "choice" ? choicesOf(record) : "",
    hint: record.kind === "choice" && record.hint !== undefined && record.hint !== ""
      ? `${record.hint}\n`
      : "",
  });

/** What asks about a record: its image first, if it has one, as LLaVA lays out its own questions. */
export const askedMessage = (
  record: Exclude<AnyRecord, { kind: "conversation" }>,
  prompt: string,
): Message => {
  const asked = askedOf(record, prompt);
  return { role: "user", content: record.image === undefined ? asked : `${IMAGE_MARK}\n${asked}` };
};

/** The images of a record by name, in the order of their marks. */
export const imagesOf = (record: AnyRecord): readonly string[] =>
  record.kind === "conversation" ? record.images : record.image === undefined ? [] : [record.image];

/** Messages without marks of images, of which others in their row speak already. */
export const withoutImages = (messages: readonly Message[]): readonly Message[] =>
  messages.map(({ role, content }) => ({ role, content: content.replaceAll(IMAGE_MARK, "").trim() }));

/** Every way in which a record may be learned: all its prompts with all its answers, or its own conversation. */
export const variantsOf = (
  record: AnyRecord,
  { prompts, boxes }: TaskConfig,
): readonly (readonly Message[])[] =>
  record.kind === "conversation"
    ? [record.messages]
    : prompts[record.kind].flatMap((prompt) =>
      answersOf(record, boxes).map((answer): readonly Message[] => [
        askedMessage(record, prompt),
        { role: "assistant", content: answer },
      ])
    );

/** A conversation without what follows its first so many answers. */
export const firstTurns = (messages: readonly Message[], answers: number): readonly Message[] => {
  const ends = messages.flatMap(({ role }, i) => role === "assistant" ? [i] : []);
  return messages.slice(0, (ends[answers - 1] ?? -1) + 1);
};

/** How many answers a conversation has. */
export const answerCount = (messages: readonly Message[]): number =>
  messages.filter(({ role }) => role === "assistant").length;

/** Several conversations about one image as one; the image and instructions of the system stay with the first. */
export const joinedTurns = (parts: readonly (readonly Message[])[]): readonly Message[] =>
  parts.flatMap((messages, i) =>
    i === 0 ? messages : withoutImages(messages.filter(({ role }) => role !== "system"))
  );
