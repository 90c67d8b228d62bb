/** ONNX Runtime for the web, on WebAssembly or WebGPU: inference alone. Models are encoded by `onnx_graphs.ts`. */
import type { NdArray } from "@chain-of-sight/core";
import { onnxModel } from "./onnx_graphs.ts";
import { type Backend, CannotDo, type Opponent, type Prepared, type Work } from "./opponent.ts";
import { load } from "./packages.ts";

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
