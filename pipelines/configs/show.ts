/** Configurations as text and as JSON for a terminal. */
import { type BridgeDescription, bridgeRules } from "@chain-of-sight/core";
import { type Cell, table } from "../terminal/table.ts";
import type { NamedConfig, StageName, TrainingStage } from "./config.ts";
import { bridgeDescriptionOf, bridgeOfStage, trainableParameters } from "./model.ts";

/** Values derived from a configuration, alongside its fields. */
export interface ConfigFacts {
  /** The bridge of fine-tuning as data. */
  readonly finetuneBridge: BridgeDescription;
  /** Visual tokens of each stage. */
  readonly tokens: Readonly<Record<StageName, number>>;
  /** Trained parameters of each stage. */
  readonly trainableParameters: Readonly<Record<StageName, number>>;
}

/** Values derived from a configuration. */
export const factsOf = (config: NamedConfig): ConfigFacts => {
  const each = (of: (stage: StageName) => number): Readonly<Record<StageName, number>> => ({
    pretrain: of("pretrain"),
    finetune: of("finetune"),
  });
  return {
    finetuneBridge: bridgeDescriptionOf(config, "finetune"),
    tokens: each((stage) => bridgeOfStage(config, stage).tokens),
    trainableParameters: each((stage) => trainableParameters(config, stage)),
  };
};

const count = (n: number): string => n.toLocaleString("en-US");

const rowNames = ({ rows }: NamedConfig): string =>
  rows.length === 0 ? "-" : rows.map(({ table, row }) => `${table} ${row}`).join(", ");

/** A line for every configuration. */
export const configTable = (configs: readonly NamedConfig[]): string =>
  table(
    [
      "name",
      "bridge",
      { name: "pre-train tokens", align: "right" },
      { name: "time", align: "right" },
      { name: "fine-tune tokens", align: "right" },
      { name: "px", align: "right" },
      { name: "trained in fine-tuning", align: "right" },
      "row of the paper",
    ],
    configs.map((config): readonly Cell[] => {
      const { tokens, trainableParameters } = factsOf(config), time = config.rows[0]?.relativeTime;
      return [
        config.name,
        config.bridge.kind,
        tokens.pretrain,
        time === undefined || time === null ? "" : `${time.toFixed(2)}x`,
        tokens.finetune,
        config.finetune.resolution,
        count(trainableParameters.finetune),
        rowNames(config),
      ];
    }),
  );

/** A bridge in a few words: its kind and settings. */
export const bridgeText = ({ kind, ...settings }: BridgeDescription): string => {
  const said = Object.entries(settings).map(([name, value]) =>
    value !== null && typeof value === "object" && "kind" in value
      ? `${name} ${bridgeText(value as BridgeDescription)}`
      : `${name} ${Array.isArray(value) ? `[${value.join(" ")}]` : String(value)}`
  );
  return said.length === 0 ? kind : `${kind} (${said.join(", ")})`;
};

const stageLines: readonly (readonly [string, (stage: TrainingStage) => string])[] = [
  ["images", (s) => `${s.resolution} px`],
  [
    "trained",
    (s) => [...s.trainable, ...(s.lora === null ? [] : [`LoRA of rank ${s.lora.rank}`])].join(", "),
  ],
  ["steps", (s) => `${count(s.steps)} of ${count(s.batch)} images`],
  ["text tokens", (s) => count(s.textTokens)],
  ["rate", (s) => `${s.rate} to ${s.floor}, warm-up ${count(s.warmup)}`],
  ["weight decay", (s) => String(s.weightDecay)],
];

/** One configuration in full. */
export const configText = (config: NamedConfig): string => {
  const facts = factsOf(config), { source, differences } = bridgeRules[config.bridge.kind];
  const stages = table(["", "pre-training", "fine-tuning"], [
    ["bridge", bridgeText(config.bridge), bridgeText(facts.finetuneBridge)],
    ["visual tokens", count(facts.tokens.pretrain), count(facts.tokens.finetune)],
    [
      "parameters trained",
      count(facts.trainableParameters.pretrain),
      count(facts.trainableParameters.finetune),
    ],
    ...stageLines.map(([name, of]) => [name, of(config.pretrain), of(config.finetune)]),
  ]);
  const reported = config.rows.map(({ table, row, label, scores, note }) =>
    `  ${table} ${row} (${label}): ${Object.entries(scores).map(([k, v]) => `${k} ${v}`).join(", ")}` +
    (note === "" ? "" : `\n    ${note}`)
  );
  return [
    `${config.name}, ${config.geometry} size`,
    config.about,
    stages,
    `bridge from: ${source}`,
    `differences: ${differences}`,
    ...(reported.length === 0 ? [] : ["reported in arXiv 2407.15819:", ...reported]),
    "assumptions:",
    ...config.assumptions.map((text) => `  ${text}`),
  ].join("\n");
};

/** One configuration as JSON: its fields, and what follows from them under `facts`. */
export const configJson = (config: NamedConfig): NamedConfig & { readonly facts: ConfigFacts } => ({
  ...config,
  facts: factsOf(config),
});
