/** Samples of formats: questions with one answer. */
import { json, lines, type Sample, sample, text } from "./sample_form.ts";

export const questionsSamples: readonly Sample[] = [
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
        id: "random/1",
        image: "COCO_val2014_000000310196.jpg",
        question: "Is there a snowboard in the image?",
        answer: true,
        part: "random",
      },
      {
        kind: "yes-no",
        id: "adversarial/1",
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
      "0001.png\tIs a c++ code shown in the image? Please answer yes or no.\tYes\n" +
        "0001.png\tIs a python code shown in the image? Please answer yes or no.\tNo\n",
    )],
    2,
    [
      {
        kind: "yes-no",
        id: "code_reasoning/0001.png/0",
        image: "0001.png",
        question: "Is a c++ code shown in the image? Please answer yes or no.",
        answer: true,
        part: "code_reasoning",
      },
      {
        kind: "yes-no",
        id: "code_reasoning/0001.png/1",
        image: "0001.png",
        question: "Is a python code shown in the image? Please answer yes or no.",
        answer: false,
        part: "code_reasoning",
      },
    ],
  ),
];
