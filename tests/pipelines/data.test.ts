import { createCanvas, loadImage } from "@napi-rs/canvas";
import * as Effect from "effect/Effect";
import * as Logger from "effect/Logger";
import { pipe } from "fp-ts/lib/function.js";
import * as O from "fp-ts/lib/Option.js";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Box, covered, iou } from "../../pipelines/records/box.ts";
import { setName } from "../../pipelines/scenes/cache.ts";
import { heldOutPairs, isHeldOut } from "../../pipelines/scenes/composition.ts";
import { concepts, popularity, themes } from "../../pipelines/scenes/concepts.ts";
import { type DataConfig, dataConfigCodec, defaultData, type Split } from "../../pipelines/scenes/config.ts";
import { imageGrid, type Sample } from "../../pipelines/scenes/image_grid.ts";
import { boxWords, dequantise, parseBox, quantise } from "../../pipelines/records/grid.ts";
import { countsOf, type Scene, sceneCodec } from "../../pipelines/scenes/record.ts";
import { regionWeights } from "../../pipelines/scenes/regions.ts";
import { resampleArea } from "../../pipelines/images/resample.ts";
import { sampleScene, sampleScenes } from "../../pipelines/scenes/scene.ts";
import { imageAt } from "../../pipelines/images/image_set.ts";
import { negativeKinds, type PresenceQuestion, questionsOf } from "../../pipelines/scenes/tasks.ts";
import { renderDataset, type RenderOptions, renderWith } from "../../pipelines/scenes/workers.ts";
import { property } from "../support/property.ts";

const small: DataConfig = { ...defaultData, master: 96, concepts: 16 };
const draw = (config: DataConfig, split: Split, count: number, options: RenderOptions) =>
  Effect.runPromise(renderDataset(config, split, count, options));
const training: readonly Split[] = ["vision", "pretrain", "finetune"];
const evaluation = sampleScenes(defaultData, "eval", 2000);

test("the first concepts are balanced over themes, and all names are unique", () => {
  const first = concepts.slice(0, 48);
  assert.is(new Set(concepts.map((c) => c.name)).size, concepts.length);
  for (const theme of themes.slice(0, 8)) {
    assert.is(first.slice(0, 24).filter((c) => c.theme === theme).length, 3, theme);
    assert.is(first.filter((c) => c.theme === theme).length, 6, theme);
  }
  concepts.forEach((c, i) => assert.is(c.id, i));
  assert.ok(first.every((c) => /^[a-z]+( [a-z]+)?$/.test(c.name)));
});

test("a scene is a pure function of seed, split and index", () => {
  assert.equal(sampleScene(defaultData, "finetune", 7), sampleScene(defaultData, "finetune", 7));
  const others = [
    sampleScene(defaultData, "finetune", 8),
    sampleScene(defaultData, "pretrain", 7),
    sampleScene({ ...defaultData, seed: 2 }, "finetune", 7),
  ];
  for (const other of others) {
    assert.not.equal(other.objects, sampleScene(defaultData, "finetune", 7).objects);
  }
});

test("scenes keep to their configuration", () => {
  for (const scene of evaluation) {
    assert.ok(sceneCodec.is(scene));
    assert.ok(scene.objects.length >= 1 && scene.objects.length <= defaultData.objects[1]);
    assert.ok(Math.max(...countsOf(scene).values()) <= defaultData.sameConcept);
    const boxes = [...scene.objects, ...scene.plates].map((o) => o.box);
    boxes.forEach((a, i) => {
      assert.ok(a.every((v) => v >= 0 && v <= 1) && a[0] < a[2] && a[1] < a[3], `${scene.id} ${a}`);
      boxes.slice(i + 1).forEach((b) => assert.ok(covered(a, b) <= defaultData.overlap + 1e-9, scene.id));
    });
    for (const o of scene.objects) {
      const [x1, y1, x2, y2] = o.box;
      assert.ok(Math.abs(Math.max(x2 - x1, y2 - y1) - o.size) < 3e-4);
      assert.ok(o.size >= defaultData.size[0] - 1e-4 && o.size <= defaultData.size[1] + 1e-4);
    }
  }
  const crowded = evaluation.filter((s) => s.objects.length >= 2).length / evaluation.length;
  assert.ok(crowded > 0.99, `two objects or more in ${crowded}`);
});

