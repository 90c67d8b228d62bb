/** Everything that is asked of a GPU, measured on the device of the context: rates of kernels, then whole steps. */
import {
  add,
  attention,
  cast,
  input,
  matmul,
  mul,
  pullback,
  rmsNorm,
  softmax,
  sum,
  type Tensor,
  transpose,
} from "@chain-of-sight/core";
import {
  compileFor,
  type Device,
  type DeviceService,
  dispatchesOf,
  explain,
  type Roofline,
  schedulesOf,
  theDevice,
  tune,
  type TuningTable,
  withEntries,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { type Precision, precisions } from "../pipelines/train/precision.ts";
import { attentionBar, type GpuProvider, memoryBar, productBar, stepBars } from "./gpu_bars.ts";
import { type GpuLine, lineOf } from "./gpu_report.ts";
import { presets, type StepPreset } from "../pipelines/tune/presets.ts";
import { timeStep } from "./step.ts";
import { stepWork } from "../pipelines/tune/step_work.ts";

/** Options of the measurement. */
interface GpuOptions {
  /** Who computes; it must be the one in the context. */
  readonly provider: GpuProvider;
  /** Seconds of tuning before each measurement; 0 for the schedules that are known. */
  readonly tuning: number;
  /** Facts about the device. */
  readonly known: TuningTable;
  /** Whether to time steps too. */
  readonly steps: boolean;
  /** Only the product of 16-bit numbers, on a device whose profile sums them in f16 within blocks. */
  readonly halfSums?: boolean;
  /** Called with every line. */
  readonly onLine?: (line: GpuLine) => void;
}

/** Measurements. */
interface GpuMeasured {
  /** Every line. */
  readonly lines: readonly GpuLine[];
  /** Facts about the device by now. */
  readonly known: TuningTable;
}

const REPEATS = 7;

const GIB = 2 ** 30;

interface Timing {
  readonly seconds: number;
  readonly flops: number;
  readonly bytes: number;
  /** Whether some kernel goes through matrix units. */
  readonly units: boolean;
}

/** The best time of a description's kernels under the schedules of a service. */
const timed = (outputs: Readonly<Record<string, Tensor>>, service: DeviceService) =>
  Effect.scoped(Effect.gen(function* () {
    const { profile, load } = service, plan = compileFor(service, { outputs }), program = yield* load(plan);
    const times: number[] = [];
    for (let i = 0; i < REPEATS; i++) {
      times.push((yield* program.profile(1)).reduce((n, k) => n + k.seconds, 0));
    }
    const { flops, bytes } = explain(plan);
    const units = dispatchesOf(plan, profile).some((d) =>
      d.code.includes("subgroupMatrixMultiplyAccumulate")
    );
    return { seconds: Math.min(...times), flops, bytes, units } satisfies Timing;
  }));

const square = (path: string, side: number, dtype: "f32" | "f16"): Tensor => input(path, [side, side], dtype);

const productOf = (side: number, dtype: "f32" | "f16"): Tensor =>
  cast("f32")(matmul(square("b", side, dtype))(square("a", side, dtype)));

/** Kernels that memory bounds, over `rows` rows of `width`. */
const memoryKernels = (rows: number, width: number): Readonly<Record<string, Tensor>> => {
  const x = input("x", [rows, width]), y = input("y", [rows, width]), z = input("z", [rows, width]);
  return {
    "multiply and add": add(mul(x, y), z),
    "sums of rows": sum({ axes: [-1] })(x),
    "sums of columns": sum({ axes: [0] })(x),
    softmax: softmax(-1)(x),
    "root mean square norm": rmsNorm({ weight: input("w", [width]) })(x),
    transpose: transpose(mul(x, 2)),
  };
};

/** Attention and its gradients for a cotangent that is given. */
const attentionOutputs = (
  shape: readonly [batch: number, heads: number, queries: number, width: number],
  dtype: "f32" | "f16",
): Readonly<Record<string, Tensor>> => {
  const [q, k, v] = ["q", "k", "v"].map((path) => input(path, shape, dtype)) as [Tensor, Tensor, Tensor];
  const y = attention(q, k, v, {}),
    [dq, dk, dv] = pullback([y], [input("cotangent", shape, y.dtype)], [q, k, v]);
  return { y, dq: dq!, dk: dk!, dv: dv! };
};

/** Measures everything on the device of the context. What fails is a line that says why. */
export const measureGpu = (
  { provider, tuning, steps, halfSums = false, onLine, ...given }: GpuOptions,
): Effect.Effect<GpuMeasured, never, Device> =>
  Effect.gen(function* () {
    const plain = yield* theDevice(), { software, f16 } = plain.profile, lines: GpuLine[] = [];
    let known = given.known;
    const service = (): DeviceService => ({ ...plain, schedules: schedulesOf(known) });
    const say = (line: Omit<GpuLine, "met" | "provider">): void => {
      const judged = lineOf({ ...line, provider }, !software);
      lines.push(judged);
      onLine?.(judged);
    };
    /** Runs a part; its failure is a line. */
    const part = <A, E>(
      what: string,
      unit: string,
      run: Effect.Effect<A, E, Device>,
    ): Effect.Effect<A | undefined, never, Device> =>
      Effect.catch(Effect.map(run, (a): A | undefined => a), (e: E) =>
        Effect.sync(() => {
          say({ what, unit, others: "", note: (e instanceof Error ? e.message : String(e)).split("\n")[0]! });
          return undefined;
        }));
    const tuned = (source: Parameters<typeof tune>[0]) =>
      tuning <= 0 ? Effect.void : Effect.map(tune(source, { budget: tuning, known }), ({ entries }) => {
        known = withEntries(known, entries);
      });
    const measure = (what: string, unit: string, outputs: Readonly<Record<string, Tensor>>) =>
      part(what, unit, Effect.flatMap(tuned({ outputs }), () => timed(outputs, service())));

    const side = software ? 256 : 4096, rates: Partial<Record<"f32" | "f16", number>> = {};
    for (const dtype of halfSums ? ["f16"] as const : ["f32", "f16"] as const) {
      const how = dtype === "f32"
        ? ""
        : halfSums
        ? " in blocks, f32 from block to block"
        : " with f32 results";
      const what = `product ${side}, ${dtype}${how}`;
      if (dtype === "f16" && !f16) {
        say({ what, unit: "TFLOP/s", others: "", note: "the device has no 16-bit numbers" });
        continue;
      }
      const found = yield* measure(what, "TFLOP/s", { y: productOf(side, dtype) });
      if (found === undefined) continue;
      rates[dtype] = found.flops / found.seconds;
      say({ what, unit: "TFLOP/s", value: rates[dtype]! / 1e12, ...productBar(provider, dtype) });
    }
    if (halfSums) return { lines, known };

    const [rows, width] = software ? [512, 1024] : [32768, 2048];
    const copied = yield* measure("copy", "GB/s", { y: add(input("x", [rows, width]), 1) });
    const roofline: Pick<Roofline, "bytes"> | undefined = copied && { bytes: copied.bytes / copied.seconds };
    if (roofline !== undefined) {
      say({ what: "copy", unit: "GB/s", value: roofline.bytes / 1e9, others: "" });
      for (const [name, y] of Object.entries(memoryKernels(rows, width))) {
        const what = `${name}, share of copy`, found = yield* measure(what, "", { y });
        if (found === undefined) continue;
        const value = found.bytes / found.seconds / roofline.bytes;
        say({ what, unit: "", value, bar: memoryBar, others: "" });
      }
    }

    const shape: readonly [number, number, number, number] = software ? [1, 2, 128, 32] : [8, 16, 1024, 64];
    for (const dtype of ["f32", "f16"] as const) {
      const what = `attention ${shape.join("x")} forward and backward, ${dtype}`, product = rates[dtype];
      // without 16-bit numbers the product has said so
      if (product === undefined) continue;
      const both = yield* measure(what, "TFLOP/s", attentionOutputs(shape, dtype));
      if (both === undefined) continue;
      const rate = both.flops / both.seconds;
      const how = both.units ? "through matrix units" : "without matrix units";
      say({
        what,
        unit: "TFLOP/s",
        value: rate / 1e12,
        others: "",
        ...(dtype === "f16" ? { note: how } : {}),
      });
      say({
        what: `${what}, share of product`,
        unit: "",
        value: rate / product,
        ...attentionBar(provider, dtype),
        others: "",
      });
    }

    const cases: readonly (readonly [StepPreset, number, Precision])[] = software
      ? [["smoke", 32, "f32"]]
      : (["full", "gpu"] as const).flatMap((preset) =>
        [32, 80, 336].flatMap((tokens) =>
          precisions.filter((p) => p === "f32" || f16).map((p) => [preset, tokens, p] as const)
        )
      );
    for (const [preset, tokens, precision] of steps ? cases : []) {
      const what = `step ${preset}, ${tokens} tokens, ${precision}`,
        bars = stepBars(provider, preset, tokens, precision);
      const timing = Effect.gen(function* () {
        yield* tuned(stepWork(presets[preset], tokens, { precision }).source);
        const options = {
          preset,
          tokens,
          precision,
          device: provider,
          remat: false,
          windows: software ? 2 : 5,
        };
        return yield* Effect.provideService(timeStep(options), theDevice(), service());
      });
      const report = yield* part(what, "ms", timing);
      if (report === undefined) continue;
      const { ms, GiB, others } = bars;
      say({ what, unit: "ms", value: report.ms.median, others, ...(ms === undefined ? {} : { bar: ms }) });
      say({
        what: `${what}, memory`,
        unit: "GiB",
        value: report.peakBytes / GIB,
        others: "",
        ...(GiB === undefined ? {} : { bar: GiB }),
      });
    }
    return { lines, known };
  });
