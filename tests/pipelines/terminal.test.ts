/** Tables and progress lines, drawn into a string. */
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  bar,
  crossedTenth,
  duration,
  type Progress,
  progressLine,
  type ProgressSink,
  remaining,
  reportProgress,
  short,
  startProgress,
  stderrSink,
} from "../../pipelines/terminal/progress.ts";
import { displayWidth, table } from "../../pipelines/terminal/table.ts";
import { property } from "../support/property.ts";

const tables = suite("table");

tables("aligns numbers to the right and words to the left", () => {
  assert.is(
    table(["arm", { name: "score", digits: 1 }, "time"], [["Chain-of-Sight", 71.25, "0.27 ×"], [
      "線形",
      7,
      "1.00 ×",
    ]]),
    [
      "┌────────────────┬───────┬────────┐",
      "│ arm            │ score │   time │",
      "├────────────────┼───────┼────────┤",
      "│ Chain-of-Sight │  71.3 │ 0.27 × │",
      "│ 線形           │   7.0 │ 1.00 × │",
      "└────────────────┴───────┴────────┘",
    ].join("\n"),
  );
});

const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "é", "線", "e\u0301", "1", " ", "\n") }),
  fc.float(),
  fc.constant(undefined),
);

tables(
  "fits the width that it is given: long cells are broken, then rows become blocks; nothing is lost",
  () => {
    const columns = ["arm", { name: "score", align: "right" as const }, "note"];
    const rows = [[
      "chain-of-sight-20",
      "88.8 [85.1, 91.9]",
      "pre-trained on twenty tokens, fine-tuned on eighty-four",
    ], [
      "resampler",
      "84.9 [80.2, 88.0]",
      "一二三四五六七八九十",
    ]];
    const words = (text: string): string => text.replace(/[^\p{L}\p{N}.,]/gu, "");
    for (const width of [100, 72, 50, 30, 20]) {
      const text = table(columns, rows, width);
      for (const line of text.split("\n")) {
        assert.ok(
          displayWidth(line) <= Math.max(width, 26),
          `${width}: ${line}`,
        );
      }
      if (width >= 100) assert.match(text, /│ {3}score │|score │/);
      if (width <= 30) assert.not.match(text, /│/);
      for (const letter of new Set(words(rows.flat().join("")))) assert.ok(text.includes(letter), letter);
    }
  },
);

property(tables, "keeps every line as wide as the others, whatever the cells", [
  fc.array(fc.array(cell, { maxLength: 4 }), { maxLength: 5 }),
], (rows) => {
  const lines = table(["a", "bb", { name: "c", align: "left" }, "d"], rows).split("\n");
  assert.is(lines.length, rows.length + 4);
  assert.is(new Set(lines.map(displayWidth)).size, 1, lines.join("\n"));
});

const progress = suite("progress");

const at = (change: Partial<Progress> = {}): Progress => ({
  stage: "pretrain",
  step: 250,
  total: 1000,
  loss: 2.34567,
  done: 512000,
  unit: "tokens",
  elapsed: 40,
  from: 0,
  ...change,
});

progress("says bar, steps, loss, rate, time and time left", () => {
  const facts = " 25 %  250/1000 · loss 2.346 · 12.8k tokens/s · 40 s · ETA 2 min 00 s";
  assert.is(progressLine(at(), 200), `pretrain ${bar(0.25, 30)} ${facts}`);
  assert.is(displayWidth(progressLine(at(), 100)), 100, "the bar takes what is left");
  assert.is(progressLine(at(), 84), `pretrain ${facts}`, "and goes where nothing is");
  assert.match(progressLine(at({ step: 1000 }), 200), /100 % {2}1000\/1000 .* done$/);
  assert.match(
    progressLine(at({ step: 0, elapsed: 0, done: 0, loss: undefined }), 200),
    /0\/1000 · \? tokens\/s · 0 s · ETA \?$/,
  );
  assert.match(progressLine(at({ loss: NaN }), 200), /loss NaN/);
});

