/** Functions to look into: a loss and its parameters. */
import {
  attention,
  gelu,
  input,
  layerNorm,
  matmul,
  mean,
  square,
  sub,
  type Tensor,
} from "@chain-of-sight/core";

type Params = Readonly<Record<string, Tensor>>;

/** A function to look into. */
interface Example {
  /** Its source, as the page shows it. */
  readonly source: string;
  /** Parameters by name, with their shapes. */
  readonly params: Readonly<Record<string, readonly number[]>>;
  /** The loss. */
  readonly loss: (params: Params) => Tensor;
}

const data = (shape: readonly number[]): Tensor => input("x", shape);
const mlp = (p: Params): Tensor => {
  const hidden = gelu(matmul(p.up!)(layerNorm({ weight: p.weight!, bias: p.bias! })(data([64, 64]))));
  return mean()(square(sub(matmul(p.down!)(hidden), 1)));
};
const attended = (p: Params): Tensor => {
  const x = data([1, 2, 96, 32]);
  return mean()(square(attention(matmul(p.q!)(x), matmul(p.k!)(x), matmul(p.v!)(x), { causal: true })));
};
const regression = (p: Params): Tensor => mean()(square(sub(matmul(p.w!)(data([128, 16])), 1)));

/** The functions by name. */
export const examples: Readonly<Record<string, Example>> = {
  "A regression": {
    source: "const loss = ({ w }) =>\n  mean()(square(sub(matmul(w)(x), 1)));\n\nvalueAndGrad(loss)(params);",
    params: { w: [16, 4] },
    loss: regression,
  },
  "A block of an MLP": {
    source:
      "const loss = ({ weight, bias, up, down }) => {\n  const hidden = gelu(matmul(up)(layerNorm({ weight, bias })(x)));\n  return mean()(square(sub(matmul(down)(hidden), 1)));\n};\n\nvalueAndGrad(loss)(params);",
    params: { weight: [64], bias: [64], up: [64, 256], down: [256, 64] },
    loss: mlp,
  },
  "Causal attention": {
    source:
      "const loss = ({ q, k, v }) =>\n  mean()(square(attention(\n    matmul(q)(x), matmul(k)(x), matmul(v)(x), { causal: true },\n  )));\n\nvalueAndGrad(loss)(params);",
    params: { q: [32, 32], k: [32, 32], v: [32, 32] },
    loss: attended,
  },
};
