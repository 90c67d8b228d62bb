/** Scenes at full strength keep the rule of their split; nothing that is held out is met elsewhere. */
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import type { Errors } from "io-ts";
import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { aspectOf } from "../../pipelines/scenes/aspects.ts";
import { isHeldOut, isHeldOutCount } from "../../pipelines/scenes/composition.ts";
import { concepts } from "../../pipelines/scenes/concepts.ts";
import {
  type DataConfig,
  dataConfigCodec,
  defaultData,
  evaluationSplits,
  fullData,
  isTraining,
  type Split,
  splits,
  styles,
} from "../../pipelines/scenes/config.ts";
import { patterns } from "../../pipelines/scenes/pattern.ts";
import { alongsideText, letterStarts, plateFonts, plateWords } from "../../pipelines/scenes/plate_fonts.ts";
import { countsOf, type Scene, sceneCodec } from "../../pipelines/scenes/record.ts";
import { rngOf } from "../../pipelines/base/rng.ts";
import { sampleScene, sampleScenes } from "../../pipelines/scenes/scene.ts";
import { extent, logUniform, pixelBox, shareBox } from "../../pipelines/scenes/world_layout.ts";
import { isHeldOutPhoto } from "../../pipelines/scenes/world_scene.ts";
import { property } from "../support/property.ts";

/** By split: the first half of the sha-256 of the records of its first 200 scenes. */
const GOLDEN: Readonly<Record<string, string>> = {
  "vision": "bafbda318ef28498",
  "pretrain": "3e8bf02cc1e1ae2f",
  "finetune": "94326e9908acf55a",
  "eval": "4177d113c3821c01",
  "held-out-compositions": "e27a27cecda5546f",
  "held-out-concepts": "33bf48fb7684d94c",
  "held-out-styles": "7d4249f0573f15e7",
  "held-out-backgrounds": "11029abf13a71436",
  "held-out-counts": "61742a8b7f6ff357",
  "large-objects": "d629f81e7278b3d3",
};

const world = fullData.world!, side = fullData.master, PER_SPLIT = 1500;
const drawn = new Map(splits.map((split) => [split, sampleScenes(fullData, split, PER_SPLIT)]));
const each = (check: (scene: Scene, split: Split) => void): void => {
  for (const [split, scenes] of drawn) for (const scene of scenes) check(scene, split);
};
const pairsIn = (scene: Scene): number => {
  const present = [...countsOf(scene).keys()];
  return present.flatMap((a, i) => present.slice(i + 1).filter((b) => isHeldOut(a, b, fullData.heldOut)))
    .length;
};
const heldOutCountsIn = (scene: Scene): number =>
  [...countsOf(scene)].filter(([c, n]) => isHeldOutCount(c, n, fullData.sameConcept, world.heldOutCounts))
    .length;

test("every scene: numbers and sizes in range, boxes inside, little overlap, plates alone and wide enough", () => {
  each((scene, split) => {
    const large = split === "large-objects", [fewest, most] = large ? world.large.objects : fullData.objects;
    const [least, largest] = large ? world.large.size : fullData.size;
    assert.ok(
      scene.objects.length >= fewest && scene.objects.length <= most,
      `${scene.id}: ${scene.objects.length}`,
    );
    assert.ok(Math.max(...countsOf(scene).values()) <= fullData.sameConcept, scene.id);
    assert.ok(scene.plates.length <= fullData.plates);
    for (const { box, size, concept, style } of scene.objects) {
      const { x, y, w, h } = pixelBox(box, side);
      assert.ok(x >= 1 && y >= 1 && x + w < side && y + h < side, `${scene.id}: clipped`);
      assert.is(Math.max(w, h), Math.round(size * side));
      assert.ok(
        Math.max(w, h) >= Math.round(least * side) && Math.max(w, h) <= Math.round(largest * side),
        scene.id,
      );
      assert.equal([w, h], extent(Math.max(w, h), aspectOf(concept, style)), `${scene.id}: ${style}`);
    }
    const boxes = scene.objects.map((o) => pixelBox(o.box, side)),
      plates = scene.plates.map((p) => pixelBox(p.box, side));
    const shared = (a: typeof boxes[0], b: typeof boxes[0]): number =>
      Math.max(0, Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x)) *
      Math.max(0, Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y));
    boxes.forEach((a, i) => {
      boxes.slice(i + 1).forEach((b) =>
        assert.ok(shared(a, b) <= fullData.overlap * Math.min(a.w * a.h, b.w * b.h), `${scene.id}: overlap`)
      );
      plates.forEach((b) => assert.is(shared(a, b), 0, `${scene.id}: an object under a plate`));
    });
    plates.forEach((a, i) => plates.slice(i + 1).forEach((b) => assert.is(shared(a, b), 0)));
    scene.plates.forEach((plate, i) => {
      const [word, number] = plate.text.split(" "), height = Math.round(plate.letters! * side);
      assert.ok(plateWords.includes(word!) && /^\d{2,3}$/.test(number!), plate.text);
      assert.ok(height >= 11 && height <= 36);
      const end = letterStarts(plateFonts[plate.font!]!, plate.text, height).at(-1)!;
      assert.is(plates[i]!.w, end + 2 * alongsideText(height));
    });
  });
});

