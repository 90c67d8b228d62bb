/** Samples of formats: questions with choices in tables and lists. */
import { json, PNG, type Sample, sample, text } from "./sample_form.ts";

export const choicesSamples: readonly Sample[] = [
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
];
