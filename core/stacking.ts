/**
 * Stacked layers: the parameters of equal blocks as one array for each kind, with the blocks along axis 0, as loops
 * over layers (`scan`) read them. Checkpoints keep the layout of lists; these functions go from one to the other.
 */
import { type NdArray, ndarray } from "./array.ts";
import { TreeError } from "./errors.ts";
import { tensors } from "./grad.ts";
import { reshape, sliceAxis } from "./ops/movement.ts";
import { parameter, type ParameterSpec, specTrees } from "./parameter.ts";
import { equals, show, sizeOf } from "./shape.ts";
import type { Tensor } from "./tensor.ts";
import type { Mapped, Tree } from "./tree.ts";

/** Arrays by path. */
export type Arrays = Readonly<Record<string, NdArray>>;

/** Specifications of `n` equal blocks as those of their stacks. Each stack starts from one key: its path's. */
export const stackedSpecs = <T extends Tree<ParameterSpec>>(
  block: T,
  n: number,
): Mapped<T, ParameterSpec, ParameterSpec> =>
  specTrees.map(block, ({ shape, dtype, init }) => parameter([n, ...shape], init, dtype));

/** The parameters of one block of a stack: views, which take no memory. */
export const layerAt = <T extends Tree<Tensor>>(stacked: T, i: number): Mapped<T, Tensor, Tensor> =>
  tensors.map(stacked, (x) => reshape(x.shape.slice(1))(sliceAxis(0, i, i + 1)(x)));

const refuse = (op: string, got: string, expected: string): never => {
  throw new TreeError({ op, got, expected, hint: "check that the arrays belong to this model" });
};

/** `before.list.3.after` as its parts, for the path of a list; paths may have anything before the list. */
const partsOf = (list: string, path: string): readonly [string, number, string] | undefined => {
  const start = path === list || path.startsWith(`${list}.`) ? 0 : path.indexOf(`.${list}.`) + 1;
  if (start === 0 && !path.startsWith(`${list}.`)) return undefined;
  const [index, ...rest] = path.slice(start + list.length + 1).split(".");
  return /^\d+$/.test(index ?? "") && rest.length > 0
    ? [path.slice(0, start + list.length), Number(index), rest.join(".")]
    : undefined;
};

/**
 * Arrays of a list of blocks (`model.layers.0.mlp.up_proj.weight`, ...) as their stacks (`model.layers.mlp.up_proj.weight`,
 * one axis more). What is not of the list stays. Works on parameters and on whole training states by path.
 * @throws {TreeError} where a block lacks an array, or has it in another shape.
 */
export const stackLayers = (list: string): (arrays: Arrays) => Record<string, NdArray> => (arrays) => {
  const out: Record<string, NdArray> = {}, rows = new Map<string, NdArray[]>();
  for (const [path, array] of Object.entries(arrays)) {
    const parts = partsOf(list, path);
    if (parts === undefined) {
      out[path] = array;
      continue;
    }
    const [before, i, after] = parts, stacked = `${before}.${after}`;
    const row = rows.get(stacked) ?? [];
    row[i] = array;
    rows.set(stacked, row);
  }
  const longest = Math.max(0, ...[...rows.values()].map((row) => row.length));
  for (const [path, row] of rows) {
    const [first] = row;
    const bad = Array.from({ length: longest }, (_, i) => row[i]).findIndex((x) =>
      x === undefined || first === undefined || !equals(x.shape, first.shape) || x.dtype !== first.dtype
    );
    if (bad >= 0) {
      const x = row[bad];
      refuse(
        "stackLayers",
        `${x === undefined ? "nothing" : `${x.dtype} ${show(x.shape)}`} for ${path} in block ${bad}`,
        first === undefined
          ? `an array in each of ${longest} blocks`
          : `${first.dtype} ${show(first.shape)}, as in block 0`,
      );
    }
    const size = sizeOf(first!.shape), Data = first!.data.constructor as Float32ArrayConstructor;
    const data = new Data(longest * size);
    row.forEach((x, i) => data.set(x.data, i * size));
    out[path] = ndarray(first!.dtype, [longest, ...first!.shape], data);
  }
  return out;
};

/**
 * The opposite of `stackLayers`: stacks below a path as the arrays of a list of `n` blocks.
 * @throws {TreeError} where a stack is not of `n` blocks.
 */
export const unstackLayers =
  (list: string, n: number): (arrays: Arrays) => Record<string, NdArray> => (arrays) =>
    Object.fromEntries(
      Object.entries(arrays).flatMap(([path, array]): [string, NdArray][] => {
        const start = path.startsWith(`${list}.`) ? 0 : path.indexOf(`.${list}.`) + 1;
        if (start === 0 && !path.startsWith(`${list}.`)) return [[path, array]];
        if (array.shape[0] !== n) {
          refuse("unstackLayers", `${show(array.shape)} for ${path}`, `a stack of ${n} blocks`);
        }
        const shape = array.shape.slice(1), size = sizeOf(shape), end = start + list.length;
        return Array.from({ length: n }, (_, i): [string, NdArray] => [
          `${path.slice(0, end)}.${i}${path.slice(end)}`,
          ndarray(array.dtype, shape, array.data.slice(i * size, (i + 1) * size)),
        ]);
      }),
    );
