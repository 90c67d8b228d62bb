/** Trees of named leaves: parameters, optimiser state, batches. Paths join the names with dots. */
import { TreeError } from "./errors.ts";

/** A leaf, or a record or list of trees. */
export type Tree<A> = A | { readonly [name: string]: Tree<A> } | readonly Tree<A>[];

/** The same tree with other leaves: replaces the leaf type `A` by `B` through records and lists. */
export type Mapped<T, A, B> = T extends A ? B
  : T extends readonly (infer U)[] ? readonly Mapped<U, A, B>[]
  : T extends object ? { readonly [K in keyof T]: Mapped<T[K], A, B> }
  : never;

/** Decides whether a node is a leaf. */
export type IsLeaf<A> = (node: unknown) => node is A;

const children = (node: unknown): [string, unknown][] => {
  if (node instanceof Map || node instanceof Set) {
    throw new TreeError({
      op: "tree",
      got: `a ${node.constructor.name}`,
      expected: "records and lists",
      hint: node instanceof Map ? "use Object.fromEntries(map)" : "use [...set]",
    });
  }
  return Array.isArray(node) ? node.map((v, i) => [String(i), v]) : Object.entries(node as object);
};

const join = (path: string, name: string): string => path === "" ? name : `${path}.${name}`;

/** The operations on trees whose leaves `isLeaf` recognises. */
export interface TreeOps<A> {
  /** Leaves with their paths, in order of construction. */
  readonly entries: (tree: Tree<A>) => [string, A][];
  /** Leaves alone. */
  readonly leaves: (tree: Tree<A>) => A[];
  /** Replaces every leaf. */
  readonly map: <T extends Tree<A>, B>(tree: T, f: (leaf: A, path: string) => B) => Mapped<T, A, B>;
  /** Leaves as a flat record from path to leaf. Throws TreeError where two leaves have one path. */
  readonly flatten: (tree: Tree<A>) => Record<string, A>;
}

/** Tree operations for one kind of leaf. */
export const treeOf = <A>(isLeaf: IsLeaf<A>): TreeOps<A> => {
  const entries = (tree: Tree<A>): [string, A][] => {
    const out: [string, A][] = [];
    const walk = (node: unknown, path: string): void => {
      if (isLeaf(node)) out.push([path, node]);
      else for (const [k, v] of children(node)) walk(v, join(path, k));
    };
    walk(tree, "");
    return out;
  };
  const map = <T extends Tree<A>, B>(tree: T, f: (leaf: A, path: string) => B): Mapped<T, A, B> => {
    const walk = (node: unknown, path: string): unknown =>
      isLeaf(node)
        ? f(node, path)
        : Array.isArray(node)
        ? node.map((v, i) => walk(v, join(path, String(i))))
        : Object.fromEntries(children(node).map(([k, v]) => [k, walk(v, join(path, k))]));
    return walk(tree, "") as Mapped<T, A, B>;
  };
  return {
    entries,
    leaves: (t) => entries(t).map(([, a]) => a),
    map,
    flatten: (t) => {
      const found = entries(t);
      checkPaths(found);
      return Object.fromEntries(found);
    },
  };
};

/** Refuses two leaves of one path. */
const checkPaths = (entries: readonly (readonly [string, unknown])[]): void => {
  const seen = new Set<string>(), twice = entries.find(([path]) => seen.size === seen.add(path).size);
  if (twice === undefined) return;
  throw new TreeError({
    op: "flatten",
    got: `two leaves at ${twice[0]}`,
    expected: "a path of its own for every leaf",
    hint: 'use names without dots: `{ a: { b } }` and `{ "a.b" }` have one path',
  });
};

/**
 * Fills the shape of `like` with the leaves of a flat record.
 * @throws {TreeError} naming every path that is missing.
 */
export const unflatten = <T extends Tree<A>, A, B>(
  ops: TreeOps<A>,
  like: T,
  flat: Readonly<Record<string, B>>,
): Mapped<T, A, B> => {
  const wanted = ops.entries(like);
  checkPaths(wanted);
  const missing = wanted.map(([p]) => p).filter((p) => !(p in flat));
  if (missing.length > 0) {
    throw new TreeError({
      op: "unflatten",
      got: `no value for ${missing.slice(0, 8).join(", ")}${
        missing.length > 8 ? ` and ${missing.length - 8} more` : ""
      }`,
      expected: "a value for every path of the tree",
      hint: "check that the file or record belongs to this model",
    });
  }
  return ops.map(like, (_, path) => flat[path]!);
};

/**
 * The tree with further leaves in its nodes, given by the node's path (`""` is the root). Leaves of the same names are
 * replaced; paths that are no node of the tree are passed over.
 */
export const graft = <A>(
  isLeaf: IsLeaf<A>,
  tree: Tree<A>,
  further: Readonly<Record<string, Readonly<Record<string, A>>>>,
): Tree<A> => {
  const walk = (node: Tree<A>, path: string): Tree<A> =>
    isLeaf(node) ? node : Array.isArray(node) ? node.map((v, i) => walk(v, join(path, String(i)))) : {
      ...Object.fromEntries(Object.entries(node).map(([k, v]) => [k, walk(v as Tree<A>, join(path, k))])),
      ...further[path],
    };
  return walk(tree, "");
};

/** Path of the node that holds a leaf. */
export const ownerOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf(".")));

/** Chooses leaves by path: freezing, LoRA, weight decay and learning-rate groups are such predicates. */
export type PathPredicate = (path: string) => boolean;

/** Paths that start with one of the prefixes (whole names: `bridge` does not match `bridges.x`). */
export const under = (...prefixes: readonly string[]): PathPredicate => (path) =>
  prefixes.some((p) => path === p || path.startsWith(`${p}.`));
