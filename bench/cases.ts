/** The compared runs: the same work as a description of ours and as work for opponents, on the same numbers. */
import {
  attention,
  constant,
  input,
  layerNorm,
  llamaSpecs,
  llamaStates,
  matmul,
  mul,
  type NdArray,
  placeholders,
  pullback,
  type Shape,
  softmax,
  specTrees,
  sum,
  type Tensor,
  tensors,
  type Tree,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels";
import type { Work } from "./opponents/opponent.ts";
import type { BenchPreset } from "../pipelines/tune/presets.ts";
import {
  batchNumbers,
  DECODER_EPS,
  numbers,
  PARAMS,
  startValue,
  startValues,
  stepWork,
} from "../pipelines/tune/step_work.ts";

/** One case. */
export interface BenchCase {
  /** Name in tables. */
  readonly name: string;
  /** FLOPs of its products, once; 0 where bytes are what counts. */
  readonly flops: number;
  /** For opponents. */
  readonly work: Work;
  /** For our compiler. Outputs that are compared come in the order of the opponents' results. */
  readonly source: Source;
  /** Values of our inputs by path. */
  readonly values: Readonly<Record<string, NdArray>>;
  /** Names of the outputs that are compared. */
  readonly compared: readonly string[];
}

type Function = (...inputs: Tensor[]) => readonly Tensor[];

const functionCase = (
  name: string,
  flops: number,
  work: Extract<Work, { inputs: readonly NdArray[] }>,
  of: Function,
): BenchCase => {
  const inputs = work.inputs.map(({ shape }, i) => input(`x${i}`, shape));
  const outputs = Object.fromEntries(of(...inputs).map((t, i) => [`y${i}`, t]));
  return {
    name,
    flops,
    work,
    source: { outputs },
    values: Object.fromEntries(work.inputs.map((x, i) => [`x${i}`, x])),
    compared: Object.keys(outputs),
  };
};

const given = (...shapes: readonly Shape[]): readonly NdArray[] => shapes.map((s, i) => numbers(s, i + 1));

const productCase = (n: number): BenchCase =>
  functionCase(
    `matmul ${n}`,
    2 * n ** 3,
    { kind: "matmul", inputs: given([n, n], [n, n]) },
    (a, b) => [matmul(b!)(a!)],
  );

/** Gradients of the sum of squares. */
const squares = (y: Tensor, to: readonly Tensor[]): readonly Tensor[] =>
  pullback([sum()(mul(y, y))], [constant(1)], to);

const decoderCase = (preset: BenchPreset, positions: number, batch: number): BenchCase => {
  const { width, heads, ff } = preset;
  const config = { vocabulary: 2, width, layers: 1, heads, ff, eps: DECODER_EPS };
  const { model: { layers, norm } } = llamaSpecs(config), specs = { model: { layers, norm } };
  const names = specTrees.entries(specs).map(([path]) => path);
  const parameters = specTrees.leaves(specs).map((spec, i) => startValue(spec, i + 7));
  const tree = placeholders("", specs);
  return functionCase(
    `decoder layer forward + backward ${batch}x${positions}x${width}`,
    3 * batch * positions * 2 * (4 * width ** 2 + 3 * width * ff + 2 * positions * width),
    {
      kind: "decoderGrad",
      inputs: [...given([batch, positions, width], [batch, positions, width]), ...parameters],
      names,
      heads,
    },
    (x, cotangent, ...ps) => {
      const params = tensors.map(tree as Tree<Tensor>, (_, path): Tensor => ps[names.indexOf(path)]!);
      return pullback([llamaStates(config)(params as never, x!)], [cotangent!], [x!, ...ps]);
    },
  );
};

const stepCase = (name: string, preset: BenchPreset, tokens: number): BenchCase => {
  const work = stepWork(preset, tokens), parameters = [...startValues(work.specs)];
  const batch = batchNumbers(preset, preset.batch);
  return {
    name: `training step, ${name}, ${tokens} visual tokens`,
    flops: work.modelFlops,
    work: { kind: "step", preset, tokens, batch, parameters },
    source: work.source,
    values: { ...batch, ...Object.fromEntries(parameters.map(([path, x]) => [`${PARAMS}.${path}`, x])) },
    compared: ["loss"],
  };
};

/** Sizes of the cases. */
export interface CaseSizes {
  /** Sides of square products. */
  readonly products: readonly number[];
  /** Rows and columns of softmax and layer normalisation. */
  readonly rows: readonly [rows: number, columns: number];
  /** Batch, heads, positions and channels of a head of attention. */
  readonly attention: readonly [batch: number, heads: number, positions: number, width: number];
  /** Name and sizes of the model of the decoder layer and of the step. */
  readonly model: readonly [name: string, preset: BenchPreset];
  /** Visual tokens of the step. */
  readonly tokens: number;
}

/** All cases of some sizes, made one by one, since their numbers take memory. */
export function* cases(
  { products, rows, attention: qkv, model, tokens }: CaseSizes,
): Generator<() => BenchCase> {
  const [b, h, t, d] = qkv, [name, preset] = model, square = 2 * b * h * t * t * d;
  for (const n of products) yield () => productCase(n);
  yield () =>
    functionCase(
      `softmax ${rows.join("x")}`,
      0,
      { kind: "softmax", inputs: given(rows) },
      (x) => [softmax()(x!)],
    );
  yield () =>
    functionCase(
      `layer norm ${rows.join("x")}`,
      0,
      { kind: "layerNorm", inputs: given(rows, [rows[1]], [rows[1]]) },
      (x, weight, bias) => [layerNorm({ weight: weight!, bias: bias! })(x!)],
    );
  yield () =>
    functionCase(
      `attention forward ${qkv.join("x")}`,
      2 * square,
      { kind: "attention", inputs: given(qkv, qkv, qkv) },
      (q, k, v) => [attention(q!, k!, v!)],
    );
  yield () =>
    functionCase(
      `attention forward + backward ${qkv.join("x")}`,
      6 * square,
      { kind: "attentionGrad", inputs: given(qkv, qkv, qkv) },
      (q, k, v) => squares(attention(q!, k!, v!), [q!, k!, v!]),
    );
  yield () => decoderCase(preset, tokens + preset.text, preset.batch);
  yield () => stepCase(name, preset, tokens);
}
