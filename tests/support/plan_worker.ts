/// <reference lib="deno.worker" />
/** A worker that describes a training step and answers with its plan as text: in a fresh process, or after other work. */
import * as cs from "@chain-of-sight/core";
import { compile, cpuProfile, renderModule } from "@chain-of-sight/kernels";
import { substitute } from "../../core/substitute.ts";

const specs = {
  first: cs.linearSpecs({ from: 6, to: 16, std: 0.5 }),
  norm: { weight: cs.parameter([16], cs.onesInit), bias: cs.parameter([16], cs.zerosInit) },
  last: cs.linearSpecs({ from: 16, to: 4, std: 0.5 }),
};
const optimiser = cs.adamw({});

interface Batch {
  readonly x: cs.Tensor;
  readonly labels: cs.Tensor;
}

/** A training step whose inputs begin with a name. */
const stepOf = (name: string) => {
  const state = cs.placeholders(
    name,
    cs.trainStateSpecs(optimiser, specs as cs.Tree<cs.ParameterSpec>),
  ) as cs.TrainState<cs.Tensor>;
  const step = cs.trainStep<Batch>({
    loss: (params, { x, labels }) => {
      const { first, norm, last } = cs.fit("model", specs, params);
      const hidden = cs.tanh(cs.layerNorm(norm, 1e-5)(cs.linear(first)(x)));
      const { mean, count } = cs.crossEntropy(cs.linear(last)(hidden), labels);
      return [mean, { tokens: count }];
    },
    optimiser,
    schedule: cs.constantLearningRate(0.1),
    maxNorm: 1,
  });
  const after = step(state, {
    x: cs.input(`${name}.x`, [8, 6]),
    labels: cs.input(`${name}.labels`, [8], "i32"),
  });
  const next = cs.tensors.entries(
    { state: after.state, loss: after.metrics.loss } as unknown as cs.Tree<cs.Tensor>,
  );
  return {
    outputs: Object.fromEntries(next),
    donate: Object.fromEntries(
      next.filter(([path]) => path !== "loss").map(([path]) => [path, path.replace("state", name)]),
    ),
  };
};

/** The nodes of the step, made before it is described, in another order: results that depend on little last. */
const reversed = (): readonly cs.Tensor[] => {
  const all = cs.topological(Object.values(stepOf("other").outputs));
  const renamed = new Map(
    all.filter((t) => cs.is("input", t)).map((t) => [
      t,
      cs.input(t.attributes.path.replace(/^other/, "state"), t.shape, t.dtype),
    ]),
  );
  return all.toReversed().flatMap((t) => substitute([t], renamed));
};

/** What the worker is asked and answers. */
export interface PlanAnswer {
  /** Kernels and memory. */
  readonly text: string;
  /** Ids of the results. */
  readonly ids: readonly number[];
  /** Results that had been there before the step was described. */
  readonly known: number;
}

self.onmessage = ({ data: after }: MessageEvent<boolean>): void => {
  const before = new Set(after ? reversed() : []),
    source = stepOf("state"),
    plan = compile(source, cpuProfile);
  const results = Object.values(source.outputs);
  const answer: PlanAnswer = {
    text: `${renderModule(plan, { relaxed: true }).text}${JSON.stringify(plan.memory.slots)}`,
    ids: results.map((t) => t.id),
    known: results.filter((t) => before.has(t)).length,
  };
  self.postMessage(answer);
};
