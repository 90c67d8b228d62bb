/** An ablation as a value: a family of arms at the size of a preset, with its seeds. It is one list of experiments. */
import * as t from "io-ts";
import { oneOf } from "../base/codecs.ts";
import { type Arm, armCodec } from "../stages/model.ts";
import {
  baseOf,
  type Experiment,
  type ExperimentBase,
  type ExperimentSetting,
  settingAnd,
  settingOf,
} from "../engine/experiment.ts";
import { workOf } from "../engine/work.ts";

/** Names of the families, each after the table that it follows; `quickstart` is the shortest. */
export type FamilyName =
  | "main"
  | "referring"
  | "token-scaling"
  | "inflation"
  | "bridges"
  | "object-size"
  | "quickstart";

/** Every family. */
export const familyNames: readonly FamilyName[] = [
  "main",
  "referring",
  "token-scaling",
  "inflation",
  "bridges",
  "object-size",
  "quickstart",
];

/** Names of the sizes, the smallest first. */
export type PresetName = "smoke" | "micro" | "lab" | "base";

/** Every preset. */
export const presetNames: readonly PresetName[] = ["smoke", "micro", "lab", "base"];

/** An arm of an ablation. */
export interface AblationArm extends Arm {
  /** Pre-trains for as many operations as the baseline instead of as many steps. */
  readonly equalWork?: boolean;
}

/** Everything that decides an ablation. `--set` changes its fields by path, such as `pretrain.steps=100`. */
export interface AblationConfig extends ExperimentBase, ExperimentSetting {
  /** The family that the arms are of. */
  readonly family: FamilyName;
  /** The preset that the sizes are of. */
  readonly preset: PresetName;
  /** Keys of initial weights and of the order of examples; every arm is trained once with each. */
  readonly seeds: readonly number[];
  /** The arms, in the order of tables. */
  readonly arms: readonly AblationArm[];
  /** Name of the arm that the others are compared with. */
  readonly baseline: string;
}

const whole = t.refinement(t.number, (n) => Number.isInteger(n) && n >= 0, "an integer of at least 0");
const unlike = (values: readonly unknown[]): boolean =>
  values.length > 0 && new Set(values).size === values.length;

const armType = t.intersection([armCodec(), t.partial({ equalWork: t.boolean })]);

const configType = t.refinement(
  settingAnd<AblationConfig>({
    family: oneOf(familyNames),
    preset: oneOf(presetNames),
    seeds: t.refinement(t.readonlyArray(whole), unlike, "one seed or more, all different"),
    arms: t.refinement(
      t.readonlyArray(armType) as unknown as t.Type<readonly AblationArm[], unknown, unknown>,
      (arms) => unlike(arms.map(({ name }) => name)),
      "one arm or more, with different names",
    ),
    baseline: t.string,
  }),
  ({ arms, baseline }) => arms.some(({ name }) => name === baseline),
  "a baseline that is one of the arms",
);

/** Codec of {@link AblationConfig}; it takes complete configurations only. */
export const ablationCodec = (): t.Type<AblationConfig, unknown, unknown> => configType;

/** Steps of long trainings come in fives: the FLOPs of a step change by less than that with the rules of the compiler. */
const wholeSteps = (steps: number): number =>
  steps < 100 ? Math.max(1, Math.round(steps)) : 5 * Math.round(steps / 5);

/** The experiment of one arm and one seed. Throws ConfigError for an arm that does not fit. */
export const experimentOf = (config: AblationConfig, arm: AblationArm, seed: number): Experiment => {
  const { equalWork = false, ...plain } = arm, base = { ...baseOf(config), ...settingOf(config) };
  const experiment: Experiment = { ...base, arm: plain, seed };
  if (!equalWork) return experiment;
  const { equalWork: _, ...baseline } = config.arms.find(({ name }) => name === config.baseline)!;
  const share = workOf({ ...base, arm: baseline, seed }, "pretrain").flops /
    workOf(experiment, "pretrain").flops;
  const steps = wholeSteps(base.pretrain.steps * share);
  return { ...experiment, pretrain: { ...base.pretrain, steps } };
};

/** All experiments of an ablation, arm by arm, with all seeds of each. Throws ConfigError for an arm that does not fit. */
export const experimentsOf = (config: AblationConfig): readonly Experiment[] =>
  config.arms.flatMap((arm) => config.seeds.map((seed) => experimentOf(config, arm, seed)));
