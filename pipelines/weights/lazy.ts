/**
 * Arrays that are read when they are needed, in runs of a few megabytes: the parameters of a model as a description of where
 * each comes from, so that the host need not hold any of them.
 */
import {
  ConfigError,
  type DTypeError,
  equals,
  halved,
  initialise,
  isNdArray,
  type Key,
  type NdArray,
  type ParameterSpec,
  type Shape,
  show,
  sizeOf,
  specTrees,
  type Tree,
  TreeError,
  treeOf,
  type TreeOps,
  unflatten,
} from "@chain-of-sight/core";
import type { DeviceError, Program } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { SourceError } from "./source.ts";

/** Elements of a run, at most: an even number. */
export const RUN: number = 2 ** 20;

/** Why a lazy array could not be read. */
export type LazyError = ConfigError | SourceError;

/**
 * Takes the elements from `at` on, and is done with them when its effect ends.
 * @internal
 */
export type RunSink<E, R> = (at: number, values: Float32Array) => Effect.Effect<void, E, R>;

/**
 * Gives all elements of an array to a sink, in order.
 * @internal
 */
export type StreamRuns = <E, R>(sink: RunSink<E, R>) => Effect.Effect<void, LazyError | E, R>;

/** Files outside of a run, by name and content. */
export interface ArrayOrigin {
  /** The folder or the hub id. */
  readonly source: string;
  /** Hash of the files' content. */
  readonly hash: string;
}

/** An f32 array that is read when it is needed. */
export interface LazyArray {
  /** Lengths of its axes. */
  readonly shape: Shape;
  /** Reads it, at most {@link RUN} elements at a time. */
  readonly stream: StreamRuns;
  /** Where it comes from outside of a run; none of what a run made itself. */
  readonly origin?: ArrayOrigin;
}

const isLazy = (x: unknown): x is LazyArray =>
  typeof x === "object" && x !== null && "stream" in x && typeof x.stream === "function";

/** Trees of lazy arrays. */
export const lazyTrees: TreeOps<LazyArray> = treeOf(isLazy);

/** Gives numbers to a sink, at most {@link RUN} at a time. */
export const inRuns = <E, R>(data: Float32Array, sink: RunSink<E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    for (let at = 0; at < Math.max(1, data.length); at += RUN) {
      yield* sink(at, data.subarray(at, at + RUN));
    }
  });

/** An array that is in memory. */
export const lazyArray = ({ shape, data }: NdArray): LazyArray => ({
  shape,
  stream: (sink) => inRuns(data instanceof Float32Array ? data : Float32Array.from(data), sink),
});

/** Arrays that are in memory as lazy ones; those that are lazy stay as they are. */
export const lazyArrays = (arrays: Tree<NdArray | LazyArray>): Tree<LazyArray> =>
  treeOf((x): x is NdArray | LazyArray => isLazy(x) || isNdArray(x))
    .map(arrays, (array): LazyArray => isLazy(array) ? array : lazyArray(array));

/** What `initialise` gives for the specifications, each array when it is read. */
export const randomArrays = (seed: Key, specs: Tree<ParameterSpec>): Tree<LazyArray> =>
  specTrees.map(specs, (spec, path): LazyArray => ({
    shape: spec.shape,
    stream: (sink) =>
      Effect.flatMap(
        Effect.try({
          try: () => initialise(seed, { [path]: spec })[path]!.data as Float32Array,
          catch: (cause) => cause as ConfigError,
        }),
        (data) => inRuns(data, sink),
      ),
  }));

/** An array of one number. */
export const filledArray = (shape: Shape, value: number): LazyArray => ({
  shape,
  stream: (sink) =>
    Effect.gen(function* () {
      const size = sizeOf(shape), run = new Float32Array(Math.min(size, RUN)).fill(value);
      for (let at = 0; at < size; at += RUN) yield* sink(at, run.subarray(0, Math.min(RUN, size - at)));
    }),
});

/** Arrays that come from files outside of a run. */
export const fromOrigin = (arrays: Tree<LazyArray>, origin: ArrayOrigin): Tree<LazyArray> =>
  lazyTrees.map(arrays, (array): LazyArray => ({ ...array, origin }));

