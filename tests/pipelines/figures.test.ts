/** Figures: smoothing, label places, frames, and the SVG and PNG that come out. */
import fc from "fast-check";
import { parseHTML } from "linkedom";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { escapeXml, fontFiles, textWidth } from "../../pipelines/figures/font.ts";
import { frameSvg, legendRows } from "../../pipelines/figures/frame.ts";
import { type Box, overlap, placeLabels } from "../../pipelines/figures/labels.ts";
import {
  lossChart,
  type LossCurve,
  lossDomain,
  smooth,
  stepTicks,
} from "../../pipelines/figures/loss_chart.ts";
import { slotsOf } from "../../pipelines/figures/arm_colours.ts";
import { darkSvg } from "../../pipelines/figures/dark.ts";
import { paddedDomain } from "../../pipelines/figures/domain.ts";
import { type Figure, palette, svgToPng } from "../../pipelines/figures/plot.ts";
import { timeScoreChart, type TimeScorePoint } from "../../pipelines/figures/time_score.ts";
import { property } from "../support/property.ts";

const figures = suite("figures");

const sizeOf = (png: Uint8Array): readonly [number, number] => {
  assert.equal([...png.slice(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10], "PNG signature");
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
};

interface Element {
  readonly textContent: string;
  getAttribute(name: string): string | null;
}

const elements = (figure: Figure, selector: string): readonly Element[] => {
  const page = parseHTML(`<!doctype html><html><body>${figure.svg}</body></html>`) as unknown as {
    readonly document: { querySelectorAll(selector: string): Iterable<Element> };
  };
  return [...page.document.querySelectorAll(selector)];
};

const words = (figure: Figure): readonly string[] =>
  elements(figure, "text").map((e) => e.textContent.trim());

figures(
  "smooths long curves by the mean of the neighbours, and neither bends short ones nor moves the ends",
  () => {
    const values = Array.from({ length: 100 }, (_, i) => 2 + 4 * Math.exp(-i / 10) + 0.3 * Math.cos(3 * i));
    const smoothed = smooth(values, 0.5), d = [-2, -1, 0, 1, 2];
    const byHand = d.reduce((sum, d) => sum + values[50 + d]! * 0.5 ** Math.abs(d), 0) / 2.5;
    assert.ok(
      Math.abs(smooth(values.slice(30, 71), 0.5)[20]! - byHand) < 1e-12,
      "41 points: two neighbours a side",
    );
    assert.equal([smoothed[0], smoothed.at(-1)], [values[0], values.at(-1)], "ends are measured values");
    const roughness = (of: readonly number[]): number =>
      of.slice(1).reduce((sum, v, i) => sum + Math.abs(v - of[i]!), 0);
    assert.ok(roughness(smoothed) < 0.6 * roughness(values));
    const line = Array.from({ length: 200 }, (_, i) => 3 - i / 100);
    smooth(line, 0.9).forEach((v, i) => assert.ok(Math.abs(v - line[i]!) < 1e-12, "a straight line stays"));
    const short = values.slice(0, 19);
    assert.equal(smooth(short, 0.98), short, "a short curve stays");
    assert.equal(smooth(values, 0), values);
    const holed = smooth(values.map((v, i) => i === 40 ? NaN : v), 0.9);
    assert.ok(Number.isNaN(holed[40]) && Number.isFinite(holed[41]));
  },
);

figures("ticks are whole steps, few enough to be read", () => {
  assert.equal(stepTicks(0, 4, 8), [0, 1, 2, 3, 4]);
  assert.equal(stepTicks(0, 6, 4), [0, 2, 4, 6]);
  assert.equal(stepTicks(0.4, 1.3, 8), [1]);
  assert.equal(stepTicks(95, 480, 4), [100, 200, 300, 400]);
});

figures("keeps the range of the losses to what can be read", () => {
  const points = [...Array(999).fill(0).map((_, i) => ({ x: i, loss: 1 + i / 999 })), { x: 999, loss: 1e6 }];
  const [low, high] = lossDomain([{ arm: "a", stage: "s", points }]);
  assert.ok(low < 1 && low > 0.9 && high > 1.99 && high < 2.1, `${low} ${high}`);
  assert.equal(lossDomain([]), [0, 1]);
  assert.equal(lossDomain([{ arm: "a", stage: "s", points: [{ x: 0, loss: NaN }] }]), [0, 1]);
});

figures("measures text as it is drawn, with a font that has what the labels need", () => {
  for (const file of fontFiles()) assert.ok(Deno.statSync(file).size > 100_000, file);
  assert.ok(Math.abs(textWidth("iiii", 12) * 2 - textWidth("iiiiiiii", 12)) < 0.1);
  assert.ok(textWidth("MMMM", 12) > 2 * textWidth("iiii", 12));
  assert.ok(textWidth("a b", 12) > textWidth("ab", 12) + 1);
  assert.ok(textWidth(" ", 12) > 1 && textWidth("", 12) < 0.01);
  const png = (text: string): string =>
    svgToPng(
      `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30"><text y="20">${text}</text></svg>`,
    )
      .join();
  const missing = png("\u{10ffff}");
  for (const char of ["→", "×", "±", "≤", "–", "é", "%", "²"]) assert.is.not(png(char), missing, char);
});

figures("makes any text safe", () => {
  assert.is(escapeXml('a<b & "c">\u0000'), "a&lt;b &amp; &quot;c&quot;&gt;");
  const svg = frameSvg({ title: '<script>"&', legend: [], panels: [{ svg: "", width: 100, height: 10 }] });
  assert.not.match(svg, /<script/);
  sizeOf(svgToPng(svg));
});

property(figures, "breaks legends into rows that fit", [
  fc.array(fc.constantFrom("a", "Chain-of-Sight", "Linear 336"), { maxLength: 8 }),
], (names) => {
  const rows = legendRows(names.map((name) => ({ name, colour: "#000", dash: "" })), 260);
  for (const { x, entry } of rows) assert.ok(x + 34 + textWidth(entry.name, 12) <= 260.01);
  assert.is(new Set(rows.map(({ x, y }) => `${x},${y}`)).size, names.length);
}, { runs: 30 });

const bounds: Box = { x: 0, y: 0, width: 600, height: 400 };
const coordinate = (most: number): fc.Arbitrary<number> => fc.integer({ min: 30, max: most - 30 });

property(figures, "places labels inside the bounds and off each other and the points", [
  fc.array(fc.tuple(coordinate(600), coordinate(400)), { maxLength: 7 }),
], (spots) => {
  const points = spots.map(([x, y]) => ({ x, y, width: 90, height: 16 }));
  const dots = spots.map(([x, y]): Box => ({ x: x - 5, y: y - 5, width: 10, height: 10 }));
  const boxes = placeLabels(points, bounds, dots);
  boxes.forEach((box, i) => {
    assert.ok(Math.abs(overlap(box, bounds) - 90 * 16) < 1, "inside");
    for (const other of [...boxes.slice(0, i), ...dots]) assert.ok(overlap(box, other) < 1, "apart");
  });
}, { runs: 60 });

const curve = (arm: string, stage: string, n = 60): LossCurve => ({
  arm,
  stage,
  points: Array.from(
    { length: n },
    (_, i) => ({ x: i * 100, loss: 2 + 3 * Math.exp(-i / 10) + 0.1 * Math.sin(i) }),
  ),
});

figures("draws loss curves: a panel a stage, a line an arm, axes with units, a legend", () => {
  const arms = ["Chain-of-Sight 16 → 336", "Linear & <336>"];
  const drawn = lossChart({
    title: "Losses",
    curves: arms.flatMap((arm) => [curve(arm, "Pre-train"), curve(arm, "Fine-tune", 20)]),
  });
  assert.match(drawn.svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  const said = words(drawn);
  for (
    const text of ["Losses", "Pre-train", "Fine-tune", "Optimiser steps", "Loss (nats per token)", ...arms]
  ) {
    assert.ok(said.includes(text), `${text} in ${said.join(" | ")}`);
  }
  const lines = elements(drawn, '[aria-label="line"] g').filter((e) =>
    e.getAttribute("stroke-width") === "2"
  );
  assert.equal(lines.map((e) => e.getAttribute("stroke")), [palette[0], palette[1], palette[0], palette[1]]);
  const [width, height] = sizeOf(drawn.png);
  assert.equal([width, height], [
    2 * Number(elements(drawn, "svg")[0]!.getAttribute("width")),
    2 * Number(elements(drawn, "svg")[0]!.getAttribute("height")),
  ]);
});

figures("an arm has one colour in every figure, and two arms never share one while any is free", () => {
  assert.equal(slotsOf(["cos-20-84", "x", "resampler-84-84"]), [1, 2, 0]);
  assert.equal(slotsOf(["runs/q · cos-8-132, seed 1", "runs/r · cos-8-132, seed 2", "y"]), [2, 0, 1]);
  const time = timeScoreChart({
    title: "t",
    points: [arm("cos-20-84", 1, 60), arm("resampler-84-84", 0.4, 70)],
  });
  const loss = lossChart({ title: "t", curves: [curve("resampler-84-84", "s"), curve("cos-20-84", "s")] });
  for (const figure of [time, loss]) {
    for (const colour of palette.slice(0, 2)) assert.ok(figure.svg.includes(`="${colour}"`), colour);
  }
});

figures("a dark figure has no white ground and no dark ink; an axis shows nothing that cannot be", () => {
  const { svg } = timeScoreChart({ title: "t", points: [arm("a", 1, 99)], yRange: [0, 100] });
  assert.not.match(darkSvg(svg), /(fill|stroke|color)="(white|#222|#555|#000000)"/);
  assert.equal(paddedDomain([99, 100], 1, 0.1, [0, 100])[1], 100);
  assert.equal(paddedDomain([0, 0], 1, 0.1, [0, 100])[0], 0);
});

figures("gives equal texts for equal data, and no ids that two figures on a page would share", () => {
  const chart = { title: "t", curves: [curve("a", "s"), curve("a", "r")] };
  const [first, again] = [lossChart(chart), lossChart(chart)];
  assert.is(first.svg, again.svg);
  assert.equal(first.png, again.png);
  const ids = (figure: Figure): readonly string[] => figure.svg.match(/(?<=id=")[^"]+/g) ?? [];
  const other = lossChart({ ...chart, title: "u" });
  assert.is(new Set([...ids(first), ...ids(other)]).size, ids(first).length + ids(other).length);
  assert.ok(ids(first).length >= 2);
});

figures("draws what is hard: no curves, one point, NaN, no smoothing", () => {
  for (
    const curves of [
      [],
      [{ arm: "a", stage: "s", points: [] }],
      [curve("a", "s", 1)],
      [{ arm: "a", stage: "s", points: [{ x: 0, loss: NaN }, { x: 1, loss: 2 }, { x: 2, loss: Infinity }] }],
    ]
  ) {
    const drawn = lossChart({ title: "t", curves, smoothing: 0 });
    assert.not.match(drawn.svg, /(NaN|undefined|Infinity)[, )"]/);
    sizeOf(drawn.png);
  }
});

const arm = (label: string, time: number, score: number, group?: string): TimeScorePoint => ({
  label,
  time,
  score,
  low: score - 1,
  high: score + 1.5,
  ...(group === undefined ? {} : { group }),
});

figures("draws time against score: every label, its interval, axes with units", () => {
  const points = [arm("Chain-of-Sight", 0.27, 71), arm("Linear", 1, 71.2), arm("Pooling <80>", 0.41, 67)];
  const drawn = timeScoreChart({
    title: "Time and score",
    subtitle: "bars: 95 %",
    points,
    yLabel: "Accuracy (%)",
  });
  const said = words(drawn);
  for (const text of ["Chain-of-Sight", "Linear", "Pooling <80>", "Accuracy (%)", "bars: 95 %"]) {
    assert.ok(said.includes(text), `${text} in ${said.join(" | ")}`);
  }
  assert.ok(said.some((text) => /relative to the baseline/.test(text)));
  assert.is(elements(drawn, "circle").length, 3);
  const bars = elements(drawn, '[aria-label="rule"] line').filter((e) =>
    palette.includes(e.getAttribute("stroke")!)
  );
  assert.is(bars.length, 3);
  const tall = bars.map((e) => Math.abs(Number(e.getAttribute("y1")) - Number(e.getAttribute("y2"))));
  assert.ok(Math.max(...tall) - Math.min(...tall) < 0.01, "equal intervals are equally tall");
  const dots = elements(drawn, '[aria-label="dot"] circle');
  const x = dots.map((e) => Number(e.getAttribute("cx")));
  assert.ok(Math.abs((x[0]! - 62) / (x[1]! - 62) - 0.27) < 0.01, `${x}`);
  const frame = elements(drawn, '[aria-label="frame"]')[0]!;
  const edges = ["x", "y", "width", "height"].map((name) => Number(frame.getAttribute(name)));
  assert.equal(edges, [62, 14, 720 - 62 - 22, 440 - 14 - 48], "the frame leaves room for the axes");
  sizeOf(drawn.png);
});

figures("colours by group, with a legend only then", () => {
  const grouped = timeScoreChart({
    title: "t",
    points: [arm("a1", 0.3, 5, "A"), arm("a2", 0.4, 6, "A"), arm("b", 1, 7, "B")],
  });
  const fills = elements(grouped, '[aria-label="dot"] circle').map((e) => e.getAttribute("fill"));
  assert.equal(fills, [palette[0], palette[0], palette[1]]);
  assert.ok(words(grouped).includes("A"));
  sizeOf(timeScoreChart({ title: "t", points: [] }).png);
  sizeOf(timeScoreChart({ title: "t", points: [{ label: "a", time: 1, score: 3, low: 3, high: 3 }] }).png);
});

figures.run();