const range = (low: number, high: number) =>
  fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const config: fc.Arbitrary<DataConfig> = fc.record({
  seed: fc.nat(),
  master: fc.constant(224),
  concepts: fc.integer({ min: 4, max: 48 }),
  objects: range(2, 16),
  sameConcept: fc.integer({ min: 1, max: 4 }),
  size: range(2, 45).map(([a, b]) => [a / 100, b / 100] as const),
  overlap: fc.constantFrom(0, 0.15, 1),
  plates: fc.integer({ min: 0, max: 3 }),
  themed: fc.constantFrom(0, 0.7, 1),
  heldOut: fc.constantFrom(0, 0.12, 0.5),
  evalHeldOut: fc.constantFrom(0, 0.5, 1),
  styles: fc.constant({ train: ["noto"], eval: ["twemoji"] } as const),
  grid: fc.integer({ min: 2, max: 64 }),
});

property(test, "any configuration in range can be sampled and asked about", [
  config,
  fc.nat(1000),
  fc.constantFrom(...training, "eval" as const),
], (c, index, split) => {
  assert.ok(dataConfigCodec().is(c));
  const scene = sampleScene(c, split, index), counts = countsOf(scene);
  assert.ok(sceneCodec.is(JSON.parse(JSON.stringify(scene))));
  assert.ok(scene.objects.length >= 1 && Math.max(...counts.values()) <= c.sameConcept);
  assert.ok(scene.objects.every((o) => o.concept < c.concepts));
  assert.ok(scene.objects.every((o) => o.style === (split === "eval" ? "twemoji" : "noto")));
  if (split !== "eval") assert.is(scene.composition, "seen");
  const asked = questionsOf(scene, c);
  assert.is(asked.filter((q) => q.kind === "caption").length, 1);
  const yes = asked.filter((q) => q.kind === "presence" && q.truth).length;
  assert.is(yes * 2, asked.filter((q) => q.kind === "presence").length);
});

test("a share of training scenes shows every concept once; other scenes are as they are without it", () => {
  const most = ({ objects }: Scene) => Math.max(...countsOf({ objects } as Scene).values());
  const [never, half] = [0, 0.5].map((repeated) => ({ ...defaultData, repeated }));
  assert.ok(sampleScenes(never!, "pretrain", 200).every((scene) => most(scene) === 1));
  const repeats = (data: DataConfig) => sampleScenes(data, "finetune", 400).filter((s) => most(s) > 1).length;
  const ratio = repeats(half!) / repeats(defaultData);
  assert.ok(Math.abs(ratio - 0.5) < 0.12, String(ratio));
  assert.equal(sampleScenes(never!, "eval", 50), sampleScenes(defaultData, "eval", 50));
  for (const scene of sampleScenes(half!, "pretrain", 40)) {
    const single = [...countsOf(scene).values()].filter((n) => n === 1).length;
    assert.is(questionsOf(scene, half!).filter(({ kind }) => kind === "refer").length, single);
  }
});

test("no training scene shows a held-out pair, and evaluation shows them by the share asked for", () => {
  const pairs = heldOutPairs(24, defaultData.heldOut);
  assert.ok(pairs.length > 15 && pairs.length < 60, `${pairs.length} pairs`);
  for (const split of training) {
    for (const scene of sampleScenes(defaultData, split, 1500)) {
      const present = [...countsOf(scene).keys()];
      assert.not.ok(pairs.some(([a, b]) => present.includes(a) && present.includes(b)), scene.id);
      assert.is(scene.composition, "seen");
    }
  }
  const shown = new Set<string>();
  for (const scene of evaluation) {
    const present = [...countsOf(scene).keys()];
    const found = pairs.filter(([a, b]) => present.includes(a) && present.includes(b));
    assert.is(scene.composition, found.length > 0 ? "held-out" : "seen", scene.id);
    found.forEach((p) => shown.add(p.join()));
  }
  const share = evaluation.filter((s) => s.composition === "held-out").length / evaluation.length;
  assert.ok(Math.abs(share - defaultData.evalHeldOut) < 0.04, `${share}`);
  assert.is(shown.size, pairs.length);
});

