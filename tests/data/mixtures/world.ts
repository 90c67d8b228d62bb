/** A small world on disk: images of coloured shapes as JPEG and PNG, and annotation files of three formats about them. */
import { Buffer } from "node:buffer";
import sharp from "sharp";
import type { MixtureConfig } from "../../../pipelines/mixtures/mixture_config.ts";
import { trainBpe } from "../../../pipelines/text/bpe.ts";
import { askCaption, shortAnswer } from "../../../pipelines/text/prompts.ts";

/** Content of an image. */
export interface Shape {
  /** Its number, from 1. */
  readonly id: number;
  /** Colour. */
  readonly colour: string;
  /** Kind. */
  readonly kind: "circle" | "square";
  /** Its file. */
  readonly file: string;
}

const colours = ["red", "green", "blue", "yellow"];

/** The shapes of a world: no two images are alike. */
export const shapes = (count: number): readonly Shape[] =>
  Array.from({ length: count }, (_, i) => {
    const id = i + 1, kind = i % 2 === 0 ? "circle" : "square";
    return {
      id,
      colour: colours[(i >> 1) % 4]!,
      kind,
      file: `shape_${String(id).padStart(4, "0")}.${i % 3 === 0 ? "png" : "jpg"}`,
    };
  });

const drawing = ({ id, colour, kind }: Shape): string => {
  const width = 90 + id, height = 70 + 2 * id, at = 20 + id;
  const body = kind === "circle"
    ? `<circle cx="${at + 12}" cy="${at + 10}" r="18" fill="${colour}"/>`
    : `<rect x="${at}" y="${at}" width="30" height="26" fill="${colour}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<rect width="100%" height="100%" fill="white"/>${body}</svg>`;
};

/** Writes the images of some shapes into a folder. */
export const writeImages = async (folder: string, some: readonly Shape[]): Promise<void> => {
  await Deno.mkdir(folder, { recursive: true });
  for (const shape of some) {
    const image = sharp(Buffer.from(drawing(shape)));
    await (shape.file.endsWith("png") ? image.png() : image.jpeg({ quality: 92 })).toFile(
      `${folder}/${shape.file}`,
    );
  }
};

const question = (shape: Shape, of: "colour" | "kind"): string =>
  `What ${of} is the ${of === "kind" ? "shape" : shape.kind}?`;
const caption = (
  { colour, kind }: Shape,
): readonly string[] => [`a ${colour} ${kind}`, `one ${kind} in ${colour}`];

/** LLaVA's conversations: two turns about every image, and a text without one. */
export const conversations = (some: readonly Shape[]): unknown[] => [
  ...some.map((shape) => ({
    id: String(shape.id),
    image: shape.file,
    conversations: [
      { from: "human", value: `<image>\n${question(shape, "colour")}` },
      { from: "gpt", value: shape.colour },
      { from: "human", value: question(shape, "kind") },
      { from: "gpt", value: shape.kind },
    ],
  })),
  { id: "text", conversations: [{ from: "human", value: "say one" }, { from: "gpt", value: "one" }] },
];

/** The two files of VQAv2: a question about the colour, one about the kind. */
export const vqa = (
  some: readonly Shape[],
): { readonly questions: unknown; readonly annotations: unknown } => {
  const asked = some.flatMap((shape) =>
    (["colour", "kind"] as const).map((of, i) => ({ shape, of, question_id: shape.id * 10 + i }))
  );
  return {
    questions: {
      questions: asked.map(({ shape, of, question_id }) => ({
        image_id: shape.id,
        question: question(shape, of),
        question_id,
      })),
    },
    annotations: {
      annotations: asked.map(({ shape, of, question_id }) => ({
        image_id: shape.id,
        question_id,
        question_type: `what ${of}`,
        answer_type: "other",
        answers: Array.from(
          { length: 10 },
          (_, i) => ({ answer: i === 3 ? "unsure" : shape[of], answer_id: i + 1 }),
        ),
      })),
    },
  };
};

/** Writes JSON. */
export const writeValue = (path: string, value: unknown): Promise<void> =>
  Deno.writeTextFile(path, JSON.stringify(value));

/** Where images of VQAv2 are: here an image of each kind of file has two names, so that ids find them. */
const byId = (folder: string, some: readonly Shape[]): Promise<unknown> =>
  Promise.all(
    some.map((shape) =>
      Deno.copyFile(`${folder}/${shape.file}`, `${folder}/id_${String(shape.id).padStart(6, "0")}.img`)
    ),
  );

/** Writes a world of so many images; gives the mixture that describes it, with paths relative to the folder. */
export const writeWorld = async (folder: string, count: number): Promise<MixtureConfig> => {
  const all = shapes(count);
  await writeImages(`${folder}/images`, all);
  await byId(`${folder}/images`, all);
  await writeValue(`${folder}/llava.json`, conversations(all));
  await writeValue(`${folder}/captions.json`, {
    images: all.map(({ id, file }) => ({ id, file_name: file })),
    annotations: all.flatMap((shape) =>
      caption(shape).map((text) => ({ image_id: shape.id, caption: text }))
    ),
  });
  const { questions, annotations } = vqa(all);
  await writeValue(`${folder}/questions.json`, questions);
  await writeValue(`${folder}/annotations.json`, annotations);
  const texts = all.flatMap((shape) => [
    ...caption(shape),
    ...[question(shape, "colour"), question(shape, "kind")].flatMap((q) => [q, shortAnswer(q)]),
    shape.colour,
    shape.kind,
    askCaption,
    "say one yes no",
  ]);
  await writeValue(`${folder}/tokenizer.json`, trainBpe(texts, 192));
  return {
    parts: [
      { name: "llava", format: "llava", files: ["llava.json"], images: { folder: "images" }, weight: 2 },
      {
        name: "coco",
        format: "coco-captions",
        files: ["captions.json"],
        images: { folder: "images" },
        weight: 1,
      },
      {
        name: "vqa",
        format: "vqav2",
        files: ["questions.json", "annotations.json"],
        images: { folder: "images", name: "id_{image:6}.img" },
        weight: 1,
        turns: 2,
      },
    ],
    text: { tokenizer: "tokenizer.json", template: "plain", length: 48 },
  };
};
