/** Several conversations in a row, with text and images in any order: losses and gradients are those of rows of one. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, ParameterSpec, Tensor, Tree } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IMAGE_ID } from "../../pipelines/text/image_mark.ts";
import {
  arrangementOf,
  needOf,
  type RowCapacity,
  rowOfTokens,
  type RowTokens,
} from "../../pipelines/text/rows.ts";
import { closeCpu, onCpu } from "../support/cpu.ts";
import { type Evaluate, reference } from "../support/evaluate.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";

const test = suite("packed rows");

/** A conversation from a text of digits, `*` for an image; what follows `=` is learned. */
const talk = (text: string): RowTokens => {
  const [asked, answer] = text.split("=") as [string, string];
  const ids = [...asked + answer].map((c) => c === "*" ? IMAGE_ID : 1 + Number(c));
  return { ids, learned: ids.map((_, i) => i < asked.length ? 0 : 1) };
};

const rows: readonly (readonly string[])[] = [
  ["*123=45", "67=8", "1*2*3=99"],
  ["90=12", "5*=678901", "4=4"],
  ["=35"],
];

const models: Readonly<Record<string, Partial<cs.LlamaConfig>>> = {
  "blocks one by one": {},
  "blocks as a loop, with tied embeddings": { scan: true, tied: true },
  "a window shorter than a row": { window: 4 },
};

const modelOf = (more: Partial<cs.LlamaConfig>) =>
  cs.visionLanguage({
    bridge: cs.chainOfSight({ layout: cs.layoutOf(8, 2, [4, 2], [2, 1]), width: 8, to: 16, heads: 2 }),
    decoder: { vocabulary: 16, width: 16, layers: 2, heads: 4, kvHeads: 2, ff: 24, ...more },
  });

const GRID = 16;

/** Sums of losses over learned tokens, and of their gradients, of some rows. */
const sums = async (
  evaluate: Evaluate,
  more: Partial<cs.LlamaConfig>,
  some: readonly (readonly RowTokens[])[],
  { length, images }: RowCapacity,
  levels: readonly NdArray[],
  half = false,
): Promise<readonly NdArray[]> => {
  const model = modelOf(more), specs = model.specs as Tree<ParameterSpec>, b = some.length;
  const word = (name: string, n: number) => cs.input(name, [b, n], "i32");
  const made = some.map((row, i) => rowOfTokens(`row ${i}`, row, 0, { length, images }));
  const batch = {
    features: levels.map((level, i) => cs.input(`features.${i}`, level.shape)),
    ids: word("ids", length),
    labels: word("labels", length),
    rows: {
      after: word("after", images),
      segments: { text: word("segments", length), images: word("imageSegments", images) },
    },
  };
  const params = cs.placeholders("params", specs) as Tree<Tensor>, leaves = cs.tensors.leaves(params);
  const lossOf = half ? cs.mixed({})(model.loss) : model.loss;
  const [loss, { tokens }] = lossOf(params, batch), total = cs.mul(loss, tokens);
  const roots = [total, tokens, ...cs.pullback([total], [cs.onesLike(total)], leaves)];
  const values = cs.arrayTrees.map(
    cs.initialise([3, 4], specs) as Tree<NdArray>,
    (a, path) => path.includes("norm") ? a : { ...a, data: a.data.map((x) => x * 8) } as NdArray,
  );
  return await evaluate(roots, {
    ...cs.bindingsOf("params", values as Tree<NdArray>),
    ...Object.fromEntries(levels.map((level, i) => [`features.${i}`, level])),
    ids: cs.i32([b, length], made.flatMap(({ ids }) => [...ids])),
    labels: cs.i32([b, length], made.flatMap(({ labels }) => [...labels])),
    ...arrangementOf(made),
  });
};

