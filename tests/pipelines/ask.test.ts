/** Asking a model that was trained from nothing a moment ago, and everything that cannot be asked. */
import { cpu, type Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { keptPredictions } from "../../pipelines/ablations/predictions.ts";
import { benchmarkFor, rescored } from "../../pipelines/eval/rescore.ts";
import { readPredictions } from "../../pipelines/stages/predictions.ts";
import { added, type Ask, ask } from "../../pipelines/ask/ask.ts";
import { attentionMapsAt, attentionMapsOf, windowsOf } from "../../pipelines/ask/attention_maps.ts";
import { loadInputImage } from "../../pipelines/ask/input_image.ts";
import { tokenizerFor } from "../../pipelines/stages/encoding.ts";
import { right } from "../support/either.ts";
import { loadTrained } from "../../pipelines/ask/trained.ts";
import { imageAt } from "../../pipelines/images/image_set.ts";
import { renderDataset } from "../../pipelines/scenes/workers.ts";
import { openAnswerer } from "../../pipelines/stages/answer.ts";
import { featuresOf } from "../../pipelines/train/features.ts";
import { pixelsOfImage } from "../../pipelines/images/pixels.ts";
import { loadVision, shippedWeights } from "../../pipelines/vision/weights.ts";
import { load, save } from "../../pipelines/weights/checkpoint.ts";
import { readLazies } from "../../pipelines/weights/lazy.ts";
import { runInto, tinyExperiment } from "../support/tiny_experiment.ts";

const test = suite("ask"), config = tinyExperiment;

const folder = Deno.makeTempDirSync(), run = `${folder}/run`, photo = `${folder}/photo.jpg`;
const caches = { scenes: `${folder}/scenes`, features: `${folder}/features` };
const onCpu = <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(cpu({ threads: 2 }))));

test.before(async () => {
  const noise = Uint8Array.from({ length: 90 * 60 * 3 }, (_, i) => (i * 7919) % 251);
  await sharp(noise, { raw: { width: 90, height: 60, channels: 3 } }).jpeg({ quality: 95 }).toFile(photo);
  await onCpu(runInto(config, run));
});

const command = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "pipelines/cli/cos.ts", "ask", "--device", "cpu", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};

test("the command answers, streams what it answers, and draws where it looked", async () => {
  const show = `${folder}/looks.png`;
  const said = await command(
    "--checkpoint",
    run,
    "--image",
    photo,
    "--question",
    "Is there a cow?",
    "--max-tokens",
    "3",
    "--show",
    show,
  );
  assert.is(said.code, 0, said.err);
  assert.match(said.err, /tiny, \d+ visual tokens, on CPU/);
  const json = await command(
    "--checkpoint",
    `${run}/checkpoints/finetune.safetensors`,
    "--image",
    photo,
    "--question",
    "is there a cow",
    "--max-tokens",
    "3",
    "--json",
  );
  assert.is(json.code, 0, json.err);
  const answer = JSON.parse(json.out) as { answer: string; ids: number[]; question: string };
  assert.is(said.out.trim(), answer.answer, "the question mark is not part of the question");
  assert.is(answer.question, "is there a cow");
  assert.ok(answer.ids.length <= 3);
  const { width, height } = await sharp(show).metadata();
  assert.ok(width! >= 640 && height! > 300, "a panel for each scale");
});

test("the run keeps its predictions, and today's rules give the scores that were kept", async () => {
  const [file, ...others] = await Effect.runPromise(keptPredictions(run));
  assert.equal([file, others], [`${run}/predictions/evaluate.jsonl`, []]);
  const kept = await Effect.runPromise(readPredictions(file!)), { head, predictions } = kept;
  assert.equal(Object.keys(head.scores).toSorted(), ["scene-count", "scene-presence", "scene-refer"]);
  for (const { record, answers: { seen, blind, shuffled } } of predictions) {
    assert.ok(seen !== undefined && blind !== undefined);
    assert.is.not(shuffled!.image, record.image);
  }
  const again = rescored(kept, benchmarkFor(head.boxes));
  assert.equal(again, E.right({ predictions: kept, changed: {} }));
  const { kinds } = JSON.parse(Deno.readTextFileSync(`${run}/samples/evaluate.json`));
  assert.equal(head.scores["scene-presence"]!.seen, kinds.presence.report);
  // packed by gzip, they are the same
  const packed = `${folder}/evaluate.jsonl.gz`;
  await Deno.writeFile(packed, gzipSync(await Deno.readFile(file!)));
  assert.equal(await Effect.runPromise(readPredictions(packed)), kept);
});

