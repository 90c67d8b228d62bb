/** Low-rank adapters: which maps, how they start, what they count, and that they are the same merged or not. */
import {
  adamw,
  type Adapters,
  adaptersOf,
  arrayTrees,
  attachLora,
  bindingsOf,
  chainOfSight,
  ConfigError,
  countParameters,
  decoderMaps,
  initialise,
  input,
  interpret,
  is,
  isTensor,
  layoutOf,
  linear,
  linearMaps,
  llamaEmbed,
  llamaLogits,
  llamaSpecs,
  llamaStates,
  loraSpecs,
  mergeLora,
  type NdArray,
  type ParameterSpec,
  placeholders,
  specTrees,
  stackLayers,
  type Tensor,
  tensors,
  topological,
  type Tree,
  TreeError,
  under,
  uniformInit,
  unmergeLora,
  visionLanguage,
  withLora,
} from "@chain-of-sight/core";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";

const config = { vocabulary: 9, width: 8, layers: 2, heads: 2, ff: 12 } as const;
const specs = llamaSpecs(config) as Tree<ParameterSpec>;
const all = { rank: 3, alpha: 6, when: decoderMaps } as const;

/** Numbers for every parameter, so that B is not 0. */
const busy = (of: Tree<ParameterSpec>, key: readonly [number, number]): Tree<NdArray> =>
  initialise(
    key,
    specTrees.map(of, (spec) => ({ ...spec, init: uniformInit(-1, 1) })) as Tree<ParameterSpec>,
  ) as Tree<NdArray>;

const test = suite("low-rank adapters");

test("are made for the chosen maps and counted", () => {
  assert.is(linearMaps(specs).length, 2 * 7 + 1, "seven maps a block, and the output map; no table, no norm");
  const adapters = loraSpecs(specs, all);
  assert.equal(Object.keys(adapters), linearMaps(specs).filter((map) => map !== "lm_head"));
  // rank times the sum of both sides of every map
  const sides = 4 * (8 + 8) + 2 * (8 + 12) + (12 + 8);
  assert.is(countParameters(adapters), 2 * 3 * sides);
  assert.equal(Object.keys(loraSpecs(specs, { ...all, when: (map) => /1\.mlp\.up_proj$/.test(map) })), [
    "model.layers.1.mlp.up_proj",
  ]);
  assert.throws(
    () => loraSpecs(specs, { ...all, when: under("bridge") }),
    (e: Error) => e instanceof ConfigError,
  );
  for (const rank of [0, 1.5, -1]) {
    assert.throws(() => loraSpecs(specs, { ...all, rank }), (e: Error) => e instanceof ConfigError);
  }
});

test("start as nothing: A uniform within 1 / sqrt(in) or normal with deviation 1 / rank, B zero", () => {
  const wide = { w: { weight: { shape: [400, 100], dtype: "f32", init: { kind: "zeros" } } } } as const;
  const of = (init: "kaimingUniform" | "normal") =>
    initialise([1, 2], loraSpecs(wide, { rank: 50, alpha: 1, when: () => true, init }))["w"]!;
  const spread = ({ data }: NdArray) => Math.hypot(...data) / Math.sqrt(data.length);
  const uniform = of("kaimingUniform"), normal = of("normal");
  assert.equal([uniform.lora_A.shape, uniform.lora_B.shape], [[50, 100], [400, 50]]);
  assert.ok(uniform.lora_A.data.every((x) => Math.abs(x) <= 0.1));
  assert.ok(Math.abs(spread(uniform.lora_A) / (0.1 / Math.sqrt(3)) - 1) < 0.03);
  assert.ok(Math.abs(spread(normal.lora_A) / 0.02 - 1) < 0.03);
  assert.ok(normal.lora_A.data.some((x) => Math.abs(x) > 0.06), "tails beyond three deviations");
  assert.ok(uniform.lora_B.data.every((x) => x === 0));
});

