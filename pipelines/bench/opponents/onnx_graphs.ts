/** Small ONNX models of single pieces of work, encoded as files are. */
import type { Shape } from "@chain-of-sight/core";
import type { Work } from "./opponent.ts";
import { load } from "./packages.ts";

/** What is used of the generated encoder. */
interface Proto {
  readonly onnx: {
    readonly ModelProto: {
      readonly fromObject: (model: object) => unknown;
      readonly encode: (model: unknown) => { readonly finish: () => Uint8Array };
    };
  };
}

interface Node {
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute?: readonly object[];
}

const FLOAT = 1, OPSET = 17, IR = 8, ATTRIBUTE_FLOAT = 1, ATTRIBUTE_INT = 2, ATTRIBUTE_INTS = 7;

const int = (name: string, i: number) => ({ name, type: ATTRIBUTE_INT, i });
const float = (name: string, f: number) => ({ name, type: ATTRIBUTE_FLOAT, f });
const ints = (name: string, values: readonly number[]) => ({ name, type: ATTRIBUTE_INTS, ints: values });

const nodesOf = (work: Work): readonly Node[] | undefined => {
  switch (work.kind) {
    case "matmul":
      return [{ opType: "MatMul", input: ["x0", "x1"], output: ["y"] }];
    case "softmax":
      return [{ opType: "Softmax", input: ["x0"], output: ["y"], attribute: [int("axis", -1)] }];
    case "layerNorm":
      return [{
        opType: "LayerNormalization",
        input: ["x0", "x1", "x2"],
        output: ["y"],
        attribute: [int("axis", -1), float("epsilon", 1e-5)],
      }];
    case "attention":
      return [
        { opType: "Transpose", input: ["x1"], output: ["kt"], attribute: [ints("perm", [0, 1, 3, 2])] },
        { opType: "MatMul", input: ["x0", "kt"], output: ["scores"] },
        { opType: "Mul", input: ["scores", "scale"], output: ["scaled"] },
        { opType: "Softmax", input: ["scaled"], output: ["p"], attribute: [int("axis", -1)] },
        { opType: "MatMul", input: ["p", "x2"], output: ["y"] },
      ];
    default:
      return undefined;
  }
};

const valueOf = (name: string, shape: Shape) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: { dim: shape.map((n) => ({ dimValue: n })) } } },
});

/** A model with inputs `x0`, `x1` and so on and one output `y`; undefined where it takes derivatives. */
export const onnxModel = async (work: Work): Promise<Uint8Array | undefined> => {
  const nodes = nodesOf(work);
  if (nodes === undefined || work.kind === "step") return undefined;
  const { ModelProto } = (await load<{ readonly default: Proto }>("onnx-proto")).default.onnx;
  const shapes = work.inputs.map((x) => x.shape);
  const scale = 1 / Math.sqrt(shapes[0]!.at(-1)!);
  return ModelProto.encode(ModelProto.fromObject({
    irVersion: IR,
    opsetImport: [{ domain: "", version: OPSET }],
    graph: {
      name: work.kind,
      node: nodes,
      initializer: work.kind === "attention" ? [{ name: "scale", dataType: FLOAT, floatData: [scale] }] : [],
      input: shapes.map((shape, i) => valueOf(`x${i}`, shape)),
      output: [valueOf("y", work.kind === "matmul" ? [shapes[0]![0]!, shapes[1]![1]!] : shapes[0]!)],
    },
  })).finish();
};
