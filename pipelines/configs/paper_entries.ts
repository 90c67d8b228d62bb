/** Every row of the main, the referring and the token-scaling table of arXiv 2407.15819. */
import { compoundScaling, resolutionScaling, windowScaling } from "@chain-of-sight/core";
import { by, type ConfigEntry, pretrained, sharper } from "./entry.ts";
import { mainRows } from "./main_rows.ts";
import type { PaperRow } from "./paper_row.ts";
import { referringRows } from "./referring_rows.ts";
import { scalingRows } from "./scaling_rows.ts";

// the tables count from 1; the referring table has the models of the main one
const models = (row: number): readonly PaperRow[] => [mainRows[row - 1]!, referringRows[row - 1]!];
const scaling = (row: number): readonly PaperRow[] => [scalingRows[row - 1]!];

const G = { local: false }, L = { global: false };

/** The rows of the paper as entries. */
export const paperEntries: readonly ConfigEntry[] = [
  {
    name: "linear-256-256-at-224",
    about: "A linear projection of every patch, no growth: the baseline at 224 px.",
    bridge: { kind: "linear" },
    expansion: null,
    rows: models(1),
  },
  {
    name: "cos-80-80-at-224",
    about: "Chain-of-Sight without growth at 224 px.",
    bridge: pretrained[80],
    expansion: null,
    rows: [...models(2), ...scaling(1)],
  },
  {
    name: "cos-80-336-at-224",
    about: "Window scaling of both lineages at 224 px.",
    bridge: pretrained[80],
    expansion: by(windowScaling()),
    rows: [...models(3), ...scaling(5)],
  },
  {
    name: "resampler-336-336",
    about: "The plain resampler with many tokens from the start: the baseline of all times.",
    bridge: { kind: "resampler", queries: 336, levels: 2 },
    expansion: sharper,
    rows: models(4),
  },
  {
    name: "resampler-80-80",
    about: "The plain resampler with few tokens, no growth but of the resolution.",
    bridge: { kind: "resampler", queries: 80, levels: 2 },
    expansion: sharper,
    rows: models(5),
  },
  {
    name: "resampler-80-400",
    about: "The plain resampler on a thumbnail and 2 x 2 tiles: the existing way to more tokens.",
    bridge: { kind: "resampler", queries: 80, levels: 2 },
    expansion: { kind: "tile", tiles: 2 },
    rows: models(6),
  },
  {
    name: "cos-336-336",
    about: "Chain-of-Sight with many tokens from the start.",
    bridge: pretrained[336],
    expansion: sharper,
    rows: models(7),
  },
  {
    name: "cos-80-80",
    about: "Chain-of-Sight with few tokens, no growth but of the resolution.",
    bridge: pretrained[80],
    expansion: sharper,
    rows: [...models(8), ...scaling(2)],
  },
  {
    name: "cos-80-336",
    about: "Resolution scaling of both lineages.",
    bridge: pretrained[80],
    expansion: by(resolutionScaling()),
    rows: [...models(9), ...scaling(8)],
  },
  {
    name: "cos-80-1296",
    about: "Compound scaling of both lineages: CoS-7B.",
    bridge: pretrained[80],
    expansion: by(compoundScaling()),
    rows: [...models(10), ...scaling(11)],
  },
  {
    name: "cos-48-784",
    about: "48 tokens in pre-training, compound scaling.",
    bridge: pretrained[48],
    expansion: by(compoundScaling()),
    rows: models(11),
  },
  {
    name: "cos-32-336",
    about:
      "32 tokens in pre-training; the local lineage is scaled in resolution and window, the global in resolution.",
    bridge: pretrained[32],
    expansion: by(compoundScaling(L)),
    rows: models(12),
  },
  {
    name: "cos-32-528",
    about: "32 tokens in pre-training, compound scaling.",
    bridge: pretrained[32],
    expansion: by(compoundScaling()),
    rows: models(13),
  },
  {
    name: "cos-80-144-at-224",
    about: "Window scaling of the global lineage.",
    bridge: pretrained[80],
    expansion: by(windowScaling(G)),
    rows: scaling(3),
  },
  {
    name: "cos-80-272-at-224",
    about: "Window scaling of the local lineage.",
    bridge: pretrained[80],
    expansion: by(windowScaling(L)),
    rows: scaling(4),
  },
  {
    name: "cos-80-144",
    about: "Resolution scaling of the global lineage.",
    bridge: pretrained[80],
    expansion: by(resolutionScaling(G)),
    rows: scaling(6),
  },
  {
    name: "cos-80-272",
    about: "Resolution scaling of the local lineage.",
    bridge: pretrained[80],
    expansion: by(resolutionScaling(L)),
    rows: scaling(7),
  },
  {
    name: "cos-80-528",
    about: "Compound scaling of the global lineage; the local one in resolution alone.",
    bridge: pretrained[80],
    expansion: by(compoundScaling(G)),
    rows: scaling(9),
  },
  {
    name: "cos-80-1104",
    about: "Compound scaling of the local lineage; the global one in resolution alone.",
    bridge: pretrained[80],
    expansion: by(compoundScaling(L)),
    rows: scaling(10),
  },
];
