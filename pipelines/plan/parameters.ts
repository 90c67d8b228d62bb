/** Parameters by part of the model, all of them and those that a stage trains. */
import { type ParameterSpec, type PathPredicate, sizeOf, specTrees, type Tree } from "@chain-of-sight/core";

/** Numbers of parameters. */
export interface ParameterCounts {
  /** The encoder. */
  readonly vision: number;
  /** The bridge. */
  readonly bridge: number;
  /** The decoder with its table of embeddings and its output map. */
  readonly decoder: number;
  /** Low-rank additions to the decoder. */
  readonly lora: number;
  /** All together. */
  readonly total: number;
}

const partOf = (path: string): Exclude<keyof ParameterCounts, "total"> => {
  const [head] = path.split(".");
  return head === "vision" || head === "bridge" || head === "lora" ? head : "decoder";
};

/** Counts the parameters of a vision-language model by part, of those that a predicate chooses. */
export const parameterCounts = (
  specs: Tree<ParameterSpec>,
  chosen: PathPredicate = () => true,
): ParameterCounts => {
  const counts = { vision: 0, bridge: 0, decoder: 0, lora: 0, total: 0 };
  for (const [path, { shape }] of specTrees.entries(specs)) {
    if (!chosen(path)) continue;
    const size = sizeOf(shape);
    counts[partOf(path)] += size;
    counts.total += size;
  }
  return counts;
};
