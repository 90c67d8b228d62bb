/** Bridges: from the features of a vision encoder to the visual tokens of a language model. */
import type { ParameterSpec } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import type { Tree } from "../tree.ts";

/** Several images made of one, which the encoder sees one by one. */
export interface Views {
  /** Number of images. */
  readonly count: number;
  /** Images `[b, h, w, c]` to images `[b count, y, x, c]`, those of an image together. */
  readonly of: (image_bhwc: Tensor) => Tensor;
}

/** Common parts of all bridges, so that baselines run under the same conditions. */
export interface Bridge {
  /** Name shown in runs and tables. */
  readonly name: string;
  /** Number of visual tokens that it makes of an image. */
  readonly tokens: number;
  /** Side of the patch grid of a view. */
  readonly grid: number;
  /** Number of feature levels that it reads. */
  readonly levels: number;
  /** How it looks at an image, where that is not once and whole. */
  readonly views?: Views;
  /** Smaller bridges on the same parameters, which are trained with it; none by default. */
  readonly members?: readonly Bridge[];
  /** Its parameters. */
  readonly specs: Tree<ParameterSpec>;
  /**
   * Visual tokens `[b, n, h]` from feature levels `[b, views grid grid, d]`, shallow first, class token dropped.
   * Throws TreeError for parameters of another bridge, ConfigError for features of another grid.
   */
  readonly apply: (params: Tree<Tensor>, features: readonly Tensor[]) => Tensor;
}
