/** Experiments from files: JSON, with comments if need be, whose paths are relative to the file. */
import { closest } from "fastest-levenshtein";
import * as Effect from "effect/Effect";
import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";
import * as E from "fp-ts/lib/Either.js";
import { resolve } from "node:path";
import { decode, DecodeError, fromEither } from "../base/bridge.ts";
import { type DiskError, existing, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { fieldPaths, override } from "../configs/override.ts";
import {
  type Experiment,
  experimentCodec,
  stageKind,
  stageName,
  type StageSpec,
  type TrainSpec,
} from "./experiment.ts";

/** A value from JSON with comments and commas at ends of lists; the error says the line where it stops being that. */
const parseCommented = (path: string, text: string): Effect.Effect<unknown, DecodeError> =>
  Effect.suspend(() => {
    const errors: ParseError[] = [];
    const value = parse(text, errors, { allowTrailingComma: true }) as unknown, [first] = errors;
    if (first === undefined) return Effect.succeed(value);
    const line = text.slice(0, first.offset).split("\n").length;
    return Effect.fail(
      new DecodeError({
        op: path,
        got: `${printParseErrorCode(first.error)} in line ${line}`,
        expected: "JSON, in which comments are allowed",
        hint: `correct line ${line}`,
        refusals: [],
      }),
    );
  });

/** A setting of a stage by its name, `pretrain.steps=10`, as one by its place: `stages.0.train.steps=10`. */
const byPlace = ({ stages }: Experiment, setting: string): string => {
  const [name = ""] = setting.split(/[.=]/), at = stages.findIndex((spec) => stageName(spec) === name);
  return at < 0 ? setting : `stages.${at}.${stageKind(stages[at]!)}${setting.slice(name.length)}`;
};

/** The fault of a setting, with stages by their names, and the nearest of the fields so named. */
const byNames = (experiment: Experiment, { op, got, expected, hint, refusals }: DecodeError): DecodeError => {
  const named = (text: string): string =>
    text.replace(/\bstages\.(\d+)\.(train|expand|evaluate)\b/g, (place, at: string) => {
      const spec = experiment.stages[Number(at)];
      return spec === undefined ? place : stageName(spec);
    });
  const field = named(refusals[0]?.path ?? ""), near = hint.startsWith("the nearest field is ");
  return new DecodeError({
    op,
    got: named(got),
    expected: named(expected),
    hint: near ? `the nearest field is ${closest(field, fieldPaths(experiment).map(named))}` : named(hint),
    refusals,
  });
};

/** An experiment with some of its fields changed: `stages.0.train.steps=10`, or by a stage's name, `pretrain.steps=10`. */
export const changedBy = (
  experiment: Experiment,
  settings: readonly string[],
): E.Either<DecodeError, Experiment> =>
  E.mapLeft((error: DecodeError) => byNames(experiment, error))(
    override(experimentCodec(), experiment.name)(experiment, settings.map((one) => byPlace(experiment, one))),
  );

const withPaths = (
  experiment: Experiment,
  file: (path: string) => string,
  model: (path: string) => string,
): Experiment => {
  const known = <A extends { readonly from: string }>(of: A): A =>
    "folder" in of ? { ...of, folder: model(of.folder as string) } : of;
  const data = <A extends { readonly data: unknown }>(of: A): A =>
    typeof of.data === "string" ? { ...of, data: file(of.data) } : of;
  const located = ({ heldOut, warmStart, ...of }: TrainSpec): TrainSpec => ({
    ...data(of),
    ...(heldOut === undefined ? {} : { heldOut: typeof heldOut === "string" ? file(heldOut) : heldOut }),
    ...(warmStart === undefined
      ? {}
      : { warmStart: { ...warmStart, checkpoint: file(warmStart.checkpoint) } }),
  });
  const { vision, decoder } = experiment.model;
  return {
    ...experiment,
    model: { ...experiment.model, vision: known(vision), decoder: known(decoder) },
    stages: experiment.stages.map((spec): StageSpec =>
      "train" in spec
        ? { train: located(spec.train) }
        : "expand" in spec
        ? spec
        : { evaluate: data(spec.evaluate) }
    ),
  };
};

/** Reads an experiment. Paths are relative to the folder of its file, and become absolute; ids of models stay. */
export const loadExperiment = (
  path: string,
  settings: readonly string[] = [],
): Effect.Effect<Experiment, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const text = yield* onDisk("read", path, () => Deno.readTextFile(path));
    const { $schema: _, ...given } = yield* Effect.flatMap(
      parseCommented(path, text),
      decode(experimentCodec(), path),
    );
    const changed = yield* fromEither(changedBy(given, settings));
    const at = (to: string): string => resolve(folderOf(path), to), here = new Set<string>();
    for (const { from, ...of } of [changed.model.vision, changed.model.decoder]) {
      if ("folder" in of && (from === "run" || (yield* existing(at(of.folder))))) here.add(of.folder);
    }
    return withPaths(changed, at, (folder) => here.has(folder) ? at(folder) : folder);
  });