/** Some images of a level of features, in order; zeros beyond the last. */
const picked = (level: NdArray, at: readonly (number | undefined)[]): NdArray => {
  const size = level.data.length / level.shape[0]!, data = new Float32Array(at.length * size);
  at.forEach((i, to) =>
    i !== undefined && data.set(level.data.subarray(i * size, (i + 1) * size), to * size)
  );
  return { dtype: "f32", shape: [at.length, ...level.shape.slice(1)], data };
};

const all = Object.entries(models);
const devices: readonly (readonly [name: string, evaluate: Evaluate, tried: typeof all, half?: boolean])[] = [
  ["reference", reference, all.slice(0, 1)],
  ["reference, mixed precision", reference, all.slice(0, 1), true],
  ["CPU", onCpu({ attention: true }), all],
  ["WebGPU", onWebGpu({ attention: true }), all.slice(1, 2)],
];

for (const [name, evaluate, tried, half = false] of devices) {
  for (const [what, more] of tried) {
    test(`packed losses and gradients are those of rows of one conversation, ${what}, ${name}`, async () => {
      const talks = rows.map((row) => row.map(talk)), images = 3, length = 16;
      const count = talks.flat().reduce((n, one) => n + needOf(one).images, 0);
      const levels = [0, 1].map((i) => floats(`packed level ${i}`, [count, GRID, 8]));
      let next = 0;
      const places = talks.flatMap((row) => {
        const used = row.reduce((n, one) => n + needOf(one).images, 0);
        return Array.from({ length: images }, (_, i) => i < used ? next++ : undefined);
      });
      const packed = await sums(
        evaluate,
        more,
        talks,
        { length, images },
        levels.map((level) => picked(level, places)),
        half,
      );
      let first = 0;
      const each = talks.flat().map((one) => {
        const need = needOf(one), from = first;
        first += need.images;
        return {
          one,
          images: Array.from({ length: images }, (_, i) => i < need.images ? from + i : undefined),
        };
      });
      const alone = await sums(
        evaluate,
        more,
        each.map(({ one }) => [one]),
        { length, images },
        levels.map((level) => picked(level, each.flatMap((e) => e.images))),
        half,
      );
      packed.forEach((got, i) =>
        near(`root ${i}`, got, alone[i]!, half ? { rtol: 2e-2, atol: 1e-2 } : { rtol: 2e-4, atol: 2e-5 })
      );
      assert.is(packed[1]!.data[0], 15, "the first token of a row without a question is not learned");
      assert.ok(packed.slice(2).filter(({ data }) => data.some((x) => x !== 0)).length > 10);
    });
  }
}

test("an image and then text, without an arrangement, is the row that says so", async () => {
  const model = modelOf({}), specs = model.specs as Tree<ParameterSpec>;
  const params = cs.placeholders("params", specs) as Tree<Tensor>, ids = cs.input("ids", [2, 5], "i32");
  const features = [0, 1].map((i) => cs.input(`features.${i}`, [2, GRID, 8]));
  const after = cs.full([2, 1], 0, "i32");
  const segments = { text: cs.full([2, 5], 1, "i32"), images: cs.full([2, 1], 1, "i32") };
  const bindings = {
    ...cs.bindingsOf("params", cs.initialise([3, 4], specs) as Tree<NdArray>),
    ...Object.fromEntries([0, 1].map((i) => [`features.${i}`, floats(`level ${i}`, [2, GRID, 8])])),
    ids: cs.i32([2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]),
  };
  const plain = model.logits(params, { features }, ids);
  const arranged = model.logits(params, { features, rows: { after } }, ids);
  const packed = model.logits(params, { features, rows: { after, segments } }, ids);
  const [a, b, c] = await onCpu({ attention: true })([plain, arranged, packed], bindings);
  assert.equal(b!.data, a!.data, "bit for bit");
  assert.equal(c!.data, a!.data, "bit for bit, as the only segment too");
  assert.throws(
    () => model.logits(params, { features, rows: { after: cs.full([2, 2], 0, "i32") } }, ids),
    /as many places for images/,
  );
});

test.after(closeCpu);
test.after(closeDevice);
test.run();
