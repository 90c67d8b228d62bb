/** The part of the results about one record: its size, its arms and seeds, its runs, hashes and commands. Pure. */
import type { AblationConfig } from "../../ablations/config.ts";
import type { ArmSummary, SeedResult } from "../../ablations/summary_types.ts";
import { controlOf, type KeptAblation } from "./evidence.ts";
import { ARTEFACTS } from "./keep.ts";
import { folded, percent, short, tableOf, times } from "./markdown.ts";

/** Anchor of an arm of a record. */
const anchorOf = (record: string, arm: string): string => `${record}-${arm}`;

/** Link to the line of an arm. */
export const armLink = (record: string, arm: string): string => `[${arm}](#${anchorOf(record, arm)})`;

const questions = ({ evaluations }: KeptAblation): string => {
  const [first] = evaluations.values(), seen = first?.outcomes?.seen ?? {};
  return Object.entries(seen)
    .filter(([name, { form }]) => form === "mean" && name !== "referIou")
    .map(([name, { sums }]) => `${sums.reduce((n, [, of = 0]) => n + of, 0)} for ${name}`)
    .join(", ");
};

const sizeText = (record: KeptAblation): string => {
  const { summary, manifest } = record, config = manifest.config as unknown as AblationConfig;
  const { pretrain, finetune, scenes, model, text } = config;
  const turns = (of: object): string =>
    Object.entries(of).filter(([, n]) => n > 0).map(([kind, n]) => `${n} ${kind}`).join(", ");
  return [
    `Family \`${summary.family}\`, preset \`${summary.preset}\`, seeds ${summary.seeds.join(", ")}, on ` +
    `${summary.device}, ${summary.workers} ${summary.workers === 1 ? "job" : "jobs"} at a time, version ` +
    `${summary.codeVersion}. Decoder of ${model.layers} layers and width ${model.width}; pre-training ` +
    `${pretrain.steps} steps of ${pretrain.batch} pictures out of ${scenes.pretrain}, rows of ` +
    `${text.pretrain.length} text tokens (${turns(text.pretrain.turns)} a picture); fine-tuning ` +
    `${finetune.steps} steps of ${finetune.batch} out of ${scenes.finetune} (${
      turns(text.finetune.turns)
    }); ` +
    `${scenes.eval} held-out scenes; questions: ${questions(record)}.`,
    ...(record.note === "" ? [] : [record.note]),
    `Configuration \`${short(summary.configHash)}\`, data \`${short(manifest.dataHash)}\`. All of it again:`,
    `\`\`\`sh\n${summary.command}\n\`\`\``,
  ].join("\n\n");
};

const armTable = (record: KeptAblation): string => {
  const { summary: { arms, metrics } } = record;
  return tableOf(
    ["arm", "tokens", "px", "time", "by FLOPs", ...metrics.map(({ label }) => label)],
    arms.map((arm: ArmSummary) => [
      `<a id="${anchorOf(record.name, arm.name)}"></a>${arm.name}`,
      `${arm.tokens.pretrain} → ${arm.tokens.finetune}`,
      String(arm.resolution.finetune),
      times(arm.time.measured),
      times(arm.time.predicted),
      ...metrics.map(({ name }) => {
        const { value, low, high } = arm.scores[name]!;
        return `${percent(value)} [${percent(low)}, ${percent(high)}] (${percent(controlOf(arm, name))})`;
      }),
    ]),
  );
};

const timesPart = ({ name, times: timed, summary }: KeptAblation): readonly string[] => {
  if (timed === undefined) return [];
  const { arms, steps, rounds, load, device, configHash, command } = timed;
  return [
    `Steps of pre-training side by side on ${device}: ${rounds} rounds of ${steps} steps an arm, load of the machine ` +
    `${load.map((one) => one.toFixed(1)).join(" before and ")} after, configuration \`${
      short(configHash)
    }\`, ` +
    `[numbers](results/${name}/times.json), by \`${command}\`.`,
    tableOf(
      ["arm", "tokens", "ms a step", "ratio", "by FLOPs"],
      arms.map(({ arm, tokens, seconds, ratio: { value, low, high } }) => [
        arm,
        String(tokens),
        (1000 * seconds).toFixed(1),
        `${times(value)} [${times(low)}, ${times(high)}]`,
        times(summary.arms.find((one) => one.name === arm)?.time.predicted ?? NaN),
      ]),
    ),
  ];
};

const keyLink = (artefact: string): string => `[${artefact}](results/${ARTEFACTS}/${artefact}/manifest.json)`;

const seedTable = ({ summary: { arms, metrics } }: KeptAblation): string =>
  tableOf(
    [
      "arm, seed",
      ...metrics.map(({ label }) => label),
      "s a step",
      "loss",
      "pre-training",
      "fine-tuning",
      "evaluation",
      "config",
      "data",
    ],
    arms.flatMap(({ name, seeds }) =>
      seeds.map(({ seed, scores, secondsPerStep, loss, origin }: SeedResult) => [
        `${name}, ${seed}`,
        ...metrics.map((metric) => percent(scores[metric.name] ?? NaN)),
        secondsPerStep.pretrain.toPrecision(3),
        loss.finetune.toFixed(3),
        keyLink(origin.pretrain.artefact),
        keyLink(origin.finetune.artefact),
        keyLink(origin.evaluate.artefact),
        `\`${short(origin.evaluate.configHash)}\``,
        `\`${short(origin.evaluate.dataHash)}\``,
      ])
    ),
    ["pre-training", "fine-tuning", "evaluation", "config", "data"],
  );

const commands = ({ summary: { arms } }: KeptAblation): string =>
  `\`\`\`sh\n${
    arms.flatMap(({ seeds }) => seeds.map(({ origin }) => origin.evaluate.command)).join("\n")
  }\n\`\`\``;

/** The part about a record. */
export const recordPart = (record: KeptAblation): string =>
  [
    `### ${record.name}`,
    sizeText(record),
    "Per cent, means over seeds, 95 % intervals over seeds and scenes; in brackets the better of the two controls, " +
    "which do not see the picture that is asked about.",
    armTable(record),
    ...timesPart(record),
    ...record.figures.map((name) => `![${record.name}: ${name}](results/${record.name}/figures/${name}.svg)`),
    ...record.summary.failures.map(({ label, reason }) => `Not done: ${label}: ${reason}.`),
    folded("every arm and seed: scores, runs, hashes of configuration and data", seedTable(record)),
    folded("the command behind every arm and seed", commands(record)),
  ].join("\n\n");
