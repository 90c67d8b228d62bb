/** The timed step: the reference's parameters, loss and work; the report; what the command refuses. */
import { input, interpret, type NdArray, placeholders, type Tensor, type Tree } from "@chain-of-sight/core";
import { portableProfile } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { BenchError } from "../../pipelines/tune/bench_fault.ts";
import { bridgeScales, presets, type StepPreset, tokenCounts } from "../../pipelines/tune/presets.ts";
import { canStep } from "../../pipelines/tune/step_device.ts";
import { type StepRun, stepText } from "../../bench/step_report.ts";
import { batchNumbers, benchModel, startValues, stepWork } from "../../pipelines/tune/step_work.ts";
import { precisions } from "../../pipelines/train/precision.ts";
import { ran } from "./command.ts";

const step = (...args: readonly string[]) => ran("bench/main.ts", "step", ...args);

/** Parameters of the PyTorch reference, counted from its modules by hand. */
const byHand = (name: StepPreset, tokens: number): number => {
  const { featureWidth: c, width: d, layers, ff, vocabulary } = presets[name], scales = bridgeScales[tokens]!;
  const layerNorms = 3 * 2 * c,
    attention = c * c + 2 * c * c + c * c + c,
    mlp = 4 * c * c + 4 * c + 4 * c * c + c;
  const bridge = tokens * c + scales.windows.length * 2 * (layerNorms + attention + mlp) + 2 * c + c * d + d;
  const decoder = 2 * vocabulary * d + layers * (2 * d + 4 * d * d + 3 * d * ff) + d;
  return bridge + decoder;
};

/** Products of a step by hand: forward once, backward twice; the maps of the features too, as a normalisation is before them. */
const flopsByHand = (name: StepPreset, tokens: number): number => {
  const { featureWidth: c, width: d, layers, ff, vocabulary, text, batch, grid } = presets[name];
  const positions = tokens + text, cells = grid * grid, { windows, queries } = bridgeScales[tokens]!;
  const decoder = layers * batch * positions * (4 * d * d + 3 * d * ff + 2 * positions * d);
  const head = batch * text * d * vocabulary, projection = batch * tokens * c * d;
  const scales = windows.map((side, s) => {
    const n = (grid / side) ** 2 * queries[s]!, seen = 2 * n * side * side * c, rest = c * c + 8 * c * c;
    // the queries of the first block are the same for all images
    const first = n * c * c + batch * (seen + n * rest), second = batch * (n * c * c + seen + n * rest);
    return first + second + 2 * batch * cells * 2 * c * c;
  });
  return 2 * 3 * (decoder + head + projection + scales.reduce((a, b) => a + b, 0));
};

const work = suite("the work of a step");

work("has the reference's parameters", () => {
  for (const name of ["smoke", "small", "gpu", "full"] as const) {
    for (const tokens of tokenCounts) {
      assert.is(
        stepWork(presets[name], tokens).parameters,
        byHand(name, tokens),
        `${name}, ${tokens} tokens`,
      );
    }
  }
  assert.is(byHand("gpu", 32), 41_393_920);
  assert.is(byHand("full", 336), 263_271_936);
});

work("counts the products of the mathematics, computed twice or not", () => {
  for (const name of ["small", "gpu", "full"] as const) {
    for (const tokens of [32, 80, 336]) {
      const { modelFlops } = stepWork(presets[name], tokens);
      assert.is(modelFlops, flopsByHand(name, tokens), `${name}, ${tokens} tokens`);
      assert.is(stepWork(presets[name], tokens, { remat: true }).modelFlops, modelFlops);
    }
  }
});

/** Mean of `-log p` of the second to the last token, from logits that the reference has at the token before. */
const lossByHand = (logits: NdArray, ids: NdArray): number => {
  const [b, t, v] = logits.shape as readonly [number, number, number];
  let total = 0;
  for (let i = 0; i < b; i++) {
    for (let p = 1; p < t; p++) {
      const row = [...logits.data.subarray((i * t + p) * v, (i * t + p + 1) * v)];
      total += Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[ids.data[i * t + p]!]!;
    }
  }
  return total / (b * (t - 1));
};

const referenceLoss = (tokens: number): number => {
  const preset = presets.smoke, model = benchModel(preset, tokens);
  const params = placeholders("", model.specs) as Tree<Tensor>, values = batchNumbers(preset, preset.batch);
  const at = (path: string): Tensor => input(path, values[path]!.shape, values[path]!.dtype);
  const logits = model.logits(params, { features: [at("features.0"), at("features.1")] }, at("ids"));
  const [result] = interpret([logits], { ...Object.fromEntries(startValues(model.specs)), ...values });
  return lossByHand(result!, values.ids!);
};

