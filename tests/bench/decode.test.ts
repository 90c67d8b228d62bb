/** The timing of a decoder's steps: what is counted, and that every number is one. */
import { cpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeText, timeDecode } from "../../bench/decode.ts";

const test = suite("bench, decode");

test("weights and cache are counted by hand, times are positive and of the same rounds", async () => {
  const bench = { preset: "smoke", rows: 2, prefix: 5, tokens: 3, rounds: 3 } as const;
  const report = await Effect.runPromise(timeDecode(bench).pipe(Effect.provide(cpu({ threads: 1 }))));
  // width 32, one block, ff 64, vocabulary 32: attention, perceptron, three norms, the output map
  const weights = 4 * 32 * 32 + 3 * 32 * 64 + 3 * 32 + 32 * 32;
  assert.is(report.weightBytes, 4 * weights);
  assert.is(report.cacheBytes, 4 * 2 * 2 * 32 * (5 + 3));
  for (const spread of [report.step, report.read, report.copy, report.overRead, report.overCopy]) {
    assert.is(spread.n, 3);
    assert.ok(spread.least > 0 && spread.least <= spread.q1 && spread.q1 <= spread.median);
    assert.ok(spread.median <= spread.q3 && spread.q3 <= spread.largest && spread.largest < Infinity);
  }
  assert.ok(report.kernels > 5);
  assert.match(decodeText(report), /smoke, 2 rows, 5 tokens before, room for 3/);
});

test.run();
