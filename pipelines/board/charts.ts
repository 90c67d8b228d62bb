/** The charts of the board, drawn as the reports' are. */
import { lossChart, type LossCurve, type LossPoint } from "../figures/loss_chart.ts";
import { thinned } from "../report/curves.ts";
import { stageTitle } from "../ablations/figures.ts";
import type { MetricRecord } from "../runs/metrics.ts";
import { nameOf, type RunView } from "./run_view.ts";

/** Curves that a chart can still show apart; further ones are left out, and said to be. */
const LIMIT = 16;

/** Points of a curve. */
const POINTS = 300;

/** A quantity of a step. */
export interface Quantity {
  /** Name, as addresses have it. */
  readonly name: string;
  /** Name with its unit, as the axis has it. */
  readonly label: string;
  /** Its value on a line of metrics, if it is there. */
  readonly of: (record: MetricRecord) => number | undefined;
}

const plain = (name: string): Quantity => ({
  name,
  label: name === "loss" ? "Loss (nats per token)" : name,
  of: (record) => typeof record[name] === "number" ? record[name] : undefined,
});

/** Steps/s, from the measured seconds of a step; those that include compilation are left out. */
export const throughput: Quantity = {
  name: "throughput",
  label: "Steps/s",
  of: ({ seconds, warmup }) =>
    typeof seconds === "number" && seconds > 0 && warmup !== true ? 1 / seconds : undefined,
};

/** Memory that the training holds on the device. */
export const deviceMemory: Quantity = {
  name: "deviceMemory",
  label: "Device memory (MB)",
  of: ({ deviceBytes }) => typeof deviceBytes === "number" ? deviceBytes / 1e6 : undefined,
};

/** The quantity of a name. */
export const quantityOf = (name: string): Quantity =>
  [throughput, deviceMemory].find((quantity) => quantity.name === name) ?? plain(name);

/** Names of what some runs measured, the loss first. */
export const metricsOf = (runs: readonly RunView[]): readonly string[] => {
  const names = new Set<string>(["loss"]);
  for (const run of runs) {
    for (const { records, validations } of Object.values(run.series)) {
      for (const [name, value] of Object.entries({ ...records.at(-1), ...validations.records.at(-1) })) {
        if (typeof value === "number" && name !== "step") names.add(name);
      }
    }
  }
  return [...names];
};

interface Part {
  readonly label: string;
  readonly stage: string;
  readonly records: readonly MetricRecord[];
}

const partsOf = ({ series, label }: RunView): readonly Part[] =>
  Object.entries(series).map(([stage, { records, validations }]) => ({
    label,
    stage,
    records: [...records, ...validations.records],
  }));

// Of an ablation, the trainings of its arms.
const trainingsOf = (run: RunView, all: readonly RunView[], alone: boolean): readonly Part[] =>
  run.record?.runs.flatMap(({ arm, seed, artefacts }, _, runs) =>
    Object.entries(artefacts).flatMap(([stage, artefact]) => {
      const made = all.find(({ id }) => nameOf(id) === artefact);
      return Object.values(made?.series ?? {}).map(({ records, validations }) => ({
        label: `${alone ? "" : `${run.label} · `}${arm}${
          runs.some((other) => other.seed !== seed) ? `, seed ${seed}` : ""
        }`,
        stage,
        records: [...records, ...validations.records],
      }));
    })
  ) ?? [];

/** The curves of a quantity in some runs, labelled by run, or by arm in an ablation's; `all` are the runs among which an ablation's artefacts are. */
export const curvesOf = (
  drawn: readonly RunView[],
  all: readonly RunView[],
  quantity: Quantity,
): readonly LossCurve[] =>
  drawn.flatMap((run) => [...partsOf(run), ...trainingsOf(run, all, drawn.length === 1)])
    .flatMap(({ label, stage, records }) => {
      const points = records.flatMap((record): readonly LossPoint[] => {
        const value = quantity.of(record);
        return value === undefined ? [] : [{ x: record.step, loss: value }];
      });
      return points.length === 0
        ? []
        : [{ arm: label, stage: stageTitle(stage), points: thinned(points, POINTS) }];
    });

/** A drawn chart. */
export interface Chart {
  /** SVG text. */
  readonly svg: string;
  /** Labels of all curves, in the order of their colours. */
  readonly arms: readonly string[];
  /** Curves that are left out for want of room. */
  readonly leftOut: number;
}

/** How a chart is drawn. */
export interface ChartLook {
  /** Width, pixels. */
  readonly width: number;
  /** Height of a panel, pixels. */
  readonly height: number;
  /** Weight of the neighbours in the smoothing. */
  readonly smoothing: number;
  /** Whether the y axis is logarithmic. */
  readonly log?: boolean;
  /** The steps that are shown. */
  readonly steps?: readonly [number, number] | undefined;
  /** Labels of the curves that are shown; all of them without. */
  readonly arms: readonly string[];
}

/** Whether any curve has two values that differ. */
export const varies = (curves: readonly LossCurve[]): boolean =>
  curves.some(({ points }) => points.some(({ loss }) => loss !== points[0]!.loss));

/** The chart of curves of a quantity; nothing where nothing was measured. */
export const chartOf = (
  quantity: Quantity,
  curves: readonly LossCurve[],
  { arms: chosen, steps, ...look }: ChartLook,
): Chart | undefined => {
  const arms = [...new Set(curves.map(({ arm }) => arm))],
    ticked = arms.filter((arm) => chosen.includes(arm));
  const wanted = ticked.length > 0 ? ticked : arms, shown = new Set(wanted.slice(0, LIMIT));
  return curves.length === 0 ? undefined : {
    svg: lossChart({
      title: quantity.label,
      yLabel: quantity.label,
      curves: curves.filter(({ arm }) => shown.has(arm)),
      arms,
      xRange: steps,
      data: true,
      ...look,
    }).svg,
    arms,
    leftOut: wanted.length - shown.size,
  };
};
