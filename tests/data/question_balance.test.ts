/**
 * What can be answered without an image. Every template is asked over thousands of scenes; the most frequent answer,
 * of the template and of the very same words, is fitted on one half and tried on the other, and has to be near chance.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as O from "fp-ts/lib/Option.js";
import { concepts, popularity } from "../../pipelines/scenes/concepts.ts";
import { fullData, type Split } from "../../pipelines/scenes/config.ts";
import { drawLevel, levelsOf } from "../../pipelines/scenes/questions/balance.ts";
import { expectedBeside } from "../../pipelines/scenes/questions/expected.ts";
import { rngOf } from "../../pipelines/base/rng.ts";
import { sampleScene } from "../../pipelines/scenes/scene.ts";
import { countsOf } from "../../pipelines/scenes/record.ts";
import { type Question, questionKinds, questionsOf } from "../../pipelines/scenes/tasks.ts";
import { tablesOf } from "../../pipelines/scenes/world_tables.ts";

const test = suite("balance of answers");
const kinds = questionKinds.filter((kind) => kind !== "caption" && kind !== "dense");
const ask = (split: Split, count: number): readonly (readonly Question[])[] =>
  Array.from({ length: count }, (_, i) => questionsOf(sampleScene(fullData, split, i), fullData, 0, kinds));

const COUNT = 3000;
const learned = ask("finetune", COUNT);
const all = learned.flat(),
  half = learned.slice(0, COUNT / 2).flat(),
  other = learned.slice(COUNT / 2).flat();

const most = (answers: readonly string[]): readonly [string, number] => {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const best = [...counts].reduce((a, b) => b[1] > a[1] ? b : a, ["", 0] as [string, number]);
  return [best[0], answers.length === 0 ? 0 : best[1] / answers.length];
};

type ByTemplate = ReadonlyMap<string, readonly Question[]>;
const byTemplate = (questions: readonly Question[]): ByTemplate => Map.groupBy(questions, (q) => q.template);
const whole = byTemplate(all), fitting = byTemplate(half), trying = byTemplate(other);
const templates = [...whole.keys()].toSorted();
const of = (questions: ByTemplate, template: string): readonly Question[] => questions.get(template) ?? [];

/** Accuracy on the second half of the most frequent answer of the first, by a key or else of the template. */
const blind = (template: string, key: (q: Question) => string): number => {
  const fitted = of(fitting, template), tried = of(trying, template);
  const overall = most(fitted.map((q) => q.answer))[0];
  const best = new Map(
    [...Map.groupBy(fitted, key)].map(([k, some]) => [k, most(some.map((q) => q.answer))[0]]),
  );
  return tried.filter((q) => (best.get(key(q)) ?? overall) === q.answer).length / tried.length;
};

/** Chance, and how much more a blind answer may reach by luck and by what scenes cannot level. */
const limitOf = (template: string): number => {
  if (/^(presence|relation|compare)/.test(template)) return 0.5 + 0.04;
  if (template === "count") return 0.1 + 0.06;
  if (template === "attribute/by-name") return 0.2; // 11 colours; concepts that vary have grey and blue most
  if (template.startsWith("attribute")) return 1 / 11 + 0.06;
  return 0.03; // hundreds of names, texts and boxes
};

test("the most frequent answer of every template is near chance", () => {
  for (const template of templates) {
    const [answer, share] = most(of(whole, template).map((q) => q.answer));
    assert.ok(share <= limitOf(template), `${template}: ${answer} in ${share}`);
    const score = blind(template, () => "");
    assert.ok(score <= limitOf(template), `${template}: ${score}`);
    assert.ok(of(whole, template).length >= 300, `${template}: ${of(whole, template).length}`);
  }
});

test("the words of a question do not give its answer away", () => {
  for (const template of templates) {
    // two colours or more for a concept, six members or more for a kind
    const limit = template === "attribute/by-name"
      ? 0.5 + 0.06
      : template === "kind-of"
      ? 1 / 6
      : limitOf(template);
    const score = blind(template, (q) => q.prompt);
    assert.ok(score <= limit, `${template}: ${score}`);
  }
});

test("yes is half of the answers, of each setting and of rare and popular concepts alike", () => {
  for (const template of templates.filter((t) => /^(presence|relation|compare)/.test(t))) {
    const some = of(whole, template), yes = some.filter((q) => q.answer === "yes").length / some.length;
    assert.ok(Math.abs(yes - 0.5) <= (template.startsWith("presence") ? 1e-9 : 0.03), `${template}: ${yes}`);
  }
  const ranked = tablesOf(fullData, "finetune").all.items.toSorted((a, b) => popularity(b) - popularity(a));
  const fifth = new Map(ranked.map((c, i) => [c, Math.floor(5 * i / ranked.length)]));
  for (const setting of ["random", "popular", "adversarial"]) {
    const asked = all.flatMap((q) => q.kind === "presence" && q.negative === setting ? [q] : []);
    for (const part of [0, 1, 2, 3, 4]) {
      const own = asked.filter((q) => fifth.get(q.concept) === part);
      if (own.length < 400) continue;
      const yes = own.filter((q) => q.truth).length / own.length;
      assert.ok(Math.abs(yes - 0.5) < 0.08, `${setting}, fifth ${part}: ${yes} of ${own.length}`);
    }
  }
});

