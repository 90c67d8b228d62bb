/** CLIP's vision encoder and a LLaMA decoder against transformers. */
import {
  type Adapters,
  add,
  attachLora,
  bindingsOf,
  crossEntropy,
  decoderMaps,
  input,
  type LlamaConfig,
  llamaEmbed,
  llamaLogits,
  llamaSpecs,
  llamaStates,
  loraSpecs,
  type NdArray,
  onesLike,
  type ParameterSpec,
  permute,
  placeholders,
  positionTable,
  pullback,
  sliceAxis,
  specTrees,
  type Tensor,
  tensors,
  type Tree,
  unflatten,
  type VitConfig,
  vitFeatures,
  vitPooled,
  vitSpecs,
  vitStates,
} from "@chain-of-sight/core";
import { suite } from "uvu";
import type { Evaluate } from "../support/evaluate.ts";
import { golden } from "../support/fixtures.ts";
import { near } from "../support/near.ts";

const CLIP = { rtol: 1e-5, atol: 1e-6 };
const GRADIENT = { rtol: 3e-5, atol: 1e-7 };

const vit: VitConfig = { resolution: 56, patch: 14, width: 64, layers: 4, heads: 4, pooled: true };
const llama: LlamaConfig = { vocabulary: 320, width: 64, layers: 3, heads: 4, kvHeads: 2, ff: 172 };

const bind = (specs: Tree<ParameterSpec>, flat: Readonly<Record<string, NdArray>>) =>
  bindingsOf("w", unflatten(specTrees, specs, flat) as Tree<NdArray>);

