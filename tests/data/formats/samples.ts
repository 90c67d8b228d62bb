/** Small files of every annotation format, written by hand in the official layouts, and the records that they hold. */
import { parquetWriteBuffer } from "hyparquet-writer";
import tar from "tar-stream";
import { Buffer } from "node:buffer";
import { formats } from "../../../pipelines/data/formats/formats.ts";
import type { Format } from "../../../pipelines/data/formats/format.ts";
import type { AnyRecord } from "../../../pipelines/data/formats/read.ts";

export interface SampleFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** How mutations take it apart. */
  readonly form: "json" | "lines" | "text" | "binary";
}

export interface Sample {
  readonly format: Format<AnyRecord>;
  readonly files: readonly SampleFile[];
  readonly records: readonly unknown[];
  /** Entries in the files. */
  readonly entries: number;
}

export const formatNamed = (name: string): Format<AnyRecord> => formats.find((f) => f.name === name)!;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (name: string, value: unknown): SampleFile => ({
  name,
  bytes: encode(JSON.stringify(value)),
  form: "json",
});
const lines = (name: string, values: readonly unknown[]): SampleFile => ({
  name,
  bytes: encode(values.map((v) => JSON.stringify(v)).join("\n") + "\n"),
  form: "lines",
});
const text = (name: string, value: string): SampleFile => ({ name, bytes: encode(value), form: "text" });
const sample = (
  name: string,
  files: readonly SampleFile[],
  entries: number,
  records: readonly unknown[],
): Sample => ({ format: formatNamed(name), files, records, entries });

const coco = {
  info: { description: "COCO 2014 Dataset", year: 2014 },
  images: [
    {
      license: 5,
      file_name: "COCO_val2014_000000000042.jpg",
      coco_url: "u",
      height: 478,
      width: 640,
      date_captured: "2013",
      id: 42,
    },
    { license: 5, file_name: "COCO_val2014_000000000073.jpg", height: 640, width: 564, id: 73 },
  ],
  licenses: [{ url: "u", id: 1, name: "n" }],
  annotations: [
    {
      image_id: 73,
      id: 641613,
      caption: "A motorcycle parked in a parking space next to another motorcycle.",
    },
    { image_id: 42, id: 641614, caption: "This wire metal rack holds several pairs of shoes and sandals" },
    { image_id: 42, id: 641620, caption: 'A dog sleeping on a show rack in the shoes. "Snoozing" \\ {[' },
  ],
};

const vqaQuestions = {
  info: {},
  task_type: "Open-Ended",
  data_type: "mscoco",
  data_subtype: "val2014",
  license: {},
  questions: [
    { image_id: 262148, question: "Where is he looking?", question_id: 262148000 },
    { image_id: 262148, question: "What are the people in the background doing?", question_id: 262148001 },
  ],
};
const answers = (...words: readonly string[]) =>
  words.map((answer, i) => ({ answer, answer_confidence: "yes", answer_id: i + 1 }));
const vqaAnnotations = {
  info: {},
  license: {},
  annotations: [
    {
      question_type: "none of the above",
      multiple_choice_answer: "down",
      answers: answers("down", "at table", "down"),
      image_id: 262148,
      answer_type: "other",
      question_id: 262148000,
    },
    {
      question_type: "what are the",
      multiple_choice_answer: "watching",
      answers: answers("spectating", "watching", "watching"),
      image_id: 262148,
      answer_type: "other",
      question_id: 262148001,
    },
  ],
};
const vqaRecords = [
  {
    kind: "open",
    id: "262148000",
    image: "262148",
    question: "Where is he looking?",
    answers: ["down", "at table", "down"],
    template: "none of the above",
    answerType: "other",
  },
  {
    kind: "open",
    id: "262148001",
    image: "262148",
    question: "What are the people in the background doing?",
    answers: ["spectating", "watching", "watching"],
    template: "what are the",
    answerType: "other",
  },
];

