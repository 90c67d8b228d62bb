/** Bridges: from the features of a vision encoder to the visual tokens of a language model. */
import type { ParameterSpec } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import type { Tree } from "../tree.ts";

/** What all bridges have in common, so that rivals run under the same conditions. */
export interface Bridge {
  /** Name shown in runs and tables. */
  readonly name: string;
  /** Number of visual tokens that it makes of an image. */
  readonly tokens: number;
  /** Side of the patch grid that it expects. */
  readonly grid: number;
  /** Number of feature levels that it reads. */
  readonly levels: number;
  /** Its parameters. */
  readonly specs: Tree<ParameterSpec>;
  /**
   * Visual tokens `[b, n, h]` from feature levels `[b, grid grid, d]`, shallow first, class token dropped.
   * Throws TreeError for parameters of another bridge, ConfigError for features of another grid.
   */
  readonly apply: (params: Tree<Tensor>, features: readonly Tensor[]) => Tensor;
}