test("a map with adapters is x W^T + b + (alpha / rank) x A^T B^T, and never forms the sum of weights", () => {
  const maps = { w: { weight: input("W", [5, 4]), bias: input("b", [5]) } } as const;
  const low: Adapters<Tensor> = { w: { lora_A: input("A", [2, 4]), lora_B: input("B", [5, 2]) } };
  const y = linear(attachLora(maps, low, 3).w)(input("x", [7, 4]));
  const squares = topological([y]).filter((t) => t.op !== "input" && t.shape.join() === "5,4");
  assert.equal(squares, [], "nothing of the weight's shape is computed");
  const merged = linear(mergeLora(maps, low, 3).w)(input("x", [7, 4]));
  const given = Object.fromEntries(
    [["W", [5, 4]], ["b", [5]], ["A", [2, 4]], ["B", [5, 2]], ["x", [7, 4]]].map(([name, shape]) => [
      name as string,
      initialise([3, 4], {
        [name as string]: { shape: shape as number[], dtype: "f32", init: uniformInit(-1, 1) },
      })[
        name as string
      ]!,
    ]),
  );
  const [a, b] = interpret([y, merged], given);
  near("adapted", a!, b!, { rtol: 1e-12, atol: 1e-12 });
});

property(test, "merged weights give the logits of adapted ones, and unmerging gives the weights back", [
  fc.integer({ min: 1, max: 5 }),
  fc.double({ min: 0.1, max: 20, noNaN: true }),
  fc.nat(6),
], (r, alpha, n) => {
  const names = ["q", "k", "v", "o", "gate", "up", "down"].slice(0, n + 1).map((m) => `${m}_proj`);
  const low = loraSpecs(specs, {
    rank: r,
    alpha,
    when: (map) => names.some((name) => map.endsWith(name)),
  });
  const params = placeholders("w", specs) as Tree<Tensor>;
  const adapters = placeholders("low", low as Tree<ParameterSpec>) as Adapters<Tensor>;
  const logits = (tree: Tree<Tensor>) => {
    const p = tree as never, ids = input("ids", [1, 4], "i32");
    return llamaLogits(p, llamaStates(config)(p, llamaEmbed(p, ids)));
  };
  const whole = mergeLora(params, adapters, alpha), again = unmergeLora(whole, adapters, alpha);
  const before = tensors.entries(params), after = tensors.entries(again);
  const roots = [logits(attachLora(params, adapters, alpha)), logits(whole), logits(params)];
  const values = interpret([...roots, ...after.map(([, t]) => t)], {
    ...bindingsOf("w", busy(specs, [1, 1])),
    ...bindingsOf("low", busy(low as Tree<ParameterSpec>, [2, 2])),
    ids: { dtype: "i32", shape: [1, 4], data: Int32Array.of(1, 2, 8, 0) },
  });
  near("logits", values[0]!, values[1]!, { rtol: 1e-9, atol: 0 });
  assert.throws(() => near("changed", values[0]!, values[2]!, { rtol: 1e-6, atol: 0 }));
  const base = arrayTrees.flatten(busy(specs, [1, 1]));
  before.forEach(([path], i) => near(path, values[3 + i]!, base[path]!, { rtol: 1e-12, atol: 1e-12 }));
}, { runs: 15 });

