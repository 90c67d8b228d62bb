/** A plan drawn: where tensors are in scratch memory over the kernels of a run, and what the kernels work. */
import * as Plot from "@observablehq/plot";
import { bytesText, explain, flopsText, kernelCost, type Plan } from "@chain-of-sight/kernels";
import { frameSvg } from "./frame.ts";
import { axisLabel, type Figure, figureOf, palette, plotSvg } from "./plot.ts";

/** Contents of the figure. */
export interface PlanChart {
  /** Title. */
  readonly title: string;
  /** The plan. */
  readonly plan: Plan;
  /** Width in pixels, 880 if absent. */
  readonly width?: number;
}

/** The memory of one tensor for as long as it is alive. */
interface Block {
  readonly from: number;
  readonly to: number;
  readonly low: number;
  readonly high: number;
  readonly kind: "scratch" | "output";
}

const COLOURS = { scratch: palette[5]!, output: palette[4]! } as const;

/** Blocks of what kernels write to scratch memory and results, buffers stacked on each other. */
const blocksOf = ({ kernels, memory }: Plan): readonly Block[] => {
  const shown = memory.buffers.map((b) => b.role !== "input" ? b.bytes : 0);
  const starts = shown.map((_, i) => shown.slice(0, i).reduce((a, b) => a + b, 0));
  return kernels.flatMap((k, i) =>
    k.outputs.flatMap(({ tensor }): Block[] => {
      const slot = memory.slots[memory.slotOf.get(tensor) ?? -1];
      if (slot === undefined || slot.role === "input") return [];
      const to = slot.role === "output"
        ? kernels.length
        : Math.min(kernels.length, Math.max(i, memory.lives.lastRead.get(tensor) ?? i) + 1);
      return slot.ranges.map(({ buffer, offset, bytes }) => ({
        from: i,
        to,
        low: starts[buffer]! + offset,
        high: starts[buffer]! + offset + bytes,
        kind: slot.role as Block["kind"],
      }));
    })
  );
};

const UNITS = ["B", "KiB", "MiB", "GiB"] as const;

/** Draws a plan: a rectangle for each tensor, as long as it lives and as high as it is large; below, work per kernel. */
export const planChart = ({ title, plan, width = 880 }: PlanChart): Figure => {
  const e = explain(plan), blocks = blocksOf(plan), n = Math.max(1, plan.kernels.length);
  const top = blocks.reduce((m, b) => Math.max(m, b.high), 1);
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(top) / 10)), by = 1024 ** power;
  const frame = { width, marginLeft: 62, marginRight: 14 };
  const axis = (label: string) => ({
    label,
    labelAnchor: "center" as const,
    labelArrow: "none" as const,
    labelOffset: 50,
  });
  const memory = plotSvg({
    ...frame,
    height: 300,
    marginTop: 12,
    marginBottom: 24,
    x: { domain: [0, n], label: null },
    y: { domain: [0, top / by], label: null, grid: true },
    marks: [
      Plot.rect(blocks, {
        x1: "from",
        x2: "to",
        y1: (b: Block) => b.low / by,
        y2: (b: Block) => b.high / by,
        fill: (b: Block) => COLOURS[b.kind],
        stroke: "white",
        strokeWidth: n > 200 ? 0.2 : 0.6,
      }),
      Plot.axisY(axis(`Memory (${UNITS[power]})`)),
      Plot.axisX({ label: null, ticks: [] }),
    ],
  });
  // the kernels of a scan count for all of its turns
  const work = plan.kernels.map((k, i) => {
    const inside = k.kind === "repeat" ? explain({ ...plan, kernels: [k] }) : kernelCost(k);
    return { from: i, to: i + 1, flops: inside.flops / 1e6, bytes: inside.bytes / 2 ** 20 };
  });
  const bars = (of: "flops" | "bytes", label: string, fill: string, height: number) =>
    plotSvg({
      ...frame,
      height,
      marginTop: 8,
      marginBottom: of === "bytes" ? 42 : 10,
      x: { domain: [0, n], label: null },
      y: { label: null, grid: true, ticks: 3 },
      marks: [
        Plot.rectY(work, { x1: "from", x2: "to", y: of, fill, insetLeft: n > 200 ? 0 : 0.5 }),
        Plot.axisY({ ...axis(label), ticks: 3 }),
        Plot.axisX(
          of === "flops" ? { label: null, ticks: [] } : axisLabel("Kernels in order", 36),
        ),
      ],
    });
  const parts = [
    { svg: memory, height: 300 },
    { svg: bars("flops", "MFLOP", palette[0]!, 110), height: 110 },
    { svg: bars("bytes", "MiB moved", palette[2]!, 140), height: 140 },
  ];
  const at = parts.map((_, i) => parts.slice(0, i).reduce((y, p) => y + p.height, 0));
  return figureOf(frameSvg({
    title,
    subtitle: `${e.count} kernels, ${flopsText(e.flops)}, ${bytesText(e.bytes)} moved; ${
      bytesText(e.memory.inputs)
    } inputs and state (not drawn), ${bytesText(e.memory.scratch)} scratch, ${
      bytesText(e.peakScratch)
    } of it alive at most`,
    legend: [
      { name: "scratch, by the tensor that is there", colour: COLOURS.scratch },
      ...(blocks.some((b) => b.kind === "output") ? [{ name: "results", colour: COLOURS.output }] : []),
    ],
    panels: [{
      svg: parts.map((p, i) => `<g transform="translate(0,${at[i]})">${p.svg}</g>`).join(""),
      width,
      height: parts.reduce((y, p) => y + p.height, 0),
    }],
  }));
};
