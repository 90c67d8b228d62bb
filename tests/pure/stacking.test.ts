/** Stacked layers: there and back, what is refused, and models that read them. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor, Tree } from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { floats, integers } from "../support/random.ts";

const LIST = "model.layers", layers = 3;
const config: cs.LlamaConfig = { vocabulary: 12, width: 8, layers, heads: 4, kvHeads: 2, ff: 12 };
const looped: cs.LlamaConfig = { ...config, scan: true };
const EXACT = { rtol: 1e-10, atol: 1e-10 };

const start = cs.arrayTrees.flatten(
  cs.initialise([1, 2], cs.llamaSpecs(config) as Tree<cs.ParameterSpec>) as Tree<NdArray>,
);
const stacks = cs.stackLayers(LIST)(start);

test("stacks have the paths and shapes of a model that scans", () => {
  const specs = cs.specTrees.entries(cs.llamaSpecs(looped) as Tree<cs.ParameterSpec>);
  assert.equal(
    Object.fromEntries(Object.entries(stacks).map(([path, x]) => [path, x.shape])),
    Object.fromEntries(specs.map(([path, { shape }]) => [path, shape])),
  );
  assert.equal(stacks["model.layers.mlp.up_proj.weight"]!.shape, [layers, 12, 8]);
  assert.is(stacks["model.norm.weight"], start["model.norm.weight"], "what is not of the list stays");
});

test("there and back, also as parts of a training's state", () => {
  const same = (a: cs.Arrays, b: cs.Arrays): void => {
    assert.equal(Object.keys(a).toSorted(), Object.keys(b).toSorted());
    for (const [path, x] of Object.entries(a)) assert.equal([...b[path]!.data], [...x.data], path);
  };
  same(start, cs.unstackLayers(LIST, layers)(stacks));
  const state = Object.fromEntries(
    Object.entries(start).flatMap(([path, x]) => [[`params.${path}`, x], [`opt.m.${path}`, x]]),
  );
  const stacked = cs.stackLayers(LIST)(state);
  assert.equal(stacked["opt.m.model.layers.self_attn.q_proj.weight"]!.shape, [layers, 8, 8]);
  same(state, cs.unstackLayers(LIST, layers)(stacked));
});

test("twelve blocks are in order of their numbers", () => {
  const blocks = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`${LIST}.${11 - i}.b`, cs.f32([1], [11 - i])]),
  );
  assert.equal([...cs.stackLayers(LIST)(blocks)[`${LIST}.b`]!.data], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("errors name the block and the path", () => {
  const message = (f: () => unknown): string => {
    try {
      f();
    } catch (e) {
      return `${(e as Error).name}: ${(e as Error).message}`;
    }
    return "no error";
  };
  const { [`${LIST}.1.mlp.up_proj.weight`]: _, ...lacking } = start;
  assert.match(
    message(() => cs.stackLayers(LIST)(lacking)),
    /TreeError: stackLayers: got nothing for model\.layers\.mlp\.up_proj\.weight in block 1; expected f32 \[12, 8\]/,
  );
  const odd = { ...start, [`${LIST}.2.mlp.up_proj.weight`]: cs.f32([1], [0]) };
  assert.match(message(() => cs.stackLayers(LIST)(odd)), /got f32 \[1\] for .* in block 2/);
  assert.match(
    message(() => cs.unstackLayers(LIST, 4)(stacks)),
    /TreeError: unstackLayers: got \[3, 8\] for model\.layers\.\S+; expected a stack of 4 blocks/,
  );
});

const params = (of: cs.LlamaConfig) =>
  cs.placeholders("", cs.llamaSpecs(of) as Tree<cs.ParameterSpec>) as cs.LlamaParams<Tensor>;
const ids = cs.input("ids", [2, 5], "i32");
const bindings = { ...start, ...stacks, ids: integers("ids", [2, 5], 0, 12) };

test("a decoder gives the same from stacks as from a list", () => {
  const logits = (of: cs.LlamaConfig): Tensor => {
    const p = params(of);
    return cs.llamaLogits(p, cs.llamaStates(of)(p, cs.llamaEmbed(p, ids)));
  };
  const [list, loop] = cs.interpret([logits(config), logits(looped)], bindings);
  near("logits", loop!, list!, EXACT);
});

test("so does decoding with a cache, whose blocks are views of the stacks", () => {
  const decoded = (of: cs.LlamaConfig): Tensor[] => {
    const p = params(of);
    const before = cs.prefill(of)(p, cs.llamaEmbed(p, ids), cs.input("lengths", [2], "i32"));
    const tail = cs.placeholders("tail", cs.cacheSpecs(of, 2, 3) as cs.Tree<cs.ParameterSpec>) as never;
    const past = { prefix: before.cache, tail, start: cs.input("lengths", [2], "i32") };
    const after = cs.decodeStep(of)(p, cs.input("x", [2, 8]), cs.input("at", [2], "i32"), past);
    return [before.logits_bv, after.logits_bv];
  };
  const blank = cs.initialise([0, 0], cs.cacheSpecs(config, 2, 3) as cs.Tree<cs.ParameterSpec>);
  const given = {
    ...bindings,
    ...cs.bindingsOf("tail", blank as cs.Tree<cs.NdArray>),
    lengths: cs.i32([2], [5, 3]),
    at: cs.i32([2], [5, 3]),
    x: floats("x", [2, 8]),
  };
  const list = cs.interpret(decoded(config), given), loop = cs.interpret(decoded(looped), given);
  list.forEach((x, i) => near(`logits ${i}`, loop[i]!, x, EXACT));
});

test.run();
