/** Fields of configurations, by path. */
import * as E from "fp-ts/lib/Either.js";
import * as fc from "fast-check";
import * as t from "io-ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { presets } from "../../pipelines/ablations/presets.ts";
import { experimentCodec } from "../../pipelines/engine/experiment.ts";
import { changedBy } from "../../pipelines/engine/load.ts";
import { right } from "../support/either.ts";
import { fieldPaths, nearestField, override, settingsOf } from "../../pipelines/configs/override.ts";
import { property } from "../support/property.ts";

const test = suite("override");

const codec = t.strict({
  steps: t.number,
  name: t.string,
  deep: t.strict({ rate: t.number, names: t.readonlyArray(t.string) }),
  maybe: t.union([t.undefined, t.number]),
});
type Config = t.TypeOf<typeof codec>;
const base: Config = { steps: 3, name: "a", deep: { rate: 0.1, names: ["x", "y"] }, maybe: undefined };
const set = (...settings: readonly string[]) =>
  override<Config>(codec as unknown as t.Type<Config, unknown, unknown>, "test configuration")(
    base,
    settings,
  );
const made = (...settings: readonly string[]): Config => {
  const result = set(...settings);
  if (E.isLeft(result)) throw result.left;
  return result.right;
};
const said = (...settings: readonly string[]): string => {
  const result = set(...settings);
  return E.isLeft(result) ? result.left.message : "accepted";
};

test("fields change by path, lists by index and at their end, optional ones appear", () => {
  assert.equal(made("steps=4", "deep.rate=2", "deep.names.1=z", "deep.names.2=w"), {
    ...base,
    steps: 4,
    deep: { rate: 2, names: ["x", "z", "w"] },
  });
  assert.is(made("maybe=7").maybe, 7);
  assert.is(made("name=3 words, no JSON").name, "3 words, no JSON");
  assert.is(made('name="5"').name, "5");
  assert.is(made("steps=4", "steps=5").steps, 5, "the last one counts");
});

test("unknown fields are named with the nearest, wrong types with what exists", () => {
  assert.match(
    said("stepz=1"),
    /got the field stepz; expected one of steps, name, deep, maybe; the nearest field is steps/,
  );
  assert.match(said("deep.rat=1"), /expected in deep: one of rate, names; the nearest field is deep\.rate/);
  assert.match(said("dep.rate=1"), /the nearest field is deep\.rate/);
  assert.match(said("steps=x"), /steps: "x"; expected steps: number; steps is 3 unless set/);
  assert.match(said("deep.names.7=q"), /the field deep\.names\.7/);
  assert.match(said("deep.names.one=q"), /the field deep\.names\.one/);
  assert.match(said("steps.x=1"), /the field steps\.x; expected in steps: nothing below/);
  for (const path of ["__proto__.x", "constructor.name", "deep.__proto__"]) {
    assert.match(said(`${path}=1`), /the field /, path);
  }
  assert.match(said("=1"), /expected field=value/);
  assert.is(({} as Record<string, unknown>).x, undefined);
});

const rate = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x === 0 ? 0 : x);

property(test, "settings between two configurations make one of the other", [fc.record({
  steps: fc.integer(),
  name: fc.string(),
  deep: fc.record({ rate, names: fc.array(fc.string()) }, { noNullPrototype: true }),
  maybe: fc.constant(undefined),
}, { noNullPrototype: true })], (to) => assert.equal(made(...settingsOf(base, to)), to));

test("settings are the fields in which two configurations differ", () => {
  assert.equal(settingsOf(base, base), []);
  const { base: one } = presets.small, two = right(changedBy(one, ["pretrain.steps=7", "seed=4"]));
  assert.equal(settingsOf(one, two), ["seed=4", "stages.0.train.steps=7"]);
  assert.equal(override(experimentCodec(), "experiment")(one, settingsOf(one, two)), E.right(two));
});

test("the nearest field is the one that is written most alike", () => {
  assert.equal(fieldPaths(base), [
    "steps",
    "name",
    "deep",
    "deep.rate",
    "deep.names",
    "deep.names.0",
    "deep.names.1",
    "maybe",
  ]);
  assert.is(nearestField(base, "deep.nams"), "deep.names");
  assert.is(nearestField({}, "x"), undefined);
});

test.run();
