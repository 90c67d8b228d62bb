/** Plans follow from descriptions alone, whatever was described before and is still there. */
import * as cs from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PlanAnswer } from "../support/plan_worker.ts";

const plans = suite("history");

/** The answer of a new worker, which has descriptions of its own. */
const planned = (afterOthers: boolean): Promise<PlanAnswer> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("../support/plan_worker.ts", import.meta.url), { type: "module" });
    const end = (use: () => void) => {
      worker.terminate();
      use();
    };
    worker.onmessage = ({ data }) => end(() => resolve(data));
    worker.onerror = (event) => end(() => reject(new Error(event.message)));
    worker.postMessage(afterOthers);
  });

plans(
  "a step whose nodes were made before, from the last to the first, has the same kernels and memory",
  async () => {
    const [fresh, late] = await Promise.all([planned(false), planned(true)]);
    const order = ({ ids }: PlanAnswer) => ids.map((x) => ids.filter((y) => y < x).length);
    assert.is(late.known, late.ids.length);
    assert.not.equal(order(late), order(fresh), "their ids come in another order");
    assert.ok(late.text === fresh.text, "equal text and memory");
  },
);

plans("a product or a sum has its operands in one order, whichever was written first", () => {
  const [x, y] = [cs.sin(cs.input("x", [3])), cs.exp(cs.input("y", [3]))];
  const [p, q] = [cs.sin(cs.input("p", [3])), cs.exp(cs.input("q", [3]))];
  const opsOf = (t: cs.Tensor) => t.args.map(({ op }) => op);
  assert.equal(opsOf(cs.add(x, y)), opsOf(cs.add(q, p)));
  assert.equal(opsOf(cs.mul(x, cs.add(x, y))), opsOf(cs.mul(cs.add(p, q), p)));
});

plans.run();
