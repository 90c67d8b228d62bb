/** Parameters: their specifications, their initialisation, and the placeholders that represent them. */
import { type NdArray, ndarray } from "./array.ts";
import { type DType, zeros as zeroData } from "./dtype.ts";
import { ConfigError, TreeError } from "./errors.ts";
import { equals, type Shape, show, sizeOf } from "./shape.ts";
import { isTensor, type Tensor } from "./tensor.ts";
import { together } from "./origin.ts";
import { input } from "./ops/source.ts";
import { textHash } from "./text_hash.ts";
import { threefry2x32 } from "./threefry.ts";
import { graft, type Mapped, ownerOf, type Tree, treeOf, type TreeOps } from "./tree.ts";

/** How a parameter starts. */
export type Init =
  /** Every element 0. */
  | { readonly kind: "zeros" }
  /** Every element the same number. */
  | { readonly kind: "fill"; readonly value: number }
  /** Normal with mean 0; values outside `[-cut, cut]` are drawn again. */
  | { readonly kind: "truncatedNormal"; readonly std: number; readonly cut: number }
  /** Uniform in `[low, high)`. */
  | { readonly kind: "uniform"; readonly low: number; readonly high: number };

/** One parameter before it has numbers. */
export interface ParameterSpec {
  /** Lengths of its axes. */
  readonly shape: Shape;
  /** Its element type. */
  readonly dtype: DType;
  /** How it starts. */
  readonly init: Init;
}

/** A random key: two 32-bit words. */
export type Key = readonly [number, number];

/** Every element 0. */
export const zerosInit: Init = { kind: "zeros" };

/** Every element 1. */
export const onesInit: Init = { kind: "fill", value: 1 };

/** Normal with standard deviation `std`, cut at `±cut` (absolute, as PyTorch's `trunc_normal_`). */
export const truncatedNormal = (std: number, cut = 2): Init => ({ kind: "truncatedNormal", std, cut });

/** Uniform in `[low, high)`. */
export const uniformInit = (low: number, high: number): Init => ({ kind: "uniform", low, high });

/** A parameter of a shape. */
export const parameter = (shape: Shape, init: Init, dtype: DType = "f32"): ParameterSpec => ({
  shape,
  dtype,
  init,
});

/** Whether a value is a parameter specification. */
export const isSpec = (x: unknown): x is ParameterSpec =>
  typeof x === "object" && x !== null && "init" in x && "shape" in x && Array.isArray(x.shape);

/** Whether a value is a host array. */
export const isNdArray = (x: unknown): x is NdArray =>
  typeof x === "object" && x !== null && "data" in x && ArrayBuffer.isView(x.data);

/** Trees of specifications. */
export const specTrees: TreeOps<ParameterSpec> = treeOf(isSpec);

/** Trees of host arrays. */
export const arrayTrees: TreeOps<NdArray> = treeOf(isNdArray);

/** The key of one name under a key: adding a name to a model leaves the keys of the others as they are. */
export const foldKey = (key: Key, name: string): Key =>
  threefry2x32(key[0], key[1], textHash(name), textHash(name, 0x9e3779b9));

const unit = (word: number): number => ((word >>> 8) + 0.5) * 2 ** -24;

const fillNormal = (data: Float32Array, key: Key, std: number, cut: number): void => {
  for (let i = 0; i < data.length; i += 2) {
    let a = Infinity, b = Infinity;
    for (let attempt = 0; Math.abs(a) > cut || Math.abs(b) > cut; attempt++) {
      const [u, v] = threefry2x32(key[0], key[1], i / 2, attempt);
      const r = std * Math.sqrt(-2 * Math.log(unit(u))), angle = 2 * Math.PI * unit(v);
      a = r * Math.cos(angle);
      b = r * Math.sin(angle);
    }
    data[i] = a;
    if (i + 1 < data.length) data[i + 1] = b;
  }
};

