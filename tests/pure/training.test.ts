/** The training step as a pure function: freezing, groups, clipping, metrics. */
import {
  adamw,
  add,
  ConfigError,
  constantLearningRate,
  decayed,
  f32,
  i32,
  input,
  interpret,
  learningRateScale,
  metricRing,
  mul,
  type NdArray,
  ndarray,
  oneMinusPower,
  onesInit,
  parameter,
  placeholders,
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
  unscaled,
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
    schedule: constantLearningRate(0.1),
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
    schedule: constantLearningRate(0.1),
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

test("moving averages follow the parameters, and stay where an update is left out", () => {
  const optimiser = sgd({ groups: [{ when: under("head"), scale: 0.5 }] });
  const trained = (scaled: boolean, at: number, skipped: number, x: readonly number[]) => {
    const loss1 = scaled ? { scaling: unscaled } : {};
    const state = placeholders(
      "state",
      trainStateSpecs(optimiser, specs, under("head"), scaled ? loss1 : undefined, true),
    ) as TrainState<Tensor>;
    const { state: next } = trainStep<{ readonly x: Tensor }>({
      loss,
      optimiser,
      schedule: constantLearningRate(0.1),
      trainable: under("head"),
      ema: 0.75,
      ...loss1,
    })(state, { x: input("x", [2]) });
    assert.equal(Object.keys(next.ema!), ["head.weight"]);
    const { head } = next.params as Params<Tensor>;
    const [param, ema] = interpret([head.weight, next.ema!["head.weight"]!], {
      "state.params.body.weight": f32([2], [1, 2]),
      "state.params.head.weight": f32([2], [3, 4]),
      "state.ema.head.weight": f32([2], [5, -1]),
      "state.step": i32([], [at]),
      "state.scaling.scale": f32([], [1]),
      "state.scaling.good": i32([], [0]),
      "state.scaling.skipped": i32([], [skipped]),
      x: f32([2], x),
    });
    return { param: [...param!.data], ema: [...ema!.data] };
  };
  for (const [at, skipped] of [[0, 0], [1, 0], [20, 0], [100, 0], [101, 90]] as const) {
    const { param, ema } = trained(skipped > 0, at, skipped, [1, -1]);
    const t = at - skipped, decay = Math.min(0.75, (1 + t) / (10 + t));
    [5, -1].forEach((before, i) => {
      const expected = decay * before + (1 - decay) * param[i]!;
      assert.ok(Math.abs(ema[i]! - expected) < 1e-5, `${ema[i]} ${expected} at ${at}`);
    });
  }
  assert.equal(trained(true, 3, 1, [NaN, 1]), { param: [3, 4], ema: [5, -1] });
  const start = { body: { weight: f32([2], [1, 2]) }, head: { weight: f32([2], [3, 4]) } };
  assert.equal(startTraining(optimiser, start, under("head"), undefined, true).ema, {
    "head.weight": f32([2], [3, 4]),
  });
  const without = placeholders("state", trainStateSpecs(optimiser, specs)) as TrainState<Tensor>;
  assert.throws(
    () =>
      trainStep({ loss, optimiser, schedule: constantLearningRate(1), ema: 0.9 })(without, {
        x: input("x", [2]),
      }),
    /a state without averages/,
  );
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
  assert.is(learningRateScale([{ when: under("a"), scale: 2 }, { when: () => true, scale: 3 }], "a.b"), 2);
  assert.is(learningRateScale([], "a"), 1);
  const x = input("x", [2]), lr = input("lr", []), step = input("step", [], "i32");
  const shrunk = (weightDecay: number | ((path: string) => number), path: string) =>
    adamw({ weightDecay }).update({ path, param: x, grad: x, slots: { m: x, v: x }, lr, step }).param;
  const grouped = (path: string): number => under("bridge")(path) ? 0.5 : 0;
  assert.is(shrunk(grouped, "bridge.proj.weight"), shrunk(0.5, "bridge.proj.weight"));
  assert.is(shrunk(grouped, "lm_head.weight"), shrunk(0, "lm_head.weight"));
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