test("themes make co-occurrence real", () => {
  const scenes = sampleScenes(defaultData, "finetune", 1500);
  const lift = (same: boolean): number => {
    let met = 0, possible = 0;
    for (const scene of scenes) {
      const present = [...countsOf(scene).keys()];
      for (const a of present) {
        for (const b of concepts.slice(0, 24).map((c) => c.id)) {
          const alike = concepts[a]!.theme === concepts[b]!.theme;
          if (a === b || alike !== same || isHeldOut(a, b, defaultData.heldOut)) continue;
          possible++;
          if (present.includes(b)) met++;
        }
      }
    }
    return met / possible;
  };
  assert.ok(lift(true) > 4 * lift(false), `${lift(true)} against ${lift(false)}`);
});

test("area resampling is exact on known patterns", () => {
  const rgb = (side: number, f: (x: number, y: number) => number): Uint8Array =>
    Uint8Array.from(
      { length: side * side * 3 },
      (_, i) => f(Math.floor(i / 3) % side, Math.floor(i / 3 / side)) + i % 3,
    );
  // 4 -> 2: means of 2 x 2 blocks, halves upwards
  const four = rgb(4, (x, y) => 10 * x + 40 * y);
  assert.equal([...resampleArea(four, 4, 2)].filter((_, i) => i % 3 === 0), [25, 45, 105, 125]);
  assert.equal([...resampleArea(rgb(2, (x) => x), 2, 1)], [1, 2, 3]); // 0.5, 1.5, 2.5 round up
  // 3 -> 2: each target covers 1.5 source cells; columns 0, 90, 30 give (0 + 45) / 1.5 and (45 + 30) / 1.5
  assert.equal([...resampleArea(rgb(3, (x) => [0, 90, 30][x]!), 3, 2)].filter((_, i) => i % 3 === 0), [
    30,
    50,
    30,
    50,
  ]);
  assert.equal(resampleArea(four, 4, 4), four);
  assert.throws(() => resampleArea(four, 4, 5), /side 5/);
});

property(test, "area resampling keeps constants and stays between the extremes", [
  fc.integer({ min: 1, max: 24 }),
  fc.integer({ min: 1, max: 24 }),
  fc.nat(255),
], (a, b, v) => {
  const from = Math.max(a, b), to = Math.min(a, b);
  assert.ok(resampleArea(new Uint8Array(from * from * 3).fill(v), from, to).every((w) => w === v));
});

test("bytes are the same in every run and for any number of workers", async () => {
  const one = await draw(small, "finetune", 100, { sides: [96, 48], workers: 1 });
  const two = await draw(small, "finetune", 100, { sides: [48, 96], workers: 2 });
  assert.is(one.hash, two.hash);
  assert.is(one.images[96]!.length, 100 * 96 * 96 * 3);
  assert.equal(resampleArea(imageAt(one, 96, 99), 96, 48), imageAt(two, 48, 99).slice());
  assert.equal(one.scenes, sampleScenes(small, "finetune", 100));
  const other = await draw({ ...small, seed: 2 }, "finetune", 100, { sides: [96, 48] });
  assert.is.not(other.hash, one.hash);
});

