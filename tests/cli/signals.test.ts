/** Every command ends when it is configured to, with the exit code of the signal, and leaves no half-written file. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { entries } from "../../pipelines/cli/tree.ts";
import { signalCodes } from "../../pipelines/base/signals.ts";
import { linesOf, records, writeRun } from "../board/runs_on_disk.ts";
import { conversations, shapes, writeValue, writeWorld } from "../data/mixtures/world.ts";

const test = suite("signals");
const folder = await Deno.makeTempDir({ prefix: "signals" });
test.after(() => Deno.remove(folder, { recursive: true }));

await writeRun(`${folder}/runs/a`, { name: "a", metrics: { "a-pretrain": linesOf(records(1, 3)) }, done: 1 });
const world = await writeWorld(folder, 4);
await writeValue(`${folder}/mixture.json`, world);
await writeValue(`${folder}/conversations.json`, conversations(shapes(4)));
const training = {
  steps: 500,
  batch: 2,
  learningRate: 0.003,
  warmup: 1,
  weightDecay: 0,
  maxNorm: 1,
  trainable: ["bridge"],
  every: 1000,
};
await writeValue(`${folder}/run.json`, {
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
  stages: [{ train: { name: "pretrain", data: "mixture.json", ...training } }],
});

await Deno.mkdir(`${folder}/site`);
await Deno.writeTextFile(`${folder}/site/index.html`, "<!doctype html><title>a site</title>");
const smoke = ["--family", "main", "--preset", "smoke", "--device", "cpu", "--store", `${folder}/store`];
// longer than it takes to hear the signal
const long = [...smoke, "--set", "pretrain.steps=1000", "--set", "pretrain.every=10000"];
/** A command line of each command, with what it says once it works; without, it is configured to end as it starts. */
const lines: Readonly<Record<string, readonly [args: readonly string[], says?: RegExp]>> = {
  quickstart: [["--preset", "smoke", "--device", "cpu", "--out", `${folder}/out/quick`], /writing to/],
  ablate: [[...smoke, "--out", `${folder}/out/ablation`]],
  pretrain: [long, /\d\/1000|pretrain of/],
  expand: [long, /and what it needs/],
  finetune: [long, /and what it needs/],
  evaluate: [long, /and what it needs/],
  train: [[
    `${folder}/run.json`,
    "--device",
    "cpu",
    "--out",
    `${folder}/out/mine`,
    "--cache",
    `${folder}/cache`,
  ]],
  language: [["--steps", "500", "--device", "cpu", "--out", `${folder}/out/language`]],
  vision: [["--steps", "500", "--device", "cpu", "--out", `${folder}/out/vision`]],
  ask: [["--checkpoint", folder, "--image", "x.png", "--question", "q"]],
  configs: [[]],
  plan: [["cos-80-1296"]],
  data: [["llava", `${folder}/conversations.json`]],
  score: [["--benchmark", "vqav2", "--source", "vqav2", "--annotations", "a", "--predictions", "b"]],
  report: [[`${folder}/runs/a`]],
  results: [["--out", `${folder}/RESULTS.md`]],
  runs: [["list", "--runs", `${folder}/runs`]],
  export: [[`${folder}/runs`, "--format", "csv", "--out", `${folder}/out/csv`]],
  notebooks: [["--only", "07", "--preset", "smoke", "--device", "cpu", "--html", `${folder}/out/notebooks`]],
  board: [["--runs", `${folder}/runs`, "--port", "0"], /Ctrl-C/],
  web: [["--site", `${folder}/site`, "--port", "0"], /Ctrl-C/],
  store: [["du", "--store", `${folder}/store`, "--runs", `${folder}/runs`]],
  doctor: [["--no-measure"]],
  tune: [["--preset", "smoke", "--device", "deno"]],
  bench: [["--device", "cpu", "--sizes", "512"]],
};

/** Command lines that have an entry of their own. */
const entriesApart: Readonly<Record<string, string>> = {
  notebooks: "tools/notebooks/main.ts",
  bench: "bench/main.ts",
};
const names = [...entries.map(({ name }) => name), ...Object.keys(entriesApart)];

const temporary = (path: string): readonly string[] =>
  [...Deno.readDirSync(path)].flatMap(({ name, isDirectory }) =>
    isDirectory ? temporary(`${path}/${name}`) : name.endsWith(".tmp") ? [`${path}/${name}`] : []
  );

const started = (name: string, args: readonly string[]): Deno.ChildProcess =>
  new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      ...(name in entriesApart ? [entriesApart[name]!] : ["pipelines/cli/cos.ts", name]),
      ...args,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();

/** Commands that may end by themselves within half a second. */
const brief: ReadonlySet<string> = new Set(
  ["ask", "configs", "data", "doctor", "export", "plan", "report", "results", "runs", "score", "store"],
);

/** Sends a signal once a command says something, or so many milliseconds after its start. */
const ended = async (name: string, signal: keyof typeof signalCodes) => {
  const [args, says] = lines[name]!, child = started(name, args);
  let err = "", announced = false;
  const tell = (): void => {
    if (announced) return;
    announced = true;
    try {
      child.kill(signal);
    } catch {
      // it has ended by itself
    }
  };
  if (says === undefined) setTimeout(tell, brief.has(name) ? 150 : 500);
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    err += text;
    if (says?.test(err)) tell();
  }
  return { code: (await child.status).code, err };
};

test("all commands are among those that are tried", () => {
  assert.equal(Object.keys(lines).toSorted(), names.toSorted());
});

test("every command ends at SIGINT, SIGTERM and SIGHUP with the exit code of the signal, and leaves no part of a file", async () => {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const [i, name] of names.entries()) {
    const signal = signals[i % signals.length]!, { code, err } = await ended(name, signal);
    assert.is(code, signalCodes[signal], `${name} at ${signal}: ${code} ${err}`);
    assert.equal(temporary(folder), [], name);
  }
});

test("a training that is configured to end saves once and goes on from there", async () => {
  const store = `${folder}/store`;
  const place = (): string | undefined =>
    [...Deno.readDirSync(store)].map(({ name }) => `${store}/${name}/checkpoints/pretrain.safetensors`)
      .find((path) => {
        try {
          return Deno.statSync(path).isFile;
        } catch {
          return false;
        }
      });
  const [args] = lines.pretrain!, child = started("pretrain", args);
  let err = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    err += text;
    if (/\b[1-4]\d\d\/1000/.test(err) && !/stopping/.test(err)) {
      child.kill("SIGHUP"); // as a terminal that is closed
      break;
    }
  }
  assert.is((await child.status).code, signalCodes.SIGHUP, err);
  const path = place();
  assert.ok(path, "a checkpoint");
  const steps = Number(/"step":"(\d+)"/.exec(new TextDecoder("latin1").decode(Deno.readFileSync(path!)))![1]);
  assert.ok(steps >= 100 && steps < 1000, `saved at ${steps}`);
  const metrics = path!.replace(/checkpoints\/pretrain.*/, "metrics/pretrain.jsonl");
  assert.is(Deno.readTextFileSync(metrics).split("\n").length - 1, steps, "as many whole lines as steps");
  assert.equal(temporary(folder), []);
});

test.run();
