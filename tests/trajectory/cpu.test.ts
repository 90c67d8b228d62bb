/** The training on the CPU: fused, with one kernel per description, and bit by bit the same on 1 and 2 threads. */
import { under } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stepOnCpu } from "../support/cpu.ts";
import { loraSuite } from "./lora.suite.ts";
import { type MakeStepper, trajectorySuite } from "./suite.ts";

const finals = new Map<number, Readonly<Record<string, ArrayLike<number>>>>();

/** Keeps the state at the end of the training. */
const kept = (threads: number): MakeStepper => async (program) => {
  const stepper = await stepOnCpu({}, threads)(program);
  return {
    ...stepper,
    state: async () => {
      const state = await stepper.state();
      finals.set(threads, Object.fromEntries(Object.entries(state).map(([path, x]) => [path, x.data])));
      return state;
    },
  };
};

trajectorySuite("cpu, fused", kept(2));
trajectorySuite("cpu, fused, one thread", kept(1));
trajectorySuite("cpu, a kernel for each parameter", stepOnCpu({ batch: false }));
trajectorySuite("cpu, naive", stepOnCpu({ fuse: false }));
trajectorySuite("cpu, blocks in a loop", stepOnCpu(), { scan: true });
trajectorySuite("cpu, naive, blocks in a loop", stepOnCpu({ fuse: false, simplify: false }), { scan: true });
trajectorySuite("cpu, blocks in a loop, recomputed", stepOnCpu(), {
  scan: true,
  remat: under("model.layers"),
});
loraSuite("cpu", stepOnCpu());

const test = suite("trajectory, cpu, threads");
test("1 and 2 threads end with the same bits", () => {
  const [one, two] = [finals.get(1)!, finals.get(2)!];
  assert.ok(Object.keys(one).length > 20, "many arrays");
  for (const path of Object.keys(one)) {
    assert.equal([...Array.from(two[path]!)], [...Array.from(one[path]!)], path);
  }
});
test.run();