test("stacked layers have stacked adapters, which are the same numbers in another layout", () => {
  const looped = { ...config, scan: true }, stacked = llamaSpecs(looped) as Tree<ParameterSpec>;
  const low = loraSpecs(specs, all), lowStacked = loraSpecs(stacked, all);
  assert.equal(lowStacked["model.layers.mlp.up_proj"]!.lora_A.shape, [2, 3, 8]);
  assert.is(countParameters(lowStacked), countParameters(low));
  const base = busy(specs, [1, 1]), factors = busy(low as Tree<ParameterSpec>, [2, 2]);
  const stack = stackLayers("model.layers"), ids = input("ids", [1, 4], "i32");
  const bound = { ids: { dtype: "i32", shape: [1, 4], data: Int32Array.of(1, 2, 8, 0) } } as const;
  const logitsOf = (of: typeof config, params: Tree<Tensor>) => {
    const p = params as never;
    return llamaLogits(p, llamaStates(of)(p, llamaEmbed(p, ids)));
  };
  const params = placeholders("w", specs) as Tree<Tensor>,
    paramsStacked = placeholders("w", stacked) as Tree<Tensor>;
  const adapters = placeholders("low", low as Tree<ParameterSpec>) as Adapters<Tensor>;
  const adaptersStacked = placeholders("low", lowStacked as Tree<ParameterSpec>) as Adapters<Tensor>;
  const [want] = interpret([logitsOf(config, attachLora(params, adapters, 6))], {
    ...bindingsOf("w", base),
    ...bindingsOf("low", factors),
    ...bound,
  });
  const flatStacked = stack(arrayTrees.flatten(factors));
  assert.equal(Object.keys(adaptersOf(flatStacked)).toSorted(), Object.keys(lowStacked).toSorted());
  const values = interpret(
    [
      logitsOf(looped, attachLora(paramsStacked, adaptersStacked, 6)),
      logitsOf(looped, mergeLora(paramsStacked, adaptersStacked, 6)),
    ],
    {
      ...bindingsOf("w", stack(arrayTrees.flatten(base))),
      ...bindingsOf("low", adaptersOf(flatStacked) as Tree<NdArray>),
      ...bound,
    },
  );
  near("adapted", values[0]!, want!, { rtol: 1e-9, atol: 0 });
  near("merged", values[1]!, want!, { rtol: 1e-9, atol: 0 });
  assert.throws(() => adaptersOf({ "a.lora_A": 1 }), (e: Error) => e instanceof TreeError);
});

test("an adapter that fits no weight is refused", () => {
  const params = placeholders("w", specs) as Tree<Tensor>, good = input("A", [2, 8]);
  const low = (map: string, lora_A: Tensor, lora_B: Tensor) => ({ [map]: { lora_A, lora_B } });
  const q = "model.layers.0.self_attn.q_proj";
  for (
    const bad of [
      low("model.layers.2.self_attn.q_proj", good, input("B", [8, 2])),
      low("model", good, input("B", [8, 2])),
      low(q, good, input("B", [8, 3])),
      low(q, input("A2", [2, 7]), input("B", [8, 2])),
      low("model.layers.0.input_layernorm", good, input("B", [8, 2])),
    ]
  ) {
    assert.throws(() => attachLora(params, bad, 1), (e: Error) => e instanceof TreeError);
    assert.throws(() => mergeLora(params, bad, 1), (e: Error) => e instanceof TreeError);
  }
});

const model = visionLanguage({
  bridge: chainOfSight({ layout: layoutOf(28, 14, [2], [1]), width: 4, to: 8, heads: 1 }),
  decoder: config,
});

