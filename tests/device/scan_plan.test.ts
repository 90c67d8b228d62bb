/** Plans of loops: what is compiled does not grow with the iterations, what runs does, and devices are used as they allow. */
import * as cs from "@chain-of-sight/core";
import type { Tensor, Tree } from "@chain-of-sight/core";
import {
  compile,
  type DeviceProfile,
  dispatchesOf,
  explain,
  type Plan,
  portableProfile,
  renderModule,
} from "@chain-of-sight/kernels";
import { test } from "uvu";
import * as assert from "uvu/assert";

type Batch = { readonly ids: Tensor; readonly labels: Tensor };

const decoder = (layers: number, scan: boolean): cs.LlamaConfig => ({
  vocabulary: 40,
  width: 64,
  layers,
  heads: 4,
  ff: 172,
  scan,
});
const batch: Batch = { ids: cs.input("ids", [2, 24], "i32"), labels: cs.input("labels", [2, 24], "i32") };

const lossOf = (config: cs.LlamaConfig) => (tree: Tree<Tensor>, { ids, labels }: Batch): Tensor => {
  const params = tree as cs.LlamaParams<Tensor>;
  const states = cs.llamaStates(config)(params, cs.llamaEmbed(params, ids));
  return cs.crossEntropy(cs.llamaLogits(params, states), labels).mean;
};

/** A step of training of a decoder whose blocks are a loop, or a list. */
const planOf = (layers: number, profile: DeviceProfile, again = false, scan = true): Plan => {
  const config = decoder(layers, scan), optimiser = cs.adamw();
  const step = cs.trainStep<Batch>({
    loss: (params, given) => [lossOf(config)(params, given), {}],
    optimiser,
    schedule: cs.warmupCosine({ peak: 1e-3, warmup: 5, total: 30 }),
    maxNorm: 1,
    ...(again ? { remat: cs.under("model.layers") } : {}),
  });
  const specs = cs.llamaSpecs(config) as Tree<cs.ParameterSpec>;
  const state = cs.placeholders("state", cs.trainStateSpecs(optimiser, specs)) as cs.TrainState<Tensor>;
  const { state: after, metrics } = step(state, batch);
  const next = Object.fromEntries(
    cs.tensors.entries(after as Tree<Tensor>).map(([path, t]) => [`state.${path}`, t]),
  );
  const donate = Object.fromEntries(Object.keys(next).map((path) => [path, path]));
  return compile({ outputs: { ...next, ...metrics }, donate }, profile);
};

/** Scratch of the gradient alone. */
const scratchOf = (layers: number, again: boolean): number => {
  const config = decoder(layers, true), loss = lossOf(config);
  const params = cs.placeholders("w", cs.llamaSpecs(config) as Tree<cs.ParameterSpec>) as Tree<Tensor>;
  const chosen = again ? cs.rematWhere(cs.under("model.layers"))(loss) : loss;
  const outputs = cs.tensors.flatten(cs.grad(chosen)(params, batch) as Tree<Tensor>);
  return compile({ outputs }, portableProfile).memory.peakScratch;
};

/** Every kernel of a plan, those of an iteration once. */
const kernelsIn = (kernels: Plan["kernels"]): number =>
  kernels.reduce((n, k) => n + 1 + (k.kind === "repeat" ? kernelsIn(k.inside) : 0), 0);

const profiles: readonly DeviceProfile[] = [
  portableProfile,
  { ...portableProfile, name: "aligned", bindingAlignment: 4, maxBindings: 64 },
];

for (const profile of profiles) {
  for (const again of [false, true]) {
    test(`as many kernels and pipelines for 32 layers as for 2: ${profile.name}, ${again ? "" : "not "}again`, () => {
      const [two, many] = [2, 32].map((layers) => planOf(layers, profile, again)) as [Plan, Plan];
      assert.is(kernelsIn(many.kernels), kernelsIn(two.kernels));
      const texts = (plan: Plan, inside: boolean): number =>
        new Set(
          dispatchesOf(plan, profile)
            .filter((d) => !inside || d.bindings.some((b) => b.part !== undefined)).map((d) => d.code),
        ).size;
      assert.is(texts(many, true), texts(two, true));
      assert.ok(texts(many, false) <= texts(two, false), "and no more outside of the loops");
      const loops = many.kernels.filter((k) => k.kind === "repeat");
      assert.equal(loops.map((k) => k.kind === "repeat" && k.length), [32, 32]);
      // what runs is counted for every iteration
      const turns = loops.reduce((n, k) => n + (k.kind === "repeat" ? k.inside.length - k.once.size : 0), 0);
      assert.is(explain(many).count - explain(two).count, 30 * turns);
      assert.ok(dispatchesOf(many, profile).length >= explain(many).count);
    });
  }
}

test("a module of the CPU has the functions of one iteration", () => {
  const profile = profiles[1]!;
  const [two, many] = [2, 32].map((layers) => renderModule(planOf(layers, profile), { relaxed: true }));
  const names = (m: typeof two): number => new Set(m!.phases.map((p) => p.name)).size;
  assert.is(names(many), names(two));
  assert.ok(many!.phases.length > 5 * two!.phases.length);
});

test("work is counted like that of the same layers one after the other", () => {
  const [loop, list] = [true, false].map((scan) => explain(planOf(4, portableProfile, false, scan)));
  const products = (e: typeof loop) =>
    e!.kernels.filter((k) => k.label.startsWith("matmul")).reduce((n, k) => n + k.count, 0);
  assert.is(products(loop), products(list));
  assert.ok(Math.abs(loop!.flops / list!.flops - 1) < 0.05, `${loop!.flops} and ${list!.flops}`);
});

test("recomputed iterations leave their carries alone", () => {
  const state = 2 * 24 * 64 * 4;
  const perLayer = (again: boolean): number => (scratchOf(32, again) - scratchOf(16, again)) / 16 / state;
  assert.is(perLayer(true), 1);
  assert.ok(perLayer(false) > 6, `${perLayer(false)} states per layer`);
});

test("places of iterations are aligned, apart from each other, and inside of their slots", () => {
  const plan = planOf(3, portableProfile), { slots } = plan.memory;
  for (const d of dispatchesOf(plan, portableProfile)) {
    const written = d.bindings.filter((b) => b.write && b.part !== undefined).map((b) => ({
      slot: b.slot,
      from: b.part!.offset,
      to: b.part!.offset + b.part!.bytes,
    }));
    for (const b of d.bindings) {
      if (b.part === undefined) continue;
      assert.is(
        (slots[b.slot]!.ranges[0]!.offset + b.part.offset) % portableProfile.bindingAlignment,
        0,
        d.label,
      );
      assert.ok(b.part.bytes >= 16 && b.part.offset + b.part.bytes <= slots[b.slot]!.bytes, d.label);
    }
    written.forEach((a, i) =>
      written.slice(i + 1).forEach((b) =>
        assert.ok(a.slot !== b.slot || a.to <= b.from || b.to <= a.from, `${d.label}: one place twice`)
      )
    );
  }
});

test.run();
