/** Buckets of rows of like length: nothing dropped, nothing twice, a function of seed and step. */
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Draw, drawsAt, type Mixture, mixtureOf } from "../../pipelines/mixtures/mixture.ts";
import { BUCKET_STEPS, bucketed, bucketsAt } from "../../pipelines/mixtures/mixture_buckets.ts";
import { hashWords } from "../../pipelines/base/rng.ts";
import { property } from "../support/property.ts";

const test = suite("buckets");
const lengths = [16, 40, 100];
const least = (tokens: number): number => lengths.find((l) => tokens <= l)!;

const examples = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 200 });

property(test, "batches hold everything once, at the least length that holds all of them", [
  examples,
  fc.integer({ min: 1, max: 9 }),
], (tokens, batch) => {
  const items = tokens.map((_, i) => i), all = bucketed(items, lengths, batch, (i) => tokens[i]!);
  assert.equal(all.flatMap((b) => b.items).toSorted((a, b) => a - b), items);
  all.forEach(({ length, items: some }, i) => {
    assert.is(length, Math.max(...some.map((j) => least(tokens[j]!))));
    assert.is(some.length, i < all.length - 1 ? batch : items.length - batch * (all.length - 1));
  });
  for (const length of lengths) {
    const some = all.flatMap((b) => b.items).filter((i) => least(tokens[i]!) === length);
    assert.equal(some, some.toSorted((a, b) => a - b), "those of one length come as they came");
    const mixed = all.filter((b) => b.length === length && b.items.some((i) => least(tokens[i]!) < length));
    assert.ok(mixed.length <= 1);
  }
});

test("an example beyond the greatest length is refused", () => {
  assert.throws(
    () => bucketed([101], lengths, 2, (n) => n),
    /an example of 101 tokens; expected at most 100/,
  );
});

const right = (e: E.Either<Error, Mixture>): Mixture =>
  E.getOrElse((error: Error): Mixture => {
    throw error;
  })(e);
const tokensOf = ({ part, index }: Draw): number => 1 + hashWords(part, index) % (part === 0 ? 20 : 100);
const key = ({ part, index, epoch }: Draw): string => `${part} ${index} ${epoch}`;
const parts = fc.array(
  fc.record({ count: fc.integer({ min: 1, max: 150 }), weight: fc.integer({ min: 1, max: 5 }) }),
  {
    minLength: 1,
    maxLength: 3,
  },
).map((list) => list.map((part, i) => ({ name: `p${i}`, ...part })));

property(test, "whole windows meet exactly what steps without buckets meet, so an epoch every example once", [
  parts,
  fc.integer({ min: 1, max: 5 }),
  fc.nat(1000),
], (given, size, seed) => {
  const mixture = right(mixtureOf(given, seed)), steps = 3 * BUCKET_STEPS;
  const at = bucketsAt(mixture, size, lengths, tokensOf), plain = drawsAt(mixture, size);
  const met: string[] = [];
  for (let window = 0; window < 3; window++) {
    const here = Array.from({ length: BUCKET_STEPS }, (_, i) => window * BUCKET_STEPS + i);
    const batches = here.map(at);
    for (const { items, length } of batches) {
      assert.is(items.length, size);
      assert.is(length, Math.max(...items.map((draw) => least(tokensOf(draw)))));
    }
    const some = batches.flatMap((b) => b.items.map(key)).toSorted();
    assert.equal(some, here.flatMap((step) => plain(step).map(key)).toSorted());
    met.push(...some);
  }
  assert.is(new Set(met).size, steps * size, "no example twice in an epoch");
  given.forEach(({ count }, part) => {
    const own = met.filter((k) => k.startsWith(`${part} `)), epochs = Math.floor(own.length / count);
    for (let epoch = 0; epoch < epochs; epoch++) {
      assert.is(own.filter((k) => k.endsWith(` ${epoch}`)).length, count, "a whole epoch has them all");
    }
  });
}, { runs: 25 });

test("a step is a function of the seed and its number, whatever was asked before", () => {
  const given = [{ name: "a", count: 37 }, { name: "b", count: 90 }];
  const at = (seed: number) => bucketsAt(right(mixtureOf(given, seed)), 4, lengths, tokensOf);
  const steps = Array.from({ length: 200 }, (_, i) => i), forth = steps.map(at(5));
  assert.equal(steps.toReversed().map(at(5)).toReversed(), forth);
  for (const step of [0, 63, 64, 131, 199]) assert.equal(at(5)(step), forth[step]);
  assert.not.equal(steps.map(at(6)), forth);
  const turns = forth.slice(0, BUCKET_STEPS).map(({ length }) => length);
  assert.not.equal(turns, turns.toSorted((a, b) => a - b), "lengths come in turn");
});

test("rows are hardly longer than they need to be", () => {
  const mixture = right(mixtureOf([{ name: "short", count: 3000 }, { name: "long", count: 1000 }], 1));
  const at = bucketsAt(mixture, 16, lengths, tokensOf);
  let padded = 0, needed = 0, naive = 0;
  for (let step = 0; step < 4 * BUCKET_STEPS; step++) {
    const { length, items } = at(step);
    padded += length * items.length;
    needed += items.reduce((n, draw) => n + least(tokensOf(draw)), 0);
    naive += 100 * items.length;
  }
  assert.ok(padded < 1.05 * needed && padded < 0.5 * naive, `${padded} of ${naive}, at least ${needed}`);
});

test.run();
