/**
 * Families of arms, each after a table or a question of arXiv 2407.15819. Arms are named configurations at a quarter of
 * the paper's token counts (geometry `small`), and have the names of these with the tokens that the arms have.
 */
import { under } from "@chain-of-sight/core";
import { configsOf } from "../configs/named.ts";
import type { NamedConfig } from "../configs/config.ts";
import type { PaperTable } from "../configs/paper_row.ts";
import type { PresetName } from "../configs/preset.ts";
import { shippedSizes } from "../decoder/shipped.ts";
import { type Experiment, trainsOf } from "../engine/experiment.ts";
import { arenaSettings, droppingArms } from "./arena.ts";
import { type Arm, type FamilyName, setting } from "./config.ts";
import { sizeArms, sizeSettings } from "./object_size.ts";
import { referringSettings } from "./referring.ts";

/** A family of arms. */
export interface Family {
  /** Its name. */
  readonly name: FamilyName;
  /** Its content. */
  readonly about: string;
  /** The table of the paper that it follows; null for questions that the paper leaves open. */
  readonly table: PaperTable | null;
  /** The arms, in the order of the table; `base` is what they change. */
  readonly arms: (base: Experiment) => readonly Arm[];
  /** The arm that the others are compared with. */
  readonly baseline: string;
  /** Arms that are enough for the points of the table where there is no GPU, those first without which it has none. */
  readonly few: readonly string[];
  /** What it changes of a preset, where it has a world of its own. */
  readonly settings?: (preset: PresetName, base: Experiment) => readonly string[];
}

/** The name of a configuration with the tokens and the resolution that it has at a quarter of the paper's. */
export const quarterName = (name: string): string =>
  name.replace(
    /(at-)?(?<=-)(\d+)(?=-|$)/g,
    (_, at: string | undefined, n: string) =>
      at === undefined ? String(Number(n) / 4) : `${at}${Number(n) / 2}`,
  );

const small: ReadonlyMap<string, NamedConfig> = new Map(
  configsOf("small").map((c) => [quarterName(c.name), c]),
);

/** The arm of a named configuration, by the name that it has here. */
export const armNamed = (name: string): Arm => {
  const { bridge, expansion } = small.get(name)!;
  return { name, settings: [setting("model.bridge", bridge), setting("expand.by", expansion)] };
};

const ofTable = (table: PaperTable): readonly Arm[] =>
  [...small.entries()]
    .flatMap(([name, config]) =>
      config.rows.filter((row) => row.table === table).map((row) => ({ name, row }))
    )
    .toSorted((a, b) => a.row.row - b.row.row)
    .map(({ name }) => armNamed(name));

const ofRows = (table: PaperTable): Pick<Family, "arms"> => {
  const arms = ofTable(table);
  return { arms: () => arms };
};

const main: Family = {
  name: "main",
  about: "Few tokens in pre-training and many in fine-tuning, against many or few all the way (section 4.1).",
  table: "main",
  ...ofRows("main"),
  baseline: "resampler-84-84",
  few: [
    "resampler-84-84",
    "cos-20-20",
    "cos-20-84",
    "resampler-20-20",
    "cos-8-132",
    "linear-64-64-at-112",
  ],
};

const referring: Family = {
  name: "referring",
  about: "Where is it: the models of the main table, trained on places alone (section 4.2).",
  table: "referring",
  ...ofRows("referring"),
  baseline: "cos-20-20",
  few: ["cos-20-20", "cos-20-84", "resampler-20-20", "cos-8-132"],
  settings: referringSettings,
};

const tokenScaling: Family = {
  name: "token-scaling",
  about:
    "Which lineage grows, by smaller windows, by resolution or by both, from one pre-training (section 4.3).",
  table: "token-scaling",
  ...ofRows("token-scaling"),
  baseline: "cos-20-20",
  few: ["cos-20-20", "cos-20-20-at-112", "cos-20-84", "cos-20-36", "cos-20-68", "cos-20-84-at-112"],
};

const inflationNames = [
  "cos-20-84",
  "cos-20-84-fresh",
  "cos-20-84-reversed",
  "cos-20-84-one-level",
  "cos-20-324",
  "cos-20-324-fresh",
  "cos-20-324-fresh-queries",
  "cos-20-324-reversed",
  "resampler-20-20",
  "resampler-20-20-one-level",
  "resampler-84-84",
  "resampler-84-84-one-level",
] as const;

const inflation: Family = {
  name: "inflation",
  about:
    "What inflation is worth against a random start, what the order of tokens is, and one level against two.",
  table: null,
  arms: () => inflationNames.map(armNamed),
  baseline: "cos-20-84",
  few: ["cos-20-84", "cos-20-84-fresh", "cos-20-84-reversed", "cos-20-84-one-level"],
};

/** The baselines: those that keep their tokens, those that grow, and Chain-of-Sight and the resampler as both. */
const bridgeNames = [
  "resampler-84-84",
  "resampler-20-20",
  "cos-20-20",
  "cos-20-84",
  "mlp-64-64-at-112",
  "average-pool-16-16",
  "average-pool-64-64",
  "pool-then-grow-16-64",
  "c-abstractor-16-16",
  "c-abstractor-16-64",
  "token-packer-16-16",
  "token-packer-16-64",
  "pixel-shuffle-16-64",
  "nested-pool-16-64",
  "nested-queries-16-64",
] as const;

