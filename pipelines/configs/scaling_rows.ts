/** The token-scaling ablation of arXiv 2407.15819, read from the authors' project page. */
import type { PaperRow } from "./paper_row.ts";

const columns = ["Caps", "VQA", "Text", "MMB", "POPE", "SEED-I"] as const;

// group and lineages (G: global, L: local), resolution and tokens of fine-tuning, scores
const lines: readonly (readonly [string, number, number, readonly number[]])[] = [
  ["baseline", 224, 80, [111.1, 66.2, 84.5, 68.6, 84.4, 64.6]],
  ["baseline", 448, 80, [113.8, 67.0, 97.4, 69.0, 84.5, 65.0]],
  ["window G", 224, 144, [111.3, 66.0, 84.8, 67.9, 83.6, 64.8]],
  ["window L", 224, 272, [112.4, 67.0, 86.5, 68.0, 84.7, 66.0]],
  ["window G L", 224, 336, [112.7, 66.9, 86.4, 69.2, 84.8, 65.9]],
  ["resolution G", 448, 144, [114.6, 67.0, 97.7, 68.4, 84.8, 64.9]],
  ["resolution L", 448, 272, [115.0, 67.4, 100.4, 69.9, 86.0, 66.5]],
  ["resolution G L", 448, 336, [115.5, 67.8, 100.8, 70.2, 85.9, 66.4]],
  ["compound G", 448, 528, [115.4, 67.8, 100.2, 69.7, 86.2, 67.0]],
  ["compound L", 448, 1104, [114.6, 68.0, 101.2, 70.8, 86.0, 67.5]],
  ["compound G L", 448, 1296, [115.6, 68.1, 101.3, 70.3, 86.4, 67.5]],
];

/**
 * All from one pre-training with 80 tokens. Caps is the mean of COCO, Flickr and NoCaps; Text that of TextCaps and
 * TextVQA; VQA that of VQAv2, OKVQA and GQA, up to 0.23.
 */
export const scalingRows: readonly PaperRow[] = lines.map((
  [label, resolution, finetuneTokens, scores],
  i,
) => ({
  table: "token-scaling",
  row: i + 1,
  label,
  pretrainTokens: 80,
  relativeTime: null,
  resolution,
  finetuneTokens,
  scores: Object.fromEntries(columns.map((column, c) => [column, scores[c]!])),
  note: "",
}));
