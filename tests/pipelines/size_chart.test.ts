/** The chart of scores by object size. */
import { parseHTML } from "linkedom";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type SizeChart, sizeChart, sizeDomain } from "../../pipelines/figures/size_chart.ts";

const test = suite("size chart");

const point = (name: string, value: number) => ({ name, n: 40, value, low: value - 0.1, high: value + 0.1 });
const chart: SizeChart = {
  title: "Accuracy by size",
  subtitle: "bands: 95 % intervals",
  chance: 0.05,
  lines: ["224 px, 80 tokens", "448 px, 336 tokens"].flatMap((model, i) => [
    {
      model,
      panel: "Scenes",
      points: ["small", "medium", "large"].map((n, k) => point(n, 0.3 + 0.1 * (i + k))),
    },
    { model, panel: "Control", points: [point("large", 0.7)] },
  ]),
};

interface Found {
  readonly textContent: string;
}
const found = (svg: string, selector: string): readonly Found[] => {
  const page = parseHTML(`<!doctype html><html><body>${svg}</body></html>`) as unknown as {
    readonly document: { querySelectorAll(selector: string): Iterable<Found> };
  };
  return [...page.document.querySelectorAll(selector)];
};

test("has a panel for each set, a line with dots and a band for each model, sizes and numbers", () => {
  const { svg, png } = sizeChart(chart), words = found(svg, "text").map((e) => e.textContent).join(" | ");
  for (const part of ["Accuracy by size", "Scenes", "Control", "224 px, 80 tokens", "medium", "n = 40"]) {
    assert.ok(words.includes(part), `${part} in ${words}`);
  }
  assert.is(found(svg, '[aria-label="dot"] circle').length, 2 * 3 + 2 * 1);
  assert.is(found(svg, '[aria-label="area"] path').length, 4);
  assert.is(found(svg, '[aria-label="line"] path').length, 4);
  assert.equal([...png.subarray(1, 4)], [80, 78, 71]);
  assert.is(sizeChart(chart).svg, svg);
});

test("all panels have one range of scores, which holds intervals and chance", () => {
  const [low, high] = sizeDomain(chart);
  assert.ok(low < 0.05 && high > 0.8, `${low} ${high}`);
  assert.equal(sizeDomain({ title: "t", lines: [] }), [0, 1]);
  const same = sizeDomain({
    title: "t",
    lines: [{ model: "m", panel: "p", points: [{ ...point("a", 1), low: 1, high: 1 }] }],
  });
  assert.ok(same[0] < 1 && same[1] > 1);
});

test("empty charts, one model and sizes asked differently are drawn, too", () => {
  assert.ok(sizeChart({ title: "nothing", lines: [] }).png.length > 100);
  const uneven = sizeChart({
    title: "t",
    lines: [
      { model: "a", panel: "p", points: [point("from 40 to 80 px", 0.5)] },
      { model: "b", panel: "p", points: [{ ...point("from 40 to 80 px", 0.5), n: 7 }] },
    ],
  });
  assert.not.ok(uneven.svg.includes("n = "));
});

test.run();
