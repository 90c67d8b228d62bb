/** Differences of two runs: configuration, data, code, device, stages and scores. */
import { endsOf } from "../base/fields.ts";
import type { IndexedRun } from "./index.ts";
import { isArtefact } from "./run_scores.ts";

/** What a difference is about. */
export type DifferenceKind = "configuration" | "data" | "code" | "device" | "seeds" | "stages" | "scores";

/** One field that differs; `undefined` where a run does not have it. */
export interface Difference {
  /** What it is about. */
  readonly kind: DifferenceKind;
  /** Path of the field. */
  readonly field: string;
  /** Its value in the first run. */
  readonly a: unknown;
  /** Its value in the second. */
  readonly b: unknown;
}

const between = (kind: DifferenceKind, a: unknown, b: unknown, at = ""): readonly Difference[] => {
  const of = new Map(endsOf(a, at)), than = new Map(endsOf(b, at));
  return [...new Set([...of.keys(), ...than.keys()])]
    .filter((field) => JSON.stringify(of.get(field)) !== JSON.stringify(than.get(field)))
    .map((field) => ({ kind, field, a: of.get(field), b: than.get(field) }));
};

// artefacts are named by what decides them, which the configuration says: another name is no other stage
const stagesOf = ({ manifest: { stages } }: IndexedRun): object =>
  Object.fromEntries(
    stages.filter(({ name }) => !isArtefact(name)).map(({ name, status }) => [name, status]),
  );

const codeIn = ({ manifest: { codeVersion, commit, code } }: IndexedRun): object => ({
  codeVersion,
  ...(commit === undefined ? {} : { commit }),
  ...(code === undefined ? {} : { code }),
});

/** Every difference of two runs; times and paths are none. Runs that agree give an empty list. */
export const diffRuns = (a: IndexedRun, b: IndexedRun): readonly Difference[] => [
  ...between("configuration", a.manifest.config, b.manifest.config),
  ...between("data", a.manifest.dataHash, b.manifest.dataHash, "dataHash"),
  ...between("code", codeIn(a), codeIn(b)),
  ...between("device", a.manifest.device, b.manifest.device, "device"),
  ...between("seeds", a.manifest.seeds, b.manifest.seeds, "seeds"),
  ...between("stages", stagesOf(a), stagesOf(b)),
  ...(Object.keys(a.arms).length + Object.keys(b.arms).length > 0
    ? between("scores", a.arms, b.arms)
    : between("scores", a.scores, b.scores)),
];

const shown = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);

/** Differences as rows of a table: about, field, first, second. */
export const diffRows = (differences: readonly Difference[]): readonly (readonly string[])[] =>
  differences.map(({ kind, field, a, b }) => [kind, field, shown(a), shown(b)]);