test("the first of two is the larger as often as the second", () => {
  const larger = all.flatMap((q) => q.kind === "larger" ? [q] : []);
  const first = larger.filter((q) => q.truth === q.concepts[0]).length / larger.length;
  assert.ok(larger.length > 3000 && Math.abs(first - 0.5) < 0.03, `${first}`);
});

test("counts from 0 to 9 come alike, at every size", () => {
  const counts = all.flatMap((q) => q.kind === "count" ? [q] : []);
  for (let n = 0; n <= 9; n++) {
    const share = counts.filter((q) => q.truth === n).length / counts.length;
    assert.ok(share > 0.06 && share < 0.15, `${n}: ${share}`);
  }
});

test("splits of evaluation are balanced, too", () => {
  for (const split of ["eval", "held-out-counts", "held-out-styles"] as const) {
    const asked = ask(split, 600).flat();
    for (const kind of ["presence", "relation", "compare"]) {
      const some = asked.filter((q) => q.kind === kind), yes = some.filter((q) => q.answer === "yes").length;
      assert.ok(some.length > 500 && Math.abs(yes / some.length - 0.5) < 0.05, `${split} ${kind}`);
    }
    const [answer, share] = most(asked.filter((q) => q.kind === "count").map((q) => q.answer));
    assert.ok(share < 0.18, `${split}: ${answer} in ${share}`);
  }
});

test("adversarial negatives are those that scenes show most alongside what is there", () => {
  // truly: pairs of concepts counted over other scenes
  const met = new Map<number, number>(), met1 = new Map<number, number>(), counted = 6000;
  const both = (a: number, b: number): number => a * concepts.length + b;
  for (let i = 0; i < counted; i++) {
    const present = [...countsOf(sampleScene(fullData, "pretrain", i)).keys()];
    for (const a of present) {
      met1.set(a, (met1.get(a) ?? 0) + 1);
      for (const b of present) met.set(both(a, b), (met.get(both(a, b)) ?? 0) + 1);
    }
  }
  const alongside = (c: number, present: readonly number[]): number =>
    present.reduce((sum, p) => sum + (met.get(both(c, p)) ?? 0) / (met1.get(p) ?? 1), 0) / present.length;
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const rates = { random: [] as number[], popular: [] as number[], adversarial: [] as number[] };
  let agree = 0, pairs = 0;
  learned.slice(0, 600).forEach((questions, i) => {
    const scene = sampleScene(fullData, "finetune", i), present = [...countsOf(scene).keys()];
    const expected = expectedBeside({ scene, config: fullData }, present), no: number[] = [];
    for (const q of questions) {
      if (q.kind !== "presence" || q.truth) continue;
      rates[q.negative].push(alongside(q.concept, present));
      no.push(q.concept);
    }
    for (const a of no) {
      for (const b of no) {
        if (expected(a) <= 2 * expected(b)) continue;
        pairs++;
        if (alongside(a, present) > alongside(b, present)) agree++;
      }
    }
  });
  const [random, popular, adversarial] = [mean(rates.random), mean(rates.popular), mean(rates.adversarial)];
  assert.ok(adversarial > 4 * popular && popular > random, `${random} ${popular} ${adversarial}`);
  assert.ok(pairs > 300 && agree / pairs > 0.9, `${agree} of ${pairs}`);
});

test("weights level what scenes offer, and keep asking where they cannot", () => {
  const rng = rngOf("offers");
  const scene = (): readonly string[] =>
    ["0", "1", "2", "3"].filter((_, i) => rng.chance([1, 0.9, 0.5, 0.2][i]!));
  const levels = levelsOf(Array.from({ length: 1000 }, scene));
  const drawn = Array.from({ length: 8000 }, () => drawLevel(levels, rng, scene())).flatMap((d) =>
    O.isSome(d) ? [d.value] : []
  );
  for (const name of ["0", "1", "2", "3"]) {
    const share = drawn.filter((d) => d === name).length / drawn.length;
    assert.ok(Math.abs(share - 0.25) < 0.05, `${name}: ${share}`);
  }
  assert.ok(drawn.length > 4000, `${drawn.length}`);
  const lonely = levelsOf([["a"], ["a"], ["a"], ["a", "b"]]);
  const asked = Array.from({ length: 2000 }, () => drawLevel(lonely, rng, ["a"])).filter(O.isSome).length;
  assert.ok(asked >= 300, `${asked}`);
  assert.equal(drawLevel(lonely, rng, []), O.none);
});

test.run();
