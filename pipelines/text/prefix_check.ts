/**
 * Whether a template lays out a turn in the same way whatever follows it. The prompt of a question is a conversation that
 * ends there, and a row to learn from goes on: a template that treats its last turn otherwise (Qwen3 puts an empty
 * `<think>` block into it, DeepSeek-R1 opens one in its generation prompt) would be asked what it was not trained.
 */
import * as E from "fp-ts/lib/Either.js";
import { type ChatTemplate, type Message, piecesOf, TemplateError } from "./template.ts";

const turn = (i: number): readonly Message[] => [
  { role: "user", content: `question ${i}` },
  { role: "assistant", content: `answer ${i}` },
];

/** Conversations of three turns, with and without instructions. */
const PROBES: readonly (readonly Message[])[] = [[], [{ role: "system", content: "instructions" } as const]]
  .map((
    first,
  ) => [...first, ...[1, 2, 3].flatMap(turn)]);

/** The texts before each answer. */
const promptTexts = (template: ChatTemplate, messages: readonly Message[]): readonly string[] | undefined => {
  const pieces = piecesOf(template)(messages);
  if (E.isLeft(pieces)) return undefined;
  let text = "";
  return pieces.right.flatMap((piece) => {
    const before = text;
    text += piece.text;
    return piece.answer ? [before] : [];
  });
};

/** The text that ends in a generation prompt; undefined where the template has none. */
const generationPrompt = (template: ChatTemplate, messages: readonly Message[]): string | undefined => {
  const [without, prompted] = [template.render(messages), template.prompt(messages)];
  return E.isLeft(without) || E.isLeft(prompted) || prompted.right === without.right
    ? undefined
    : prompted.right;
};

const tail = (text: string): string => JSON.stringify(text.length > 60 ? `…${text.slice(-60)}` : text);

const fault = (template: ChatTemplate, got: string, expected: string): TemplateError =>
  new TemplateError({
    op: template.name,
    got,
    expected,
    hint: "use a template that lays out every turn alike, such as one without its reasoning blocks",
  });

const faultOf = (template: ChatTemplate): TemplateError | undefined => {
  for (const messages of PROBES) {
    const whole = template.render(messages), trainedTexts = promptTexts(template, messages);
    // it has no place for instructions, or is refused where it is used
    if (E.isLeft(whole) || trainedTexts === undefined) continue;
    const ends = messages.flatMap(({ role }, i) => role === "assistant" ? [i + 1] : []);
    for (const [k, end] of ends.entries()) {
      const asked = promptTexts(template, messages.slice(0, end))?.at(-1);
      if (asked !== undefined && asked !== trainedTexts[k]) {
        return fault(
          template,
          `question ${k + 1} laid out as ${
            tail(asked)
          } where nothing follows it, and otherwise where turns follow`,
          "prompts that conversations begin with",
        );
      }
      const generation = generationPrompt(template, messages.slice(0, end - 1));
      // white space at its end is not asked with: prompts end where the answers of rows begin
      if (generation !== undefined && !whole.right.startsWith(generation.trimEnd())) {
        return fault(
          template,
          `a generation prompt that ends in ${
            tail(generation)
          }, which the answers that it lays out do not follow`,
          "generation prompts that conversations begin with",
        );
      }
    }
  }
  return undefined;
};

const known = new WeakMap<ChatTemplate, TemplateError | "none">();

/** Why a template cannot both teach and ask; undefined where it can. Found once for each template. */
export const prefixFault = (template: ChatTemplate): TemplateError | undefined => {
  const before = known.get(template) ?? faultOf(template) ?? "none";
  known.set(template, before);
  return before === "none" ? undefined : before;
};