test("objects are drawn where the record says", async () => {
  const config = { ...small, overlap: 0, plates: 0 };
  const set = await draw(config, "finetune", 24, { workers: 1 });
  const solid = set.scenes.filter((s) => s.background.pattern === "solid");
  assert.ok(solid.length > 0);
  for (const scene of solid) {
    const image = imageAt(set, 96, scene.index), ground = scene.background.colours[0];
    const inked = (x: number, y: number): boolean =>
      ground.some((v, c) => Math.abs(image[(y * 96 + x) * 3 + c]! - v) > 12);
    for (let p = 0; p < 96 * 96; p++) {
      const x = p % 96, y = Math.floor(p / 96);
      const near = scene.objects.some(({ box: [a, b, c, d] }) =>
        x + 1 >= a * 96 - 1 && x <= c * 96 + 1 && y + 1 >= b * 96 - 1 && y <= d * 96 + 1
      );
      assert.ok(near || !inked(x, y), `${scene.id}: ink at ${x}, ${y} outside every box`);
    }
    for (const { box } of scene.objects) {
      const [x1, y1, x2, y2] = box.map((v) => Math.round(v * 96)) as unknown as Box;
      const columns = Array.from({ length: x2 - x1 }, (_, i) => x1 + i);
      const rows = Array.from({ length: y2 - y1 }, (_, i) => y1 + i);
      const first = columns.findIndex((x) => rows.some((y) => inked(x, y)));
      const last = columns.findLastIndex((x) => rows.some((y) => inked(x, y)));
      assert.ok(
        first >= 0 && first <= 2 && last >= columns.length - 3,
        `${scene.id}: box wider than its object`,
      );
    }
  }
});

