/** A complete example of an experiment on files of one's own: images, annotations, a tokenizer, and the run itself. */
import { Buffer } from "node:buffer";
import * as Effect from "effect/Effect";
import sharp from "sharp";
import { DataError } from "../base/data_error.ts";
import { atomicWrite, type DiskError, existing, onDisk } from "../base/disk.ts";
import { commentedJson, jsonSchema } from "../base/schema.ts";
import { writeJson } from "../runs/run_directory.ts";
import { trainBpe } from "../text/bpe.ts";
import { type Experiment, experimentCodec } from "./experiment.ts";

const colours = ["red", "green", "blue", "yellow"] as const, kinds = ["circle", "square"] as const;
const shapes = colours.flatMap((colour) =>
  kinds.map((kind) => ({ colour, kind, file: `${colour}_${kind}.png` }))
);

const drawing = ({ colour, kind }: (typeof shapes)[number]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="112" height="112"><rect width="112" height="112" fill="white"/>${
    kind === "circle"
      ? `<circle cx="56" cy="56" r="32" fill="${colour}"/>`
      : `<rect x="26" y="26" width="60" height="60" fill="${colour}"/>`
  }</svg>`;

const asked = { colour: "What colour is the shape?", kind: "What is the shape?" } as const;
const shortly = "Answer the question using a single word or phrase.";

const conversations = shapes.map(({ colour, kind, file }, id) => ({
  id: String(id),
  image: file,
  conversations: [
    { from: "human", value: `<image>\n${asked.colour}\n${shortly}` },
    { from: "gpt", value: colour },
    { from: "human", value: `${asked.kind}\n${shortly}` },
    { from: "gpt", value: kind },
  ],
}));

const questions = shapes.flatMap((shape, image_id) =>
  (["colour", "kind"] as const).map((of, i) => ({ of, shape, image_id, question_id: 10 * image_id + i }))
);

const text = { tokenizer: "tokenizer.json", template: "plain", length: 64 };

const files: Readonly<Record<string, unknown>> = {
  "conversations.json": conversations,
  "questions.json": {
    questions: questions.map(({ of, image_id, question_id }) => ({
      image_id,
      question_id,
      question: asked[of],
    })),
  },
  "answers.json": {
    annotations: questions.map(({ of, shape, image_id, question_id }) => ({
      image_id,
      question_id,
      question_type: "what",
      answer_type: "other",
      answers: Array.from({ length: 10 }, (_, i) => ({ answer: shape[of], answer_id: i + 1 })),
    })),
  },
  "train.json": {
    parts: [{ name: "shapes", format: "llava", files: ["conversations.json"], images: { folder: "images" } }],
    text,
  },
  "ask.json": {
    parts: [{
      name: "shapes",
      format: "vqav2",
      files: ["questions.json", "answers.json"],
      images: { folder: "images", name: "{image}.png" },
    }],
    text,
  },
};

const training = {
  data: "train.json",
  batch: 4,
  warmup: 5,
  weightDecay: 0.01,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head"],
  every: 50,
} as const;

const example: Experiment = {
  $schema: "./run.schema.json",
  name: "shapes",
  seed: 1,
  model: {
    vision: { from: "shipped" },
    bridge: { kind: "chain-of-sight", windows: [8, 4], queries: [4, 1], levels: 2, order: "coarse-to-fine" },
    bridgeHeads: 2,
    decoder: { from: "fresh", width: 64, layers: 2, heads: 2, ff: 128 },
    init: 0.06,
  },
  stages: [
    { train: { name: "pretrain", ...training, steps: 60, learningRate: 3e-3 } },
    { expand: { by: { kind: "grow", growth: { resolution: 2, global: 2, local: 2 }, start: "source" } } },
    { train: { name: "finetune", ...training, steps: 40, learningRate: 1e-3 } },
    { evaluate: { data: "ask.json", benchmarks: { shapes: "vqav2" }, batch: 8, tokens: 4 } },
  ],
};

const words = [
  ...shapes.flatMap(({ colour, kind }) => [colour, kind]),
  ...Object.values(asked),
  shortly,
  "yes no USER: ASSISTANT: a the is",
];

const bytes = (content: string): readonly Uint8Array[] => [new TextEncoder().encode(content)];

/**
 * Writes the example into a folder that has no run.json yet; gives the path of the experiment. It trains in less than a
 * minute on two cores: `deno task cos train <folder>/run.json`.
 */
export const writeExample = (folder: string): Effect.Effect<string, DataError | DiskError> =>
  Effect.gen(function* () {
    const path = `${folder}/run.json`;
    if (yield* existing(path)) {
      return yield* Effect.fail(
        new DataError({
          op: `write an example into ${folder}`,
          got: `a run.json that exists`,
          expected: "a new or empty folder",
          hint: "name another folder, or run that one: deno task cos train " + path,
        }),
      );
    }
    yield* onDisk("make", folder, () => Deno.mkdir(`${folder}/images`, { recursive: true }));
    for (const [i, shape] of shapes.entries()) {
      const png = yield* Effect.promise(() => sharp(Buffer.from(drawing(shape))).png().toBuffer());
      // the questions name images by number
      for (const name of [shape.file, `${i}.png`]) yield* atomicWrite(`${folder}/images/${name}`, [png]);
    }
    for (const [name, value] of Object.entries(files)) yield* writeJson(`${folder}/${name}`, value);
    yield* writeJson(`${folder}/tokenizer.json`, trainBpe(words, 160));
    yield* writeJson(`${folder}/run.schema.json`, {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      ...jsonSchema(experimentCodec()),
    });
    yield* atomicWrite(path, bytes(`${commentedJson(experimentCodec(), example)}\n`));
    return path;
  });
