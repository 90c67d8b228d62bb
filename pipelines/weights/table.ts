/** Tables of names: how tensors of another project's files become parameters of a model here, and back. */
import { type ParameterSpec, type PathPredicate, show, specTrees, type Tree } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { misfit, type MisfitError, type Misshapen } from "./misfit.ts";
import type { StoredTensor, WeightSource } from "./source.ts";
import { isFloatType } from "./stored.ts";

/** One parameter, or one of every block: `{i}` represents an index. */
export interface Row {
  /** Path of the parameter here. */
  readonly ours: string;
  /** Name of the tensor there. */
  readonly theirs: string;
  /** Whether the matrix is transposed there. */
  readonly transposed?: boolean;
}

/** All names of a model. */
export interface NameTable {
  /** What the model is called in errors. */
  readonly model: string;
  /** Its parameters. */
  readonly rows: readonly Row[];
  /** A list of blocks whose parameters are stacked here, along axis 0, and separate there; none by default. */
  readonly stacked?: {
    /** Path of the list. */
    readonly list: string;
    /** Number of blocks. */
    readonly blocks: number;
  };
  /** What may stand before every name; the first is written. */
  readonly prefixes: readonly string[];
  /** Chooses tensors, by full name, that are left where they are. */
  readonly ignored: PathPredicate;
}

/** Which slice of a stack a tensor is. */
export interface Slice {
  /** Index along axis 0. */
  readonly index: number;
  /** Slices of the stack. */
  readonly of: number;
}

/** A parameter, or one slice of a stacked one, and its name. */
export interface Named {
  /** Path of the parameter. */
  readonly path: string;
  /** Its name there, without prefix. */
  readonly name: string;
  /** Lengths of its axes here, without that of a stack. */
  readonly shape: readonly number[];
  /** Whether it is transposed there. */
  readonly transposed: boolean;
  /** Which slice it is, of a stacked parameter. */
  readonly slice?: Slice;
}

/** A parameter and the tensor that it is read from. */
export type Placement = Omit<Named, "name"> & {
  /** The tensor. */
  readonly from: StoredTensor;
};

const INDEX = /(?<=^|\.)\d+(?=\.|$)/g;

/**
 * The names of all parameters of a model.
 * @throws {Error} for a parameter that the table forgot, which is a mistake of the table.
 */
export const namesOf = (table: NameTable, specs: Tree<ParameterSpec>): readonly Named[] => {
  const rows = new Map(table.rows.map((row) => [row.ours, row])), { stacked } = table;
  const nameOf = (path: string): Pick<Named, "name" | "transposed"> => {
    const row = rows.get(path.replace(INDEX, "{i}")), indices = path.match(INDEX) ?? [];
    if (row === undefined) throw new Error(`the names of ${table.model} have no row for ${path}`);
    let at = 0;
    return { name: row.theirs.replace(/\{i\}/g, () => indices[at++]!), transposed: row.transposed ?? false };
  };
  return specTrees.entries(specs).flatMap(([path, { shape }]): readonly Named[] =>
    stacked === undefined || !path.startsWith(`${stacked.list}.`)
      ? [{ path, shape, ...nameOf(path) }]
      : Array.from({ length: stacked.blocks }, (_, index) => ({
        path,
        shape: shape.slice(1),
        slice: { index, of: stacked.blocks },
        ...nameOf(`${stacked.list}.${index}${path.slice(stacked.list.length)}`),
      }))
  );
};

/** The names of a model that are the paths of its parameters. */
export const ownNames = (model: string, specs: Tree<ParameterSpec>): NameTable => {
  const paths = new Set(specTrees.entries(specs).map(([path]) => path.replace(INDEX, "{i}")));
  return {
    model,
    rows: [...paths].map((path) => ({ ours: path, theirs: path })),
    prefixes: [""],
    ignored: () => false,
  };
};

/** The shape in which a parameter is stored. */
export const storedShape = ({ shape, transposed }: Pick<Named, "shape" | "transposed">): readonly number[] =>
  transposed ? shape.toReversed() : shape;

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
      if (named === undefined) return [];
      const { name: _, ...place } = named;
      return [{ ...place, from }];
    }),
  );
};
