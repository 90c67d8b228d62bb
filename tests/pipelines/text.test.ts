import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { concepts } from "../../pipelines/scenes/concepts.ts";
import { defaultData } from "../../pipelines/scenes/config.ts";
import { coordinateWords } from "../../pipelines/records/grid.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { corpusOf, questionsOf } from "../../pipelines/scenes/tasks.ts";
import { batchAt, batchOf, epochOrder } from "../../pipelines/text/batch.ts";
import { specialTokens, trainBpe } from "../../pipelines/text/bpe.ts";
import { answerIds, IGNORED, questionIds, type Row, rowOf, type Turn } from "../../pipelines/text/prompt.ts";
import { parseTokenizer, tokenizerOf } from "../../pipelines/text/tokenizer.ts";
import { property } from "../support/property.ts";

const scenes = sampleScenes(defaultData, "finetune", 300);
const corpus = corpusOf(defaultData, scenes);
const json = trainBpe(corpus, 512, coordinateWords(defaultData.grid));
const tokenizer = tokenizerOf(json);

test("the most frequent pair is joined first, the alphabetically first among equals", () => {
  // ab: 3 + 1 = 4, bc</w>: 3, bd</w>: 1; then "ab" + "c</w>"
  const trained = trainBpe(["abc abc abc abd"], 4 + 8 + 2);
  assert.equal(trained.model.merges, [["a", "b"], ["ab", "c</w>"]]);
  assert.equal(trainBpe(["ba ab"], 4 + 4 + 1).model.merges, [["a", "b</w>"]]);
  assert.throws(() => trainBpe(["abc"], 6), /size 6/);
});

test("training depends on the words, not on their order or on the run", () => {
  assert.equal(trainBpe(corpus, 512, coordinateWords(16)), json);
  assert.equal(trainBpe(corpus.toReversed(), 512, coordinateWords(16)).model.merges, json.model.merges);
  const small = trainBpe(corpus, 120, coordinateWords(16));
  assert.is(Object.keys(small.model.vocab).length, 120);
  assert.equal(small.model.merges, json.model.merges.slice(0, small.model.merges.length));
});

test("token numbers are dense, special tokens come first, every word of the tasks is one token", () => {
  assert.equal(
    Object.values(json.model.vocab).toSorted((a, b) => a - b),
    Array.from({ length: tokenizer.size }, (_, i) => i),
  );
  assert.ok(tokenizer.size <= 512);
  assert.equal(specialTokens.map((s) => json.model.vocab[s]), [0, 1, 2, 3]);
  assert.equal([tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk], [0, 1, 2, 3]);
  for (const { name, plural } of concepts.slice(0, 24)) {
    for (const word of `${name} ${plural}`.split(" ")) assert.is(tokenizer.encode(word).length, 1, word);
  }
  assert.is(tokenizer.encode("<3> <4> <15>").length, 3);
  assert.equal(tokenizer.encode("<3><4>"), tokenizer.encode("<3> <4>"));
});

test("every question and answer comes back from its tokens", () => {
  for (const text of corpus) assert.is(tokenizer.decode(tokenizer.encode(text)), text);
  assert.is(tokenizer.decode(tokenizer.encode("IS there  a Cow")), "is there a cow");
  assert.is(tokenizer.decode([tokenizer.bos, ...tokenizer.encode("yes"), tokenizer.eos, 0, 0]), "yes");
  assert.is(tokenizer.decode([]), "");
  assert.equal(tokenizer.encode(""), []);
  assert.ok(tokenizer.encode("cow é").includes(tokenizer.unk));
  assert.ok(!tokenizer.encode("coat").includes(tokenizer.unk));
});

test("a tokenizer goes through its file, and a wrong file is named with its fields", () => {
  const back = parseTokenizer(JSON.stringify(json), "a/tokenizer.json");
  assert.ok(E.isRight(back));
  assert.equal(back.right.encode("is there a cow"), tokenizer.encode("is there a cow"));
  const wrong = parseTokenizer(
    JSON.stringify({ ...json, model: { ...json.model, merges: 3 } }),
    "a/tokenizer.json",
  );
  assert.ok(E.isLeft(wrong) && /a\/tokenizer\.json.*model\.merges: 3/.test(wrong.left.message));
  assert.ok(E.isLeft(parseTokenizer("{", "x")));
});

const turn: fc.Arbitrary<Turn> = fc.record({
  prompt: fc.constantFrom(...corpus.filter((t) => t.startsWith("is there"))),
  answer: fc.constantFrom("yes", "no", "3", "<1> <2> <3> <4>", "a cow and 2 apples"),
});