test("smaller objects are drawn over larger ones", () => {
  each((scene) =>
    scene.objects.forEach((o, i) => assert.ok(i === 0 || o.size <= scene.objects[i - 1]!.size, scene.id))
  );
});

test("held-out concepts are shown in every scene of their split, and in no other split", () => {
  each((scene, split) => {
    const some = scene.objects.some((o) => concepts[o.concept]!.heldOut);
    assert.is(some, split === "held-out-concepts", scene.id);
  });
  const met = new Set(drawn.get("held-out-concepts")!.flatMap((s) => s.objects.map((o) => o.concept)));
  assert.is(concepts.filter((c) => c.heldOut && met.has(c.id)).length, 80);
});

test("held-out pairs are shown in every scene of their split, and in no other split", () => {
  each((scene, split) => {
    assert.is(pairsIn(scene) > 0, split === "held-out-compositions", scene.id);
    assert.is(scene.composition, pairsIn(scene) > 0 ? "held-out" : "seen");
  });
});

test("held-out styles draw every object of their split, and none of another", () => {
  each((scene, split) => {
    for (const { style } of scene.objects) {
      const wanted = split === "held-out-styles"
        ? world.heldOutStyles
        : isTraining(split)
        ? fullData.styles.train
        : fullData.styles.eval;
      assert.ok(wanted.includes(style), `${scene.id}: ${style}`);
    }
  });
  for (const style of [...world.heldOutStyles, ...fullData.styles.train]) {
    assert.ok([...drawn.values()].flat().some((s) => s.objects.some((o) => o.style === style)), style);
  }
});

test("held-out backgrounds are those of their split, and of no other", () => {
  const { train, heldOut } = world.patterns;
  assert.equal(train.filter((p) => heldOut.includes(p)), []);
  each((scene, split) => {
    const wanted = split === "held-out-backgrounds" ? heldOut : train;
    assert.ok(wanted.includes(scene.background.pattern), `${scene.id}: ${scene.background.pattern}`);
  });
});

