/**
 * Renders contractions. Large products are packed and computed in tiles; products with few rows, few columns or
 * next to nothing to sum read their operands where they are.
 */
import type { ContractionKernel } from "../graph/kernel.ts";
import { renderDirect } from "./direct.ts";
import type { Phase } from "./function.ts";
import type { Dialect } from "./math.ts";
import { renderPacked } from "./packed.ts";

/** Renders a contraction kernel. */
export const renderContraction = (kernel: ContractionKernel, dialect: Dialect): Phase[] => {
  const { m, n, k } = kernel.size;
  return m >= 4 && n >= 8 && k >= 4 ? renderPacked(kernel, dialect) : [renderDirect(kernel, dialect)];
};