test("a benchmark's prompt is asked, and what its score reads is said", async () => {
  const photoOf = (...more: readonly string[]) =>
    command(
      "--checkpoint",
      run,
      "--image",
      photo,
      "--question",
      "is there a cow",
      "--max-tokens",
      "1",
      ...more,
    );
  const said = await photoOf("--benchmark", "pope", "--json");
  assert.is(said.code, 0, said.err);
  const { question } = JSON.parse(said.out) as { readonly question: string };
  assert.is(question, "is there a cow\nAnswer the question using a single word or phrase");
  assert.match(said.err, /pope reads: (yes|no)/);
  const choices = await photoOf("--benchmark", "mmbench");
  assert.is(choices.code, 1);
  assert.match(choices.err, "--benchmark mmbench, whose questions have choices");
});

test("an answer is what evaluation would write about the same image", async () => {
  const set = await Effect.runPromise(
    renderDataset(config.world!.data, "eval", 1, { sides: [224], cache: caches.scenes }),
  );
  const bytes = imageAt(set, 224, 0);
  const scene = await sharp(bytes, { raw: { width: 224, height: 224, channels: 3 } }).png().toBuffer();
  Deno.writeFileSync(`${folder}/scene.png`, scene);
  await onCpu(Effect.scoped(Effect.gen(function* () {
    const read = yield* loadInputImage(`${folder}/scene.png`, 224, 224);
    assert.equal(read.bytes, bytes, "an image of the right side is left as it is");
    const { bridge, parts, causalLM } = yield* loadTrained(run), tokenizer = tokenizerFor(config.world!);
    const { vision: _, ...params } = causalLM.params as unknown as Record<string, never>;
    const answer = yield* openAnswerer({
      model: parts,
      bridge,
      params,
      tokenizer,
      batch: 2,
      prompt: 16,
      tokens: 4,
    });
    const features = yield* featuresOf(set, yield* loadVision(shippedWeights()), {
      side: 224,
      batch: 1,
      cache: caches.features,
      label: "features",
    });
    for (const prompt of ["is there a cow", "how many apples"]) {
      const [wanted] = yield* answer(features, [{ imageIndex: 0, prompt, tokens: 4 }]);
      const reported: string[] = [];
      const got = yield* ask(
        { checkpoint: run, images: [`${folder}/scene.png`], question: prompt, tokens: 4 },
        (words) => reported.push(words),
      );
      assert.is(got.answer, wanted);
      assert.is(reported.join(""), wanted, "the stream adds up to the answer");
      const beams = yield* ask({
        checkpoint: run,
        images: [`${folder}/scene.png`],
        question: prompt,
        tokens: 4,
        beams: 1,
      }, () => {});
      assert.is(beams.answer, wanted, "one beam is greedy");
      // two beams see the image twice: what they find is at least as likely, so greedy is found where it is best
      const asking = { checkpoint: run, images: [`${folder}/scene.png`], question: prompt, tokens: 1 };
      const two = yield* ask({ ...asking, beams: 2 }, () => {}), one = yield* ask(asking, () => {});
      assert.is(two.answer, one.answer, "of one token, the most likely is the best");
    }
  })));
});

test("photos of any kind become squares of RGB: turned upright, on white, grey or not", async () => {
  // left half black, right half white, 40 x 20
  const halves = Buffer.from(Uint8Array.from({ length: 800 }, (_, i) => i % 40 < 20 ? 0 : 255));
  const raw = { raw: { width: 40, height: 20, channels: 1 as const } };
  const read = async (name: string, made: ReturnType<typeof sharp>): Promise<Uint8Array> => {
    Deno.writeFileSync(`${folder}/${name}`, await made.toBuffer());
    return (await Effect.runPromise(loadInputImage(`${folder}/${name}`, 8, 16))).bytes;
  };
  const at = (bytes: Uint8Array, x: number, y: number): readonly number[] =>
    Array.from(bytes.subarray((y * 8 + x) * 3, (y * 8 + x) * 3 + 3), (v) => v < 32 ? 0 : v > 223 ? 1 : 0.5);
  const grey = await read("grey.png", sharp(halves, raw).toColourspace("b-w").png());
  assert.is(grey.length, 8 * 8 * 3);
  assert.equal([at(grey, 1, 1), at(grey, 6, 6)], [[0, 0, 0], [1, 1, 1]]);
  // orientation 3 is upside down: left and right change places
  const turned = await read("turned.jpg", sharp(halves, raw).withMetadata({ orientation: 3 }).jpeg());
  assert.equal([at(turned, 1, 1), at(turned, 6, 6)], [[1, 1, 1], [0, 0, 0]]);
  const clear = await read(
    "clear.png",
    sharp({
      create: { width: 9, height: 5, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } },
    }).png(),
  );
  assert.equal(at(clear, 4, 4), [1, 1, 1]);
  const deep = await read("deep.png", sharp(halves, raw).toColourspace("rgb16").png());
  assert.equal([at(deep, 1, 1), at(deep, 6, 6)], [[0, 0, 0], [1, 1, 1]]);
  const red = await read(
    "red.webp",
    sharp({
      create: { width: 5, height: 9, channels: 3, background: { r: 255, g: 0, b: 0 } },
    }).webp({ lossless: true }),
  );
  assert.equal(at(red, 3, 3), [1, 0, 0]);
});

