/** Samples of formats: expressions with boxes. */
import { encode, json, lines, type Sample, sample, type SampleFile } from "./sample_form.ts";

const refs = [
  {
    sent_ids: [0, 1],
    file_name: "COCO_train2014_000000581857_16.jpg",
    ann_id: 1719310,
    ref_id: 0,
    image_id: 581857,
    split: "train",
    category_id: 1,
    sentences: [["the lady with the blue shirt", 0], ["lady w back to us", 1]],
  },
  {
    sent_ids: [2],
    file_name: "COCO_train2014_000000000009_2.jpg",
    ann_id: 44,
    ref_id: 1,
    image_id: 9,
    split: "val",
    category_id: 1,
    sentences: [["bowl 'n spoon", 2]],
  },
] as const;

/** As Python 2 writes protocol 0: byte strings by their `repr`, everything remembered. */
export const pythonTwoPickle = (value: unknown): string => {
  let key = 0;
  const put = (): string => `p${key++}\n`;
  const walk = (v: unknown): string => {
    if (typeof v === "number") return `I${v}\n`;
    if (typeof v === "string") return `S${v.includes("'") ? `"${v}"` : `'${v}'`}\n${put()}`;
    if (Array.isArray(v)) return `(l${put()}${v.map((item) => `${walk(item)}a`).join("")}`;
    const pairs = Object.entries(v as object).map(([k, item]) => `${walk(k)}${walk(item)}s`);
    return `(d${put()}${pairs.join("")}`;
  };
  return `${walk(value)}.`;
};

const refPickle: SampleFile = {
  name: "refs(unc).p",
  bytes: encode(pythonTwoPickle(refs.map((r) => ({
    ...r,
    sentences: r.sentences.map(([sent, sent_id]) => ({ tokens: sent.split(" "), raw: sent, sent_id, sent })),
  })))),
  form: "binary",
};
const instances = json("instances.json", {
  info: {},
  licenses: [],
  images: [
    { file_name: "COCO_train2014_000000581857.jpg", height: 640, width: 427, id: 581857 },
    { file_name: "COCO_train2014_000000000009.jpg", height: 480, width: 640, id: 9 },
  ],
  annotations: [
    {
      segmentation: [[1, 2, 3, 4]],
      area: 1,
      iscrowd: 0,
      image_id: 581857,
      bbox: [103.93, 299.99, 134.22, 177.42],
      category_id: 1,
      id: 1719310,
    },
    { area: 1, iscrowd: 0, image_id: 9, bbox: [1, 2, 30, 40], category_id: 1, id: 44 },
  ],
  categories: [{ supercategory: "person", id: 1, name: "person" }],
});

export const boxesSamples: readonly Sample[] = [
  sample(
    "refcoco",
    [refPickle, instances],
    6,
    [["the lady with the blue shirt", "0"], ["lady w back to us", "1"], ["bowl 'n spoon", "2"]].map((
      [question, id],
      i,
    ) => ({
      kind: "box",
      id,
      image: i < 2 ? "COCO_train2014_000000581857.jpg" : "COCO_train2014_000000000009.jpg",
      question,
      box: i < 2 ? [103.93, 299.99, 103.93 + 134.22, 299.99 + 177.42] : [1, 2, 31, 42],
      width: i < 2 ? 427 : 640,
      height: i < 2 ? 640 : 480,
    })),
  ),
  sample(
    "refcoco-jsonl",
    [lines("refcoco_val.jsonl", [{
      image: "data/refcoco/COCO_train2014_000000581857.jpg",
      sent: "the lady with the blue shirt",
      bbox: [103.93, 299.99, 238.15, 477.41],
      height: 640,
      width: 427,
    }])],
    1,
    [{
      kind: "box",
      id: "0",
      image: "data/refcoco/COCO_train2014_000000581857.jpg",
      question: "the lady with the blue shirt",
      box: [103.93, 299.99, 238.15, 477.41],
      width: 427,
      height: 640,
    }],
  ),
];