const aokvqa = [
  {
    split: "val",
    image_id: 461751,
    question_id: "22jbM6gDxdaMaunuzgrsBB",
    question: "What is in the motorcyclist's mouth?",
    choices: ["toothpick", "food", "popsicle stick", "cigarette"],
    correct_choice_idx: 3,
    direct_answers: ["cigarette", "cigarette", "cigar"],
    difficult_direct_answer: false,
    rationales: ["He's smoking while riding."],
  },
  {
    split: "val",
    image_id: 61471,
    question_id: "2EKhjpoXZbP7MPUMVWTmBS",
    question: "Which number birthday is probably being celebrated?",
    choices: ["one", "ten", "nine", "thirty"],
    correct_choice_idx: 3,
    direct_answers: ["thirty", "30"],
    difficult_direct_answer: true,
    rationales: ["There is a birthday cake on the table with the number 30 written in icing."],
  },
];

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

const tarOf = (members: readonly (readonly [string, string | Uint8Array])[]): Promise<Uint8Array> => {
  const pack = tar.pack(), parts: Uint8Array[] = [];
  for (const [name, content] of members) pack.entry({ name }, Buffer.from(content as Uint8Array));
  pack.finalize();
  return (async () => {
    for await (const part of pack) parts.push(part as Uint8Array);
    return new Uint8Array(Buffer.concat(parts));
  })();
};

const PNG = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