/** Ending of the names of arms that are pre-trained for as much work as the baseline. */
export const EQUAL_COMPUTE = "-equal-compute";

const bridges: Family = {
  name: "bridges",
  about:
    "Every baseline bridge with as many steps, and again with as much work in pre-training as the baseline has.",
  table: null,
  arms: () => [
    ...bridgeNames.map(armNamed),
    ...bridgeNames.slice(1).map((name) => ({
      ...armNamed(name),
      name: `${name}${EQUAL_COMPUTE}`,
      equalWork: true,
    })),
  ],
  baseline: "resampler-84-84",
  few: [
    "resampler-84-84",
    "cos-20-84",
    `cos-20-84${EQUAL_COMPUTE}`,
    "pool-then-grow-16-64",
    "token-packer-16-64",
    `pool-then-grow-16-64${EQUAL_COMPUTE}`,
  ],
};

const arenaNames = ["resampler-84-84", "cos-20-84", "average-pool-64-64"] as const;
const arenaGrown = ["nested-pool-16-64", "nested-queries-16-64", "pool-then-grow-16-64"] as const;

const arena: Family = {
  name: "arena",
  about:
    "Methods of the same promise: training with fewer visual tokens by dropping, nesting or pooling them.",
  table: null,
  arms: (base) => {
    const others = [...droppingArms(base, armNamed("average-pool-64-64")), ...arenaGrown.map(armNamed)];
    return [
      ...arenaNames.map(armNamed),
      ...others,
      ...others.map((arm) => ({ ...arm, name: `${arm.name}${EQUAL_COMPUTE}`, equalWork: true })),
    ];
  },
  baseline: "cos-20-84",
  few: [
    ...arenaNames,
    "random-drop-16-64",
    "pyramid-drop-64-64",
    "dual-speed-10-64",
    ...arenaGrown,
    `random-drop-16-64${EQUAL_COMPUTE}`,
    `pyramid-drop-64-64${EQUAL_COMPUTE}`,
    `dual-speed-10-64${EQUAL_COMPUTE}`,
  ],
  settings: arenaSettings,
};

const objectSize: Family = {
  name: "object-size",
  about:
    "The same scenes at 224 and at 448 px, with 20 and with 84 tokens, by size of the object in question, with large objects as the control.",
  table: null,
  arms: () => sizeArms,
  baseline: sizeArms[0]!.name,
  few: sizeArms.map(({ name }) => name),
  settings: sizeSettings,
};

/** A decoder of the shipped one's sizes that starts from nothing; that of a base that starts so anyway. */
const freshDecoder = ({ model: { decoder } }: Experiment): readonly string[] => {
  const { width, layers, heads, ff } = shippedSizes;
  return decoder.from === "fresh"
    ? []
    : [setting("model.decoder", { from: "fresh", width, layers, heads, ff })];
};

/** What trains the bridge alone: of what is trained, and of groups, the rest is left out. */
const bridgeAlone = (base: Experiment): readonly string[] =>
  trainsOf(base).flatMap(({ name, trainable, ...train }) => [
    setting(`${name}.trainable`, trainable.filter(under("bridge"))),
    ...(["learningRate", "weightDecay"] as const).flatMap((field) => {
      const groups = train[field];
      return typeof groups === "number" ? [] : [setting(
        `${name}.${field}`,
        Object.fromEntries(Object.entries(groups).filter(([path]) => under("bridge")(path))),
      )];
    }),
  ]);

const grows = armNamed("cos-20-84");
const quickNames = ["resampler-84-84", "cos-20-84", "cos-8-132"];
const decoderNames = ["cos-20-84-fresh", "cos-20-84-frozen", "cos-20-84-lora"] as const;

/** Low-rank adapters of the decoder in place of its own weights, at the learning rate of the bridge. */
const adapters = (base: Experiment): readonly string[] => [
  setting("model.adapter", { rank: 8, alpha: 16 }),
  ...trainsOf(base).flatMap(({ name, learningRate }) => [
    setting(`${name}.trainable`, ["bridge", "lora"]),
    ...(typeof learningRate === "number"
      ? []
      : [setting(`${name}.learningRate`, { bridge: learningRate.bridge, lora: learningRate.bridge })]),
  ]),
];

const quick: Family = {
  name: "quickstart",
  about:
    "The resampler with many tokens, and Chain-of-Sight that grows from 20 and 8; from 20 again with a decoder that " +
    "starts from nothing, with one that is frozen, and with low-rank adapters of a frozen one.",
  table: null,
  arms: (base) => [
    ...quickNames.map(armNamed),
    { name: decoderNames[0], settings: [...grows.settings, ...freshDecoder(base)] },
    { name: decoderNames[1], settings: [...grows.settings, ...bridgeAlone(base)] },
    { name: decoderNames[2], settings: [...grows.settings, ...adapters(base)] },
  ],
  baseline: quickNames[0]!,
  few: [...quickNames, ...decoderNames],
};

/** All families by name. */
export const families: Readonly<Record<FamilyName, Family>> = {
  main,
  referring,
  "token-scaling": tokenScaling,
  inflation,
  bridges,
  arena,
  "object-size": objectSize,
  quickstart: quick,
};

/** The named configuration that an arm is, by its name. */
export const configOfArm = (name: string): NamedConfig | undefined => small.get(name);