test("looks add up: windows to shares, patches to windows, scales to no more than all attention", async () => {
  await onCpu(Effect.scoped(Effect.gen(function* () {
    const { causalLM, bridge, parts, speech } = yield* loadTrained(run);
    const layout = windowsOf(bridge, parts.tower);
    const loaded = yield* loadInputImage(photo, 224, 448), answer = [5, 9, 7];
    const given = { images: pixelsOfImage(loaded.bytes, 224) };
    const looks = yield* attentionMapsAt(causalLM, layout, {
      prompt: right(speech.prompt("<image>is there a cow")).ids,
      answer,
      given,
    });
    assert.is(looks.length, 3);
    for (const scales of looks) {
      assert.equal(scales.map((l) => l.scale), layout.scales);
      const total = scales.reduce((a, l) => a + l.share, 0);
      assert.ok(total > 0.1 && total < 1, `${total}`);
      for (const { scale: { window }, share, windows, patches } of scales) {
        const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, v) => a + v, 0);
        assert.ok(Math.abs(sum(windows) - share) < 1e-6 && Math.abs(sum(patches) - share) < 1e-5);
        const side = 16 / window;
        windows.forEach((amount, w) => {
          const inside = Array.from(patches).filter((_, i) =>
            Math.floor(Math.floor(i / 16) / window) === Math.floor(w / side) &&
            Math.floor((i % 16) / window) === w % side
          );
          assert.ok(Math.abs(sum(inside) - amount) < 1e-5, "a window's patches");
        });
      }
    }
    assert.not.equal(looks[0]![0]!.windows, looks[2]![0]!.windows);
  })));
});

test("each visual token spreads over its own window", () => {
  const layout = { resolution: 4, patch: 1, scales: [{ window: 4, queries: 2 }, { window: 2, queries: 1 }] };
  const whole = new Float32Array(32);
  whole[0] = 1; // query 0 looks at the first patch
  whole[16 + 15] = 1; // query 1 at the last
  const local = new Float32Array(16);
  [1, 2, 3, 0].forEach((k, w) => local[w * 4 + k] = 1);
  const looks = attentionMapsOf(layout, [0.1, 0.2, 0.01, 0.02, 0.03, 0.04], [
    { dtype: "f32", shape: [1, 2, 16], data: whole },
    { dtype: "f32", shape: [4, 1, 4], data: local },
  ]);
  const at = (s: number) =>
    Array.from(looks[s]!.patches).flatMap((v, i) => v > 0 ? [[i, Math.round(v * 100)]] : []);
  assert.equal(at(0), [[0, 10], [15, 20]]);
  assert.equal(at(1), [[1, 1], [6, 2], [10, 4], [13, 3]].toSorted((a, b) => a[0]! - b[0]!));
});

test("several images are at their marks in the question, and a text needs none", async () => {
  await onCpu(Effect.gen(function* () {
    const asking = { checkpoint: run, question: "is <image> like <image>", tokens: 3 };
    const two = yield* ask({ ...asking, images: [photo, photo] }, () => {});
    const first = yield* ask({ ...asking, question: "is there a cow", images: [photo] }, () => {});
    const marked = yield* ask({ ...asking, question: "<image> is there a cow", images: [photo] }, () => {});
    const bare = yield* ask({ ...asking, question: "is there a cow", images: [] }, () => {});
    assert.equal([two.visualTokens, bare.visualTokens], [2 * first.visualTokens, 0]);
    assert.equal(marked.ids, first.ids, "images without marks stand before the question");
    assert.equal(two.unknown.filter((word) => word.includes("image")), []);
  }));
});

