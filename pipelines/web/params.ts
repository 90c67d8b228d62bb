/** Parameters of a model out of named arrays. */
import {
  type NdArray,
  type ParameterSpec,
  specTrees,
  type Tree,
  type TreeError,
  unflatten,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";

/** The parameters of some specifications, from the arrays whose names begin with a prefix; a lost one is a TreeError. */
export const paramsIn = (
  arrays: Readonly<Record<string, NdArray>>,
  specs: Tree<ParameterSpec>,
  prefix = "",
): Effect.Effect<Tree<NdArray>, TreeError> =>
  Effect.try({
    try: () => {
      const named = Object.entries(arrays).filter(([path]) => path.startsWith(prefix));
      const flat = Object.fromEntries(named.map(([path, value]) => [path.slice(prefix.length), value]));
      return unflatten(specTrees, specs, flat) as Tree<NdArray>;
    },
    catch: (cause) => cause as TreeError,
  });
