/** The training step as a pure function: freezing, groups, clipping, metrics. */
import {
  adamw,
  add,
  ConfigError,
  constantRate,
  decayed,
  f32,
  i32,
  input,
  interpret,
  metricRing,
  mul,
  type NdArray,
  ndarray,
  oneMinusPower,
  onesInit,
  parameter,
  placeholders,
  rateScale,
  sgd,
  startTraining,
  sum,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  under,
  warmupCosine,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";

const specs = { body: { weight: parameter([2], onesInit) }, head: { weight: parameter([2], onesInit) } };
type Params<A> = { readonly body: { readonly weight: A }; readonly head: { readonly weight: A } };

const loss = (params: Tree<Tensor>, batch: { readonly x: Tensor }) => {
  const { body, head } = params as Params<Tensor>;
  const value = sum()(mul(mul(body.weight, head.weight), batch.x));
  return [value, { twice: mul(value, 2) }] as const;
};

test("frozen parameters pass through as the same input and have no memory", () => {
  const optimiser = adamw(), trainable = under("head");
  const state = placeholders("state", trainStateSpecs(optimiser, specs, trainable)) as TrainState<Tensor>;
  const { state: next, metrics } = trainStep<{ readonly x: Tensor }>({
    loss,
    optimiser,
    schedule: constantRate(0.1),
    maxNorm: 1,
    trainable,
  })(state, { x: input("x", [2]) });
  assert.is((next.params as Params<Tensor>).body.weight, (state.params as Params<Tensor>).body.weight);
  assert.is.not((next.params as Params<Tensor>).head.weight, (state.params as Params<Tensor>).head.weight);
  assert.equal(Object.keys(next.opt.m!), ["head.weight"]);
  assert.equal(Object.keys(metrics).sort(), ["gradNorm", "loss", "lr", "twice"]);
  const started = startTraining(optimiser, {
    body: { weight: f32([2], [1, 2]) },
    head: { weight: f32([2], [3, 4]) },
  }, trainable);
  assert.equal(
    tensors.entries(state as Tree<Tensor>).map(([path]) => path),
    ["params.body.weight", "params.head.weight", "opt.m.head.weight", "opt.v.head.weight", "step"],
  );
  assert.equal(Object.keys(started.opt.v!), ["head.weight"]);
});

test("a step of gradient descent with clipping, by hand", () => {
  const optimiser = sgd({ groups: [{ when: under("head"), scale: 0.5 }] });
  const state = placeholders("state", trainStateSpecs(optimiser, specs)) as TrainState<Tensor>;
  const { state: next, metrics } = trainStep<{ readonly x: Tensor }>({
    loss,
    optimiser,
    schedule: constantRate(0.1),
    maxNorm: 1,
  })(state, { x: input("x", [2]) });
  const { body, head } = next.params as Params<Tensor>;
  const values = interpret([metrics.loss, metrics.gradNorm, body.weight, head.weight, next.step], {
    "state.params.body.weight": f32([2], [1, 2]),
    "state.params.head.weight": f32([2], [3, 4]),
    "state.step": i32([], [6]),
    x: f32([2], [1, -1]),
  });
  const norm = Math.sqrt(9 + 16 + 1 + 4), factor = 1 / (norm + 1e-6);
  const close = (a: NdArray, b: readonly number[]) =>
    b.forEach((v, i) => assert.ok(Math.abs(a.data[i]! - v) < 1e-6, `${a.data[i]} ${v}`));
  close(values[0]!, [3 - 8]);
  close(values[1]!, [norm]);
  close(values[2]!, [1 - 0.1 * factor * 3, 2 + 0.1 * factor * 4]);
  close(values[3]!, [3 - 0.05 * factor * 1, 4 + 0.05 * factor * 2]);
  close(values[4]!, [7]);
});

test("which weights decay", () => {
  const yes = [
    "bridge.scales.0.blocks.1.wq.weight",
    "bridge.proj.weight",
    "lm_head.weight",
    "mlp.fc1.weight",
    "vision.embeddings.patch_embedding.weight",
  ];
  const no = [
    "bridge.ln.weight",
    "bridge.scales.0.blocks.0.ln_q.weight",
    "bridge.scales.0.queries",
    "model.norm.weight",
    "model.layers.0.input_layernorm.weight",
    "vision.pre_layrnorm.weight",
    "encoder.layers.3.layer_norm2.weight",
    "model.embed_tokens.weight",
    "embeddings.position_embedding.weight",
    "q_proj.bias",
    "q_proj.lora_A",
  ];
  yes.forEach((path) => assert.ok(decayed(path), path));
  no.forEach((path) => assert.not.ok(decayed(path), path));
  assert.is(rateScale([{ when: under("a"), scale: 2 }, { when: () => true, scale: 3 }], "a.b"), 2);
  assert.is(rateScale([], "a"), 1);
});

test("1 - beta^t keeps its digits from the first step to the last", () => {
  const t = input("t", []);
  for (const beta of [0.9, 0.98, 0.999]) {
    for (const at of [1, 2, 10, 500, 100000]) {
      const [value] = interpret([oneMinusPower(beta, t)], { t: f32([], [at]) });
      const exact = -Math.expm1(at * Math.log(beta));
      assert.ok(Math.abs(value!.data[0]! / exact - 1) < 2e-7, `${beta}^${at}: ${value!.data[0]} ${exact}`);
    }
  }
});

test("schedules agree on numbers and descriptions, and refuse nonsense", () => {
  const step = input("step", [], "i32");
  for (
    const s of [
      warmupCosine({ peak: 2, warmup: 0, total: 9 }),
      warmupCosine({ peak: 2, warmup: 3, total: 9, floor: 0.5 }),
    ]
  ) {
    for (const t of [0, 1, 3, 5, 9, 12]) {
      const [value] = interpret([s.of(step)], { step: i32([], [t]) });
      assert.ok(Math.abs(value!.data[0]! - s.at(t)) < 1e-6, `step ${t}`);
    }
  }
  assert.is(warmupCosine({ peak: 2, warmup: 3, total: 9, floor: 0.5 }).at(99), 0.5);
  assert.throws(() => warmupCosine({ peak: 1, warmup: 9, total: 9 }), (e: Error) => e instanceof ConfigError);
});

test("the metric ring keeps the last rows and names them", () => {
  const ring = metricRing(["loss", "lr"], 3), step = input("step", [], "i32");
  const next = ring.write(input("ring", [3, 2]), step, {
    loss: input("loss", []),
    lr: add(input("loss", []), 0.5),
  });
  let held: NdArray = ndarray("f32", [3, 2], new Float32Array(6));
  for (let t = 0; t < 5; t++) {
    held = interpret([next], { ring: held, step: i32([], [t]), loss: f32([], [t * 10]) })[0]!;
  }
  assert.equal(ring.read(held, 2, 5), [{ loss: 20, lr: 20.5 }, { loss: 30, lr: 30.5 }, {
    loss: 40,
    lr: 40.5,
  }]);
  assert.throws(() => ring.read(held, 0, 5), (e: Error) => e instanceof ConfigError);
  assert.throws(() => metricRing([], 3), (e: Error) => e instanceof ConfigError);
});

test.run();
