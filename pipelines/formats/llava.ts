/** Conversations in LLaVA's form (Liu et al. 2023): the file of pre-training pairs and the mixture of instructions. */
import * as t from "io-ts";
import { IMAGE_MARK, marksIn } from "../text/image_mark.ts";
import type { Message } from "../text/template.ts";
import { idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonListOrLines } from "./entries.ts";
import type { Entry, Format, Verdict } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";
import type { ConversationRecord } from "./training.ts";

const roles = {
  system: "system",
  human: "user",
  user: "user",
  gpt: "assistant",
  assistant: "assistant",
} as const;

/** Maximum number of messages of a conversation; those of published mixtures have some dozens. */
const MAX_MESSAGES = 4096;

const names = t.readonlyArray(wordsCodec());

const Conversation = t.intersection([
  t.type({
    id: idCodec(),
    conversations: t.refinement(
      t.readonlyArray(t.type({ from: t.keyof(roles), value: textCodec() })),
      ({ length }) => length <= MAX_MESSAGES,
      `at most ${MAX_MESSAGES} messages`,
    ),
  }),
  // lists under either name, as LLaVA-NeXT-Interleave and others have them
  t.partial({ image: nullable(t.union([wordsCodec(), names])), images: nullable(names) }),
]);

const judge = (
  { id, image, images: several = [], conversations }: t.TypeOf<typeof Conversation>,
  entry: Entry,
): Verdict<ConversationRecord> => {
  const images = typeof image === "string" ? [image] : image ?? several;
  const messages = conversations.map(({ from, value }): Message => ({
    role: roles[from],
    content: value.trim(),
  }));
  const marks = messages.map(({ content }) => marksIn(content)), all = marks.reduce((a, b) => a + b, 0);
  if (all !== images.length) {
    return refused(
      entry,
      field("conversations", `${all} marks ${IMAGE_MARK}`, `${images.length}, one for each image`),
    );
  }
  const marked = messages.findIndex(({ role }, i) => role === "assistant" && marks[i]! > 0);
  if (marked >= 0) {
    return refused(
      entry,
      field(`conversations.${marked}.value`, `a mark ${IMAGE_MARK} in an answer`, "marks in what is asked"),
    );
  }
  const turns = messages[0]?.role === "system" ? messages.slice(1) : messages;
  const wrong = turns.findIndex(({ role }, i) => role !== (i % 2 === 0 ? "user" : "assistant"));
  if (wrong >= 0) {
    const at = wrong + messages.length - turns.length;
    return refused(
      entry,
      field(
        `conversations.${at}.from`,
        conversations[at]!.from,
        wrong % 2 === 0 ? "human, as roles take turns from it on" : "gpt, as roles take turns",
      ),
    );
  }
  if (turns.length === 0 || turns.length % 2 === 1) {
    return refused(entry, field("conversations", `${turns.length} turns`, "gpt to have the last word"));
  }
  const empty = messages.findIndex(({ role, content }) => role === "assistant" && content === "");
  if (empty >= 0) {
    return refused(entry, field(`conversations.${empty}.value`, "nothing", "an answer to learn"));
  }
  return taken(entry, [{ kind: "conversation", id, images, messages }]);
};

/** LLaVA's conversations, a list or lines of JSON, about one image, several, or none. Marks stay where the file has them. */
export const llava: Format<ConversationRecord> = {
  name: "llava",
  reads: "LLaVA conversations, such as blip_laion_cc_sbu_558k.json and llava_v1_5_mix665k.json",
  files: [{ name: "conversations" }],
  open: jsonListOrLines,
  machine: each(Conversation, judge),
  unique: false,
};
