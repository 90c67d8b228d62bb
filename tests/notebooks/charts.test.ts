/** Figures and tables of families: every arm and metric is drawn, what does not differ does not look as if it did. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AblationSummary, ArmSummary } from "../../pipelines/ablations/summary_types.ts";
import { configOfArm } from "../../pipelines/ablations/families.ts";
import { controlsOf } from "../../pipelines/ablations/table.ts";
import { display } from "../../pipelines/figures/plot.ts";
import { costChart } from "../../pipelines/figures/cost_chart.ts";
import { paddedDomain } from "../../pipelines/figures/domain.ts";
import { differencesChart, scoresChart, tokensChart } from "../../pipelines/report/study_charts.ts";
import { shownTable, withRuns } from "../../pipelines/notebooks/display.ts";
import { paperTable } from "../../pipelines/notebooks/tables.ts";
import { property } from "../support/property.ts";

const test = suite("charts");
const origin = { artefact: "evaluate-0123456789abcdef", configHash: "c", dataHash: "d", command: "x" };
const intervalOf = (value: number) => ({ value, low: value - 0.05, high: value + 0.05 });

const armOf = (name: string, tokens: number, score: number): ArmSummary => ({
  name,
  bridge: name.split("-")[0]!,
  tokens: { pretrain: 20, finetune: tokens },
  resolution: { pretrain: 112, finetune: 224 },
  steps: { pretrain: 1, finetune: 1 },
  time: { predicted: 1 },
  loss: { pretrain: 1, finetune: 1 },
  scores: { presenceF1: intervalOf(score), countAccuracy: intervalOf(score / 2) },
  difference: name === "resampler-84-84"
    ? {}
    : { presenceF1: intervalOf(score - 0.5), countAccuracy: intervalOf(0) },
  controls: {
    blind: { presenceF1: 0.25, countAccuracy: 0 },
    shuffled: { presenceF1: 0.125, countAccuracy: NaN },
  },
  paper: configOfArm(name)?.rows ?? [],
  seeds: [{
    seed: 1,
    scores: {},
    loss: { pretrain: 1, finetune: 1 },
    secondsPerStep: { pretrain: 1, finetune: 1 },
    origin: { pretrain: origin, finetune: origin, evaluate: origin },
  }],
});

const summary: AblationSummary = {
  format: 2,
  name: "main-smoke",
  family: "main",
  preset: "smoke",
  seeds: [1],
  baseline: "resampler-84-84",
  device: "cpu",
  workers: 1,
  codeVersion: "0",
  configHash: "c",
  command: "x",
  metrics: [{ name: "presenceF1", label: "presence F1" }, { name: "countAccuracy", label: "count acc." }],
  arms: [armOf("resampler-84-84", 84, 0.5), armOf("cos-20-20", 20, 0.6), armOf("cos-20-84", 84, 0.7)],
  failures: [],
};

const count = (text: string, pattern: RegExp): number => (text.match(pattern) ?? []).length;

test("scores: a dot for every arm in the panel of every metric that is asked for", () => {
  const { svg, png } = scoresChart(summary);
  for (const { name } of summary.arms) assert.match(svg, new RegExp(`>${name}(: 20 → \\d+)?<`));
  assert.match(svg, />presence F1</);
  assert.match(svg, />count acc\.</);
  assert.is(count(svg, /<circle[^>]* r="4.5"/g), 6);
  assert.ok(png.length > 1000);
  const one = scoresChart(summary, ["countAccuracy", "no such metric"]).svg;
  assert.is(count(one, /<circle[^>]* r="4.5"/g), 3);
  assert.not.match(one, />presence F1</);
});

test("differences leave the baseline out", () => {
  const { svg } = differencesChart(summary);
  assert.is(count(svg, /<circle[^>]* r="4.5"/g), 4);
  assert.not.match(svg, />resampler-84-84: /);
});

test("scores over tokens have a line for each way to grow, and the letters of what grew", () => {
  const { svg } = tokensChart({ ...summary, arms: summary.arms.slice(1) }, ["presenceF1"]);
  assert.match(svg, />resolution</);
  assert.match(svg, />GL</);
  assert.match(svg, />as many tokens, 224 px</);
});

test("costs of another kind of bridge stand apart from the line", () => {
  const points = [{ tokens: 8, time: 0.3 }, { tokens: 64, time: 0.1, label: "linear" }, {
    tokens: 84,
    time: 1,
  }];
  const { svg } = costChart({ title: "t", series: [{ name: "measured", points }], xLabel: "x", yLabel: "y" });
  assert.match(svg, />linear</);
  assert.is(count(svg, /<circle[^>]* r="4.5"/g), 3);
});

test("tables: the paper's rows of these arms, and controls with a dash for what is not known", () => {
  const paper = paperTable(summary, "main");
  assert.equal(paper.rows.map((row) => row.slice(0, 5)), [
    ["resampler-84-84", "Resamp.", "336 -> 336", "448", "1.00x"],
    ["cos-20-20", "CoS", "80 -> 80", "448", "0.42x"],
    ["cos-20-84", "CoS", "80 -> 336", "448", "0.42x"],
  ]);
  assert.is(paper.rows[2]![paper.columns.indexOf("Flickr")], "85.8");
  assert.equal(controlsOf(summary).rows[1], ["cos-20-20", "60.0 / 25.0 / 12.5", "30.0 / 0.0 / -"]);
});

test("a figure names its runs, and a table escapes what it shows", () => {
  const figure = withRuns(scoresChart(summary), ["evaluate-1", "evaluate-1", "evaluate-2"]);
  assert.match(figure.svg, /^<svg [^>]*><metadata>Runs: evaluate-1, evaluate-2<\/metadata>/);
  const said = figure[display]();
  assert.match(said["text/html"]!, /from 2 runs[\s\S]*evaluate-1 evaluate-2/);
  assert.is(said["image/svg+xml"], figure.svg);
  const table = shownTable({ title: "<t>", columns: ["a", "b"], rows: [["<script>", "1"]] });
  assert.match(table[display]()["text/html"]!, /&lt;t&gt;[\s\S]*<td[^>]*>&lt;script&gt;<\/td>/);
  assert.match(table.text, /│ <script> │ 1 │/);
});

property(test, "an axis holds all values with room, and is never narrower than it should be", [
  fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }),
  fc.double({ min: 0.1, max: 10, noNaN: true }),
], (values, least) => {
  const [low, high] = paddedDomain([...values, NaN], least);
  return low < Math.min(...values) && high > Math.max(...values) && high - low >= least;
});

test("an axis without values has the least width", () => {
  assert.equal(paddedDomain([], 2), [0, 2]);
});

test.run();
