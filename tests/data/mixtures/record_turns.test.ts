/** Records as turns: every kind has its prompts and answers, and the rows that languages make of them. */
import * as E from "fp-ts/lib/Either.js";
import * as O from "fp-ts/lib/Option.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AnyRecord } from "../../../pipelines/formats/read.ts";
import { boxFormats } from "../../../pipelines/mixtures/mixture_config.ts";
import { trainBpe } from "../../../pipelines/text/bpe.ts";
import { languageOf } from "../../../pipelines/text/language.ts";
import {
  answerCount,
  answersOf,
  defaultPrompts,
  firstTurns,
  imagesOf,
  joinedTurns,
  type TaskConfig,
  variantsOf,
  withoutImages,
} from "../../../pipelines/text/record_turns.ts";
import { rowOfTokens } from "../../../pipelines/text/rows.ts";
import type { Message } from "../../../pipelines/text/template.ts";
import { namedTemplates } from "../../../pipelines/text/templates.ts";
import { right } from "../../support/either.ts";

const test = suite("record turns");
const tasks: TaskConfig = { prompts: defaultPrompts, boxes: boxFormats.thousand };
const base = { id: "1", image: "a.jpg", question: "What is it?" };
/** What is said, behind the image that every question begins with. */
const said = (record: AnyRecord, of = tasks): readonly (readonly string[])[] =>
  variantsOf(record, of).map((messages) =>
    messages.map(({ role, content }) => {
      if (role !== "user") return content;
      assert.ok(content.startsWith("<image>\n"));
      return content.slice(8);
    })
  );
const short = "\nAnswer the question using a single word or phrase.";

test("each kind is asked and answered in its way", () => {
  const answers = ["dog", "cat", "cat", "puppy", "dog", "cat"];
  assert.equal(said({ ...base, kind: "open", answers }), [[`What is it?${short}`, "cat"]]);
  assert.equal(
    said({ ...base, kind: "open", answers: ["dog", "cat"] })[0]![1],
    "dog",
    "of several the first",
  );
  assert.equal(said({ ...base, kind: "exact", answer: "dog" }), [[`What is it?${short}`, "dog"]]);
  assert.equal(said({ ...base, kind: "reading", answers: ["STOP", "stop"] }), [[
    `What is it?${short}`,
    "STOP",
  ]]);
  assert.equal(said({ ...base, kind: "yes-no", answer: false, part: "random" }), [[
    `What is it?${short}`,
    "no",
  ]]);
  const choice = { ...base, kind: "choice", choices: ["a $& dog", "a cat"], answer: 1 } as const;
  const asked =
    "What is it?\nA. a $& dog\nB. a cat\nAnswer with the option's letter from the given choices directly.";
  assert.equal(said(choice), [[asked, "B"]]);
  assert.equal(said({ ...choice, hint: "Look." }), [[`Look.\n${asked}`, "B"]]);
  assert.equal(said({ ...base, kind: "caption", question: "", references: ["a dog", "one dog"] }), [
    ["Describe the image in one sentence.", "a dog"],
    ["Describe the image in one sentence.", "one dog"],
  ]);
  assert.equal(said({ id: "1", kind: "pair", image: "a.jpg", caption: "dog!" })[0]![1], "dog!");
});

test("questions without an image have no place for one; marks stay where a conversation has them", () => {
  const { image: _, ...bare } = { ...base, kind: "exact", answer: "dog" } as const;
  assert.is(variantsOf(bare, tasks)[0]![0]!.content, `What is it?${short}`);
  assert.equal([...imagesOf(bare), ...imagesOf({ ...bare, image: "a.jpg" })], ["a.jpg"]);
  const messages = [{ role: "user", content: "see <image>, then <image>" }, {
    role: "assistant",
    content: "a",
  }] as const;
  const talk = { kind: "conversation", id: "1", images: ["a", "b"], messages } as const;
  assert.equal(variantsOf(talk, tasks), [messages]);
  assert.equal(imagesOf(talk), ["a", "b"]);
  assert.is(withoutImages(messages)[0]!.content, "see , then");
});

test("a box is asked for by its expression, and read back from its answer", () => {
  const record = {
    ...base,
    kind: "box",
    question: "the dog",
    box: [10, 20, 60, 80],
    width: 100,
    height: 200,
  } as const;
  const [[asked, answer]] = said(record) as [[string, string]];
  assert.is(asked, "Where is the dog? Answer with its box.");
  const read = boxFormats.thousand.parse(answer);
  assert.ok(O.isSome(read) && read.value.every((v, i) => Math.abs(v - [0.1, 0.1, 0.6, 0.4][i]!) <= 0.001));
});

test("several prompts and several answers make as many ways; hidden answers make none", () => {
  const prompts = { ...defaultPrompts, caption: ["Describe it.", "What is here?"] };
  const record = { ...base, kind: "caption", question: "", references: ["a", "b", "c"] } as const;
  assert.is(said(record, { ...tasks, prompts }).length, 6);
  assert.equal(answersOf({ ...base, kind: "open", answers: [] }, tasks.boxes), []);
  assert.equal(said({ ...base, kind: "exact", answer: " " }), []);
});

test("conversations are cut behind an answer, and joined under the instructions of the first", () => {
  const talk = (name: string): readonly Message[] => [
    { role: "system", content: `be ${name}` },
    ...[1, 2].flatMap((i): readonly Message[] => [
      { role: "user", content: `${name} ${i}?` },
      { role: "assistant", content: `${name} ${i}.` },
    ]),
  ];
  assert.is(answerCount(talk("a")), 2);
  assert.equal(firstTurns(talk("a"), 1), talk("a").slice(0, 3));
  assert.equal(firstTurns(talk("a"), 2), talk("a"));
  assert.equal(joinedTurns([talk("a"), talk("b")]), [...talk("a"), ...talk("b").slice(1)]);
});

test("rows learn answers and ends alone, and prompts are their beginnings", () => {
  const json = trainBpe(["what is it a dog and a cat yes no"], 64);
  const language = right(languageOf(json, namedTemplates.plain));
  const talk: readonly Message[] = [
    { role: "user", content: "what is it" },
    { role: "assistant", content: "a dog" },
    { role: "user", content: "is it a cat" },
    { role: "assistant", content: "no" },
  ];
  const row = rowOfTokens("talk", [right(language.tokens(talk))], language.pad, { length: 24, images: 1 });
  assert.is(row.length, right(language.tokens(talk)).ids.length);
  const learned = [...row.labels].filter((label) => label >= 0);
  assert.is(language.decode(learned), "a dog no");
  const { ids, ends } = right(language.prompt(talk.slice(0, 3)));
  assert.equal([...row.ids.subarray(0, ids.length)], ids);
  assert.ok(ends.includes(learned.at(-1)!));
  assert.equal([...row.labels.subarray(ids.length, row.length)], [
    ...row.ids.subarray(ids.length, row.length),
  ]);
  assert.is(row.labels[row.length], -100);
  assert.is(row.ids[row.length], language.pad);
  assert.ok(learned.includes(language.first("no")));
  assert.equal([row.segments[0], row.segments[row.length], row.after[0], row.imageSegments[0]], [
    1,
    0,
    24,
    0,
  ]);
});

test("a template whose tokens an encoding lacks is refused at once", () => {
  const json = trainBpe(["what is it a dog"], 64);
  const refused = languageOf(json, namedTemplates.llama3);
  assert.ok(E.isLeft(refused));
  assert.match(String(refused.left), "no token <|begin_of_text|>");
});

test.run();
