/** An ablation as a value: a family of arms at the size of a preset, with its seeds. It is one list of experiments. */
import * as t from "io-ts";
import type { TypeOf } from "../base/bridge.ts";
import { oneOf } from "../base/codecs.ts";
import { whole } from "../base/numbers.ts";
import type { Resolved } from "../engine/resolve.ts";
import { workOf } from "../engine/work.ts";
import {
  armCodec,
  baseFields,
  baseOf,
  resolvedOn,
  settingFields,
  settingOf,
  type StudyBase,
  type StudySetting,
} from "./base.ts";

/** Every family, each named after the table that it follows; `quickstart` is the shortest. */
export const familyNames = [
  "main",
  "referring",
  "token-scaling",
  "inflation",
  "bridges",
  "object-size",
  "quickstart",
] as const;

/** Name of a family. */
export type FamilyName = (typeof familyNames)[number];

/** Every preset, the smallest first. */
export const presetNames = ["smoke", "micro", "lab", "base"] as const;

/** Name of a preset. */
export type PresetName = (typeof presetNames)[number];

const unlike = (values: readonly unknown[]): boolean =>
  values.length > 0 && new Set(values).size === values.length;

/**
 * `equalWork` arms are pre-trained for as many operations as the baseline instead of as many steps.
 * @internal
 */
export const ablationArm = t.intersection([armCodec(), t.partial({ equalWork: t.boolean })]);

/** An arm of an ablation. */
export type AblationArm = TypeOf<typeof ablationArm>;

/** @internal */
export const configFields = t.exact(t.intersection([
  t.type({
    ...baseFields,
    /** The family that the arms are of. */
    family: oneOf(familyNames),
    /** The preset that the sizes are of. */
    preset: oneOf(presetNames),
    /** Seeds of initial weights and of the order of examples; every arm is trained once with each. */
    seeds: t.refinement(t.readonlyArray(whole), unlike, "one seed or more, all different"),
    /** The arms, in the order of tables. */
    arms: t.refinement(
      t.readonlyArray(ablationArm),
      (arms) => unlike(arms.map(({ name }) => name)),
      "one arm or more, with different names",
    ),
    /** Name of the arm that the others are compared with. */
    baseline: t.string,
  }),
  t.partial(settingFields),
]));

/** Everything that decides an ablation. `--set` changes its fields by path, such as `pretrain.steps=100`. */
export type AblationConfig =
  & StudyBase
  & StudySetting
  & Pick<TypeOf<typeof configFields>, "family" | "preset" | "seeds" | "arms" | "baseline">;

const configType = t.refinement(
  configFields as unknown as t.Type<AblationConfig, unknown, unknown>,
  ({ arms, baseline }) => arms.some(({ name }) => name === baseline),
  "a baseline that is one of the arms",
);

/** Codec of {@link AblationConfig}; it takes complete configurations only. */
export const ablationCodec = (): t.Type<AblationConfig, unknown, unknown> => configType;

/** Steps of long trainings come in fives: the FLOPs of a step change by less than that with the rules of the compiler. */
const wholeSteps = (steps: number): number =>
  steps < 100 ? Math.max(1, Math.round(steps)) : 5 * Math.round(steps / 5);

/** The experiment of one arm and one seed. Throws ConfigError for an arm that does not fit. */
export const experimentOf = (config: AblationConfig, arm: AblationArm, seed: number): Resolved => {
  const { equalWork = false, ...plain } = arm, base = { ...baseOf(config), ...settingOf(config) };
  const resolved = resolvedOn(base, plain, seed);
  if (!equalWork) return resolved;
  const { equalWork: _, ...baseline } = config.arms.find(({ name }) => name === config.baseline)!;
  const share = workOf(resolvedOn(base, baseline, seed), "pretrain").flops /
    workOf(resolved, "pretrain").flops;
  const steps = wholeSteps(base.pretrain.steps * share);
  return resolvedOn({ ...base, pretrain: { ...base.pretrain, steps } }, plain, seed);
};

/** All experiments of an ablation, arm by arm, with all seeds of each. Throws ConfigError for an arm that does not fit. */
export const experimentsOf = (config: AblationConfig): readonly Resolved[] =>
  config.arms.flatMap((arm) => config.seeds.map((seed) => experimentOf(config, arm, seed)));
