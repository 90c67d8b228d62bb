/**
 * Families of arms, each after a table or a question of arXiv 2407.15819. Arms are named configurations at a quarter of
 * the paper's token counts (geometry `small`), so that a row of the paper and an arm have one name.
 */
import { configsOf } from "../configs/named.ts";
import type { NamedConfig } from "../configs/config.ts";
import type { PaperTable } from "../configs/paper_row.ts";
import { quickstartArms } from "./quickstart_presets.ts";
import type { AblationArm, FamilyName, PresetName } from "./config.ts";
import type { StudyBase, StudySetting } from "./base.ts";
import { sizeArms, sizesBase } from "./object_size.ts";
import { referringBase } from "./referring.ts";

/** A family of arms. */
export interface Family {
  /** Its name. */
  readonly name: FamilyName;
  /** What it shows. */
  readonly about: string;
  /** The table of the paper that it follows; null for questions that the paper leaves open. */
  readonly table: PaperTable | null;
  /** The arms, in the order of the table. */
  readonly arms: readonly AblationArm[];
  /** The arm that the others are compared with. */
  readonly baseline: string;
  /** Arms that are enough for the points of the table where there is no GPU, those first without which it has none. */
  readonly few: readonly string[];
  /** What the sizes of a preset become where the family has a world of its own; they stay where this is absent. */
  readonly base?: (base: StudyBase, preset: PresetName) => StudyBase & StudySetting;
}

const small: ReadonlyMap<string, NamedConfig> = new Map(configsOf("small").map((c) => [c.name, c]));

const armOf = (name: string): AblationArm => {
  const { bridge, expansion } = small.get(name)!;
  return { name, bridge, expansion };
};

const ofTable = (table: PaperTable): readonly NamedConfig[] =>
  [...small.values()]
    .flatMap((config) => config.rows.filter((row) => row.table === table).map((row) => ({ config, row })))
    .toSorted((a, b) => a.row.row - b.row.row)
    .map(({ config }) => config);

const ofRows = (table: PaperTable): Pick<Family, "arms"> => ({
  arms: ofTable(table).map(({ name }) => armOf(name)),
});

const main: Family = {
  name: "main",
  about: "Few tokens in pre-training and many in fine-tuning, against many or few all the way (section 4.1).",
  table: "main",
  ...ofRows("main"),
  baseline: "resampler-336-336",
  few: [
    "resampler-336-336",
    "cos-80-80",
    "cos-80-336",
    "resampler-80-80",
    "cos-32-528",
    "linear-256-256-at-224",
  ],
};

const referring: Family = {
  name: "referring",
  about: "Where is it: the models of the main table, trained on places alone (section 4.2).",
  table: "referring",
  ...ofRows("referring"),
  baseline: "cos-80-80",
  few: ["cos-80-80", "cos-80-336", "resampler-80-80", "cos-32-528"],
  base: referringBase,
};

const tokenScaling: Family = {
  name: "token-scaling",
  about:
    "Which lineage grows, by smaller windows, by resolution or by both, from one pre-training (section 4.3).",
  table: "token-scaling",
  ...ofRows("token-scaling"),
  baseline: "cos-80-80",
  few: ["cos-80-80", "cos-80-80-at-224", "cos-80-336", "cos-80-144", "cos-80-272", "cos-80-336-at-224"],
};

const inflationNames = [
  "cos-80-336",
  "cos-80-336-fresh",
  "cos-80-336-reversed",
  "cos-80-336-one-level",
  "cos-80-1296",
  "cos-80-1296-fresh",
  "cos-80-1296-fresh-queries",
  "cos-80-1296-reversed",
  "resampler-80-80",
  "resampler-80-80-one-level",
  "resampler-336-336",
  "resampler-336-336-one-level",
] as const;

const inflation: Family = {
  name: "inflation",
  about:
    "What inflation is worth against a random start, what the order of tokens is, and one level against two.",
  table: null,
  arms: inflationNames.map(armOf),
  baseline: "cos-80-336",
  few: ["cos-80-336", "cos-80-336-fresh", "cos-80-336-reversed", "cos-80-336-one-level"],
};

/** The rivals: those that keep their tokens, those that grow, and Chain-of-Sight and the resampler as both. */
const bridgeNames = [
  "resampler-336-336",
  "resampler-80-80",
  "cos-80-80",
  "cos-80-336",
  "mlp-256-256-at-224",
  "average-pool-64-64",
  "average-pool-256-256",
  "pool-then-grow-64-256",
  "c-abstractor-64-64",
  "c-abstractor-64-256",
  "token-packer-64-64",
  "token-packer-64-256",
  "pixel-shuffle-64-256",
  "nested-pool-64-256",
  "nested-queries-64-256",
] as const;

/** Ending of the names of arms that are pre-trained for as much work as the baseline. */
export const EQUAL_COMPUTE = "-equal-compute";

const bridges: Family = {
  name: "bridges",
  about:
    "Every rival bridge with as many steps, and again with as much work in pre-training as the baseline has.",
  table: null,
  arms: [
    ...bridgeNames.map(armOf),
    ...bridgeNames.slice(1).map((name) => ({
      ...armOf(name),
      name: `${name}${EQUAL_COMPUTE}`,
      equalWork: true,
    })),
  ],
  baseline: "resampler-336-336",
  few: [
    "resampler-336-336",
    "cos-80-336",
    `cos-80-336${EQUAL_COMPUTE}`,
    "pool-then-grow-64-256",
    "token-packer-64-256",
    `pool-then-grow-64-256${EQUAL_COMPUTE}`,
  ],
};

const objectSize: Family = {
  name: "object-size",
  about:
    "The same scenes at 224 and at 448 px, with 20 and with 84 tokens, by size of the object in question, with large objects as the control.",
  table: null,
  arms: sizeArms,
  baseline: sizeArms[0]!.name,
  few: sizeArms.map(({ name }) => name),
  base: sizesBase,
};

/** Chain-of-Sight whose decoder starts from nothing, or stays as it starts. */
const decoderArms: readonly AblationArm[] = (["fresh", "frozen"] as const).map((decoder) => ({
  ...quickstartArms[1]!,
  name: `${quickstartArms[1]!.name}-${decoder}`,
  decoder,
}));

const quick: Family = {
  name: "quickstart",
  about:
    "The arms of the quickstart: the resampler with many tokens, and Chain-of-Sight that grows from 20 and 8; from 20 " +
    "again with a decoder that starts from nothing, and with one that is frozen.",
  table: null,
  arms: [...quickstartArms, ...decoderArms],
  baseline: quickstartArms[0]!.name,
  few: [...quickstartArms, ...decoderArms].map(({ name }) => name),
};

/** All families by name. */
export const families: Readonly<Record<FamilyName, Family>> = {
  main,
  referring,
  "token-scaling": tokenScaling,
  inflation,
  bridges,
  "object-size": objectSize,
  quickstart: quick,
};

/** The named configuration that an arm is, by its name; none for arms of the quickstart. */
export const configOfArm = (name: string): NamedConfig | undefined =>
  small.get(name.endsWith(EQUAL_COMPUTE) ? name.slice(0, -EQUAL_COMPUTE.length) : name);