progress("counts the time left from the step where it resumed", () => {
  assert.is(remaining(at({ from: 200, step: 250, elapsed: 50 })), 750);
  assert.ok(Number.isNaN(remaining(at({ from: 250 }))));
});

property(
  progress,
  "never outgrows the line",
  [fc.nat(200), fc.nat(1000), fc.float()],
  (width, step, loss) => {
    assert.ok(displayWidth(progressLine(at({ step, loss }), width)) <= width);
  },
);

property(progress, "draws bars of exact width and order", [
  fc.double({ min: -1, max: 2 }),
  fc.integer({ min: 1, max: 60 }),
], (x, width) => {
  assert.is(displayWidth(bar(x, width)), width);
});

progress("draws these bars", () => {
  assert.is(bar(0, 4), "░░░░");
  assert.is(bar(0.5, 4), "██░░");
  assert.is(bar(0.53125, 4), "██▏░");
  assert.is(bar(1, 4), "████");
});

progress("writes times and numbers briefly", () => {
  assert.equal([0, 59.4, 61, 3599, 7500, 90061, NaN].map(duration), [
    "0 s",
    "59 s",
    "1 min 01 s",
    "59 min 59 s",
    "2 h 05 min",
    "1 d 01 h",
    "?",
  ]);
  assert.equal([0.123, 8, 81.25, 812.4, 9999, 12345, 4.56e6, 7.1e9, NaN].map(short), [
    "0.12",
    "8",
    "81.3",
    "812",
    "9999",
    "12.3k",
    "4.56M",
    "7.10G",
    "?",
  ]);
});

const sink = (terminal: boolean): ProgressSink & { text: string; time: number } => {
  const made = {
    text: "",
    time: 0,
    isTerminal: () => terminal,
    width: () => 80,
    write: (text: string) => {
      made.text += text;
    },
    now: () => made.time,
  };
  return made;
};

const stage = (to: ReturnType<typeof sink>, seconds: number): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const report = yield* startProgress({ stage: "s", total: 100, unit: "scenes" }, to);
    for (let step = 1; step <= 100; step++) {
      to.time += seconds;
      yield* reportProgress(report, { step, loss: step === 1 ? 3 : 1, done: 8 });
    }
  })));

progress("prints a line each tenth where there is no terminal", async () => {
  const to = sink(false);
  await stage(to, 1);
  const lines = to.text.trimEnd().split("\n");
  assert.is(lines.length, 10);
  assert.not.ok(to.text.includes("\r") || to.text.includes("\u001b"), "no control of a terminal");
  assert.match(lines[0]!, /10\/100 · loss 1\.\d+ · 8 scenes\/s · 10 s · ETA 1 min 30 s/);
  assert.match(lines[9]!, /100\/100 .* done/);
});

progress("redraws in place on a terminal, not more than ten times a second, and ends the line", async () => {
  const to = sink(true);
  await stage(to, 0.01);
  const drawn = to.text.split("\r").length - 1;
  assert.ok(drawn >= 9 && drawn <= 13, `${drawn} drawings in a second`);
  assert.is(to.text.split("\n").length, 2);
  assert.match(to.text, /100\/100 .* done\n$/);
});

progress("crosses each tenth once, and the end even when the steps are few", () => {
  const crossed = (steps: readonly number[], total: number): number =>
    steps.filter((step, i) => crossedTenth(steps[i - 1] ?? 0, step, total)).length;
  assert.is(crossed([1, 2, 3], 3), 3);
  assert.is(crossed(Array.from({ length: 1000 }, (_, i) => i + 1), 1000), 10);
  assert.is(crossed([7, 7, 7], 7), 1);
});

progress("knows the process's own streams", () => {
  assert.type(stderrSink.isTerminal(), "boolean");
  assert.ok(stderrSink.width() > 0);
  assert.ok(stderrSink.now() >= 0);
});

tables.run();
progress.run();
