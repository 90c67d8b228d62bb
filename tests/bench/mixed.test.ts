/** When mixed precision counts as within the noise of seeds, and an overflow as survived; what the command refuses. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mixedReport, type MixedRuns, mixedText, type Run } from "../../bench/mixed_report.ts";

const test = suite("mixed precision against f32");

const STEPS = 40, WINDOW = 10;

/** A loss that falls, from a start of its own. */
const run = (precision: Run["precision"], seed: number, off: (step: number) => number = () => 0): Run => ({
  precision,
  seed,
  losses: Array.from({ length: STEPS }, (_, t) => (1 + seed / 10) * Math.exp(-t / 20) + off(t)),
  scales: Array.from({ length: STEPS }, () => precision === "mixed" ? 1024 : NaN),
  skipped: Array.from({ length: STEPS }, () => precision === "mixed" ? 0 : NaN),
  ms: precision === "mixed" ? 3 : 2,
});

/** A training that skips a step in the middle, whose loss is none, and goes on a little away. */
const disturbed = (away: number): Run => {
  const calm = run("mixed", 1, (t) => t > 20 ? away : 0);
  return {
    ...calm,
    losses: calm.losses.map((x, t) => t === 20 ? NaN : x),
    scales: calm.scales.map((x, t) => t > 20 ? x / 2 : x),
    skipped: calm.skipped.map((_, t) => t >= 20 ? 1 : 0),
  };
};

const runs = (off: (step: number) => number, overflow = disturbed(1e-4)): MixedRuns => ({
  device: "a device",
  steps: STEPS,
  window: WINDOW,
  batch: 4,
  scenes: 8,
  f32: [1, 2, 3].map((seed) => run("f32", seed)),
  mixed: [1, 2, 3].map((seed) => run("mixed", seed, off)),
  overflow: { at: 21, run: overflow },
});

test("a small distance is within the noise; its numbers are those of the losses", () => {
  const report = mixedReport(runs((t) => t >= 30 ? 0.003 : 0));
  assert.ok(report.passed);
  assert.is(report.beyond, 0);
  assert.equal(report.windows.map((w) => w.to), [10, 20, 30, 40]);
  const last = report.windows[3]!;
  assert.ok(Math.abs(last.away - 0.003) < 1e-12 && Math.abs(report.last.difference - 0.003) < 1e-12);
  // seeds differ by a tenth of what is left of the loss
  const left = last.f32 / 1.2;
  assert.ok(Math.abs(last.spread - 0.1 * left) < 1e-12, `${last.spread} of ${left}`);
  assert.equal([report.skipped, report.ms.f32, report.ms.mixed], [0, 2, 3]);
  assert.match(
    mixedText(report),
    /within the noise of seeds.*\n.*\n.*survived; 1 steps skipped, scale 1024 before and 512 after/,
  );
});

test("a distance beyond the spread of seeds fails, at the end alone or all along", () => {
  const end = mixedReport(runs((t) => t >= 30 ? 0.05 : 0));
  assert.not.ok(end.passed);
  assert.is(end.beyond, 1);
  const along = mixedReport(runs(() => 0.3));
  assert.ok(!along.passed && along.ratio > 1 && along.beyond === 4);
  assert.match(mixedText(along), /BEYOND the noise of seeds/);
});

test("an overflow that nothing skipped, that ended the training, or from which it never came back is none survived", () => {
  const passed = (overflow: Run) => mixedReport(runs(() => 0, overflow)).overflow.passed;
  assert.ok(passed(disturbed(1e-4)));
  assert.not.ok(passed(run("mixed", 1)), "nothing overflowed");
  assert.not.ok(passed(disturbed(0.5)), "it ended elsewhere");
  const short = disturbed(0);
  assert.not.ok(passed({ ...short, losses: short.losses.slice(0, 30) }), "it ended early");
});

test.run();
