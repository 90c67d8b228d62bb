/** Plans as text for a terminal. */
import { bytesText, flopsText } from "@chain-of-sight/kernels";
import { type Cell, table } from "../terminal/table.ts";
import type { FlopCount, StepFlops } from "./flops.ts";
import type { ParameterCounts } from "./parameters.ts";
import type { ConfigPlan, StagePlan, StageRow } from "./plan.ts";
import type { RelativeTime } from "./relative.ts";

const count = (n: number): string => n.toLocaleString("en-US");

const right = (name: string) => ({ name, align: "right" as const });

const stageColumns = [right("pre-training"), right("fine-tuning")];

/** How people read a stage's name. */
const stageTitles = { pretrain: "pre-training", finetune: "fine-tuning" } as const;

const both = ({ stages }: ConfigPlan, of: (stage: StagePlan) => Cell): readonly Cell[] => [
  of(stages.pretrain),
  of(stages.finetune),
];

const stagesText = (plan: ConfigPlan): string =>
  table(["", ...stageColumns], [
    ["images", ...both(plan, (s) => `${s.resolution} px`)],
    ["visual tokens of an image", ...both(plan, (s) => count(s.tokens.visual))],
    ["text tokens of an image", ...both(plan, (s) => count(s.tokens.text))],
    ["images of a step", ...both(plan, (s) => count(s.batch))],
    ["of these on each GPU", ...both(plan, (s) => count(s.imagesPerDevice))],
    ["steps", ...both(plan, (s) => count(s.steps))],
  ]);

const parts: readonly (readonly [keyof ParameterCounts, string])[] = [
  ["vision", "encoder"],
  ["bridge", "bridge"],
  ["decoder", "decoder"],
  ["lora", "LoRA"],
  ["total", "all"],
];

const parametersText = ({ stages: { pretrain, finetune } }: ConfigPlan): string =>
  table(
    ["parameters", right("pre-training"), right("trained"), right("fine-tuning"), right("trained")],
    parts.map(([part, name]) => [
      name,
      ...[pretrain, finetune].flatMap((s) => [count(s.parameters[part]), count(s.trainable[part])]),
    ]),
  );

const work: readonly (readonly [keyof StepFlops, string])[] = [
  ["vision", "encoder, forward"],
  ["bridge", "bridge, forward"],
  ["decoder", "decoder, forward"],
  ["backward", "backward and update"],
  ["step", "a step"],
  ["recomputation", "more with blocks recomputed"],
];

const workText = (plan: ConfigPlan): string => {
  const shown = ({ all }: FlopCount): string => flopsText(all);
  return table(["work", ...stageColumns], [
    ...work.map(([part, name]) => [name, ...both(plan, (s) => shown(s.flops[part]))]),
    ["the stage", ...both(plan, (s) => flopsText(s.stageFlops))],
  ]);
};

const blocks = (remat: StageRow["remat"]): string => remat.length === 0 ? "none" : remat.join(", ");

const stagesOf = ({ stages }: ConfigPlan) =>
  (["pretrain", "finetune"] as const).map((name) => [name, stages[name]] as const);

const short = (n: number): string => n >= 100 ? count(Math.round(n)) : n.toPrecision(3);

const verdict = (row: StageRow, best: StageRow | null): string =>
  !row.fits ? "does not fit" : row === best ? "cheapest that fits" : "fits";

const rowsText = (plan: ConfigPlan): string =>
  table(
    [
      `a GPU in ${plan.device.precision}`,
      "recomputed blocks",
      ...["images at a time", "micro-batches", "weights", "optimiser", "data", "gradients", "activations"]
        .map(right),
      ...["peak", "s/step", "GPU-hours"].map(right),
      "",
    ],
    stagesOf(plan).flatMap(([name, { rows, best, steps }]) =>
      rows.map((row) => {
        const { weights, optimiser, data, gradients, activations, peak } = row.memory;
        return [
          stageTitles[name],
          blocks(row.remat),
          count(row.images),
          count(row.micro),
          ...[weights, optimiser, data, gradients, activations, peak].map(bytesText),
          short(3600 * row.hours / steps),
          short(row.gpuHours),
          verdict(row, best),
        ];
      })
    ),
  );

