/** Lazy arrays read into memory, for tests that compare numbers. */
import { arrayTrees, type NdArray, type Tree } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { type LazyArray, readLazies } from "../../pipelines/weights/lazy.ts";

/** The arrays of a model by path. */
export const arraysOf = (params: Tree<LazyArray>): Promise<Readonly<Record<string, NdArray>>> =>
  Effect.runPromise(Effect.map(readLazies(params), arrayTrees.flatten));
