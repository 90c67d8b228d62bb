/** Chat templates: rendered as transformers renders them, within bounds, and only where prompts are what rows begin with. */
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import * as Effect from "effect/Effect";
import { languageFiles, readLanguage } from "../../pipelines/text/language_files.ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prefixFault } from "../../pipelines/text/prefix_check.ts";
import {
  type ChatTemplate,
  type Message,
  parseTemplate,
  type TemplateError,
  templateOfConfig,
} from "../../pipelines/text/template.ts";
import { namedTemplates } from "../../pipelines/text/templates.ts";
import golden from "../golden/fixtures/chat_templates.json" with { type: "json" };
import { property } from "../support/property.ts";
import { left, right } from "../support/either.ts";

const test = suite("chat templates");

const turns = golden.turns as readonly Message[];
const { bos_token: bos, eos_token: eos, ...special } = golden.values;

test("render what jinja2 renders, set up as transformers sets it up", () => {
  for (const { name, source, render, prompt } of golden.cases) {
    const template = right(parseTemplate(source, { bos, eos, special }));
    for (
      const [got, wanted] of [[template.render(turns), render], [
        template.prompt(turns.slice(0, -1)),
        prompt,
      ]] as const
    ) {
      if (typeof wanted === "string") assert.is(right(got), wanted, name);
      else assert.match(left(got).message, wanted.raises);
    }
  }
});

test("loops that write before they break are refused, since the library loses what they write", () => {
  const said = (body: string) => parseTemplate(`{% for m in messages %}${body}{% endfor %}`);
  assert.match(
    left(said("{{ m.content }}{% if loop.first %}{% break %}{% endif %}")).message,
    /text before a break/,
  );
  assert.match(
    left(said("{% if true %}x{% continue %}{% endif %}")).message,
    /text before a break or continue/,
  );
  right(said("{% set x = 1 %}{% if loop.first %}{% continue %}{% endif %}{{ m.content }}"));
});

test("dates are those of today, in English", () => {
  const text = right(right(parseTemplate("{{ strftime_now('%d %b %Y|%B|%A') }}")).render(turns));
  const now = new Date(), month = now.toLocaleString("en-US", { month: "long" });
  const [date, long, day] = text.split("|");
  assert.is(date, `${String(now.getDate()).padStart(2, "0")} ${month.slice(0, 3)} ${now.getFullYear()}`);
  assert.is(long, month);
  assert.is(day, now.toLocaleString("en-US", { weekday: "long" }));
});

test("special tokens of a tokenizer_config.json have the names that transformers gives them", () => {
  const config = (more: object) =>
    right(templateOfConfig(JSON.stringify({
      bos_token: "<s>",
      eos_token: { content: "</s>" },
      chat_template: "{{ bos_token }}{{ pad_token }}{% if mask_token is defined %}mask{% endif %}" +
        "{{ additional_special_tokens | join('+') }}",
      ...more,
    })));
  assert.is(
    right(
      config({ pad_token: "<pad>", additional_special_tokens: ["<a>", { content: "<b>" }] }).render(turns),
    ),
    "<s><pad><a>+<b>",
  );
  assert.is(right(config({ additional_special_tokens: ["<a>"], mask_token: null }).render(turns)), "<s><a>");
});

test("templates that ask for more work than a conversation needs are refused while they render", () => {
  const said = (source: string): string =>
    left(E.flatMap((template: ChatTemplate) => template.render(turns))(parseTemplate(source))).message;
  assert.match(
    said("{% for i in range(1000000000) %}{% endfor %}"),
    /range\(1000000000\), a list of 1000000000 items/,
  );
  assert.match(said("{% for i in range(0, -1000000000, -1) %}{% endfor %}"), /a list of 1000000000 items/);
  const nested = (depth: number, inner: string): string =>
    depth === 0 ? inner : `{% for i${depth} in range(99) %}${nested(depth - 1, inner)}{% endfor %}`;
  assert.match(said(nested(12, "x")), /more steps than a conversation/);
  assert.match(
    said(`{% set r = range(90000) %}${"{% for a in r %}".repeat(3)}${"{% endfor %}".repeat(3)}`),
    /more steps/,
  );
  assert.match(
    said("{% set ns = namespace(t='ab') %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}"),
    /a text of \d+ characters|more steps/,
  );
  assert.match(
    said("{% set ns = namespace(t=[1]) %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}"),
    /a list of \d+ items|more steps/,
  );
  assert.ok(said("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}").length > 0);
  assert.match(said("x".repeat(300_000)), /300000 characters/);
  assert.match(said(`{{ 1 }}${" ".repeat(100_000)}x`), /100000 blanks in a row/);
  assert.ok(E.isLeft(parseTemplate("{{ " + "(".repeat(50_000) + "1" + ")".repeat(50_000) + " }}")));
});

test("a conversation of a thousand turns is within the bounds", () => {
  const many = Array.from({ length: 1000 }, () => turns.slice(0, 2)).flat();
  const template = right(parseTemplate(
    "{% for m in messages %}{% if messages[loop.index0 - 1] is defined and messages[-1].role == 'assistant' %}" +
      "{{ m.role + m.content + eos_token }}{% endif %}{% endfor %}",
    { eos },
  ));
  assert.ok(right(template.render(many)).length > 20_000);
});

