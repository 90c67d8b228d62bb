/** The official scripts whose rules the scores follow, as they are at the commits named. */

/** A published script. */
export interface OfficialScript {
  /** Owner and name of its repository, or where it is published otherwise. */
  readonly repository: string;
  /** Its file there. */
  readonly file: string;
  /** The commit that the rules follow; absent where it is not published in a repository. */
  readonly commit?: string;
}

const from = (repository: string, commit: string) => (file: string): OfficialScript => ({
  repository,
  file,
  commit,
});

const llava = from("haotian-liu/LLaVA", "c121f0432da27facab705978f83c4ada465e46fd");
const vlmEvalKit = from("open-compass/VLMEvalKit", "e8e78f05f3080fe28154f2130321f17951c3be94");
const cocoCaption = from("tylin/coco-caption", "3a9afb2682141a03e1cdc02b0df6770d2c884f6f");
const qwenVl = from("QwenLM/Qwen-VL", "aa00ed04091eea5fcdd32985e7915f1c53e7d599");
const pope = from("AoiDragon/POPE", "08d957b917e5a378a2f99d35b6293c536a66298b");
const mme = from(
  "BradyFU/Awesome-Multimodal-Large-Language-Models",
  "dd2950902889cd614d4edf606827240166d29381",
);

/** Scripts by what they score. */
export const scripts = {
  vqa: [
    from("GT-Vision-Lab/VQA", "a013f0043c1e2cdc995922dfe257f7149aa9af06")(
      "PythonEvaluationTools/vqaEvaluation/vqaEval.py",
    ),
  ],
  aokvqa: [
    from("allenai/aokvqa", "83786de0b24c4fef0bfe39420684f6f73d9f3581")("evaluation/eval_predictions.py"),
  ],
  textvqa: [
    llava("llava/eval/m4c_evaluator.py"),
    from("facebookresearch/mmf", "b0ffc7fba39f210f833c127362146aec01a2f259")("mmf/utils/m4c_evaluators.py"),
  ],
  vizwiz: [{ repository: "vizwiz.org", file: "VizWiz API, vqaEvaluation/vqaEval.py" }],
  gqa: [
    { repository: "cs.stanford.edu/people/dorarad/gqa", file: "eval.py" },
    llava("scripts/convert_gqa_for_eval.py"),
  ],
  exact: [qwenVl("eval_mm/evaluate_vqa.py")],
  pope: [pope("evaluate.py"), llava("llava/eval/eval_pope.py")],
  mme: [mme("tools/eval_tool.zip, calculation.py")],
  mmbench: [
    vlmEvalKit("vlmeval/utils/matching_util.py"),
    vlmEvalKit("vlmeval/dataset/utils/multiple_choice.py"),
  ],
  seed: [llava("scripts/convert_seed_for_submission.py")],
  scienceqa: [
    llava("llava/eval/eval_science_qa.py"),
    from("lupantech/ScienceQA", "2cbf8318e07b9ece895bb2ae605e71e38d623264")("tools/evaluate_acc.py"),
  ],
  refcoco: [qwenVl("eval_mm/evaluate_grounding.py")],
  captions: ["bleu/bleu_scorer.py", "rouge/rouge.py", "cider/cider_scorer.py"].map((file) =>
    cocoCaption(`pycocoevalcap/${file}`)
  ),
  chair: [
    from("LisaAnne/Hallucination", "6e4d33c4bedf6dfcd24c61bf527f40714717be47")("utils/chair.py"),
    from("clips/pattern", "d25511f9ca7ed9356b801d8663b8b5168464e68f")("pattern/text/en/inflect.py"),
  ],
  anls: [llava("llava/eval/m4c_evaluator.py")],
} as const satisfies Readonly<Record<string, readonly OfficialScript[]>>;

/** A script in words: repository, file and the first digits of the commit. */
export const scriptText = ({ repository, file, commit }: OfficialScript): string =>
  `${repository} ${file}${commit === undefined ? "" : ` @ ${commit.slice(0, 7)}`}`;