const command = suite("deno task bench:step");

command("reports every number of tokens, with the loss of the mathematics", async () => {
  const { code, out, err } = await step(
    ...[
      "--preset",
      "smoke",
      "--tokens",
      "32,80",
      "--device",
      "cpu",
      "--windows",
      "3",
      "--steps",
      "2",
      "--json",
    ],
  );
  assert.is(code, 0, err);
  const run: StepRun = JSON.parse(out) as StepRun;
  assert.equal(run.results.map((r) => [r.tokens, r.batch, r.steps, r.ms.n]), [[32, 2, 2, 3], [80, 2, 2, 3]]);
  for (const r of run.results) {
    assert.is(r.parameters, byHand("smoke", r.tokens));
    const expected = referenceLoss(r.tokens);
    assert.ok(Math.abs(r.loss.first - expected) < 1e-5 * expected, `${r.loss.first}, ${expected} expected`);
    assert.ok(r.loss.last < r.loss.first, "it learns");
    assert.ok(Math.abs(r.tflops - r.modelFlops / r.ms.median / 1e9) < 1e-9);
    assert.ok(r.peakBytes > 3 * 4 * r.parameters, "parameters and two moments at least");
    assert.ok(r.dispatches > 50);
  }
  assert.match(stepText(run), /32\/80 \d/);
});

command("times mixed precision on a GPU: the loss of f32 but for the rounding, in less memory", async () => {
  const args = ["--preset", "smoke", "--tokens", "32", "--windows", "1", "--steps", "2", "--json"];
  const [f32, mixed] = [
    (JSON.parse((await step(...args)).out) as StepRun).results[0]!,
    (JSON.parse((await step(...args, "--precision", "mixed")).out) as StepRun).results[0]!,
  ];
  assert.is(mixed!.precision, "mixed");
  for (const when of ["first", "last"] as const) {
    const off = Math.abs(mixed!.loss[when] / f32!.loss[when] - 1);
    assert.ok(off < 2 ** -11, `${when}: off by ${off}`);
  }
  assert.ok(mixed!.loss.last < mixed!.loss.first, "it learns");
  assert.is(mixed!.modelFlops, f32!.modelFlops);
});

command("recomputes blocks where it is configured to, to the same loss", async () => {
  const args = [
    "--preset",
    "smoke",
    "--tokens",
    "32",
    "--windows",
    "1",
    "--steps",
    "2",
    "--device",
    "cpu",
    "--json",
  ];
  const plain = (JSON.parse((await step(...args)).out) as StepRun).results[0]!;
  const again = (JSON.parse((await step(...args, "--remat", "--batch", "2")).out) as StepRun).results[0]!;
  assert.ok(again.remat && !plain.remat);
  assert.ok(Math.abs(again.loss.last - plain.loss.last) < 1e-5);
  assert.is(again.modelFlops, plain.modelFlops);
});

const refusals: readonly (readonly [args: readonly string[], said: RegExp])[] = [
  [["--tokens", "33"], /33 visual tokens[^]*32, 48, 80, 336/],
  [["--tokens", "32,x"], /--tokens[^]*32,x[^]*whole numbers/],
  [["--batch", "0"], /--batch[^]*above 0/],
  [["--presett", "smoke"], /--presett/],
  [["--preset", "huge"], /huge/],
  [["--preset", "smoke", "--precision", "mixed"], /mixed[^]*shader-f16/],
];

for (const [args, said] of refusals) {
  command(`refuses ${args.join(" ")}`, async () => {
    const { code, out, err } = await step("--device", "cpu", ...args);
    assert.is.not(code, 0);
    assert.match(out + err, said);
  });
}

const names = suite("devices and precisions");

names("are opened, or refused by a fault that names those that there are", async () => {
  for (
    const [name, found] of [
      ...precisions.map((p) =>
        [`--precision ${p} on portable`, Effect.result(canStep(p, portableProfile))] as const
      ),
    ]
  ) {
    const result = await Effect.runPromise(found as Effect.Effect<Result.Result<unknown, BenchError>>);
    if (Result.isSuccess(result)) continue;
    assert.is(result.failure._tag, "BenchError");
    assert.is((result.failure as unknown as { readonly got: string }).got, name);
  }
});

work.run();
names.run();
command.run();
