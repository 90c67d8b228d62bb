/** Buckets of rows of like length: nothing dropped, nothing twice, a function of seed and step. */
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Draw, drawsAt, type Mixture, mixtureOf } from "../../pipelines/mixtures/mixture.ts";
import { BUCKET_STEPS, bucketed, bucketsAt, type RowPlan } from "../../pipelines/mixtures/mixture_buckets.ts";
import type { RowCapacity } from "../../pipelines/text/rows.ts";
import { hashWords } from "../../pipelines/base/rng.ts";
import { property } from "../support/property.ts";

const test = suite("buckets");
const lengths = [16, 40, 100];
const least = (tokens: number): number => lengths.find((l) => tokens <= l)!;

const need = (length: number): RowCapacity => ({ length, images: 1 });

const examples = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 200 });

property(test, "batches hold everything once, at the least length that holds all of them", [
  examples,
  fc.integer({ min: 1, max: 9 }),
], (tokens, batch) => {
  const items = tokens.map((_, i) => i), all = bucketed(items, lengths, batch, (i) => need(tokens[i]!));
  assert.equal(all.flatMap((b) => b.rows.flat()).toSorted((a, b) => a - b), items);
  all.forEach(({ length, rows }, i) => {
    assert.is(length, Math.max(...rows.flat().map((j) => least(tokens[j]!))));
    assert.is(rows.length, i < all.length - 1 ? batch : items.length - batch * (all.length - 1));
  });
  for (const length of lengths) {
    const some = all.flatMap((b) => b.rows.flat()).filter((i) => least(tokens[i]!) === length);
    assert.equal(some, some.toSorted((a, b) => a - b), "those of one length come as they came");
    const mixed = all.filter((b) =>
      b.length === length && b.rows.flat().some((i) => least(tokens[i]!) < length)
    );
    assert.ok(mixed.length <= 1);
  }
});

test("an example beyond the largest length is refused", () => {
  assert.throws(
    () => bucketed([101], lengths, 2, need),
    /an example of 101 tokens; expected at most 100/,
  );
});

const right = (e: E.Either<Error, Mixture>): Mixture =>
  E.getOrElse((error: Error): Mixture => {
    throw error;
  })(e);
const single: RowPlan = { lengths, images: 1, pack: false };
const needOf = (draw: Draw): RowCapacity => need(tokensOf(draw));
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
  const at = bucketsAt(mixture, size, single, needOf), plain = drawsAt(mixture, size);
  const met: string[] = [];
  for (let window = 0; window < 3; window++) {
    const here = Array.from({ length: BUCKET_STEPS }, (_, i) => window * BUCKET_STEPS + i);
    const batches = here.map(at);
    for (const { rows, length } of batches) {
      assert.is(rows.length, size);
      assert.is(length, Math.max(...rows.flat().map((draw) => least(tokensOf(draw)))));
    }
    const some = batches.flatMap((b) => b.rows.flat().map(key)).toSorted();
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

for (const pack of [false, true]) {
  test(`a step is a function of the seed and its number, whatever was asked before, ${pack ? "packed" : "single"}`, () => {
    const given = [{ name: "a", count: 37 }, { name: "b", count: 90 }], plan = { ...single, pack };
    const at = (seed: number) => bucketsAt(right(mixtureOf(given, seed)), 4, plan, needOf);
    const steps = Array.from({ length: 200 }, (_, i) => i), forth = steps.map(at(5));
    assert.equal(steps.toReversed().map(at(5)).toReversed(), forth);
    for (const step of [0, 63, 64, 131, 199]) assert.equal(at(5)(step), forth[step]);
    assert.not.equal(steps.map(at(6)), forth);
    const turns = forth.slice(0, BUCKET_STEPS).map(({ length }) => length);
    if (!pack) assert.not.equal(turns, turns.toSorted((a, b) => a - b), "lengths come in turn");
  });
}

property(test, "packed rows hold every example once, within their text and images, in full batches", [
  parts,
  fc.integer({ min: 1, max: 5 }),
  fc.nat(1000),
  fc.integer({ min: 1, max: 3 }),
], (given, size, seed, images) => {
  const mixture = right(mixtureOf(given, seed));
  const needed = (draw: Draw): RowCapacity => ({ length: tokensOf(draw), images: draw.index % (images + 1) });
  const at = bucketsAt(mixture, size, { lengths, images, pack: true }, needed);
  const batches = Array.from({ length: 40 }, (_, step) => at(step)),
    met = batches.flatMap((b) => b.rows.flat());
  for (const { rows, length } of batches) {
    assert.is(rows.length, size);
    const sums = rows.map((row) =>
      row.map(needed).reduce((a, b) => ({ length: a.length + b.length, images: a.images + b.images }))
    );
    assert.is(length, least(Math.max(...sums.map((sum) => sum.length))));
    assert.ok(sums.every((sum) => sum.images <= images));
  }
  assert.is(new Set(met.map(key)).size, met.length, "no example twice in an epoch");
  const plain = drawsAt(mixture, size * BUCKET_STEPS),
    drawn = new Set([0, 1, 2].flatMap((w) => plain(w).map(key)));
  assert.ok(met.every((draw) => drawn.has(key(draw))), "no others than single rows meet in as many steps");
}, { runs: 25 });

test("packing leaves less padding than rows of one example", () => {
  const mixture = right(mixtureOf([{ name: "short", count: 3000 }, { name: "long", count: 1000 }], 1));
  const at = bucketsAt(mixture, 16, { lengths: [100], images: 8, pack: true }, needOf);
  let padded = 0, needed = 0;
  for (let step = 0; step < BUCKET_STEPS; step++) {
    for (const row of at(step).rows) {
      padded += 100;
      needed += row.reduce((n, draw) => n + tokensOf(draw), 0);
    }
  }
  assert.ok(padded < 1.1 * needed, `${padded} for ${needed}`);
});

test("rows are hardly longer than they need to be", () => {
  const mixture = right(mixtureOf([{ name: "short", count: 3000 }, { name: "long", count: 1000 }], 1));
  const at = bucketsAt(mixture, 16, single, needOf);
  let padded = 0, needed = 0, naive = 0;
  for (let step = 0; step < 4 * BUCKET_STEPS; step++) {
    const { length, rows } = at(step);
    padded += length * rows.length;
    needed += rows.flat().reduce((n, draw) => n + least(tokensOf(draw)), 0);
    naive += 100 * rows.length;
  }
  assert.ok(padded < 1.05 * needed && padded < 0.5 * naive, `${padded} of ${naive}, at least ${needed}`);
});

test.run();