const exchangeText = (plan: ConfigPlan): readonly string[] => {
  const rows = stagesOf(plan).flatMap(([name, { best, steps }]): readonly (readonly Cell[])[] => {
    if (best?.exchange === undefined) return [];
    const { sent, staged, seconds } = best.exchange, step = 3600 * best.hours / steps;
    return [[
      stageTitles[name],
      bytesText(sent),
      bytesText(staged),
      short(seconds),
      `${(100 * seconds / step).toFixed(1)} %`,
    ]];
  });
  const columns = ["sent by a rank", "through its host", "s/step", "of the step"].map(right);
  return rows.length === 0 ? [] : [table(["exchange", ...columns], rows)];
};

/** A share above or below 1, in percent. */
const off = (share: number): string => `${share < 1 ? "" : "+"}${(100 * (share - 1)).toFixed(1)} %`;

const compiledText = (plan: ConfigPlan): readonly string[] => {
  const rows = stagesOf(plan).flatMap(([name, { best, compiled }]) => {
    if (best === null || compiled === null) return [];
    const { memory: { peak }, work } = best;
    const line = (what: string, by: number, is: number, text: (n: number) => string): readonly Cell[] => [
      stageTitles[name],
      what,
      text(by),
      text(is),
      off(is / by),
    ];
    return [
      line("peak memory", peak, compiled.peak, bytesText),
      line("dispatches", work.dispatches, compiled.dispatches, count),
      line("FLOPs", work.flops, compiled.flops, flopsText),
      line("bytes moved", work.bytes, compiled.bytes, bytesText),
    ];
  });
  const seconds = stagesOf(plan).reduce((sum, [, { compiled }]) => sum + (compiled?.seconds ?? 0), 0);
  return rows.length === 0 ? [] : [
    table(["a step", "", right("estimated"), right("compiled"), right("difference")], rows),
    `compiled for ${plan.device.name} in ${short(seconds)} s`,
  ];
};

const signed = (x: number): string => `${x < 0 ? "-" : "+"}${Math.abs(x).toFixed(2)}`;

const relativeText = ({ pretrainingTime: { points, planned, ...errors }, stages }: ConfigPlan): string => {
  const row = ({ config, tokens, predicted, measured }: RelativeTime): readonly Cell[] => [
    config,
    tokens,
    `${predicted.toFixed(2)}x`,
    measured === null ? "" : `${measured.toFixed(2)}x`,
    measured === null ? "" : signed(predicted - measured),
  ];
  const rows = points.some(({ config }) => config === planned.config) ? points : [...points, planned];
  const { fixedTokens: { predicted, measured }, rmsError, maxError } = errors;
  return [
    table(
      [
        "time of pre-training",
        right("visual tokens"),
        right("predicted"),
        right("paper"),
        right("difference"),
      ],
      rows.map(row),
    ),
    `predicted for ${stages.pretrain.tokens.text} text tokens an image and the kernels' FLOPs alone: RMSE ` +
    `${rmsError.toFixed(3)}, maximum error ${maxError.toFixed(3)};`,
    `the cost that does not depend on visual tokens equals ${predicted.toFixed(0)} of them here, ` +
    `${measured.toFixed(0)} ${
      measured > predicted
        ? "in the paper, whose texts are longer or which spends time elsewhere"
        : "in the paper"
    }`,
  ].join("\n");
};

/** A plan in full: stages, parameters, work, memory, time, and what it all rests on. */
export const planText = (plan: ConfigPlan): string => {
  const { name, geometry, device, gpus, utilisation, gpuHours } = plan;
  const roofline = `${flopsText(device.flops)}/s and ${bytesText(device.bytes)}/s in ${device.precision}`;
  const memory = device.memory === null ? "" : `, ${bytesText(device.memory)}`;
  return [
    `${name}, ${geometry} size: ${count(plan.trainableParameters)} parameters trained in fine-tuning, ` +
    (gpuHours === null ? `does not fit ${device.name}` : `${short(gpuHours)} GPU-hours`),
    `${gpus} GPU${gpus === 1 ? "" : "s"} ${device.name} (${roofline}${memory}) at ${
      Math.round(100 * utilisation)
    } % of the peak rates`,
    stagesText(plan),
    parametersText(plan),
    workText(plan),
    rowsText(plan),
    ...exchangeText(plan),
    ...compiledText(plan),
    relativeText(plan),
    "this rests on:",
    ...plan.assumptions.map((text) => `  ${text}`),
  ].join("\n");
};
