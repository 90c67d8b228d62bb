/** Samples of formats: questions with answers of several people. */
import { json, type Sample, sample } from "./sample_form.ts";

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

export const openSamples: readonly Sample[] = [
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
    "vizwiz",
    [json("val.json", [
      {
        image: "VizWiz_val_00000000.jpg",
        question: "Ok. There is another image I hope it is a better one.",
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
        question: "Ok. There is another image I hope it is a better one.",
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
];