test("a cached set is read back, and a damaged one is drawn again", async () => {
  const folder = await Deno.makeTempDir(), said: string[] = [];
  const keep = Logger.make(({ message }) => said.push(String(message)));
  const quiet = <A>(program: Effect.Effect<A, unknown>) =>
    Effect.runPromise(Effect.provide(program, Logger.layer([keep])));
  try {
    const key = { config: small, split: "eval" as const, count: 30, sides: [48] };
    const options = { sides: [48], cache: folder, workers: 1 };
    const fresh = await draw(small, "eval", 30, options);
    const file = `${folder}/${setName(key)}-48.rgb`, record = `${folder}/${setName(key)}.json`;
    const written = (await Deno.stat(file)).mtime?.getTime();
    assert.equal(await draw(small, "eval", 30, options), fresh);
    assert.is((await Deno.stat(file)).mtime?.getTime(), written);
    const damaged = await Deno.readFile(file);
    damaged[1000]! ^= 1;
    await Deno.writeFile(file, damaged);
    assert.equal(await quiet(renderDataset(small, "eval", 30, options)), fresh);
    assert.is(said.length, 1);
    assert.match(said[0]!, `${setName(key)}-48.rgb`);
    assert.is((await draw(small, "eval", 30, options)).hash, fresh.hash);
    await Deno.writeTextFile(record, (await Deno.readTextFile(record)).replace('"scenes":', '"scene":'));
    assert.equal((await quiet(renderDataset(small, "eval", 30, options))).scenes, fresh.scenes);
    assert.match(said[1]!, /json.*scenes: nothing/);
    assert.is([...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("eval-")).length, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("what cannot be drawn is refused with what was got and how to fix it", async () => {
  const refusal = (config: DataConfig, count: number, options: RenderOptions) =>
    Effect.runPromise(Effect.flip(renderDataset(config, "eval", count, options)));
  assert.match((await refusal(small, 4, { sides: [128] })).message, /sides 128.*master's 96/);
  assert.match((await refusal(small, 0, {})).message, /0 scenes/);
  assert.match((await refusal({ ...small, overlap: 3 }, 4, {})).message, /overlap/);
  assert.match(
    (await refusal(small, 4, { cache: "/dev/null/x", workers: 1 })).message,
    /\/dev\/null\/x.*name another/,
  );
  const huge = renderDataset(small, "eval", 1e12, {});
  assert.match((await Effect.runPromise(Effect.flip(huge))).message, /fit in memory/);
  const broken = await Effect.runPromise(Effect.flip(renderWith([], small, "eval", 100, [96], 2)));
  assert.is(broken._tag, "DataError");
  assert.match(broken.message, /expected a worker that draws/);
  assert.ok(dataConfigCodec().is(defaultData));
  assert.not.ok(dataConfigCodec().is({ ...defaultData, objects: [5, 2] }));
});

const presences = (split: Split): readonly PresenceQuestion[] =>
  sampleScenes(defaultData, split, 2000)
    .flatMap((s) => questionsOf(s, defaultData)).filter((q) => q.kind === "presence");

test("answers are true and balanced", () => {
  const questions = evaluation.map((scene) => ({ scene, asked: questionsOf(scene, defaultData) }));
  for (const { scene, asked } of questions) {
    const present = countsOf(scene);
    for (const q of asked) {
      if (q.kind === "presence") {
        assert.is(present.has(q.concept), q.answer === "yes", `${scene.id} ${q.prompt}`);
      }
      if (q.kind === "count") assert.is(String(present.get(q.concept) ?? 0), q.answer);
      if (q.kind === "refer") {
        assert.is(present.get(q.concept), 1);
        assert.equal(scene.objects.find((o) => o.concept === q.concept)!.box, q.truth);
      }
      if (q.kind === "caption") assert.equal([...q.truth].sort(), [...present.keys()].sort());
    }
  }
  for (const split of ["eval", "finetune"] as const) {
    const asked = presences(split);
    for (const kind of negativeKinds) {
      const own = asked.filter((q) => q.negative === kind);
      const yes = own.filter((q) => q.truth).length / own.length;
      assert.ok(own.length > 3500 && Math.abs(yes - 0.5) < 0.02, `${split} ${kind}: ${yes}`);
    }
  }
  const counted = questions.flatMap(({ asked }) => asked.filter((q) => q.kind === "count"));
  for (const n of [0, 1, 2, 3, 4]) {
    const share = counted.filter((q) => q.truth === n).length / counted.length;
    assert.ok(share > 0.03 && share < 0.45, `${n}: ${share}`);
  }
});

test("popular negatives are popular and adversarial ones belong to the scene's themes", () => {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const no = presences("eval").filter((q) => !q.truth);
  const popular = (kind: string) =>
    mean(no.filter((q) => q.negative === kind).map((q) => popularity(q.concept)));
  assert.ok(popular("popular") > popular("random") + 0.1);
  const related = evaluation.flatMap((scene) =>
    questionsOf(scene, defaultData).filter((q) => q.kind === "presence" && !q.truth).map((q) => ({
      kind: (q as PresenceQuestion).negative,
      near: scene.objects.some((o) =>
        concepts[o.concept]!.theme === concepts[(q as PresenceQuestion).concept]!.theme
      ),
    }))
  );
  const near = (kind: string) => mean(related.filter((r) => r.kind === kind).map((r) => Number(r.near)));
  assert.ok(near("adversarial") > 0.75 && near("random") < 0.3, `${near("adversarial")} ${near("random")}`);
});

test("questions differ by pass in training and never in evaluation; the vision split has captions alone", () => {
  const train = sampleScene(defaultData, "finetune", 3), test = evaluation[3]!;
  assert.equal(questionsOf(train, defaultData, 1), questionsOf(train, defaultData, 1));
  assert.not.equal(questionsOf(train, defaultData, 1), questionsOf(train, defaultData, 2));
  assert.equal(questionsOf(test, defaultData, 1), questionsOf(test, defaultData, 2));
  assert.equal(questionsOf(sampleScene(defaultData, "vision", 3), defaultData).map((q) => q.kind), [
    "caption",
  ]);
});

const edge = fc.double({ min: 0, max: 1, noNaN: true });

property(test, "boxes survive the grid within a cell, and only boxes are read", [
  edge,
  edge,
  edge,
  edge,
  fc.integer({ min: 2, max: 64 }),
], (a, b, c, d, cells) => {
  const box: Box = [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  const back = parseBox(boxWords(box, cells), cells);
  assert.ok(O.isSome(back));
  assert.equal(pipe(back, O.toNullable), dequantise(quantise(box, cells), cells));
  dequantise(quantise(box, cells), cells).forEach((v, i) =>
    assert.ok(Math.abs(v - box[i]!) <= 1.5 / cells + 1e-9)
  );
});

test("only boxes are read, and most objects keep theirs", () => {
  for (
    const bad of [
      "",
      "<1> <2> <3>",
      "<1> <2> <3> <16>",
      "<5> <2> <5> <4>",
      "<1> <2> <3> <4> <5>",
      "a <1> <2> <3> <4>",
    ]
  ) {
    assert.ok(O.isNone(parseBox(bad, 16)), bad);
  }
  assert.equal(pipe(parseBox("<0><1><2><3>", 4), O.toNullable), [0.125, 0.375, 0.625, 0.875]);
  const exact = evaluation.flatMap((s) =>
    s.objects.map((o) => iou(o.box, dequantise(quantise(o.box, 16), 16)))
  );
  assert.ok(exact.filter((v) => v >= 0.5).length / exact.length > 0.97);
});

test("region weights are the shares of a box in its patches", () => {
  const scene = {
    ...evaluation[0]!,
    objects: [{ ...evaluation[0]!.objects[0]!, concept: 5, box: [0.25, 0, 1, 0.5] as const }],
  };
  const { weights, concepts: numbers } = regionWeights(scene, 2, 3);
  assert.equal([...numbers], [5, -1, -1]);
  const rows = [...weights].map((w) => Math.round(w * 1e6) / 1e6);
  assert.equal(rows, [0.333333, 0.666667, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  for (const s of evaluation.slice(0, 50)) {
    const r = regionWeights(s, 7, 6);
    s.objects.slice(0, 6).forEach((_, i) => {
      const sum = r.weights.subarray(i * 49, (i + 1) * 49).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-5);
    });
  }
});

test("a sheet shows right and wrong answers, both boxes and its legend; no empty answer as right", async () => {
  const set = await draw(small, "eval", 2, { workers: 1 });
  const sheet = (right: boolean, answer = "yes", more: Partial<Sample> = {}) =>
    imageGrid(set.scenes.map((scene) => ({
      image: imageAt(set, 96, scene.index),
      side: 96,
      lines: [{ question: "is there a cow", answer, truth: "no", right }],
      ...more,
    })));
  assert.equal([...sheet(true).subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  assert.not.equal(sheet(true), sheet(false));
  assert.equal(sheet(true), sheet(true));
  for (const nothing of ["", "  "]) assert.equal(sheet(true, nothing), sheet(false, nothing));
  const box = [0.1, 0.1, 0.5, 0.5] as const;
  const sheets = [
    sheet(true),
    sheet(true, "yes", { predictedBox: box }),
    sheet(true, "yes", { trueBox: box }),
  ];
  assert.is(new Set(sheets.map((bytes) => bytes.join())).size, 3);
  // colours of the first image's left edge, and of the legend above it
  const image = await loadImage(Buffer.from(sheet(true, "yes", { predictedBox: [0, 0, 1, 1] })));
  const canvas = createCanvas(image.width, image.height), g = canvas.getContext("2d");
  g.drawImage(image, 0, 0);
  const found = (x: number, y: number, w: number, h: number, [r, green, b]: readonly number[]) => {
    const { data } = g.getImageData(x, y, w, h);
    return Array.from({ length: w * h }, (_, i) => i * 4).some((i) =>
      data[i] === r && data[i + 1] === green && data[i + 2] === b
    );
  };
  const pink = [0xe0, 0x21, 0x8a], tick = [0x1d, 0x7a, 0x46], cross = [0xb3, 0x26, 0x1e];
  for (const colour of [pink, tick, cross]) assert.ok(found(0, 10, image.width, 24, colour), String(colour));
  assert.ok(found(10, 100, 10, 10, pink));
});

test.run();