test("a vision-language model takes adapters in decoder and bridge alike", () => {
  const when = (map: string): boolean => decoderMaps(map) || map === "bridge.proj";
  const adapted = withLora(model, { ...all, when });
  const params = placeholders("p", adapted.specs) as Tree<Tensor>, base = placeholders("p", model.specs);
  const visionInput = { features: [0, 1].map((l) => input(`f${l}`, [1, 4, 4])) },
    ids = input("ids", [1, 3], "i32");
  const values = busy(adapted.specs, [3, 1]);
  const bound = {
    ...bindingsOf("p", values),
    ids: { dtype: "i32", shape: [1, 3], data: Int32Array.of(4, 0, 7) } as const,
    ...bindingsOf("", busy({ f0: { shape: [1, 4, 4], dtype: "f32", init: uniformInit(0, 1) } }, [5, 5])),
    ...bindingsOf("", busy({ f1: { shape: [1, 4, 4], dtype: "f32", init: uniformInit(0, 1) } }, [5, 6])),
  };
  const merged = mergeLora(
    base as Tree<Tensor>,
    (params as unknown as { readonly lora: Adapters<Tensor> }).lora,
    all.alpha,
  );
  const read = (t: Tensor) => topological([t]).filter((n) => n.op === "input").length;
  const logits = adapted.logits(params, visionInput, ids);
  const [a, b] = interpret([logits, model.logits(merged, visionInput, ids)], bound);
  near("logits", a!, b!, { rtol: 1e-9, atol: 0 });
  const bare = model.logits(base as Tree<Tensor>, visionInput, ids);
  assert.is(read(logits), read(bare) + 2 * (2 * 7 + 1), "two inputs more for every adapted map");
  near(
    "visual",
    interpret([adapted.visual(params, visionInput)], bound)[0]!,
    interpret([model.visual(merged, visionInput)], bound)[0]!,
    {
      rtol: 1e-9,
      atol: 0,
    },
  );
  assert.is(
    countParameters(adapted.specs) - countParameters(model.specs),
    countParameters(loraSpecs(model.specs, { ...all, when })),
  );
  assert.ok(
    isTensor(adapted.loss(params, { ...visionInput, ids, labels: input("labels", [1, 3], "i32") })[0]),
  );
});

test("the tower inside a model takes adapters too", () => {
  const seeing = visionLanguage({
    bridge: chainOfSight({ layout: layoutOf(28, 14, [2], [1]), width: 4, to: 8, heads: 1 }),
    decoder: config,
    vision: { config: { resolution: 28, patch: 14, width: 4, layers: 2, heads: 1 }, levels: [0, 1] },
  });
  const adapted = withLora(seeing, {
    rank: 2,
    alpha: 2,
    when: (map) => /^vision\..*(q_proj|fc1)$/.test(map),
  });
  const params = placeholders("p", adapted.specs) as Tree<Tensor>;
  const tokens = adapted.visual(params, { images: input("images", [1, 28, 28, 3]) });
  const read = new Set(topological([tokens]).flatMap((t) => is("input", t) ? [t.attributes.path] : []));
  const wanted = [0, 1].flatMap((i) =>
    ["self_attn.q_proj", "mlp.fc1"].flatMap((map) =>
      ["lora_A", "lora_B"].map((side) => `p.lora.vision.encoder.layers.${i}.${map}.${side}`)
    )
  );
  assert.equal([...read].filter((path) => path.includes("lora")).toSorted(), wanted.toSorted());
});

test("their rate is that of their group, and nothing of them decays", () => {
  const optimiser = adamw({ weightDecay: 0.5, groups: [{ when: under("lora"), scale: 10 }] });
  const update = (path: string) => {
    const [param, grad, m, v] = ["p", "g", "m", "v"].map((name) => input(name, [1])) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const out = optimiser.update({
      path,
      param,
      grad,
      slots: { m, v },
      lr: input("lr", []),
      step: input("t", [], "i32"),
    });
    const one = (x: number): NdArray => ({ dtype: "f32", shape: [1], data: Float32Array.of(x) });
    return interpret([out.param], {
      p: one(1),
      g: one(1),
      m: one(0),
      v: one(0),
      lr: { dtype: "f32", shape: [], data: Float32Array.of(0.001) },
      t: { dtype: "i32", shape: [], data: Int32Array.of(0) },
    })[0]!;
  };
  const of = (x: number) => ({ shape: [1], data: Float64Array.of(x) });
  near("adapter", update("lora.model.layers.0.self_attn.q_proj.lora_A"), of(1 - 0.01), {
    rtol: 1e-6,
    atol: 0,
  });
  near("norm", update("model.norm.weight"), of(1 - 0.001), { rtol: 1e-6, atol: 0 });
});

test.run();
