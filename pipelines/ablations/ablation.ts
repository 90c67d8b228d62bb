/** Ablations as they are asked for: a family at the size of a preset, or an experiment of one's own; with fields swept. */
import { closest } from "fastest-levenshtein";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { DecodeError } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import type { PresetName } from "../configs/preset.ts";
import type { Experiment } from "../engine/experiment.ts";
import { changedBy } from "../engine/load.ts";
import { gridOf } from "../engine/sweep.ts";
import { type AblationConfig, type Arm, experimentOf, type FamilyName } from "./config.ts";
import { families } from "./families.ts";
import { presets } from "./presets.ts";

/** What is asked for alongside what is compared. */
export interface AblationAsked {
  /** Fields of the base that are changed, `field=value`. */
  readonly settings?: readonly string[];
  /** Fields whose values become arms, `field=a,b,c`; a grid where there are several. */
  readonly sweep?: readonly string[];
  /** The seeds; as many as the preset says by default. */
  readonly seeds?: readonly number[];
  /** Names of the arms that are taken; those of the preset by default. */
  readonly arms?: readonly string[];
}

/** The seeds from 1 to a number. */
export const seedsUpTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);

const refused = (op: string, got: string, expected: string, hint: string): E.Either<DecodeError, never> =>
  E.left(new DecodeError({ op, got, expected, hint, refusals: [] }));

/** Refuses a setting of a field that every arm sets to a value of its own. */
const withEffect = (settings: readonly string[], arms: readonly Arm[]): E.Either<DecodeError, void> => {
  const fieldOf = (text: string): string => text.slice(0, text.indexOf("="));
  const [first, ...others] = arms.map((arm) => arm.settings.map(fieldOf));
  const everywhere = (first ?? []).filter((field) => others.every((fields) => fields.includes(field)));
  for (const given of settings) {
    const lost = everywhere.find((field) => fieldOf(given) === field || given.startsWith(`${field}.`));
    if (lost !== undefined) {
      return refused(
        "--set",
        `the field ${fieldOf(given)}`,
        `a field that arms do not set themselves, as they do ${everywhere.join(" and ")}`,
        `compare its values by --sweep ${lost}=a,b`,
      );
    }
  }
  return E.right(undefined);
};

/** Arms times a grid: every arm with every combination of values. */
const times = (arms: readonly Arm[], sweep: readonly string[]): E.Either<DecodeError, readonly Arm[]> =>
  E.map((points: readonly Arm[]) =>
    arms.flatMap((arm) =>
      points.map((point) => ({
        ...arm,
        name: [arm.name, point.name].filter((part) => part !== "").join("_"),
        settings: [...arm.settings, ...point.settings],
      }))
    )
  )(gridOf(sweep));

/** Refuses arms that make no experiment of the base. */
const fitting = (config: AblationConfig): E.Either<DecodeError, AblationConfig> =>
  pipe(
    config.arms,
    E.traverseArray((arm) => experimentOf(config, arm, config.seeds[0]!)),
    E.map(() => config),
  );

const chosen = (
  all: readonly Arm[],
  names: readonly string[] | undefined,
  otherwise: readonly string[] | undefined,
): E.Either<DecodeError, readonly Arm[]> => {
  const known = all.map(({ name }) => name), unknown = names?.find((name) => !known.includes(name));
  const wanted = names ?? otherwise;
  return unknown === undefined
    ? E.right(wanted === undefined ? all : all.filter(({ name }) => wanted.includes(name)))
    : refused("--arms", unknown, `one of ${known.join(", ")}`, `the nearest is ${closest(unknown, known)}`);
};

/** The ablation of a family at the size of a preset. */
export const ablationOf = (
  family: FamilyName,
  preset: PresetName,
  { settings = [], sweep = [], seeds, arms: names }: AblationAsked = {},
): E.Either<DecodeError, AblationConfig> => {
  const { base: plain, arms: size, seeds: count } = presets[preset];
  const { few, baseline, settings: own = () => [], arms: armsOn } = families[family];
  const otherwise = size === "all" ? undefined : size === "few" ? few : few.slice(0, 3);
  const baselineIn = (plainArms: readonly Arm[], arms: readonly Arm[]): Arm =>
    plainArms.some(({ name }) => name === baseline)
      ? arms.find(({ name }) => name === baseline || name.startsWith(`${baseline}_`))!
      : arms[0]!;
  const made = (base: Experiment, plainArms: readonly Arm[]) => (arms: readonly Arm[]) =>
    fitting({
      name: `${family}-${preset}`,
      family,
      preset,
      base,
      seeds: seeds ?? seedsUpTo(count),
      arms,
      baseline: baselineIn(plainArms, arms).name,
    });
  const armed = (base: Experiment) => (plainArms: readonly Arm[]) =>
    pipe(
      withEffect(settings, plainArms),
      E.flatMap(() => times(plainArms, sweep)),
      E.flatMap(made(base, plainArms)),
    );
  return pipe(
    changedBy(plain, [...own(preset, plain), ...settings]),
    E.flatMap((base) => E.flatMap(armed(base))(chosen(armsOn(base), names, otherwise))),
  );
};

/** The ablation of an experiment of one's own: `arms` as settings of its fields, the first of them the baseline. */
export const ablationOn = (
  base: Experiment,
  arms: readonly Arm[],
  seeds: readonly number[] = [base.seed],
): E.Either<DecodeError, AblationConfig> =>
  fitting({ name: base.name, base, seeds, arms, baseline: arms[0]!.name });

/** Where an ablation goes unless said: by its name, with a hash where it differs from that of its preset. */
export const defaultDirectory = (config: AblationConfig): string => {
  const { family, preset, name } = config, hash = hashOf(config);
  const plain = family === undefined || preset === undefined ? undefined : ablationOf(family, preset);
  return plain !== undefined && E.isRight(plain) && hashOf(plain.right) === hash
    ? `runs/${name}`
    : `runs/${name}-${hash.slice(0, 8)}`;
};
