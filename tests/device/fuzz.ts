/** Random programs, and their gradients, on an evaluator against the reference: fused, with every rewrite on. */
import * as cs from "@chain-of-sight/core";
import { suite } from "uvu";
import { nestedProgram } from "../laws/nested.ts";
import { randomLoop, randomProgram } from "../laws/programs.ts";
import type { Evaluate } from "../support/evaluate.ts";
import { near } from "../support/near.ts";
import { property, seeds } from "../support/property.ts";

/** The suite for one evaluator; it runs at once. */
export const fuzzSuite = (name: string, evaluate: Evaluate): void => {
  const test = suite(`random programs on ${name}`);
  property(test, "programs and their gradients", [seeds()], async (seed) => {
    const { roots, bindings } = randomProgram(seed);
    const inputs = cs.topological(roots).filter((t) => t.op === "input");
    const loss = roots.at(-1)!;
    const all = [...roots, ...cs.pullback([loss], [cs.onesLike(loss)], inputs)];
    const expected = cs.interpret(all, bindings), actual = await evaluate(all, bindings);
    expected.forEach((e, i) => near(`root ${i} (${all[i]!.op})`, actual[i]!, e, { rtol: 2e-4, atol: 1e-5 }));
  }, { runs: 40, counts: "programs" });
  property(test, "loops", [seeds()], async (seed) => {
    const { rootsBy, bindings } = randomLoop(seed), all = rootsBy(cs.scan);
    const expected = cs.interpret(all, bindings), actual = await evaluate(all, bindings);
    expected.forEach((e, i) => near(`root ${i}`, actual[i]!, e, { rtol: 5e-4, atol: 2e-5 }));
  }, { runs: 20, counts: "programs" });
  property(test, "nested transforms", [seeds()], async (seed) => {
    const { roots, bindings } = nestedProgram(seed);
    const expected = cs.interpret(roots, bindings), actual = await evaluate(roots, bindings);
    expected.forEach((e, i) => near(`root ${i}`, actual[i]!, e, { rtol: 1e-3, atol: 1e-4 }));
  }, { runs: 30, counts: "programs" });
  test.run();
};
