/** The command `train`, run as a process: checked, killed in the middle, resumed, and the same as one never killed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parsePredictions, predictionLines } from "../../../pipelines/eval/predictions.ts";
import type { RescoredBoard } from "../../../pipelines/eval/board.ts";
import type { RunSummary } from "../../../pipelines/engine/summary.ts";
import { filesBelow } from "../../support/files_below.ts";
import { conversations, shapes, writeValue, writeWorld } from "./world.ts";
import { right } from "../../support/either.ts";

const test = suite("train");
const root = new URL("../../..", import.meta.url).pathname;
const folder = await Deno.makeTempDir({ prefix: "train" });
const world = await writeWorld(folder, 8), mixture = { ...world, text: { ...world.text, buckets: [12, 16] } };
await writeValue(`${folder}/mixture.json`, mixture);
await writeValue(`${folder}/questions-only.json`, { ...mixture, parts: mixture.parts.slice(2) });
const training = {
  steps: 12,
  batch: 2,
  learningRate: 0.003,
  warmup: 1,
  weightDecay: 0,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head"],
  every: 1,
};
const evaluation = { data: "questions-only.json", benchmarks: { vqa: "vqav2" }, batch: 4, tokens: 2 };
const experiment = (data: string, evaluate: object = evaluation) => ({
  name: "tiled",
  seed: 3,
  featureBatch: 4,
  model: {
    vision: { from: "shipped" },
    bridge: { kind: "resampler", queries: 4, levels: 2 },
    bridgeHeads: 2,
    init: 0.09,
    decoder: { from: "fresh", width: 16, layers: 1, heads: 2, ff: 32 },
  },
  stages: [
    { train: { name: "pretrain", data, ...training } },
    { expand: { by: { kind: "tile", tiles: 2 } } },
    { train: { name: "finetune", data: "mixture.json", ...training, steps: 3 } },
    { evaluate },
  ],
});
const config = experiment("mixture.json");
await writeValue(`${folder}/run.json`, config);

const spawn = (...args: readonly string[]): Deno.ChildProcess =>
  new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "pipelines/cli/cos.ts",
      "train",
      ...args,
      "--device",
      "cpu",
      "--cache",
      `${folder}/cache`,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
const said = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await spawn(...args).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};
const checkpoint = (run: string, stage: string): string =>
  `${folder}/${run}/checkpoints/${stage}.safetensors`;
const exists = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile || Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
};

test("what is wrong is said in a paragraph, before anything is made", async () => {
  const scored = (vqa: string) => experiment("mixture.json", { ...evaluation, benchmarks: { vqa } });
  await writeValue(`${folder}/wrong.json`, scored("vqav3"));
  const field = await said(`${folder}/wrong.json`, "--out", `${folder}/wrong`);
  assert.is(field.code, 1);
  assert.match(field.err, /stages\.3\.evaluate\.benchmarks\.vqa: "vqav3"[^]*one of "vqav2"/);
  await writeValue(`${folder}/other-kind.json`, scored("gqa"));
  const kind = await said(`${folder}/other-kind.json`, "--out", `${folder}/wrong`);
  assert.is(kind.code, 1);
  assert.match(kind.err, "the part vqa of format vqav2, to be scored as gqa");
  const buckets = (of: readonly unknown[]) => ({ ...mixture, text: { ...mixture.text, buckets: of } });
  await writeValue(`${folder}/wrong-mixture.json`, buckets([12, 48]));
  await writeValue(`${folder}/longer.json`, experiment("wrong-mixture.json"));
  const length = await said(`${folder}/longer.json`, "--check");
  assert.is(length.code, 1);
  assert.match(length.err, "buckets shorter than the length of a row");
  await writeValue(`${folder}/wrong-mixture.json`, buckets([16, 12]));
  assert.match((await said(`${folder}/longer.json`, "--check")).err, "lengths in ascending order");
  const bad = conversations(shapes(8)) as { conversations: { value: unknown }[] }[];
  bad[3]!.conversations[1]!.value = 7;
  await writeValue(`${folder}/bad.json`, bad);
  const parts = [{ ...mixture.parts[0]!, files: ["bad.json"] }];
  await writeValue(`${folder}/bad-mixture.json`, { ...mixture, parts });
  await writeValue(`${folder}/bad-run.json`, experiment("bad-mixture.json"));
  const record = await said(`${folder}/bad-run.json`, "--check");
  assert.is(record.code, 1);
  assert.match(record.err, /bad\.json[^]*conversations\.1\.value: 7/);
  await writeValue(`${folder}/bad-mixture.json`, { ...mixture, parts, policy: "skip" });
  const counted = await said(`${folder}/bad-run.json`, "--check", "--json");
  assert.is(counted.code, 0, counted.err);
  const { llava } = (JSON.parse(counted.out) as RunSummary["mixtures"])["pretrain"]!;
  assert.equal(llava!.lengths, { "12": 1, "16": 7, "48": 0 });
  assert.equal([llava!.examples, llava!.report.refused, llava!.report.leftOut], [8, 1, {}]);
  assert.not.ok(exists(`${folder}/wrong`));
});

test("killed in the middle of a stage and started again, it ends bit for bit as one that was never killed", async () => {
  const started = (run: string): readonly string[] => [
    `${folder}/run.json`,
    "--out",
    `${folder}/${run}`,
    "--store",
    `${folder}/store-${run}`,
  ];
  const pretrained = (): boolean => {
    const store = `${folder}/store-killed`;
    const made = exists(store) ? [...Deno.readDirSync(store)].map(({ name }) => name) : [];
    const name = made.find((one) => one.startsWith("pretrain-"));
    return name !== undefined && exists(`${store}/${name}/checkpoints/pretrain.safetensors`);
  };
  const killed = spawn(...started("killed"));
  let ended = false;
  const over = killed.status.then(() => ended = true);
  while (!pretrained() && !ended) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (!ended) killed.kill("SIGKILL");
  await over;
  await Promise.all([killed.stdout.cancel(), killed.stderr.cancel()]);
  const again = await said(...started("killed"));
  assert.is(again.code, 0, again.err);
  const whole = await said(...started("whole"), "--json");
  assert.is(whole.code, 0, whole.err);
  for (const stage of ["pretrain", "expand", "finetune"]) {
    assert.equal(
      Deno.readFileSync(checkpoint("killed", stage)),
      Deno.readFileSync(checkpoint("whole", stage)),
      stage,
    );
  }
  const summary = JSON.parse(whole.out) as RunSummary;
  // all numbers but those of time
  const timeless = (of: RunSummary): unknown =>
    JSON.parse(JSON.stringify(of, (name, value) => /[sS]econds/.test(name) ? undefined : value));
  const killedSummary = JSON.parse(Deno.readTextFileSync(`${folder}/killed/summary.json`)) as RunSummary;
  assert.equal(timeless(killedSummary), timeless(summary));
  // the numbers of the runner before the engine
  const { firstLoss, loss } = summary.stages["pretrain"]!;
  assert.ok(
    Math.abs(firstLoss! - 4.803363) < 1e-4 && Math.abs(loss! - 4.305395) < 1e-3,
    `${firstLoss} ${loss}`,
  );
  const { vqa } = summary.scores;
  assert.is(vqa!.scores.n, 16);
  assert.is(vqa!.prompt, "{question}\nAnswer the question using a single word or phrase.");
  assert.equal([vqa!.asked, vqa!.leftOut], [16, {}]);
  // the questions are about the images of the training data, and the command says so
  assert.equal(vqa!.images, { asked: 8, trained: 8 });
  assert.match(again.out, "vqa: 8 of its 8 images are images of the training data too");
  assert.is(summary.mixtures["finetune"]!["coco"]!.examples, 8);
  assert.match(again.out, /vqa[^\n]*vqav2/);
  // a finished run is read, and nothing of it is written again
  const finished = await filesBelow(`${folder}/whole`);
  const third = await said(...started("whole"), "--json");
  assert.is(third.code, 0, third.err);
  assert.equal(JSON.parse(third.out), summary);
  assert.equal(await filesBelow(`${folder}/whole`), finished);
  assert.match(again.out, "pretrain vqa: 0 rows of 12, 0 rows of 16, 8 rows of 48");
});

test("predictions are kept, no control sees its own image, and score --run applies today's rules", async () => {
  const path = `${folder}/whole/predictions/vqa.jsonl`;
  const { head, predictions } = right(parsePredictions(path)(Deno.readTextFileSync(path)));
  assert.is(predictions.length, 16);
  assert.equal(
    head.scores["vqav2"]!.seen,
    JSON.parse(
      Deno.readTextFileSync(`${folder}/whole/summary.json`),
    ).scores.vqa.scores,
  );
  const shown = new Map<string, string>();
  for (const { record, answers: { seen, shuffled } } of predictions) {
    assert.match(record.content!, /^[0-9a-f]{64}$/);
    assert.is.not(shuffled!.image, record.content);
    // two questions are about each image: both see the same other one
    assert.is(shown.get(record.content!) ?? shuffled!.image, shuffled!.image);
    shown.set(record.content!, shuffled!.image!);
    assert.is(seen!.answer, seen!.answer.trim());
  }
  assert.is(new Set(shown.values()).size, 8);
  const score = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "pipelines/cli/cos.ts", "score", "--run", `${folder}/whole`, ...args],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  };
  const same = await score("--json", "--submit", `${folder}/submitted`);
  assert.is(same.code, 0, same.err);
  const [board] = JSON.parse(same.out) as readonly RescoredBoard[];
  assert.equal([board!.changed, board!.scores], [{}, head.scores]);
  const submitted = JSON.parse(Deno.readTextFileSync(`${folder}/submitted/vqa/results.json`));
  assert.equal(
    submitted,
    predictions.map(({ record, answers }) => ({
      question_id: Number(record.id),
      answer: answers.seen!.answer,
    })),
  );
  // credits of another rule are found and named
  const [first] = predictions, { seen } = first!.answers;
  const other = { ...first!, answers: { ...first!.answers, seen: { ...seen!, credit: 1 - seen!.credit } } };
  const lines = predictionLines({ head, predictions: [other, ...predictions.slice(1)] });
  Deno.writeTextFileSync(path, [...lines].join(""));
  const found = await score();
  assert.is(found.code, 0, found.err);
  assert.match(found.out, `credit changed: vqav2, seen: ${first!.record.id}`);
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();