const draw = (key: Key, { shape, dtype, init }: ParameterSpec): NdArray => {
  const data = zeroData(dtype, sizeOf(shape));
  if (init.kind === "fill") data.fill(init.value);
  else if (init.kind === "uniform") {
    for (let i = 0; i < data.length; i++) {
      data[i] = init.low + (init.high - init.low) * unit(threefry2x32(key[0], key[1], i, 0)[0]);
    }
  } else if (init.kind === "truncatedNormal") {
    if (!(init.std > 0 && init.cut > 0) || !(data instanceof Float32Array)) {
      throw new ConfigError({
        op: "initialise",
        got: `truncated normal with std ${init.std}, cut ${init.cut}, ${dtype}`,
        expected: "positive std and cut, f32",
        hint: "use zerosInit for a parameter that starts at 0",
      });
    }
    fillNormal(data, key, init.std, init.cut);
  }
  return ndarray(dtype, shape, data);
};

/** Numbers for every parameter, each from the key folded with its path. Same key and path, same numbers. */
export const initialise = <T extends Tree<ParameterSpec>>(
  key: Key,
  specs: T,
): Mapped<T, ParameterSpec, NdArray> => specTrees.map(specs, (spec, path) => draw(foldKey(key, path), spec));

/** Inputs named `prefix.path`, one per parameter (`path` alone for an empty prefix). */
export const placeholders = <T extends Tree<ParameterSpec>>(
  prefix: string,
  specs: T,
): Mapped<T, ParameterSpec, Tensor> =>
  together(() =>
    specTrees.map(specs, ({ shape, dtype }, path) => {
      const name = prefix === "" ? path : path === "" ? prefix : `${prefix}.${path}`;
      return input(name, shape, dtype);
    })
  );

/** Bindings of the inputs that `placeholders(prefix, ...)` made, from a tree of host arrays. */
export const bindingsOf = (prefix: string, values: Tree<NdArray>): Record<string, NdArray> =>
  Object.fromEntries(
    arrayTrees.entries(values).map((
      [path, a],
    ) => [prefix === "" ? path : path === "" ? prefix : `${prefix}.${path}`, a]),
  );

/** Number of elements of all parameters. */
export const countParameters = (specs: Tree<ParameterSpec>): number =>
  specTrees.leaves(specs).reduce((n, { shape }) => n + sizeOf(shape), 0);

/**
 * A loose tree of tensors as the parameters of a model: every path of the specifications with its shape. Leaves that
 * accompany a parameter, such as a low-rank addition alongside its weight, are kept.
 * @throws {TreeError} naming the first paths that are missing or differ.
 */
export const fit = <T extends Tree<ParameterSpec>>(
  model: string,
  specs: T,
  params: Tree<Tensor>,
): Mapped<T, ParameterSpec, Tensor> => {
  const given = treeOf(isTensor).flatten(params);
  const bad = specTrees.entries(specs).flatMap(([path, { shape, dtype }]) => {
    const t = given[path];
    return t !== undefined && equals(t.shape, shape) && t.dtype === dtype ? [] : [
      `${path}: ${t === undefined ? "nothing" : `${t.dtype} ${show(t.shape)}`} for ${dtype} ${show(shape)}`,
    ];
  });
  if (bad.length > 0) {
    throw new TreeError({
      op: model,
      got: bad.slice(0, 4).join("; ") + (bad.length > 4 ? `; and ${bad.length - 4} more` : ""),
      expected: "a tensor of the right shape for every parameter",
      hint: "build the parameters from the specifications of this model",
    });
  }
  const fitted = specTrees.map(specs, (_, path) => given[path]!);
  const wanted = specTrees.flatten(specs), owners = new Set(Object.keys(wanted).map(ownerOf));
  const alongside = Object.keys(given).filter((path) => !(path in wanted) && owners.has(ownerOf(path)));
  if (alongside.length === 0) return fitted;
  const further: Record<string, Record<string, Tensor>> = {};
  for (const path of alongside) {
    const owner = ownerOf(path);
    (further[owner] ??= {})[path.slice(owner === "" ? 0 : owner.length + 1)] = given[path]!;
  }
  return graft(isTensor, fitted as Tree<Tensor>, further) as typeof fitted;
};