/** The suite for one evaluator; it runs at once. */
export const modelsSuite = (name: string, evaluate: Evaluate): void => {
  const test = suite(`models, ${name}`);

  test("CLIP vision: states, features, pooled output", async () => {
    const file = golden("clip_vision"), specs = vitSpecs(vit), params = placeholders("w", specs);
    const image = permute([0, 2, 3, 1])(input("image", [2, 3, 56, 56]));
    const states = vitStates(vit)(params, image);
    const [level] = vitFeatures(vit, [1])(params, image);
    const values = await evaluate(
      [states[0]!, states[2]!, states[4]!, vitPooled(vit)(params, image), level!],
      {
        ...bind(specs, file.under("")),
        image: file.get("io.pixel_values"),
      },
    );
    near("after the embeddings", values[0]!, file.get("io.hidden_states.0"), CLIP);
    near("after two blocks", values[1]!, file.get("io.hidden_states.2"), CLIP);
    near("last state", values[2]!, file.get("io.last_hidden_state"), CLIP);
    near("pooled", values[3]!, file.get("io.pooler_output"), CLIP);
    const whole = values[1]!;
    const kept = Array.from(
      { length: 2 },
      (_, b) => Array.from(whole.data).slice(b * 17 * 64 + 64, (b + 1) * 17 * 64),
    );
    near("features drop the class token", values[4]!, {
      shape: [2, 16, 64],
      data: Float64Array.from(kept.flat()),
    }, { rtol: 0, atol: 0 });
  });

  test("CLIP vision at twice the side: states with an interpolated position table", async () => {
    const weights = golden("clip_vision"), file = golden("clip_vision_112"), specs = vitSpecs(vit);
    const params = placeholders("w", specs);
    const image = permute([0, 2, 3, 1])(input("image", [1, 3, 112, 112]));
    const states = vitStates(vit)(params, image);
    const values = await evaluate([states[0]!, states[2]!, states[4]!, vitPooled(vit)(params, image)], {
      ...bind(specs, weights.under("")),
      image: file.get("io.pixel_values"),
    });
    const names = ["hidden_states.0", "hidden_states.2", "last_hidden_state", "pooler_output"];
    names.forEach((name, i) => near(name, values[i]!, file.get(`io.${name}`), CLIP));
  });

  test("CLIP vision: position table at another resolution", async () => {
    const file = golden("clip_vision");
    const table = input("table", [17, 64]);
    const [value] = await evaluate([positionTable(table, 8, true)], {
      table: file.get("embeddings.position_embedding.weight"),
    });
    near("table", value!, file.get("io.hires.position_embedding"), CLIP);
  });

  test("LLaMA: logits, loss and gradients", async () => {
    const file = golden("llama"), specs = llamaSpecs(llama), params = placeholders("w", specs);
    const shape = file.get("io.input_ids").shape;
    const ids = input("ids", shape, "i32"), labels = input("labels", shape, "i32");
    const logits = llamaLogits(params, llamaStates(llama)(params, llamaEmbed(params, ids)));
    const t = shape[1]!;
    const { mean } = crossEntropy(sliceAxis(1, 0, t - 1)(logits), sliceAxis(1, 1, t)(labels));
    const named = Object.entries(tensors.flatten(params as Tree<Tensor>)).filter(([n]) =>
      file.has(`io.grad.${n}`)
    );
    const grads = pullback([mean], [onesLike(mean)], named.map(([, p]) => p));
    const values = await evaluate([logits, mean, ...grads], {
      ...bind(specs, file.under("")),
      ids: file.get("io.input_ids"),
      labels: file.get("io.labels"),
    });
    near("logits", values[0]!, file.get("io.logits"), CLIP);
    near("loss", values[1]!, file.get("io.loss"), CLIP);
    named.forEach(([n], i) => near(`grad ${n}`, values[i + 2]!, file.get(`io.grad.${n}`), GRADIENT));
  });

  test("LLaMA with LoRA: logits, loss and gradients of the low-rank maps", async () => {
    const file = golden("llama"), specs = llamaSpecs(llama), params = placeholders("w", specs);
    const low = loraSpecs(specs as Tree<ParameterSpec>, { rank: 4, alpha: 8, when: decoderMaps });
    const adapters = placeholders("low", low as Tree<ParameterSpec>) as Adapters<Tensor>;
    const adapted = attachLora(params as Tree<Tensor>, adapters, 8) as typeof params;
    const shape = file.get("io.input_ids").shape;
    const ids = input("ids", shape, "i32"), labels = input("labels", shape, "i32");
    const logits = llamaLogits(adapted, llamaStates(llama)(adapted, llamaEmbed(params, ids)));
    const t = shape[1]!;
    const { mean } = crossEntropy(sliceAxis(1, 0, t - 1)(logits), sliceAxis(1, 1, t)(labels));
    const named = Object.entries(tensors.flatten(adapters as Tree<Tensor>));
    const grads = pullback([mean], [onesLike(mean)], named.map(([, p]) => p));
    const values = await evaluate([logits, mean, ...grads], {
      ...bind(specs, file.under("")),
      ...bindingsOf("low", unflatten(specTrees, low, file.under("io.lora.")) as Tree<NdArray>),
      ids: file.get("io.input_ids"),
      labels: file.get("io.labels"),
    });
    near("logits", values[0]!, file.get("io.lora.logits"), CLIP);
    near("loss", values[1]!, file.get("io.lora.loss"), CLIP);
    named.forEach(([n], i) => near(`grad ${n}`, values[i + 2]!, file.get(`io.lora.grad.${n}`), GRADIENT));
  });

  test("a sum of two states is a state: the graph is shared, not rebuilt", async () => {
    const params = placeholders("w", llamaSpecs(llama)), ids = input("ids", [1, 3], "i32");
    const states = () => llamaStates(llama)(params, llamaEmbed(params, ids));
    if (states() !== states()) throw new Error("equal descriptions must be the same node");
    const file = golden("llama");
    const [twice, once] = await evaluate([add(states(), states()), states()], {
      ...bind(llamaSpecs(llama), file.under("")),
      ids: { dtype: "i32", shape: [1, 3], data: Int32Array.of(5, 7, 11) },
    });
    near("twice", twice!, { shape: once!.shape, data: Float64Array.from(once!.data, (x) => 2 * x) }, CLIP);
  });
  test.run();
};
