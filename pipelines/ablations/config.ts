/** An ablation as a value: a base experiment, arms that change fields of it, and seeds. It is one list of experiments. */
import type { ConfigError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { type DecodeError, fromEither, tried, type TypeOf } from "../base/bridge.ts";
import { about, checked, object, oneOf } from "../base/codecs.ts";
import { seed } from "../base/numbers.ts";
import { presetNames } from "../configs/preset.ts";
import {
  type Experiment,
  experimentCodec,
  nameCodec,
  trainsOf,
  type TrainSpec,
} from "../engine/experiment.ts";
import { changedBy } from "../engine/load.ts";
import { resolve, type Resolved, type ResolveError } from "../engine/resolve.ts";
import { workOf } from "../engine/work.ts";

/** Every family, each named after the table that it follows; `quickstart` is the shortest. */
export const familyNames = [
  "main",
  "referring",
  "token-scaling",
  "inflation",
  "bridges",
  "arena",
  "object-size",
  "quickstart",
] as const;

/** Name of a family. */
export type FamilyName = (typeof familyNames)[number];

const unlike = (values: readonly unknown[]): boolean => new Set(values).size === values.length;
const some = <A>(of: t.Type<A, unknown, unknown>, what: string) =>
  t.refinement(t.readonlyArray(of), (list) => list.length > 0, what);

/** @internal */
export const armFields = object({
  name: about("name, unique in the ablation", nameCodec()),
  settings: about("fields of the base that it changes, as --set does", t.readonlyArray(t.string)),
}, {
  equalWork: about(
    "whether its first training goes on for as many FLOPs as the baseline's instead of as many steps",
    t.boolean,
  ),
});

/** @internal */
export const configFields = object({
  name: about("what is compared", nameCodec()),
  base: about("the experiment that arms change", experimentCodec()),
  seeds: about("every arm is trained once with each", some(seed, "one seed or more")),
  arms: about("the arms, in the order of tables", some(armFields, "one arm or more")),
  baseline: about("name of the arm that the others are compared with", t.string),
}, {
  family: about("the family that the arms are of", oneOf(familyNames)),
  preset: about("the preset that the base is of", oneOf(presetNames)),
});

/** One arm: a name, and the settings that make its experiment of the base. */
export interface Arm extends TypeOf<typeof armFields> {}

/** Everything that decides an ablation. */
export interface AblationConfig extends TypeOf<typeof configFields> {}

const ablationType = checked(
  configFields,
  ({ arms, seeds, baseline }: AblationConfig) =>
    !unlike(seeds)
      ? "seeds that are all different"
      : !unlike(arms.map(({ name }) => name))
      ? "arms with different names"
      : arms.some(({ name }) => name === baseline)
      ? undefined
      : "a baseline that is one of the arms",
);

/** Codec of {@link AblationConfig}; it takes complete configurations only. */
export const ablationCodec = (): t.Type<AblationConfig, unknown, unknown> => ablationType;

/** A setting as arms hold it. */
export const setting = (field: string, value: unknown): string => `${field}=${JSON.stringify(value)}`;

/** The experiment of an arm and a seed; of an arm of equal work with as many steps as the base has. */
export const experimentOf = (
  { base }: Pick<AblationConfig, "base">,
  { name, settings }: Arm,
  seed: number,
): E.Either<DecodeError, Experiment> =>
  E.map((changed: Experiment) => ({ ...changed, name, seed }))(changedBy(base, settings));

/** Steps of long trainings come in fives: the FLOPs of a step change by less than that with the rules of the compiler. */
const wholeSteps = (steps: number): number =>
  steps < 100 ? Math.max(1, Math.round(steps)) : 5 * Math.round(steps / 5);

/** An experiment whose first training goes on for as many FLOPs as that of another. Throws ConfigError. */
const equalised = (resolved: Resolved, baseline: Resolved): Resolved => {
  const firstOf = ({ experiment }: Resolved): TrainSpec => trainsOf(experiment)[0]!;
  const flopsOf = (of: Resolved): number => workOf(of, firstOf(of).name).flops * firstOf(of).steps;
  const first = firstOf(resolved), steps = wholeSteps(first.steps * flopsOf(baseline) / flopsOf(resolved));
  const stages = resolved.experiment.stages.map((spec) =>
    "train" in spec && spec.train === first ? { train: { ...first, steps } } : spec
  );
  return { ...resolved, experiment: { ...resolved.experiment, stages } };
};

/** All experiments of an ablation, arm by arm, with all seeds of each; what they name is read through `cache`. */
export const experimentsOf = (
  config: AblationConfig,
  cache: string,
): Effect.Effect<readonly Resolved[], ConfigError | ResolveError> => {
  const { arms, seeds, baseline } = config;
  const resolvedArm = (arm: Arm) =>
    Effect.flatMap(fromEither(experimentOf(config, arm, seeds[0]!)), (one) => resolve(one, cache));
  return Effect.gen(function* () {
    const all: Resolved[] = [];
    for (const arm of arms) {
      const plain = yield* resolvedArm(arm);
      const equal = arm.equalWork === true
        ? yield* Effect.flatMap(
          resolvedArm(arms.find(({ name }) => name === baseline)!),
          (base) => tried(() => equalised(plain, base)),
        )
        : plain;
      all.push(...seeds.map((seed) => ({ ...equal, experiment: { ...equal.experiment, seed } })));
    }
    return all;
  });
};
