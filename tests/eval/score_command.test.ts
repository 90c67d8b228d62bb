/** The command `score`, run as a process. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printLines } from "./support.ts";
import type { Board } from "../../pipelines/eval/board.ts";
import type { BenchmarkRecord } from "../../pipelines/records/records.ts";

const command = suite("score");

const root = new URL("../..", import.meta.url).pathname;

const score = async (args: readonly string[]): Promise<{ code: number; out: string; err: string }> => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${root}pipelines/cli/cos.ts`, "score", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};

const records: readonly BenchmarkRecord[] = ["a", "b"].flatMap((image, i) =>
  [true, false].map((answer): BenchmarkRecord => ({
    kind: "yes-no",
    id: `${image}-${answer}`,
    image: `${image}.jpg`,
    question: answer ? "Is there a dog?" : "Is there a cat?",
    part: i === 0 ? "existence" : "count",
    template: answer ? "dog" : "cat",
    answer,
  }))
);

const inFolder = async (use: (path: (name: string) => string) => Promise<void>): Promise<void> => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/records.jsonl`, printLines(records));
    const predicted = (answer: (r: BenchmarkRecord) => string) =>
      printLines(records.map((r) => ({ id: r.id, answer: answer(r) })));
    await Deno.writeTextFile(`${folder}/yes.jsonl`, predicted(() => "Yes"));
    await Deno.writeTextFile(
      `${folder}/right.jsonl`,
      predicted((r) => r.kind === "yes-no" && r.answer ? "yes" : "no"),
    );
    await Deno.writeTextFile(`${folder}/short.jsonl`, predicted(() => "Yes").split("\n").slice(1).join("\n"));
    await Deno.mkdir(`${folder}/mme`);
    const lines = (image: string) =>
      `${image}\tIs there a dog?\tYes\tYes\n${image}\tIs there a cat?\tNo\tno\n`;
    await Deno.writeTextFile(`${folder}/mme/existence.txt`, lines("a.jpg"));
    await Deno.writeTextFile(`${folder}/mme/count.txt`, lines("b.jpg"));
    await use((name) => `${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

command("prints scores, controls and a comparison, as JSON and as text", () =>
  inFolder(async (path) => {
    const args = [
      ...["--benchmark", "mme", "--annotations", path("records.jsonl"), "--predictions", path("right.jsonl")],
      ...["--against", path("yes.jsonl"), "--train", path("records.jsonl")],
    ];
    const { code, out, err } = await score([...args, "--json"]);
    assert.is(code, 0, err);
    const board = JSON.parse(out) as Board;
    assert.is(board.report.values["perception"], 400);
    // The template gives the answer away, which is what this control is for.
    assert.is(board.majority?.values["perception"], 400);
    assert.is(board.comparison?.difference.value, 0.5);
    assert.is(board.comparison?.mcNemar?.onlyFirst, 2);
    const text = await score(args);
    assert.is(text.code, 0);
    for (const part of ["MME", "perception", "majority", "template", "McNemar: 2 right only here"]) {
      assert.ok(text.out.includes(part), part);
    }
  }));

command("reads the folder of official result files", () =>
  inFolder(async (path) => {
    const { code, out, err } = await score([
      ...["--benchmark", "mme", "--annotations", path("records.jsonl"), "--predictions", path("mme")],
      ...["--format", "official", "--json"],
    ]);
    assert.is(code, 0, err);
    assert.is((JSON.parse(out) as Board).report.values["total"], 400);
  }));

command("scores official annotations with official results", () =>
  inFolder(async (path) => {
    const lines = (values: readonly unknown[]) => values.map((v) => JSON.stringify(v)).join("\n");
    // The splits of POPE count their questions from 1 each.
    await Deno.mkdir(path("pope"));
    await Deno.mkdir(path("answers"));
    for (const part of ["random", "popular"]) {
      const asked = ["yes", "no"].map((label, i) => ({
        question_id: i + 1,
        image: `COCO_val2014_${i}.jpg`,
        text: `Is there a ${part} dog?`,
        label,
      }));
      await Deno.writeTextFile(path(`pope/coco_pope_${part}.json`), lines(asked));
      const predicted = asked.map(({ question_id, label }) => ({
        question_id,
        text: part === "random" ? label : "yes",
      }));
      await Deno.writeTextFile(path(`answers/coco_pope_${part}.jsonl`), lines(predicted));
    }
    const pope = await score([
      ...["--benchmark", "pope", "--source", "pope", "--annotations", path("pope")],
      ...["--predictions", path("answers"), "--format", "official", "--json"],
    ]);
    assert.is(pope.code, 0, pope.err);
    const { values } = (JSON.parse(pope.out) as Board).report;
    assert.is(values["random/f1"], 1);
    assert.is(values["popular/precision"], 0.5);

    const question = { image_id: 9, question: "What is it?", question_id: 9000 };
    const answers = Array.from({ length: 10 }, (_, i) => ({
      answer: i < 2 ? "dog" : "cat",
      answer_confidence: "yes",
      answer_id: i + 1,
    }));
    const annotation = {
      ...{ question_id: 9000, image_id: 9, question_type: "what is", answer_type: "other", answers },
      multiple_choice_answer: "cat",
    };
    await Deno.writeTextFile(path("q.json"), JSON.stringify({ questions: [question] }));
    await Deno.writeTextFile(path("a.json"), JSON.stringify({ annotations: [annotation] }));
    await Deno.writeTextFile(path("r.json"), JSON.stringify([{ question_id: 9000, answer: "A dog." }]));
    const vqa = await score([
      ...[
        "--benchmark",
        "vqav2",
        "--source",
        "vqav2",
        "--annotations",
        `${path("q.json")},${path("a.json")}`,
      ],
      ...["--predictions", path("r.json"), "--format", "official", "--json"],
    ]);
    assert.is(vqa.code, 0, vqa.err);
    assert.ok(Math.abs((JSON.parse(vqa.out) as Board).report.values["accuracy/other"]! - 0.6) < 1e-12);
  }));

command(
  "a missing answer, a foreign record, a missing file end with a paragraph and code 1",
  () =>
    inFolder(async (path) => {
      const short = await score([
        ...[
          "--benchmark",
          "mme",
          "--annotations",
          path("records.jsonl"),
          "--predictions",
          path("short.jsonl"),
        ],
      ]);
      assert.is(short.code, 1);
      assert.match(short.err, "no prediction: a-true");
      const foreign = await score([
        ...["--benchmark", "gqa", "--annotations", path("records.jsonl"), "--predictions", path("yes.jsonl")],
      ]);
      assert.is(foreign.code, 1);
      assert.match(foreign.err, "records.jsonl, line 1");
      const gone = await score([
        ...["--benchmark", "mme", "--annotations", path("gone.jsonl"), "--predictions", path("yes.jsonl")],
      ]);
      assert.is(gone.code, 1);
      assert.match(gone.err, "gone.jsonl");
    }),
);

command(
  "answers that a split hides make a result file for the benchmark's server, and no score",
  () =>
    inFolder(async (path) => {
      const hidden: BenchmarkRecord = {
        kind: "choice",
        id: "7",
        question: "Which?",
        choices: ["red", "blue"],
        answer: -1,
      };
      await Deno.writeTextFile(path("hidden.jsonl"), printLines([hidden]));
      await Deno.writeTextFile(path("said.jsonl"), printLines([{ id: "7", answer: "B" }]));
      const args = [
        ...["--benchmark", "mmbench", "--annotations", path("hidden.jsonl")],
        ...["--predictions", path("said.jsonl")],
      ];
      const refused = await score(args);
      assert.is(refused.code, 1);
      assert.match(refused.err, "questions without an answer: 7");
      const written = await score([...args, "--submit", path("out/mmbench.tsv")]);
      assert.is(written.code, 0, written.err);
      assert.is(written.out, "");
      assert.match(written.err, "the split hides its answers");
      const [head, row] = (await Deno.readTextFile(path("out/mmbench.tsv"))).split("\n");
      assert.match(head!, /^index\tquestion\thint\tA\tB/);
      assert.match(row!, /^7\tWhich\?\t.*\tB$/);
    }),
);

command(
  "a run without predictions, and a call without enough flags, end with a paragraph and code 1",
  () =>
    inFolder(async (path) => {
      const none = await score(["--run", path("mme")]);
      assert.is(none.code, 1);
      assert.match(none.err, "no kept predictions");
      const few = await score(["--benchmark", "mme"]);
      assert.is(few.code, 1);
      assert.match(few.err, "--annotations and --predictions");
    }),
);

command.run();
