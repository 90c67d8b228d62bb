/** Tables of names: how tensors of another project's files become parameters of a model here, and back. */
import { type ParameterSpec, type PathPredicate, specTrees, type Tree } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { misfit, type MisfitError, type Misshapen } from "./misfit.ts";
import type { StoredTensor, WeightSource } from "./source.ts";
import { isFloatType } from "./stored.ts";

/** One parameter, or one of every block: `{i}` stands for an index. */
export interface Row {
  /** Path of the parameter here. */
  readonly ours: string;
  /** Name of the tensor there. */
  readonly theirs: string;
  /** Whether the matrix lies transposed there. */
  readonly transposed?: boolean;
}

/** All names of a model. */
export interface NameTable {
  /** What the model is called in errors. */
  readonly model: string;
  /** Its parameters. */
  readonly rows: readonly Row[];
  /** What may stand before every name; the first is written. */
  readonly prefixes: readonly string[];
  /** Chooses tensors, by full name, that are left where they are. */
  readonly ignored: PathPredicate;
}

/** A parameter and the tensor that it is read from. */
export interface Placement {
  /** Path of the parameter. */
  readonly path: string;
  /** Lengths of its axes. */
  readonly shape: readonly number[];
  /** Whether the tensor lies transposed. */
  readonly transposed: boolean;
  /** The tensor. */
  readonly from: StoredTensor;
}

/** A row for one path: the tensor's name without prefix. */
export interface Named {
  /** Path of the parameter. */
  readonly path: string;
  /** Its name there. */
  readonly name: string;
  /** Lengths of its axes here. */
  readonly shape: readonly number[];
  /** Whether it lies transposed there. */
  readonly transposed: boolean;
}

const INDEX = /(?<=^|\.)\d+(?=\.|$)/g;

/**
 * The names of all parameters of a model.
 * @throws {Error} for a parameter that the table forgot, which is a mistake of the table.
 */
export const namesOf = (table: NameTable, specs: Tree<ParameterSpec>): readonly Named[] => {
  const rows = new Map(table.rows.map((row) => [row.ours, row]));
  return specTrees.entries(specs).map(([path, { shape }]) => {
    const row = rows.get(path.replace(INDEX, "{i}")), indices = path.match(INDEX) ?? [];
    if (row === undefined) throw new Error(`the names of ${table.model} have no row for ${path}`);
    let at = 0;
    const name = row.theirs.replace(/\{i\}/g, () => indices[at++]!);
    return { path, name, shape, transposed: row.transposed ?? false };
  });
};

/** The shape in which a parameter is stored. */
export const storedShape = ({ shape, transposed }: Pick<Named, "shape" | "transposed">): readonly number[] =>
  transposed ? shape.toReversed() : shape;

const show = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

const prefixOf = (
  table: NameTable,
  names: readonly Named[],
  held: ReadonlyMap<string, StoredTensor>,
): string => {
  const hits = (prefix: string) => names.filter(({ name }) => held.has(prefix + name)).length;
  return table.prefixes.reduce((best, p) => hits(p) > hits(best) ? p : best, table.prefixes[0] ?? "");
};

const misshape = ({ type, shape, name }: StoredTensor, named: Named): readonly Misshapen[] => {
  const want = storedShape(named);
  return isFloatType(type) && show(shape) === show(want) ? [] : [{
    name,
    got: `${type} ${show(shape)}`,
    expected: `floats ${show(want)}`,
  }];
};

/**
 * Finds every parameter of a model in a checkpoint. What is missing, surplus or misshapen is one error. Placements are in
 * the order of the files.
 */
export const place = (
  table: NameTable,
  specs: Tree<ParameterSpec>,
  source: WeightSource,
): E.Either<MisfitError, readonly Placement[]> => {
  const held = new Map(source.tensors.map((x) => [x.name, x])), names = namesOf(table, specs);
  const prefix = prefixOf(table, names, held), wanted = new Map(names.map((n) => [prefix + n.name, n]));
  const found = misfit(`load ${source.path}`, table.model, {
    missing: [...wanted.keys()].filter((name) => !held.has(name)),
    surplus: [...held.keys()].filter((name) => !wanted.has(name) && !table.ignored(name)),
    misshapen: [...wanted].flatMap(([name, n]) => held.has(name) ? misshape(held.get(name)!, n) : []),
  });
  return found !== undefined ? E.left(found) : E.right(
    source.tensors.flatMap((from) => {
      const named = wanted.get(from.name);
      return named === undefined
        ? []
        : [{ path: named.path, shape: named.shape, transposed: named.transposed, from }];
    }),
  );
};
