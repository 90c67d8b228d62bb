/** Recomputation in compiled programs: less memory at the peak, and kernels in an order that makes it so. */
import {
  costOf,
  crossEntropy,
  input,
  type LlamaConfig,
  llamaEmbed,
  llamaLogits,
  type LlamaParams,
  llamaSpecs,
  llamaStates,
  placeholders,
  rematWhere,
  type Tensor,
  tensors,
  type Tree,
  under,
  valueAndGrad,
} from "@chain-of-sight/core";
import { compile, type CompileOptions, portableProfile } from "@chain-of-sight/kernels";
import { test } from "uvu";
import * as assert from "uvu/assert";

const gradientOf = (layers: number, again: string): Readonly<Record<string, Tensor>> => {
  const config: LlamaConfig = { vocabulary: 32, width: 32, layers, heads: 4, ff: 86 };
  const params = placeholders("w", llamaSpecs(config)) as LlamaParams<Tensor>;
  const ids = input("ids", [4, 48], "i32"), labels = input("labels", [4, 48], "i32");
  const loss = (p: LlamaParams<Tensor>): Tensor =>
    crossEntropy(llamaLogits(p, llamaStates(config)(p, llamaEmbed(p, ids))), labels).mean;
  const { value, grad } = valueAndGrad(rematWhere(under(again))(loss))(params);
  return { value, ...tensors.flatten(grad as Tree<Tensor>) };
};

const peak = (layers: number, again: string, options: CompileOptions): number =>
  compile({ outputs: gradientOf(layers, again) }, portableProfile, options).memory.peakScratch;

for (const options of [{}, { simplify: false }, { fuse: false }]) {
  test(`every further layer costs its input alone: ${JSON.stringify(options)}`, () => {
    const state = 4 * 48 * 32 * 4;
    const kept = peak(5, "none", options) - peak(3, "none", options);
    const again = peak(5, "model.layers", options) - peak(3, "model.layers", options);
    assert.ok(kept > 2 * 8 * state, `kept: ${kept / 2 / state} states per layer`);
    assert.ok(again <= 2 * 1.5 * state, `recomputed: ${again / 2 / state} states per layer`);
    assert.ok(peak(5, "model.layers", options) < peak(5, "model.layers.0", options));
  });
}

test("the cost of a graph knows, before anything is compiled", () => {
  const [kept, again] = ["none", "model.layers"].map((p) => costOf(Object.values(gradientOf(5, p))));
  assert.ok(again!.peakBytes - again!.outputBytes < 0.6 * (kept!.peakBytes - kept!.outputBytes));
  assert.ok(again!.flops > 1.2 * kept!.flops && again!.flops < 1.4 * kept!.flops, "one more forward pass");
});

test.run();