property(test, "exactly the tokens of answers and the ends behind them are learned", [
  fc.array(turn, { maxLength: 8 }),
  fc.integer({ min: 8, max: 60 }),
], (turns, length) => {
  const row = rowOf(tokenizer, "s", turns, length);
  // what a row should be, written another way: walk the turns that fit
  const ids = [tokenizer.bos], labels = [IGNORED], own = [0];
  let dropped = 0;
  for (const [i, { prompt, answer }] of turns.entries()) {
    const q = tokenizer.encode(prompt), a = answerIds(tokenizer, answer);
    if (ids.length + q.length + a.length > length) dropped++;
    else {
      ids.push(...q, ...a), labels.push(...q.map(() => IGNORED), ...a);
      own.push(...[...q, ...a].map(() => i + 1));
    }
  }
  assert.is(row.length, ids.length);
  while (ids.length < length) ids.push(tokenizer.pad), labels.push(IGNORED), own.push(0);
  assert.equal([...row.turns], own);
  assert.equal([...row.ids], ids);
  assert.equal([...row.labels], labels);
  assert.is(row.dropped, dropped);
  assert.is(row.labels.filter((l) => l === tokenizer.eos).length, turns.length - dropped);
  assert.is(row.labels[0], IGNORED);
});

test("what is learned reads as the answers, in order", () => {
  const turns = questionsOf(scenes[0]!, defaultData), row = rowOf(tokenizer, scenes[0]!.id, turns, 128);
  const learned: string[] = [];
  let now: number[] = [];
  for (const label of row.labels) {
    if (label === tokenizer.eos) learned.push(tokenizer.decode(now)), now = [];
    else if (label !== IGNORED) now.push(label);
  }
  assert.equal(learned, turns.map((t) => t.answer));
  const asked = questionIds(tokenizer, turns[0]!.prompt);
  assert.equal([...row.ids.subarray(0, asked.length)], asked);
});

const good = (): Row => rowOf(tokenizer, "finetune-0", [{ prompt: "is there a cow", answer: "yes" }], 12);

test("a batch joins rows and counts what is learned", () => {
  const batch = batchOf([good(), good()]);
  assert.ok(E.isRight(batch));
  assert.equal(batch.right.ids.shape, [2, 12]);
  assert.is(batch.right.ids.dtype, "i32");
  assert.equal([...batch.right.labels.data], [...good().labels, ...good().labels]);
  assert.is(batch.right.learned, 4);
});

test("rows that cannot be learned from are refused with their place and scene", () => {
  const refusal = (...rows: Row[]) => {
    const batch = batchOf(rows);
    assert.ok(E.isLeft(batch));
    return batch.left;
  };
  const masked = rowOf(tokenizer, "finetune-9", [{ prompt: "is there a cow", answer: "yes" }], 4);
  const silent = refusal(
    good(),
    masked.ids.length === 4
      ? { ...good(), scene: "finetune-9", labels: good().labels.map(() => IGNORED) }
      : good(),
  );
  assert.is(silent.row, 1);
  assert.is(silent.scene, "finetune-9");
  assert.match(silent.message, /no label at all/);
  const leaking = good();
  leaking.labels[2] = leaking.ids[2]!;
  assert.match(refusal(leaking).message, /label at token 2, outside the answers/);
  const shifted = good();
  shifted.labels.copyWithin(0, 1);
  assert.is(refusal(shifted)._tag, "BatchError");
  const wrong = good(), at = wrong.labels.findIndex((l) => l !== IGNORED);
  wrong.labels[at] = 9;
  assert.match(refusal(wrong).message, /labels equal to their tokens/);
  assert.match(refusal(good(), masked).message, /length 4/);
  assert.is(refusal(masked).row, 0);
  assert.is(refusal().row, -1);
});

property(test, "an epoch meets every example once; another epoch or seed in another order", [
  fc.nat(),
  fc.nat(50),
  fc.integer({ min: 1, max: 200 }),
], (seed, epoch, n) => {
  assert.equal(
    [...epochOrder(seed, epoch, n)].sort((a, b) => a - b),
    Array.from({ length: n }, (_, i) => i),
  );
});

test("another epoch or seed comes in another order", () => {
  assert.not.equal(epochOrder(1, 0, 50), epochOrder(1, 1, 50));
  assert.not.equal(epochOrder(1, 0, 50), epochOrder(2, 0, 50));
});

test("a resumed run meets the same examples", () => {
  const all = batchAt(5, 10, 4), steps = Array.from({ length: 30 }, (_, s) => all(s));
  for (const start of [29, 7, 0, 13]) assert.equal(batchAt(5, 10, 4)(start), steps[start]);
  const seen = steps.slice(0, 5).flat();
  assert.equal(seen.slice(0, 10).map((p) => p.index).sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(seen.map((p) => p.epoch), [...Array(10).fill(0), ...Array(10).fill(1)]);
  assert.throws(() => batchAt(5, 0, 4), /0 examples/);
});

test.run();