export const loadSamples = async (): Promise<readonly Sample[]> => [
  sample("coco-captions", [json("captions_val2014.json", coco)], 5, [
    {
      kind: "caption",
      id: "42",
      image: "COCO_val2014_000000000042.jpg",
      question: "",
      references: [coco.annotations[1]!.caption, coco.annotations[2]!.caption],
    },
    {
      kind: "caption",
      id: "73",
      image: "COCO_val2014_000000000073.jpg",
      question: "",
      references: [coco.annotations[0]!.caption],
    },
  ]),
  sample(
    "karpathy",
    [json("dataset_coco.json", {
      images: [{
        filepath: "val2014",
        sentids: [770337],
        filename: "COCO_val2014_000000391895.jpg",
        imgid: 0,
        split: "test",
        sentences: [{
          tokens: ["a", "man"],
          raw: "A man with a red helmet on a small moped on a dirt road. ",
          imgid: 0,
          sentid: 770337,
        }],
        cocoid: 391895,
      }, {
        sentids: [0],
        imgid: 7,
        sentences: [{ tokens: ["two"], raw: "Two young guys.", imgid: 7, sentid: 0 }],
        split: "train",
        filename: "1000092795.jpg",
      }],
      dataset: "coco",
    })],
    2,
    [
      {
        kind: "caption",
        id: "391895",
        image: "val2014/COCO_val2014_000000391895.jpg",
        question: "",
        references: ["A man with a red helmet on a small moped on a dirt road. "],
      },
      { kind: "caption", id: "7", image: "1000092795.jpg", question: "", references: ["Two young guys."] },
    ],
  ),
  sample(
    "flickr30k",
    [text(
      "results_20130124.token",
      "1000092795.jpg#0\tTwo young guys with shaggy hair look at their hands .\n" +
        "1000092795.jpg#1\tTwo young , White males are outside near many bushes .\n" +
        "10002456.jpg#0\tSeveral men in hard hats are operating a giant pulley system .\n",
    )],
    3,
    [
      {
        kind: "caption",
        id: "1000092795",
        image: "1000092795.jpg",
        question: "",
        references: [
          "Two young guys with shaggy hair look at their hands .",
          "Two young , White males are outside near many bushes .",
        ],
      },
      {
        kind: "caption",
        id: "10002456",
        image: "10002456.jpg",
        question: "",
        references: ["Several men in hard hats are operating a giant pulley system ."],
      },
    ],
  ),
  sample(
    "nocaps",
    [json("nocaps_val_4500_captions.json", {
      licenses: [],
      info: {},
      images: [{
        id: 0,
        open_images_id: "0013ea2087020901",
        height: 1024,
        width: 732,
        coco_url: "u",
        file_name: "0013ea2087020901.jpg",
        license: 0,
        domain: "near-domain",
      }],
      annotations: [{ id: 0, image_id: 0, caption: "A baby is standing in front of a house." }],
    })],
    2,
    [{
      kind: "caption",
      id: "0",
      image: "0013ea2087020901.jpg",
      question: "",
      references: ["A baby is standing in front of a house."],
      part: "near-domain",
    }],
  ),
  sample(
    "textcaps",
    [json("TextCaps_0.1_val.json", {
      dataset_type: "val",
      dataset_name: "textcaps",
      dataset_version: "0.1",
      data: [
        {
          image_id: "ed2b0c0a7a9b4b9e",
          image_classes: ["Bottle"],
          caption_str: "A bottle of ale stands by a glass.",
          reference_strs: ["A bottle of ale stands by a glass.", "Ale named Hop."],
          caption_id: 1,
          set_name: "val",
          image_path: "train/ed2b0c0a7a9b4b9e.jpg",
        },
        { image_id: "ed2b0c0a7a9b4b9e", caption_str: "Ale named Hop.", caption_id: 2, set_name: "val" },
      ],
    })],
    2,
    [{
      kind: "caption",
      id: "ed2b0c0a7a9b4b9e",
      image: "ed2b0c0a7a9b4b9e",
      question: "",
      references: ["A bottle of ale stands by a glass.", "Ale named Hop."],
    }],
  ),
  sample(
    "vqav2",
    [
      json("v2_OpenEnded_mscoco_val2014_questions.json", vqaQuestions),
      json("v2_mscoco_val2014_annotations.json", vqaAnnotations),
    ],
    4,
    vqaRecords,
  ),
  sample(
    "okvqa",
    [
      json("OpenEnded_mscoco_val2014_questions.json", {
        questions: [{
          image_id: 297147,
          question: "What sport can you use this for?",
          question_id: 2971475,
        }],
      }),
      json("mscoco_val2014_annotations.json", {
        annotations: [{
          image_id: 297147,
          answer_type: "other",
          question_type: "four",
          question_id: 2971475,
          answers: [{ answer_id: 1, raw_answer: "racing", answer_confidence: "yes", answer: "race" }],
          confidence: 3,
        }],
      }),
    ],
    2,
    [{
      kind: "open",
      id: "2971475",
      image: "297147",
      question: "What sport can you use this for?",
      answers: ["race"],
      template: "four",
      answerType: "other",
    }],
  ),
  sample("aokvqa", [json("aokvqa_v1p0_val.json", aokvqa)], 2, [
    {
      kind: "choice",
      id: "22jbM6gDxdaMaunuzgrsBB",
      image: "461751",
      question: "What is in the motorcyclist's mouth?",
      choices: ["toothpick", "food", "popsicle stick", "cigarette"],
      answer: 3,
    },
    {
      kind: "choice",
      id: "2EKhjpoXZbP7MPUMVWTmBS",
      image: "61471",
      question: "Which number birthday is probably being celebrated?",
      choices: ["one", "ten", "nine", "thirty"],
      answer: 3,
    },
  ]),
  sample("aokvqa-direct", [json("aokvqa_v1p0_val.json", aokvqa)], 2, [{
    kind: "open",
    id: "22jbM6gDxdaMaunuzgrsBB",
    image: "461751",
    question: "What is in the motorcyclist's mouth?",
    answers: ["cigarette", "cigarette", "cigar"],
  }]),
  sample(
    "gqa",
    [json("testdev_balanced_questions.json", {
      "201307251": {
        semantic: [
          { operation: "select", dependencies: [], argument: "hospital (-) " },
          { operation: "exist", dependencies: [0], argument: "?" },
        ],
        entailed: ["201307251", "201640614"],
        equivalent: ["201307251"],
        question: "Is it overcast?",
        imageId: "n161313",
        isBalanced: true,
        groups: { global: null, local: "13-sky_place" },
        answer: "no",
        semanticStr: "select: scene->verify weather: overcast [0]",
        annotations: { answer: {}, question: {}, fullAnswer: {} },
        types: { detailed: "weatherVerify", semantic: "global", structural: "verify" },
        fullAnswer: "No, it is clear.",
      },
      "220602949": { question: "Who is wearing a dress?", imageId: "n286929", isBalanced: true },
    })],
    2,
    [
      {
        kind: "exact",
        id: "201307251",
        image: "n161313",
        question: "Is it overcast?",
        answer: "no",
        template: "weatherVerify",
        structural: "verify",
        semantic: "global",
        steps: 1,
        entailed: ["201307251", "201640614"],
      },
      { kind: "exact", id: "220602949", image: "n286929", question: "Who is wearing a dress?", answer: "" },
    ],
  ),
  sample(
    "textvqa",
    [json("TextVQA_0.5.1_val.json", {
      dataset_type: "val",
      dataset_name: "textvqa",
      dataset_version: "0.5.1",
      data: [{
        question: "what is the brand of this camera?",
        image_id: "003a8ae2ef43b901",
        image_classes: ["Cassette deck"],
        image_width: 1024,
        image_height: 664,
        answers: ["nous les gosses", "dakota", "clos culombu"],
        question_tokens: ["what"],
        question_id: 34602,
        set_name: "val",
      }],
    })],
    1,
    [{
      kind: "open",
      id: "34602",
      image: "003a8ae2ef43b901",
      question: "what is the brand of this camera?",
      answers: ["nous les gosses", "dakota", "clos culombu"],
    }],
  ),
  sample(
    "ocrvqa",
    [json("dataset.json", {
      "761183272": {
        imageURL: "http://example.invalid/51.jpg",
        questions: ["Who is the author of this book?", "What is the genre of this book?"],
        answers: ["Sandra Boynton", "Humor & Entertainment"],
        title: "Mom's Family Wall Calendar 2016",
        authorName: "Sandra Boynton",
        genre: "Calendars",
        split: 1,
      },
    })],
    1,
    [
      {
        kind: "exact",
        id: "761183272-0",
        image: "761183272",
        question: "Who is the author of this book?",
        answer: "Sandra Boynton",
      },
      {
        kind: "exact",
        id: "761183272-1",
        image: "761183272",
        question: "What is the genre of this book?",
        answer: "Humor & Entertainment",
      },
    ],
  ),
  sample(
    "vizwiz",
    [json("val.json", [
      {
        image: "VizWiz_val_00000000.jpg",
        question: "Ok. There is another picture I hope it is a better one.",
        answers: answers("unanswerable", "dog").map(({ answer }) => ({ answer, answer_confidence: "yes" })),
        answer_type: "unanswerable",
        answerable: 0,
      },
      { image: "VizWiz_test_00000001.jpg", question: "What is this?" },
    ])],
    2,
    [
      {
        kind: "open",
        id: "VizWiz_val_00000000.jpg",
        image: "VizWiz_val_00000000.jpg",
        question: "Ok. There is another picture I hope it is a better one.",
        answers: ["unanswerable", "dog"],
        answerType: "unanswerable",
      },
      {
        kind: "open",
        id: "VizWiz_test_00000001.jpg",
        image: "VizWiz_test_00000001.jpg",
        question: "What is this?",
        answers: [],
      },
    ],
  ),
  sample(
    "scienceqa",
    [json("problems.json", {
      "1": {
        question: "Which of these states is farthest north?",
        choices: ["West Virginia", "Louisiana", "Arizona", "Oklahoma"],
        answer: 0,
        hint: "",
        image: "image.png",
        task: "closed choice",
        grade: "grade2",
        subject: "social science",
        topic: "geography",
        category: "Geography",
        skill: "s",
        lecture: "l",
        solution: "s",
        split: "train",
      },
      "2": {
        question: "Which word is a noun?",
        choices: ["run", "cat"],
        answer: 1,
        hint: "Look.",
        image: null,
        grade: "grade12",
        subject: "language science",
        split: "test",
      },
    })],
    2,
    [
      {
        kind: "choice",
        id: "1",
        image: "train/1/image.png",
        question: "Which of these states is farthest north?",
        choices: ["West Virginia", "Louisiana", "Arizona", "Oklahoma"],
        answer: 0,
        category: "social science",
        grade: 2,
      },
      {
        kind: "choice",
        id: "2",
        question: "Which word is a noun?",
        choices: ["run", "cat"],
        answer: 1,
        hint: "Look.",
        category: "language science",
        grade: 12,
      },
    ],
  ),
  sample(
    "pope",
    ["random", "adversarial"].map((part) =>
      lines(`coco_pope_${part}.json`, [
        {
          question_id: 1,
          image: "COCO_val2014_000000310196.jpg",
          text: `Is there a ${part === "random" ? "snowboard" : "bear"} in the image?`,
          label: part === "random" ? "yes" : "no",
        },
      ])
    ),
    2,
    [
      {
        kind: "yes-no",
        id: "1",
        image: "COCO_val2014_000000310196.jpg",
        question: "Is there a snowboard in the image?",
        answer: true,
        part: "random",
      },
      {
        kind: "yes-no",
        id: "1",
        image: "COCO_val2014_000000310196.jpg",
        question: "Is there a bear in the image?",
        answer: false,
        part: "adversarial",
      },
    ],
  ),
  sample(
    "mme",
    [text(
      "code_reasoning.txt",
      "0001.png\tIs a c++ code shown in the picture? Please answer yes or no.\tYes\n" +
        "0001.png\tIs a python code shown in the picture? Please answer yes or no.\tNo\n",
    )],
    2,
    [
      {
        kind: "yes-no",
        id: "code_reasoning/0001.png/0",
        image: "0001.png",
        question: "Is a c++ code shown in the picture? Please answer yes or no.",
        answer: true,
        part: "code_reasoning",
      },
      {
        kind: "yes-no",
        id: "code_reasoning/0001.png/1",
        image: "0001.png",
        question: "Is a python code shown in the picture? Please answer yes or no.",
        answer: false,
        part: "code_reasoning",
      },
    ],
  ),
  sample(
    "mmbench",
    [text(
      "mmbench_dev_en.tsv",
      "index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\tl2-category\tsplit\n" +
        `241\t"Identify the ""question""\nthat it asks."\t"A hint, with\ttab"\tyes\tno\tmaybe\tnever\tB\t` +
        `identity_reasoning\t${btoa(String.fromCharCode(...PNG))}\tattribute_reasoning\tdev\n` +
        "1000241\tWhich one?\tnan\tone\ttwo\t\t\tA\tidentity_reasoning\t241\tattribute_reasoning\tdev\n",
    )],
    2,
    [
      {
        kind: "choice",
        id: "241",
        image: "241",
        question: 'Identify the "question"\nthat it asks.',
        choices: ["yes", "no", "maybe", "never"],
        answer: 1,
        circle: "241",
        hint: "A hint, with\ttab",
        category: "identity_reasoning",
        parent: "attribute_reasoning",
      },
      {
        kind: "choice",
        id: "1000241",
        image: "241",
        question: "Which one?",
        choices: ["one", "two"],
        answer: 0,
        circle: "241",
        category: "identity_reasoning",
        parent: "attribute_reasoning",
      },
    ],
  ),
  sample(
    "seed",
    [json("SEED-Bench.json", {
      questions: [
        {
          answer: "A",
          choice_a: "One",
          choice_b: "Two",
          choice_c: "Three",
          choice_d: "Four",
          data_id: "1454426_2591111986",
          data_type: "image",
          question: "How many towels are in the image?",
          question_id: "101669",
          question_type_id: 5,
        },
        {
          answer: "D",
          choice_a: "a",
          choice_b: "b",
          choice_c: "c",
          choice_d: "d",
          data_id: "P01_12.mp4",
          data_type: "video",
          question: "What is done?",
          question_id: "117",
          question_type_id: 10,
          segment: [1, 2],
        },
      ],
      question_type: { "Instances Counting": 5, "Action Recognition": 10 },
    })],
    2,
    [{
      kind: "choice",
      id: "101669",
      image: "1454426_2591111986",
      question: "How many towels are in the image?",
      choices: ["One", "Two", "Three", "Four"],
      answer: 0,
      category: "5",
    }],
  ),
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
  sample(
    "llava",
    [json("llava_v1_5_mix665k.json", [
      {
        id: "000000033471",
        image: "coco/train2017/000000033471.jpg",
        conversations: [
          { from: "human", value: "<image>\nWhat are the colors of the bus in the image?" },
          { from: "gpt", value: "The bus in the image is white and red." },
          { from: "human", value: "What feature can be seen on the back of the bus?" },
          { from: "gpt", value: "The back of the bus features an advertisement." },
        ],
      },
      {
        id: "wgByO4Y_0",
        model: "",
        conversations: [{ from: "human", value: "Why?" }, { from: "gpt", value: "Because." }],
      },
    ])],
    2,
    [
      {
        kind: "conversation",
        id: "000000033471",
        image: "coco/train2017/000000033471.jpg",
        messages: [
          { role: "user", content: "What are the colors of the bus in the image?" },
          { role: "assistant", content: "The bus in the image is white and red." },
          { role: "user", content: "What feature can be seen on the back of the bus?" },
          { role: "assistant", content: "The back of the bus features an advertisement." },
        ],
      },
      {
        kind: "conversation",
        id: "wgByO4Y_0",
        messages: [{ role: "user", content: "Why?" }, { role: "assistant", content: "Because." }],
      },
    ],
  ),
  sample(
    "webdataset",
    [{
      name: "shards/00000.tar",
      bytes: await tarOf([
        ["000000000.jpg", PNG],
        ["000000000.txt", "a very typical bus station\n"],
        ["000000000.json", JSON.stringify({ caption: "other", url: "u" })],
        ["000000001.png", PNG],
        ["000000001.json", JSON.stringify({ caption: "sierra looked stunning", width: 1 })],
      ]),
      form: "binary",
    }],
    2,
    [
      {
        kind: "pair",
        id: "00000.tar/000000000",
        image: "000000000.jpg",
        caption: "a very typical bus station",
      },
      { kind: "pair", id: "00000.tar/000000001", image: "000000001.png", caption: "sierra looked stunning" },
    ],
  ),
  sample(
    "parquet",
    [{
      name: "part-00000.parquet",
      bytes: new Uint8Array(parquetWriteBuffer({
        columnData: [
          { name: "id", data: [4896263451343n, 1n], type: "INT64" },
          {
            name: "url",
            data: ["https://example.invalid/a.jpg", "https://example.invalid/b.jpg"],
            type: "STRING",
          },
          { name: "text", data: ["Canvas print of a café", "DIRAC 01"], type: "STRING" },
          { name: "width", data: [1024, 3], type: "INT32" },
        ],
      })),
      form: "binary",
    }],
    2,
    [
      {
        kind: "pair",
        id: "4896263451343",
        image: "https://example.invalid/a.jpg",
        caption: "Canvas print of a café",
      },
      { kind: "pair", id: "1", image: "https://example.invalid/b.jpg", caption: "DIRAC 01" },
    ],
  ),
];
