/** Laws of mixtures: shares, epochs, the same order for a seed, and resuming anywhere. */
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Draw,
  drawsAt,
  type Mixture,
  mixtureOf,
  type MixturePart,
  type MixtureState,
  shuffled,
} from "../../pipelines/mixtures/mixture.ts";
import { property } from "../support/property.ts";
import { right } from "../support/either.ts";

const take = (mixture: Mixture, state: MixtureState, count: number) => {
  const out: (readonly [Draw, MixtureState])[] = [];
  for (let i = 0, now = state; i < count; i++) {
    const drawn = mixture.next(now);
    out.push(drawn);
    now = drawn[1];
  }
  return out;
};
const parts = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1 }),
    count: fc.integer({ min: 1, max: 40 }),
    weight: fc.double({ min: 0.01, max: 10, noNaN: true }),
  }),
  { minLength: 1, maxLength: 5, selector: (p) => p.name },
);

property(
  test,
  "the examples of any step are those that come one after the other, in whatever order steps are asked for",
  [parts, fc.integer(), fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(12), { minLength: 1, maxLength: 6 })],
  (some, seed, size, steps) => {
    const mixture = right(mixtureOf(some, seed)), at = drawsAt(mixture, size);
    const all = take(mixture, mixture.start, 13 * size).map(([draw]) => draw);
    for (const step of steps) assert.equal(at(step), all.slice(step * size, (step + 1) * size));
  },
);

property(test, "shuffling is a bijection, and another one for another key", [
  fc.integer({ min: 1, max: 700 }),
  fc.integer(),
], (count, key) => {
  const places = Array.from({ length: count }, (_, i) => shuffled(count, key, i));
  assert.is(new Set(places).size, count);
  assert.ok(places.every((p) => Number.isInteger(p) && p >= 0 && p < count));
}, { runs: 60 });

test("every key shuffles in another order, billions of places too", () => {
  const order = (key: number) => Array.from({ length: 200 }, (_, i) => shuffled(200, key, i)).join();
  assert.is(new Set(Array.from({ length: 50 }, (_, key) => order(key))).size, 50);
  const big = 2 ** 39 + 17, places = Array.from({ length: 1000 }, (_, i) => shuffled(big, 5, i));
  assert.is(new Set(places).size, 1000);
  assert.ok(Math.max(...places) > big / 2 && Math.max(...places) < big);
});

test("shuffled places are spread evenly: chi-squared of first places over keys", () => {
  const counts = new Array<number>(16).fill(0);
  for (let key = 0; key < 16_000; key++) counts[shuffled(16, key, 3)]!++;
  const chi = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert.ok(chi < 45, `${chi}, 15 degrees of freedom`);
});

property(test, "every epoch of a part has each of its examples once, and shares hold at every step", [
  parts,
  fc.integer(),
], (given: readonly MixturePart[], seed) => {
  const mixture = right(mixtureOf(given, seed)), drawn = take(mixture, mixture.start, 300);
  const sum = mixture.parts.reduce((n, p) => n + p.weight, 0);
  mixture.parts.forEach(({ count, weight }, part) => {
    const own = drawn.map(([d]) => d).filter((d) => d.part === part);
    own.forEach((d, i) => assert.is(d.epoch, Math.floor(i / count)));
    for (let from = 0; from + count <= own.length; from += count) {
      assert.is(new Set(own.slice(from, from + count).map((d) => d.index)).size, count);
    }
    drawn.forEach(([, { drawn }], i) =>
      assert.ok(Math.abs(drawn[part]! - (i + 1) * weight / sum) < mixture.parts.length, `step ${i}`)
    );
  });
}, { runs: 60 });

property(test, "from any state a mixture goes on with the very same examples", [
  parts,
  fc.integer(),
  fc.nat(200),
], (given, seed, stop) => {
  const whole = take(right(mixtureOf(given, seed)), right(mixtureOf(given, seed)).start, 240);
  const saved = stop === 0 ? right(mixtureOf(given, seed)).start : whole[stop - 1]![1];
  assert.equal(take(right(mixtureOf(given, seed)), saved, 240 - stop), whole.slice(stop));
}, { runs: 60 });

test("the order is the same on every machine", () => {
  const mixture = right(
    mixtureOf([{ name: "a", count: 5, weight: 2 }, { name: "b", count: 3, weight: 1 }], 7),
  );
  assert.is(
    take(mixture, mixture.start, 12).map(([d]) => `${"ab"[d.part]}${d.index}`).join(" "),
    "a0 b1 a1 a4 b0 a3 a2 b2 a3 a2 b1 a1",
  );
});

test("mixtures that cannot be are refused", () => {
  const refused = (either: E.Either<Error, unknown>): string => E.isLeft(either) ? either.left.message : "";
  assert.match(refused(mixtureOf([], 1)), "no parts");
  assert.match(refused(mixtureOf([{ name: "a", count: 0 }], 1)), "the part a of 0 examples");
  assert.match(refused(mixtureOf([{ name: "a", count: 1, weight: NaN }], 1)), "weight NaN");
  assert.match(refused(mixtureOf([{ name: "a", count: 1 }, { name: "a", count: 2 }], 1)), "a name twice");
});

test.run();
