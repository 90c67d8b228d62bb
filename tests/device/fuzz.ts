/** Random programs, and their gradients, on an evaluator against the reference: fused, with every rewrite on. */
import * as cs from "@chain-of-sight/core";
import { suite } from "uvu";
import { randomLoop, randomProgram } from "../laws/programs.ts";
import type { Evaluate } from "../support/evaluate.ts";
import { near } from "../support/near.ts";

/** The suite for one evaluator; it runs at once. `FUZZ` in the environment says how many programs it tries. */
export const fuzzSuite = (name: string, evaluate: Evaluate): void => {
  const test = suite(`random programs on ${name}`), programs = Number(Deno.env.get("FUZZ") ?? 40);
  for (let seed = 0; seed < programs; seed++) {
    test(`program ${seed}`, async () => {
      const { roots, bindings } = randomProgram(seed);
      const inputs = cs.topological(roots).filter((t) => t.op === "input");
      const loss = roots.at(-1)!;
      const all = [...roots, ...cs.pullback([loss], [cs.onesLike(loss)], inputs)];
      const expected = cs.interpret(all, bindings), actual = await evaluate(all, bindings);
      expected.forEach((e, i) =>
        near(`root ${i} (${all[i]!.op})`, actual[i]!, e, { rtol: 2e-4, atol: 1e-5 })
      );
    });
  }
  for (let seed = 0; seed < programs / 2; seed++) {
    test(`loop ${seed}`, async () => {
      const { rootsBy, bindings } = randomLoop(seed), all = rootsBy(cs.scan);
      const expected = cs.interpret(all, bindings), actual = await evaluate(all, bindings);
      expected.forEach((e, i) => near(`root ${i}`, actual[i]!, e, { rtol: 5e-4, atol: 2e-5 }));
    });
  }
  test.run();
};
