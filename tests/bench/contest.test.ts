/** The paired benchmark as a command: everyone agrees with us at tiny sizes, and what it prints can be read back. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ContestRun, contestText } from "../../bench/contest_report.ts";
import { disagreement, timeRounds } from "../../bench/rounds.ts";
import { spreadOf } from "../../bench/spread.ts";
import { ran } from "./command.ts";

const bench = (...args: readonly string[]) => ran("bench/main.ts", ...args);

const tiny = ["--preset", "smoke", "--sizes", "33", "--tokens", "32", "--rounds", "2", "--series", "1"];

const inference = ["matmul", "softmax", "layer norm", "attention forward"];

/** Everyone who can do a case must have done it, and none must have disagreed. */
const complete = (run: ContestRun): void => {
  assert.is(run.cases.length, 7);
  for (const c of run.cases) {
    assert.equal(c.opponents.map((o) => o.opponent), ["jax-js", "onnxruntime-web"]);
    const missing = c.opponents.filter((o) => "reason" in o).map((o) => o.opponent);
    const expected = c.case.startsWith("training step") || c.case.includes("backward")
      ? ["onnxruntime-web"]
      : [];
    assert.equal(missing, expected, `${c.case}: ${JSON.stringify(c.opponents)}`);
    for (const o of c.opponents) {
      if ("reason" in o) assert.not.match(o.reason, /differ/);
      else {
        assert.ok(o.difference < 1e-4, `${c.case}: ${o.opponent} differs by ${o.difference}`);
        assert.is(o.speedup.n, 2);
      }
    }
  }
  assert.ok(inference.every((name) => run.cases.some((c) => c.case.startsWith(name))));
};

const command = suite("deno task bench");

for (const [device, backend] of [["cpu", "wasm"], ["webgpu", "webgpu"]] as const) {
  command(`agrees with every library on ${device} before it times them`, async () => {
    const { code, out, err } = await bench("--device", device, ...tiny, "--json");
    assert.is(code, 0, err);
    const run = JSON.parse(out) as ContestRun;
    complete(run);
    assert.match(run.versions["jax-js"]!, new RegExp(`^0\\.1\\.25 ${backend}`));
    assert.match(contestText(run), /\| training step, smoke, 32 visual tokens /);
  });
}

command("says at once what it does not know", async () => {
  const unknown = await bench("--sise", "3");
  assert.is.not(unknown.code, 0);
  assert.match(unknown.out + unknown.err, /--sise/);
  const opponent = await bench("--device", "cpu", "--opponents", "torch");
  assert.is.not(opponent.code, 0);
  assert.match(opponent.err, /torch[^]*jax-js, onnxruntime-web/);
});

command.run();

const parts = suite("rounds");

parts("quartiles are between neighbours in proportion", () => {
  assert.equal(spreadOf([4, 1, 3, 2]), { n: 4, median: 2.5, q1: 1.75, q3: 3.25, least: 1, largest: 4 });
  assert.equal(spreadOf([7]), { n: 1, median: 7, q1: 7, q3: 7, least: 7, largest: 7 });
});

parts("results that differ in number, in length or by a NaN are no agreement", () => {
  assert.is(disagreement([[1, 2]], [[1, 2]]), 0);
  assert.is(disagreement([[1, 3]], [[1, 4]]), 0.25);
  assert.is(disagreement([[1]], [[1, 2]]), Infinity);
  assert.is(disagreement([[1]], [[1], [2]]), Infinity);
  assert.is(disagreement([[NaN]], [[1]]), Infinity);
});

parts("every round runs everyone, and who begins changes", async () => {
  const order: string[] = [];
  const side = (who: string) => ({
    who,
    prepared: {
      check: () => Promise.resolve([]),
      run: (n: number) => {
        order.push(`${who}${n}`);
        return new Promise<void>((done) => setTimeout(done, 2));
      },
      close: () => undefined,
    },
  });
  const times = await timeRounds([side("a"), side("b")], { rounds: 3, seriesMs: 1 });
  assert.equal(order.slice(-6), ["a1", "b1", "b1", "a1", "a1", "b1"]);
  assert.equal(times.map(({ who, series, ratio }) => [who, series, ratio.n]), [["a", 1, 3], ["b", 1, 3]]);
  assert.is(times[0]!.ratio.median, 1);
});

parts.run();
