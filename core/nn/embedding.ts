/** Embeddings: rows of a table chosen by ids. */
import { gather } from "../ops/index.ts";
import { parameter, type ParameterSpec, truncatedNormal } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";

/** Parameters of an embedding. */
export type EmbeddingParams<A> = {
  /** `[rows, d]`. */
  readonly weight: A;
};

/** Specifications of a table of `rows` rows of `d` numbers. */
export const embeddingSpecs = (rows: number, d: number, std = 0.02): EmbeddingParams<ParameterSpec> => ({
  weight: parameter([rows, d], truncatedNormal(std)),
});

/** Rows for i32 ids `[...]`: `[..., d]`; an id outside the table gives zeros. Data-last. */
export const embedding =
  ({ weight }: EmbeddingParams<Tensor>): (ids: Tensor) => Tensor => (ids: Tensor): Tensor =>
    gather(weight)(ids);
