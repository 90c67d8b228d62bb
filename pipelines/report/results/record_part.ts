/** The page of one record, `results/<record>/README.md`: its size, its arms and seeds, its runs, hashes and commands. Pure. */
import type { AblationConfig } from "../../ablations/config.ts";
import { lastOf, tokensOf } from "../../ablations/table.ts";
import { type Experiment, trainsOf, type TrainSpec } from "../../engine/experiment.ts";
import type { ArmSummary, SeedResult } from "../../ablations/summary_types.ts";
import { controlOf, type KeptAblation } from "./evidence.ts";
import { ARTEFACTS } from "./keep.ts";
import { folded, percent, short, tableOf, times } from "./markdown.ts";

/** The page of a record, relative to the folder of the records. */
export const recordPage = (record: string): string => `${record}/README.md`;

/** Link to the line of an arm, from a page in the folder of the records. */
export const armLink = (record: string, arm: string): string => `[${arm}](${recordPage(record)}#${arm})`;

const questions = ({ evaluations }: KeptAblation): string => {
  const [first] = evaluations.values(), seen = first?.outcomes?.seen ?? {};
  return Object.entries(seen)
    .filter(([name, { form }]) => form === "mean" && name !== "referIou")
    .map(([name, { sums }]) => `${sums.reduce((n, [, of = 0]) => n + of, 0)} for ${name}`)
    .join(", ");
};

const turns = (of: object): string =>
  Object.entries(of).filter(([, n]) => n > 0).map(([kind, n]) => `${n} ${kind}`).join(", ");

const decoderText = ({ model: { decoder } }: Experiment): string =>
  decoder.from === "fresh"
    ? `Decoder of ${decoder.layers} layers and width ${decoder.width}`
    : decoder.from === "run"
    ? `Decoder of ${decoder.folder}`
    : `Decoder ${decoder.from}`;

const trainingText = ({ name, steps, batch, data }: TrainSpec): string =>
  `${name} ${steps} steps of ${batch} rows ` +
  (typeof data === "string"
    ? `of ${data}`
    : `out of ${data.count} scenes, ${data.length} text tokens each (${turns(data.turns)} an image)`);

const askedText = ({ stages }: Experiment): string =>
  stages.flatMap((spec) =>
    "evaluate" in spec && typeof spec.evaluate.data !== "string"
      ? [`${spec.evaluate.data.count} held-out scenes`]
      : []
  ).join(", ");

const sizeText = (record: KeptAblation): string => {
  const { summary, manifest } = record, { base } = manifest.config as unknown as AblationConfig;
  return [
    `Family \`${summary.family}\`, preset \`${summary.preset}\`, seeds ${summary.seeds.join(", ")}, on ` +
    `${summary.device}, ${summary.workers} ${summary.workers === 1 ? "job" : "jobs"} at a time, version ` +
    `${summary.codeVersion}. ${decoderText(base)}; ${trainsOf(base).map(trainingText).join("; ")}; ` +
    `${askedText(base)}; questions: ${questions(record)}.`,
    ...(record.note === "" ? [] : [record.note]),
    `Configuration \`${short(summary.configHash)}\`, data \`${short(manifest.dataHash)}\`. All of it again:`,
    `\`\`\`sh\n${summary.command}\n\`\`\``,
  ].join("\n\n");
};

const armTable = (record: KeptAblation): string => {
  const { summary: { arms, metrics } } = record;
  return tableOf(
    ["arm", "tokens", "px", "by FLOPs", ...metrics.map(({ label }) => label)],
    arms.map((arm: ArmSummary) => [
      `<a id="${arm.name}"></a>${arm.name}`,
      tokensOf(arm, " → "),
      String(lastOf(arm.resolution)),
      times(arm.time.predicted),
      ...metrics.map(({ name }) => {
        const { value, low, high } = arm.scores[name]!;
        return `${percent(value)} [${percent(low)}, ${percent(high)}] (${percent(controlOf(arm, name))})`;
      }),
    ]),
  );
};

const timesPart = ({ times: timed, summary }: KeptAblation): readonly string[] => {
  if (timed === undefined) return [];
  const { arms, steps, rounds, load, device, configHash, command } = timed;
  return [
    `Steps of pre-training side by side on ${device}: ${rounds} rounds of ${steps} steps an arm, load of the machine ` +
    `${load.map((one) => one.toFixed(1)).join(" before and ")} after, configuration \`${
      short(configHash)
    }\`, ` +
    `[numbers](times.json), by \`${command}\`.`,
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

const keyLink = (artefact: string): string => `[${artefact}](../${ARTEFACTS}/${artefact}/manifest.json)`;

const seedTable = ({ summary: { arms, metrics } }: KeptAblation): string =>
  tableOf(
    [
      "arm, seed",
      ...metrics.map(({ label }) => label),
      "loss",
      "pre-training",
      "fine-tuning",
      "evaluation",
      "config",
      "data",
    ],
    arms.flatMap(({ name, seeds }) =>
      seeds.map(({ seed, scores, loss, origin }: SeedResult) => [
        `${name}, ${seed}`,
        ...metrics.map((metric) => percent(scores[metric.name] ?? NaN)),
        lastOf(loss).toFixed(3),
        ...Object.values(origin).map(({ artefact }) => keyLink(artefact)),
        `\`${short(lastOf(origin).configHash)}\``,
        `\`${short(lastOf(origin).dataHash)}\``,
      ])
    ),
    ["pre-training", "fine-tuning", "evaluation", "config", "data"],
  );

const commands = ({ summary: { arms } }: KeptAblation): string =>
  `\`\`\`sh\n${
    arms.flatMap(({ seeds }) => seeds.map(({ origin }) => lastOf(origin).command)).join("\n")
  }\n\`\`\``;

/** A figure with its dark variant, as Markdown. */
const figureText = (folder: string, name: string, alt: string): string =>
  `<image><source media="(prefers-color-scheme: dark)" srcset="${folder}/dark/${name}.svg">` +
  `<img alt="${alt}" src="${folder}/${name}.svg"></picture>`;

/** The page about a record. */
export const recordPart = (record: KeptAblation): string =>
  `${
    [
      `# ${record.name}`,
      "A record of [the results](../../RESULTS.md), written by `deno task cos results`. Runs are folders of " +
      `\`${ARTEFACTS}/\`, with the configuration in full, the result that the scores follow from scene by scene, and a ` +
      "share of the lines of losses. The name of a run is the hash of all that decides it, device among it: the same " +
      "command on the same device makes a run of the same name with the same numbers, except for times.",
      sizeText(record),
      "Per cent, means over seeds, 95 % intervals over seeds and scenes; in brackets the better of the two controls, " +
      "which do not see the image that is asked about.",
      armTable(record),
      ...timesPart(record),
      ...record.figures.map((name) => figureText("figures", name, `${record.name}: ${name}`)),
      ...record.summary.failures.map(({ label, reason }) => `Not done: ${label}: ${reason}.`),
      folded("every arm and seed: scores, runs, hashes of configuration and data", seedTable(record)),
      folded("the command behind every arm and seed", commands(record)),
    ].join("\n\n")
  }\n`;
