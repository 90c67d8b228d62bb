/** The bookkeeping of beam search against trying every text. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BeamRules, type Beams, extend, noBeams, winner } from "../../pipelines/generate/beams.ts";
import { property } from "../support/property.ts";

const test = suite("beams");

/** Logarithms of probabilities of the next of `v` tokens, as a text and a seed have it. */
const model = (seed: number, v: number) => (ids: readonly number[]): readonly number[] => {
  const hash = ids.reduce((h, id) => Math.imul(h ^ (id + 1), 0x01000193) >>> 0, seed >>> 0);
  const logits = Array.from({ length: v }, (_, i) => 3 * Math.sin(hash % 1009 + 7.3 * i * (1 + hash % 13)));
  const total = Math.log(logits.reduce((a, l) => a + Math.exp(l), 0));
  return logits.map((l) => l - total);
};

const search = (rules: BeamRules, next: ReturnType<typeof model>): Beams => {
  let beams = noBeams;
  for (let steps = 0; !beams.over; steps++) {
    assert.ok(steps < rules.limit, "a search ends by its limit");
    const candidates = beams.running.map(({ ids }) =>
      next(ids).map((logProbability, id) => ({ id, logProbability }))
        .sort((a, b) => b.logProbability - a.logProbability).slice(0, 2 * rules.beams)
    );
    const before = beams, made = extend(rules, beams, candidates);
    made.beams.running.forEach(({ ids, score }, i) => {
      const parent = before.running[made.parents[i]!]!;
      assert.equal(ids.slice(0, -1), parent.ids);
      assert.ok(Math.abs(score - parent.score - next(parent.ids)[ids.at(-1)!]!) < 1e-12);
    });
    beams = made.beams;
  }
  return beams;
};

const best = (rules: BeamRules, next: ReturnType<typeof model>) => {
  const { lengthPower = 1 } = rules;
  let top = { ids: [] as readonly number[], score: -Infinity };
  const visit = (ids: readonly number[], score: number): void => {
    next(ids).forEach((logProbability, id) => {
      const now = score + logProbability, length = ids.length + 1, ended = rules.ends.includes(id);
      const text = ended ? ids : [...ids, id];
      if (ended || length === rules.limit) {
        const norm = now / length ** lengthPower;
        if (norm > top.score) top = { ids: text, score: norm };
      } else visit(text, now);
    });
  };
  visit([], 0);
  return top;
};

property(test, "one beam is greedy", [fc.nat()], (seed) => {
  const next = model(seed, 6), rules: BeamRules = { beams: 1, ends: [0], limit: 5 };
  const greedy: number[] = [];
  while (greedy.length < rules.limit) {
    const p = next(greedy), id = p.indexOf(Math.max(...p));
    if (id === 0) break;
    greedy.push(id);
  }
  assert.equal(winner(search(rules, next)).ids, greedy);
});

property(test, "as many beams as there are texts find the best of them", [
  fc.nat(),
  fc.constantFrom(0, 0.5, 1),
], (seed, lengthPower) => {
  const next = model(seed, 3), rules: BeamRules = { beams: 81, ends: [2], limit: 4, lengthPower };
  const found = winner(search(rules, next)), wanted = best(rules, next);
  assert.ok(Math.abs(found.score - wanted.score) < 1e-9, `${found.ids} for ${wanted.ids}`);
}, { runs: 60 });

property(test, "the beams that go on are never worse than what was left behind at their step", [
  fc.nat(),
  fc.integer({ min: 1, max: 4 }),
], (seed, beams) => {
  const next = model(seed, 7), rules: BeamRules = { beams, ends: [], limit: 3 };
  const candidates = [next([]).map((logProbability, id) => ({ id, logProbability }))];
  const { running } = extend(rules, noBeams, candidates).beams;
  const all = next([]).toSorted((a, b) => b - a);
  assert.equal(running.map((r) => r.score), all.slice(0, beams));
});

test.run();