/** The arrays of some specifications, from those of their paths under a prefix; a lost one is a TreeError. */
export const lazyParams = (
  arrays: Readonly<Record<string, LazyArray>>,
  specs: Tree<ParameterSpec>,
  prefix = "",
): Effect.Effect<Tree<LazyArray>, TreeError> =>
  Effect.try({
    try: () => {
      const named = Object.entries(arrays).filter(([path]) => path.startsWith(prefix));
      const flat = Object.fromEntries(named.map(([path, value]) => [path.slice(prefix.length), value]));
      return unflatten(specTrees, specs, flat) as Tree<LazyArray>;
    },
    catch: (cause) => cause as TreeError,
  });

/** Reads an array into memory. */
export const readLazy = ({ shape, stream }: LazyArray): Effect.Effect<NdArray, LazyError> =>
  Effect.suspend(() => {
    const data = new Float32Array(sizeOf(shape));
    return Effect.as(
      stream((at, values) => Effect.sync(() => data.set(values, at))),
      { dtype: "f32" as const, shape, data },
    );
  });

/** Reads arrays into memory, one after another. */
export const readLazies = (arrays: Tree<LazyArray>): Effect.Effect<Tree<NdArray>, LazyError> =>
  Effect.gen(function* () {
    const flat: Record<string, NdArray> = {};
    for (const [path, array] of lazyTrees.entries(arrays)) flat[path] = yield* readLazy(array);
    return lazyTrees.map(arrays, (_, path) => flat[path]!) as Tree<NdArray>;
  });

/** A sink of runs that begin at even elements, for one of any. */
const evenly = <E, R>(size: number, sink: RunSink<E, R>): RunSink<E, R> => {
  let rest = new Float32Array(0);
  return (at, values) => {
    const first = at - rest.length, all = rest.length === 0 ? values : new Float32Array(values.length + 1);
    if (all !== values) {
      all.set(rest);
      all.set(values, rest.length);
    }
    const odd = all.length % 2 !== 0 && first + all.length < size, some = odd ? all.length - 1 : all.length;
    rest = all.slice(some);
    return some === 0 && odd ? Effect.void : sink(first, all.subarray(0, some));
  };
};

/** Why an array could not be put on a device. */
export type UploadError = LazyError | DeviceError | TreeError | DTypeError;

/**
 * Writes an array to an input of a program, a run at a time. One that the program has as f16 is rounded, and refused by its
 * name beyond the range of f16.
 */
export const uploadLazy = (
  { plan, writePart }: Pick<Program, "plan" | "writePart">,
  input: string,
  { shape, stream }: LazyArray,
  name: string = input,
): Effect.Effect<void, UploadError> => {
  const write = (dtype: "f16" | "f32") => (at: number, data: Float32Array) => {
    const array: NdArray = { dtype: "f32", shape: [data.length], data };
    return dtype === "f32" ? writePart(input, at, array) : Effect.flatMap(
      Effect.try({ try: () => halved(name, array), catch: (cause) => cause as DTypeError }),
      (half) => writePart(input, at, half),
    );
  };
  return Effect.suspend((): Effect.Effect<void, UploadError> => {
    const there = plan.inputs[input];
    return there === undefined || !equals(there.shape, shape)
      ? Effect.fail(
        new TreeError({
          op: "write",
          got: `an array ${show(shape)} for ${input}`,
          expected: there === undefined ? "a path that the program reads" : `an array ${show(there.shape)}`,
          hint: "check the names and shapes of the inputs",
        }),
      )
      : there.dtype === "f16"
      ? stream(evenly(sizeOf(shape), write("f16")))
      : stream(write("f32"));
  });
};

/** Writes those arrays that a program reads to its inputs named `prefix.path`, one after another. */
export const uploadLazies = (
  program: Pick<Program, "plan" | "writePart">,
  prefix: string,
  arrays: Tree<LazyArray>,
): Effect.Effect<void, UploadError> =>
  Effect.forEach(
    lazyTrees.entries(arrays).filter(([path]) => `${prefix}.${path}` in program.plan.inputs),
    ([path, array]) => uploadLazy(program, `${prefix}.${path}`, array, path),
    { discard: true },
  );