const each = (user: string, answer: string, end = ""): string =>
  `{% for m in messages %}{% if m.role == 'user' %}${user}{% elif m.role == 'assistant' %}${answer}{% endif %}{% endfor %}${end}`;
const generation = (text: string): string => `{% if add_generation_prompt %}{{ '${text}' }}{% endif %}`;

test("templates that lay out the last turn otherwise are refused with what differs", () => {
  const said = (source: string): string => {
    const fault = prefixFault(right(parseTemplate(source, { bos, eos, name: "t" })));
    assert.instance(fault, Error, source);
    return (fault as TemplateError).message;
  };
  const answer = "{{ 'A:' + m.content + eos_token }}", user = "{{ 'U:' + m.content }}";
  // an empty reasoning block in the last answer alone, as Qwen3 and GLM-4.5 have it
  assert.match(
    said(
      each(user, "{{ 'A:' }}{% if loop.last %}{{ '<think></think>' }}{% endif %}{{ m.content + eos_token }}"),
    ),
    /question 1 laid out as .*<think><\/think>.*otherwise where turns follow/,
  );
  // history without the blocks that answers had
  assert.match(
    said(each(user, "{{ 'A:' + (m.content if loop.last else '<old>' + m.content) + eos_token }}")),
    /question \d laid out/,
  );
  // a generation prompt that opens a block which rows do not have, as DeepSeek-R1 has it
  assert.match(
    said(each(user, answer, generation("A:<think>"))),
    /generation prompt that ends in .*A:<think>/,
  );
  // a count of the messages in front
  assert.match(said("{{ messages | length }}" + each(user, answer)), /question 1 laid out/);
});

test("templates that lay out every turn alike are not", () => {
  const fine = (source: string, options = { bos, eos }): void =>
    assert.is(prefixFault(right(parseTemplate(source, options))), undefined, source);
  for (const { source, ...options } of Object.values(namedTemplates)) fine(source, options);
  fine(each("{{ 'U:' + m.content }}", "{{ 'A:' + m.content + eos_token }}", generation("A:")));
  fine(each("{{ 'U:' + m.content }}", "{{ 'A: ' + m.content + eos_token }}", generation("A: ")));
  // white space at the end of a generation prompt alone
  fine(each("{{ 'U:' + m.content }}", "{{ 'A:' + m.content + eos_token }}", generation("A: \\n")));
  for (const name of ["newlines", "windows", "generation"]) {
    fine(golden.cases.find((one) => one.name === name)!.source);
  }
});

property(
  test,
  "random templates end in a text or a reason",
  [
    fc.array(
      fc.constantFrom(
        "{% for m in messages %}",
        "{% endfor %}",
        "{% if m.role == 'user' %}",
        "{% else %}",
        "{% endif %}",
        "{{ m.content }}",
        "{{ messages[0] | tojson }}",
        "{{ range(9999) | list }}",
        "{% set x = messages + messages %}",
        "{% set messages = messages + messages %}",
        "{{ x ~ x }}",
        "{% macro f(a) %}",
        "{% endmacro %}",
        "{{ f(f) }}",
        "{% break %}",
        "{%- generation -%}",
        "{% endgeneration %}",
        "{{ '\\n' * 3 }}",
        "\r\n",
        "  ",
        "{#",
        "#}",
        "{{ -",
        "}}",
      ),
      { maxLength: 14 },
    ).map((parts) => parts.join("")),
  ],
  (source) => {
    const got = E.flatMap((template: ChatTemplate) => template.render(turns))(parseTemplate(source));
    assert.ok(E.isRight(got) ? typeof got.right === "string" : got.left.message.length > 0);
  },
  { runs: 400, counts: "templates" },
);

test("the language of a model's folder: its tokenizer, and the template of its own file before that of its settings", async () => {
  const folder = await Deno.makeTempDir(),
    write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
  const read = () => Effect.runPromise(readLanguage(folder));
  try {
    await write("tokenizer.model", "sentencepiece");
    const lost = await Effect.runPromise(Effect.flip(readLanguage(folder)));
    assert.match(lost.message, /no tokenizer\.json.*AutoTokenizer/);
    await write("tokenizer.json", `{"model":{}}`);
    assert.equal(await read(), { tokenizer: { model: {} }, template: undefined });
    await write("tokenizer_config.json", `{"eos_token":{"content":"</s>"},"unk_token":"<unk>"}`);
    assert.is((await read()).template, undefined);
    await write("chat_template.jinja", "own");
    assert.equal((await read()).template, {
      source: "own",
      bos: "",
      eos: "</s>",
      special: { unk_token: "<unk>" },
    });
    await write("tokenizer_config.json", `{"bos_token":"<s>","chat_template":"settings"}`);
    assert.is((await read()).template!.source, "own");
    await Deno.remove(`${folder}/chat_template.jinja`);
    assert.equal((await read()).template, { source: "settings", bos: "<s>", eos: "", special: {} });
    for (const [name, json] of Object.entries(languageFiles(await read()))) {
      await write(name, JSON.stringify(json));
    }
    assert.equal((await read()).template, { source: "settings", bos: "<s>", eos: "", special: {} });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test.run();
