/**
 * ONNX Runtime for the web, on WebAssembly or WebGPU: inference alone. It is loaded by name at run time, under a lock file of
 * its own: in the common one it would be half a gigabyte that every first command downloads.
 */
import type { NdArray, Shape } from "@chain-of-sight/core";
import { type Backend, CannotDo, type Opponent, type Prepared, type Work } from "./opponent.ts";

/** Versions of the packages, exact. */
const packageVersions = {
  "onnx-proto": "8.0.1",
  "onnxruntime-web": "1.30.0",
} as const;

/** Loads a package, or an entry of it, as what the caller uses of it. */
export const load = async <T>(name: keyof typeof packageVersions, entry = ""): Promise<T> =>
  await import(`npm:${name}@${packageVersions[name]}${entry}`) as T;

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
const onnxModel = async (work: Work): Promise<Uint8Array | undefined> => {
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

interface OrtTensor {
  readonly getData: () => Promise<ArrayLike<number>>;
  readonly dispose: () => void;
}

type Feeds = Readonly<Record<string, OrtTensor>>;

interface Session {
  readonly run: (feeds: Feeds) => Promise<{ readonly y: OrtTensor }>;
  readonly release: () => Promise<void>;
}

/** What is used of ONNX Runtime. */
interface Runtime {
  readonly env: {
    readonly wasm: { numThreads: number };
    readonly webgpu: { readonly device: Promise<GPUDevice> };
    readonly versions: { readonly web: string };
    logLevel: string;
  };
  readonly Tensor: {
    new (type: "float32", data: Float32Array, dims: readonly number[]): OrtTensor;
    readonly fromGpuBuffer: (
      buffer: GPUBuffer,
      options: {
        readonly dataType: "float32";
        readonly dims: readonly number[];
        readonly dispose: () => void;
      },
    ) => OrtTensor;
  };
  readonly InferenceSession: {
    readonly create: (
      model: Uint8Array,
      options: {
        readonly executionProviders: readonly Backend[];
        readonly preferredOutputLocation?: "gpu-buffer";
      },
    ) => Promise<Session>;
  };
}

/** Tensors in the device's memory, as those of the other libraries are. */
const onGpu = async (ort: Runtime, x: NdArray): Promise<OrtTensor> => {
  const device = await ort.env.webgpu.device;
  const buffer = device.createBuffer({
    size: Math.ceil(x.data.byteLength / 16) * 16,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(buffer, 0, x.data as Float32Array<ArrayBuffer>);
  return ort.Tensor.fromGpuBuffer(buffer, {
    dataType: "float32",
    dims: [...x.shape],
    dispose: () => buffer.destroy(),
  });
};

const prepare = (ort: Runtime, backend: Backend) => async (work: Work): Promise<Prepared> => {
  const model = await onnxModel(work);
  if (model === undefined || work.kind === "step") throw new CannotDo("it takes no derivatives");
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [backend],
    ...(backend === "webgpu" ? { preferredOutputLocation: "gpu-buffer" as const } : {}),
  });
  const feeds: Record<string, OrtTensor> = {};
  for (const [i, x] of work.inputs.entries()) {
    feeds[`x${i}`] = backend === "webgpu"
      ? await onGpu(ort, x)
      : new ort.Tensor("float32", x.data as Float32Array, [...x.shape]);
  }
  const wait = async (): Promise<void> => {
    if (backend === "webgpu") {
      await (await ort.env.webgpu.device).queue.onSubmittedWorkDone();
    }
  };
  return {
    check: async () => {
      const { y } = await session.run(feeds), data = await y.getData();
      y.dispose();
      return [data];
    },
    run: async (n) => {
      for (let i = 0; i < n; i++) (await session.run(feeds)).y.dispose();
      await wait();
    },
    close: () => {
      Object.values(feeds).forEach((x) => x.dispose());
      void session.release();
    },
  };
};

/** Loads it on a back end. */
export const openOnnx = async (backend: Backend): Promise<Opponent> => {
  const threads = globalThis.navigator.hardwareConcurrency;
  const ort = await load<Runtime>("onnxruntime-web", backend === "webgpu" ? "/webgpu" : "");
  ort.env.wasm.numThreads = backend === "wasm" ? threads : 1;
  ort.env.logLevel = "error";
  const { web } = ort.env.versions;
  return {
    name: "onnxruntime-web",
    version: `${web} ${backend}${backend === "wasm" ? `, threads: ${threads}` : ""}`,
    prepare: prepare(ort, backend),
  };
};