test("what cannot be asked is said in one paragraph, and exits with 1", async () => {
  const good: Ask = { checkpoint: run, images: [photo], question: "is there a cow", tokens: 2 };
  const said = async (change: Partial<Ask>): Promise<string> => {
    const error = await onCpu(Effect.flip(ask({ ...good, ...change }, () => {})));
    assert.ok("hint" in error, String(error));
    return (error as Error).message;
  };
  Deno.writeTextFileSync(`${folder}/words.txt`, "not an image");
  Deno.mkdirSync(`${folder}/empty`);
  assert.match(
    await said({ checkpoint: `${folder}/nowhere` }),
    /nowhere: got no such folder or file; expected the directory of a run/,
  );
  assert.match(await said({ checkpoint: `${folder}/empty` }), /a folder without manifest\.json/);
  assert.match(await said({ checkpoint: photo }), /got a file; expected the directory of a run/);
  assert.match(await said({ arm: "other" }), /no trained arm other; expected one of tiny/);
  assert.match(await said({ images: [`${folder}/nothing.jpg`] }), /no such file/);
  assert.match(await said({ images: [`${folder}/words.txt`] }), /12 bytes that are no image/);
  assert.match(await said({ question: " ? " }), /the question " \? "; expected words/);
  assert.match(await said({ question: "is <image> as <image>" }), /2 marks <image> for 1 images/);
  assert.match(
    await said({ images: [photo, photo], show: "x.png" }),
    /--show with 2 images; expected one image/,
  );
  assert.match(await said({ tokens: 0 }), /0 tokens at most/);
  assert.match(await said({ beams: 0 }), /0 beams/);
  assert.match(
    await said({ beams: 2, decoding: { kind: "sample", temperature: 1, seed: 1 } }),
    /one of them/,
  );
  const half = Deno.readFileSync(photo);
  Deno.writeFileSync(`${folder}/half.jpg`, half.subarray(0, half.length >> 1));
  assert.match(await said({ images: [`${folder}/half.jpg`] }), /no image/);
  assert.equal([added("a", "a cow"), added("", "a"), added("a c", "an ox")], [" cow", "a", "\nan ox"]);
  const shown = await command("--checkpoint", `${folder}/empty`, "--image", photo, "--question", "x");
  assert.is(shown.code, 1);
  assert.match(shown.err, /error: open .*\n {2}got: {6}a folder without manifest\.json\n/);
  assert.not.match(shown.err, /at file:/);
  const drawn = await command(
    "--checkpoint",
    run,
    "--image",
    photo,
    "--question",
    "x",
    "--temperature",
    "0",
    "--top-p",
    "0.5",
  );
  assert.is(drawn.code, 1);
  assert.match(drawn.err, /temperature of 0/);
});

test("a damaged or unfinished checkpoint is refused", async () => {
  const copy = `${folder}/copy`, file = `${copy}/checkpoints/finetune.safetensors`;
  Deno.mkdirSync(`${copy}/checkpoints`, { recursive: true });
  for (const name of ["manifest.json", "experiment.json"]) {
    Deno.copyFileSync(`${run}/${name}`, `${copy}/${name}`);
  }
  const said = (): Promise<string> =>
    Effect.runPromise(Effect.flip(Effect.scoped(
      Effect.flatMap(loadTrained(copy), ({ causalLM }) => readLazies(causalLM.params)),
    ))).then((e) => (e as Error).message);
  assert.match(await said(), /nothing is trained yet/);
  const bytes = Deno.readFileSync(`${run}/checkpoints/finetune.safetensors`);
  bytes[bytes.length - 9]! ^= 8;
  Deno.writeFileSync(file, bytes);
  assert.match(await said(), /sha-256/);
  const { tensors, metadata } = await Effect.runPromise(load(`${run}/checkpoints/finetune.safetensors`));
  const name = "state.params.model.norm.weight", array = tensors[name]!;
  const data = Float32Array.from(array.data);
  data[2] = NaN;
  await Effect.runPromise(save(file, { ...tensors, [name]: { ...array, data } }, metadata));
  const diverged = await said();
  assert.ok(diverged.includes("model.norm.weight"), diverged);
  assert.match(diverged, /NaN at element 2.*diverged/);
  const manifest = JSON.parse(Deno.readTextFileSync(`${run}/manifest.json`));
  Deno.writeTextFileSync(
    `${copy}/manifest.json`,
    JSON.stringify({ ...manifest, config: { ...manifest.config, seed: 9 } }),
  );
  assert.match(await said(), /configuration with hash/);
});

test.run();
