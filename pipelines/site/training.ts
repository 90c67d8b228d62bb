/** The experiment of the training page: scenes drawn again in one image, questions about them, and the bridges. */
import * as Effect from "effect/Effect";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import type { DataError } from "../base/data_error.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { cos } from "../configs/entry.ts";
import type { DataConfig, Split } from "../scenes/config.ts";
import { painterOf } from "../scenes/painter.ts";
import { resampleArea } from "../images/resample.ts";
import { sampleScene } from "../scenes/scene.ts";
import { questionsOf } from "../scenes/tasks.ts";
import { loadPacks } from "../scenes/world_packs.ts";
import { type ModelConfig, partsOf } from "../stages/model.ts";
import type { TrainingTurn, WebTraining } from "../web/trainer.ts";

/** How large the experiment of the training page is. */
export interface TrainingSize {
  /** Scenes to learn from, and held-out ones that are asked about. */
  readonly scenes: number;
  /** Held-out scenes. */
  readonly held: number;
  /** Questions of a batch. */
  readonly rows: number;
  /** Steps. */
  readonly steps: number;
  /** Steps between checkpoints. */
  readonly every: number;
  /** The decoder. */
  readonly model: ModelConfig;
}

/** A few minutes on two cores. */
export const usualTraining: TrainingSize = {
  scenes: 144,
  held: 24,
  rows: 16,
  steps: 240,
  every: 20,
  model: { width: 128, layers: 2, heads: 4, ff: 352, bridgeHeads: 4, init: 0.09 },
};

const SIDE = 112;

/** The bridges: many tokens, and fewer. */
const ARMS: WebTraining["arms"] = ([
  ["resampler", { kind: "resampler", queries: 84, levels: 2 }],
  ["chain-of-sight-20", cos([8, 2], [4, 1])],
  ["chain-of-sight-8", cos([8, 4], [4, 1])],
] as const).map(([name, description]) => ({ name, bridge: { description, resolution: SIDE } }));

const COLUMNS = 12, QUESTIONS = 6, LENGTH = 24;

/** Kinds of questions that a small model learns in minutes. */
const KINDS: readonly string[] = ["presence", "count"];

const turnsOf = (data: DataConfig, split: Split, count: number, from: number): readonly TrainingTurn[] =>
  Array.from({ length: count }, (_, i) =>
    questionsOf(sampleScene(data, split, i), data)
      .filter(({ kind }) => KINDS.includes(kind))
      .slice(0, QUESTIONS)
      .map(({ prompt, answer }): TrainingTurn => [from + i, prompt, answer])).flat();

/** Questions of the same scene apart: the first of every scene, then the second. */
const interleaved = (turns: readonly TrainingTurn[]): readonly TrainingTurn[] => {
  const seen = new Map<number, number>();
  return turns.map((turn) => {
    const nth = seen.get(turn[0]) ?? 0;
    seen.set(turn[0], nth + 1);
    return { nth, turn };
  }).toSorted((a, b) => a.nth - b.nth || a.turn[0] - b.turn[0]).map(({ turn }) => turn);
};

/** Draws the scenes into one image of a site, and gives the experiment. */
export const writeTraining = (
  site: string,
  data: DataConfig,
  vocabulary: number,
  { scenes, held, rows, steps, every, model }: TrainingSize,
): Effect.Effect<WebTraining, DataError | DiskError> =>
  Effect.gen(function* () {
    const painter = painterOf(yield* loadPacks(data, ["pretrain", "eval"]), data), count = scenes + held;
    const lines = Math.ceil(count / COLUMNS), width = COLUMNS * SIDE;
    const sheet = new Uint8Array(width * lines * SIDE * 3), file = "images/training.png";
    for (let i = 0; i < count; i++) {
      const scene = i < scenes ? sampleScene(data, "pretrain", i) : sampleScene(data, "eval", i - scenes);
      const image = resampleArea(painter.paint(scene), data.master, SIDE);
      for (let y = 0; y < SIDE; y++) {
        const to = ((Math.floor(i / COLUMNS) * SIDE + y) * width + (i % COLUMNS) * SIDE) * 3;
        sheet.set(image.subarray(y * SIDE * 3, (y + 1) * SIDE * 3), to);
      }
    }
    yield* onDisk("write", `${site}/${file}`, async () => {
      const raw = { width, height: lines * SIDE, channels: 3 as const };
      await Deno.writeFile(
        `${site}/${file}`,
        await sharp(Buffer.from(sheet.buffer), { raw }).png().toBuffer(),
      );
    });
    return {
      parts: partsOf(model, vocabulary),
      arms: ARMS,
      sheet: { file, columns: COLUMNS, count, side: SIDE },
      turns: interleaved(turnsOf(data, "pretrain", scenes, 0)),
      held: turnsOf(data, "eval", held, scenes),
      rows,
      length: LENGTH,
      steps,
      learningRate: 2e-3,
      every,
    };
  });
