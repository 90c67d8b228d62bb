/** The official result files that are lists of entries. */
import { gqaAnswer } from "../gqa.ts";
import { entryFormat, type SubmissionFormat } from "./format.ts";

/** VQAv2, OK-VQA, TextVQA: `[{question_id, answer}]` (visualqa.org). */
export const vqaFile: SubmissionFormat = entryFormat({
  name: "vqa",
  file: "results.json",
  id: "question_id",
  answer: "answer",
});

/** VizWiz: `[{image, answer}]`, ids are the names of the images (vizwiz.org). */
export const vizWizFile: SubmissionFormat = entryFormat({
  name: "vizwiz",
  file: "results.json",
  id: "image",
  answer: "answer",
  textIds: true,
});

/** GQA: `[{questionId, prediction}]`, answers as its eval.py compares them. */
export const gqaFile: SubmissionFormat = entryFormat({
  name: "gqa",
  file: "predictions.json",
  id: "questionId",
  answer: "prediction",
  textIds: true,
  write: gqaAnswer,
});

/** COCO captions: `[{image_id, caption}]` (tylin/coco-caption). */
export const captionFile: SubmissionFormat = entryFormat({
  name: "coco-caption",
  file: "captions_results.json",
  id: "image_id",
  answer: "caption",
});

/** SEED-Bench: lines of `{question_id, prediction}`. */
export const seedFile: SubmissionFormat = entryFormat({
  name: "seed",
  file: "predictions.jsonl",
  id: "question_id",
  answer: "prediction",
  lines: true,
  textIds: true,
});

/** RefCOCO as Qwen-VL's evaluate_grounding.py collects it, `{answer, gt_bbox, hw}`, with the id before. */
export const refCocoFile: SubmissionFormat = entryFormat({
  name: "refcoco",
  file: "answers.json",
  id: "question_id",
  answer: "answer",
  textIds: true,
  more: ({ record }) =>
    record.kind === "box" ? { gt_bbox: record.box, hw: [record.height, record.width] } : {},
});

/** This project's own file: lines of `{id, answer}`. */
export const plainFile: SubmissionFormat = entryFormat({
  name: "plain",
  file: "predictions.jsonl",
  id: "id",
  answer: "answer",
  lines: true,
  textIds: true,
});
