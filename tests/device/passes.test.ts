/** Passes of the compiler one by one, over random programs: what each established holds from then on. */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  cpuProfile,
  type DeviceProfile,
  explain,
  explainText,
  type PassContext,
  passes,
  portableProfile,
  stepsOf,
} from "@chain-of-sight/kernels";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomLoop, randomProgram } from "../laws/programs.ts";
import { property, seeds } from "../support/property.ts";

const test = suite("passes");

const profiles: Readonly<Record<string, DeviceProfile>> = {
  "any GPU": portableProfile,
  "a CPU": cpuProfile,
  "short sums, no attention": { ...portableProfile, longestSum: 16, attention: false },
};

const contextOf = (profile: DeviceProfile): PassContext => ({
  profile,
  fuse: true,
  batch: true,
  attention: undefined,
  simplify: true,
  schedules: {},
});

/** Runs all passes, and asks after each for what it and those before it established. */
const walk = (described: readonly cs.Tensor[], context: PassContext): readonly cs.Tensor[] => {
  let roots = described;
  passes.forEach((pass, i) => {
    roots = pass.run(roots, context);
    for (const before of passes.slice(0, i + 1)) {
      assert.ok(before.holds(roots, context), `${before.establishes}, after ${pass.name}`);
    }
    roots.forEach((t, j) => assert.equal([t.shape, t.dtype], [described[j]!.shape, described[j]!.dtype]));
  });
  return roots;
};

property(
  test,
  "each establishes what it says, for all that follow",
  [seeds(), fc.constantFrom(...Object.keys(profiles)), fc.boolean()],
  (seed, where, loop) => {
    const { roots } = loop ? { roots: randomLoop(seed).rootsBy(cs.scan) } : randomProgram(seed);
    walk(roots, contextOf(profiles[where]!));
  },
  { runs: 40, counts: "programs" },
);

test("attention, regions, long sums and products of few rows: each is found by its pass", () => {
  const x = cs.input("x", [1, 64, 64]), w = cs.input("w", [128, 64]);
  const heads = cs.reshape([1, 1, 64, 64])(x);
  const described = [
    cs.attention(heads, heads, heads, { causal: true }),
    cs.sum()(cs.exp(x)),
    cs.matmul(cs.transpose(w))(cs.slice([0, 0], [1, 64])(cs.reshape([64, 64])(x))),
    cs.stopGradient(cs.tanh(x)),
  ];
  const context = contextOf(profiles["short sums, no attention"]!);
  const broken = passes.filter((pass) => !pass.holds(described, context)).map((pass) => pass.name);
  assert.equal(broken, ["decompose", "simplify", "products", "reductions"]);
  walk(described, context);
});

test("a plan holds the tiles of its kernels, and tells them", () => {
  const a = cs.input("a", [256, 96]), w = cs.input("w", [96, 256]);
  const outputs = { y: cs.softmax(-1)(cs.matmul(w)(a)) }, plan = compile({ outputs }, portableProfile);
  for (const { kernel } of stepsOf(plan)) assert.ok(plan.schedules.has(kernel));
  assert.match(explainText(plan), /matmul 1x256x256x96 .*staged 64x64x16 of 8x8/);
  assert.ok(explain(plan).kernels.every((k) => k.tiles.length > 0));
  const { schedules } = compile({ outputs }, cpuProfile);
  assert.is(schedules.size, 0, "the CPU back end tiles by itself");
});

test.run();