test("held-out numbers are shown in every scene of their split, and in no other; training shows every number", () => {
  each((scene, split) => assert.is(heldOutCountsIn(scene) > 0, split === "held-out-counts", scene.id));
  const shown = new Set(drawn.get("finetune")!.flatMap((s) => [...countsOf(s).values()]));
  assert.equal([...shown].sort(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const { id } of concepts) {
    const out = [2, 3, 4, 5, 6, 7, 8, 9].filter((n) => isHeldOutCount(id, n, 9, 2));
    assert.is(out.length, 2);
  }
});

test("the control has large objects alone; the others have many small ones", () => {
  for (const { objects, id } of drawn.get("large-objects")!) {
    assert.ok(objects.every((o) => o.size * side > 99.9), id);
  }
  for (const split of splits.filter((s) => s !== "large-objects")) {
    const sizes = drawn.get(split)!.flatMap((s) => s.objects.map((o) => Math.round(o.size * side)));
    const share = sizes.filter((s) => s < 32).length / sizes.length;
    assert.ok(share > 0.35 && share < 0.6, `${split}: ${share}`);
    assert.ok(Math.min(...sizes) === 10 && Math.max(...sizes) > 140, split);
  }
});

test("splits are different scenes, and a scene is a pure function of seed, split and index", () => {
  const key = (s: Scene) => JSON.stringify([s.objects, s.plates, s.background]);
  const all = [...drawn.values()].flat().map(key);
  assert.is(new Set(all).size, all.length);
  const again = sampleScene(structuredClone(fullData), "eval", 7);
  assert.equal(again, drawn.get("eval")![7]);
  assert.not.equal(sampleScene({ ...fullData, seed: 2 }, "eval", 7).objects, again.objects);
});

test("scenes of a seed are the same on every machine", () => {
  const hash = (split: Split): string =>
    createHash("sha256").update(JSON.stringify(drawn.get(split)!.slice(0, 200))).digest("hex").slice(0, 16);
  assert.equal(Object.fromEntries(splits.map((s) => [s, hash(s)])), GOLDEN);
});

test("themes make co-occurrence real", () => {
  let same = 0, all = 0;
  for (const scene of drawn.get("pretrain")!) {
    const present = [...countsOf(scene).keys()];
    all += present.length, same += present.filter((c) => concepts[c]!.themes.includes(scene.theme)).length;
  }
  assert.ok(same / all > 0.7, `${same / all} of the concepts belong to the theme`);
});

test("sizes are log-uniform", () => {
  const rng = rngOf("log uniform"), bins = [0, 0, 0, 0];
  for (let i = 0; i < 40000; i++) bins[Math.floor(Math.log2(logUniform(rng, 10, 159) / 10))]!++;
  for (const bin of bins) assert.ok(Math.abs(bin / 40000 - 0.25) < 0.02, bins.join(" "));
});

property(test, "boxes in shares of the side give back their pixels", [
  fc.integer({ min: 16, max: 2048 }),
  fc.nat(),
  fc.nat(),
  fc.nat(),
  fc.nat(),
], (s, a, b, c, d) => {
  const x = a % s, y = b % s, box = { x, y, w: 1 + c % (s - x), h: 1 + d % (s - y) };
  assert.equal(pixelBox(shareBox(box, s), s), box);
});

test("photos of the realism pack: four in five for training, the others for held-out backgrounds; stamps seldom", () => {
  const photos = Array.from({ length: 10 }, (_, i) => ({ file: `/p${i}.jpg`, sha256: "" }));
  const stamps = [{ concept: 0, file: "/cow.png", sha256: "", aspect: 1.5 }];
  const config = { ...fullData, world: { ...world, realism: { packages: [], stamps, photos } } };
  for (const split of splits) {
    const scenes = sampleScenes(config, split, 300), shown = scenes.flatMap((s) => s.background.photo ?? []);
    assert.ok(shown.length > 60 && shown.length < 180, `${split}: ${shown.length}`);
    assert.ok(shown.every((p) => isHeldOutPhoto(p) === (split === "held-out-backgrounds")), split);
    assert.ok(scenes.every((s) => (s.background.pattern === "photo") === (s.background.photo !== undefined)));
    for (const o of scenes.flatMap((s) => s.objects)) {
      if (o.style === "stamp") assert.ok(o.concept === 0 && split !== "held-out-styles", split);
    }
  }
  const cows = sampleScenes(config, "finetune", 1500).flatMap((s) => s.objects).filter((o) =>
    o.concept === 0
  );
  const share = cows.filter((o) => o.style === "stamp").length / cows.length;
  assert.ok(share > 0.1 && share < 0.5, `${share}`);
});

const pair = (low: number, high: number) =>
  fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const sharesTo = (most: number) => pair(2, most).map(([a, b]) => [a / 100, b / 100] as const);
const some = <A>(of: readonly A[]) => fc.subarray([...of], { minLength: 1 });
const config: fc.Arbitrary<DataConfig> = fc.record({
  seed: fc.nat(),
  master: fc.constantFrom(16, 64, 224, 448),
  concepts: fc.constantFrom(4, 30, 200, concepts.length),
  objects: pair(2, 64),
  sameConcept: fc.integer({ min: 1, max: 9 }),
  size: sharesTo(45),
  overlap: fc.constantFrom(0, 0.1, 1),
  plates: fc.integer({ min: 0, max: 3 }),
  themed: fc.constantFrom(0, 0.7, 1),
  heldOut: fc.constantFrom(0, 0.12, 0.5),
  evalHeldOut: fc.constantFrom(0, 0.5, 1),
  styles: fc.record({ train: some(styles), eval: some(styles) }),
  grid: fc.constant(64),
  world: fc.record({
    heldOutStyles: some(styles),
    patterns: fc.record({ train: some(patterns.slice(0, -1)), heldOut: some(patterns.slice(0, -1)) }),
    heldOutCounts: fc.integer({ min: 0, max: 4 }),
    large: fc.record({ objects: pair(2, 16), size: sharesTo(60) }),
    letters: sharesTo(60),
    cover: fc.constantFrom(0.05, 0.5, 1),
  }),
});

/** Objects of nearly a third of the side, and plates that can bar all of it. */
const plateBound: DataConfig = {
  seed: 1927650018,
  master: 64,
  concepts: 30,
  objects: [5, 5],
  sameConcept: 1,
  size: [0.29, 0.29],
  overlap: 0,
  plates: 2,
  themed: 1,
  heldOut: 0.12,
  evalHeldOut: 0,
  styles: { train: ["noto"], eval: ["twemoji"] },
  grid: 64,
  world: {
    heldOutStyles: ["openmoji"],
    patterns: { train: ["solid"], heldOut: ["rings"] },
    heldOutCounts: 0,
    large: { objects: [2, 2], size: [0.03, 0.03] },
    letters: [0.03, 0.15],
    cover: 0.05,
  },
};

property(test, "any configuration in range can be sampled, and keeps its rules", [
  config,
  fc.nat(1000),
  fc.constantFrom(...splits),
], (c, index, split) => {
  // the others have a style that draws none of their concepts
  fc.pre(dataConfigCodec().is(c));
  const scene = sampleScene(c, split, index);
  assert.ok(sceneCodec.is(JSON.parse(JSON.stringify(scene))));
  assert.ok(scene.objects.every((o) => o.concept < c.concepts && o.box.every((v) => v >= 0 && v <= 1)));
  assert.ok(scene.objects.length >= 1, scene.id);
  assert.ok([...countsOf(scene).values()].every((n) => n <= c.sameConcept));
  if (isTraining(split)) assert.is(scene.composition, "seen");
  if (split !== "held-out-counts") {
    for (const [concept, n] of countsOf(scene)) {
      assert.not.ok(isHeldOutCount(concept, n, c.sameConcept, c.world!.heldOutCounts), scene.id);
    }
  }
}, { runs: 300, examples: [[plateBound, 603, "vision"]] });

test("where plates leave no room for an object, there is no plate", () => {
  const scene = sampleScene(plateBound, "vision", 603);
  assert.ok(scene.objects.length > 0);
  assert.equal(scene.plates, []);
});

test("configurations of which no scene can be drawn are refused by the field that is wrong", () => {
  const refusal = (config: unknown): string =>
    E.match(
      (errors: Errors) => errors.map((e) => e.message ?? "").join(),
      () => "taken",
    )(dataConfigCodec().decode(config));
  const stamps = [{ concept: 0, file: "/cow.png", sha256: "", aspect: 1.5 }];
  const stampsOnly = { ...fullData, styles: { ...fullData.styles, eval: ["stamp" as const] } };
  assert.match(refusal(stampsOnly), /styles\.eval: stamp have no drawing of any of the \d+ concepts/);
  const realism = { packages: [], stamps, photos: [] };
  assert.ok(dataConfigCodec().is({ ...stampsOnly, world: { ...world, realism } }));
  const heldOut = { ...fullData, world: { ...world, realism, heldOutStyles: ["stamp"] } };
  assert.match(refusal(heldOut), /world\.heldOutStyles: stamp have no drawing/);
  const patterned = (train: unknown) => ({
    ...fullData,
    world: { ...world, patterns: { train, heldOut: ["rings"] } },
  });
  assert.match(refusal(patterned([])), /one or more patterns/);
  assert.match(refusal(patterned(["photo"])), /photo, which comes with the realism pack/);
  const small = { ...defaultData, styles: { train: ["noto", "stamp"], eval: ["noto"] } };
  assert.match(refusal(small), /styles\.train: stamp has no drawing of a /);
});

test("the codec takes both configurations, and refuses fields out of range", () => {
  const codec = dataConfigCodec();
  assert.ok(codec.is(defaultData) && codec.is(fullData) && codec.is(JSON.parse(JSON.stringify(fullData))));
  assert.not.ok(codec.is({ ...fullData, world: { ...world, cover: 2 } }));
  assert.not.ok(codec.is({ ...fullData, world: { ...world, patterns: { train: ["tartan"], heldOut: [] } } }));
  assert.not.ok(codec.is({ ...fullData, concepts: concepts.length + 1 }));
  assert.not.ok(codec.is({ ...defaultData, concepts: 49 }), "small worlds have drawings of 48 concepts");
  assert.is(evaluationSplits.length + 3, splits.length);
});

test.run();
