/** The same work by this compiler and by jax-js, on one device, timed in turn. */
import {
  attention,
  grad,
  input,
  matmul,
  type NdArray,
  ndarray,
  sizeOf,
  square,
  sum,
  type Tensor,
} from "@chain-of-sight/core";
import { compileFor, type Device, theDevice } from "@chain-of-sight/kernels/portable";
import { defaultDevice, grad as jaxGrad, init, jit, nn, numpy as np } from "@jax-js/jax";
import * as Effect from "effect/Effect";
import { median } from "../base/quantile.ts";

/** The version of jax-js, as `deno.json` pins it. */
export const JAX_VERSION = "0.1.25";

type JaxFunction = (...xs: np.Array[]) => np.Array | np.Array[];

/** Some work as both describe it. */
interface Work {
  /** Its name. */
  readonly name: string;
  /** Shapes of its inputs, in order. */
  readonly inputs: readonly (readonly number[])[];
  /** Its results here. */
  readonly described: (inputs: readonly Tensor[]) => readonly Tensor[];
  /** The same of jax-js. */
  readonly jax: JaxFunction;
}

const heads = (x: np.Array): np.Array => x.transpose([0, 2, 1, 3]);
const sumOfSquares = (x: np.Array): np.Array => np.sum(np.square(x));
/** jax-js wants heads behind positions. */
const jaxAttention = (q: np.Array, k: np.Array, v: np.Array): np.Array =>
  heads(nn.dotProductAttention(heads(q), heads(k), heads(v)));

const works: readonly Work[] = [
  {
    name: "product of 384 by 384 matrices",
    inputs: [[384, 384], [384, 384]],
    described: ([a, b]) => [matmul(b!)(a!)],
    jax: (a, b) => np.matmul(a!, b!),
  },
  {
    name: "gradient of attention over 128 positions",
    inputs: [[1, 4, 128, 32], [1, 4, 128, 32], [1, 4, 128, 32]],
    described: ([q, k, v]) => {
      const loss = (p: Readonly<Record<"q" | "k" | "v", Tensor>>) => sum()(square(attention(p.q, p.k, p.v)));
      const { q: dq, k: dk, v: dv } = grad(loss)({ q: q!, k: k!, v: v! });
      return [dq, dk, dv];
    },
    jax: (...qkv) =>
      jaxGrad(([q, k, v]: np.Array[]) => sumOfSquares(jaxAttention(q!, k!, v!)))(
        qkv,
      ) as unknown as np.Array[],
  },
];

/** Milliseconds of some work. */
export interface ContestResult {
  /** The work. */
  readonly name: string;
  /** Median of this compiler's. */
  readonly ours: number;
  /** Median of jax-js. */
  readonly jax: number;
  /** Largest difference of the results, of the largest result. */
  readonly difference: number;
}

/** Rounds in which each is timed once, and milliseconds of a timing at least. */
const ROUNDS = 7, LEAST = 20;

const numbers = (shape: readonly number[], seed: number): NdArray =>
  ndarray(
    "f32",
    shape,
    Float32Array.from(
      { length: sizeOf(shape) },
      (_, i) => ((Math.imul(i + seed, 2654435761) >>> 9) / 2 ** 23) - 0.5,
    ),
  );

type Repeated = (times: number) => Effect.Effect<void, unknown>;

const timed = (work: Repeated, times: number): Effect.Effect<number, unknown> =>
  Effect.gen(function* () {
    const began = performance.now();
    yield* work(times);
    return (performance.now() - began) / times;
  });

const differenceOf = (ours: readonly ArrayLike<number>[], theirs: readonly ArrayLike<number>[]): number => {
  let most = 0, apart = 0;
  ours.forEach((values, i) => {
    for (let j = 0; j < values.length; j++) {
      most = Math.max(most, Math.abs(values[j]!));
      apart = Math.max(apart, Math.abs(values[j]! - theirs[i]![j]!));
    }
  });
  return apart / most;
};

const contestOf = ({ name, inputs, described, jax }: Work): Effect.Effect<ContestResult, unknown, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* theDevice(), values = inputs.map((shape, i) => numbers(shape, 77 * i));
    const results = described(inputs.map((shape, i) => input(`x${i}`, shape)));
    const outputs = Object.fromEntries(results.map((result, i) => [`y${i}`, result])),
      names = Object.keys(outputs);
    const program = yield* device.load(compileFor(device, { outputs }));
    yield* program.write(Object.fromEntries(values.map((value, i) => [`x${i}`, value])));
    const f = jit(jax as never) as unknown as JaxFunction;
    const given = values.map(({ data, shape }) =>
      np.array(data as Float32Array<ArrayBuffer>).reshape([...shape])
    );
    const once = (): np.Array[] => {
      const y = f(...given.map((x) => x.ref));
      return Array.isArray(y) ? y : [y];
    };
    const ours: Repeated = (times) =>
      Effect.gen(function* () {
        for (let i = 0; i < times; i++) yield* program.run;
        yield* program.read([names[0]!]);
      });
    const theirs: Repeated = (times) =>
      Effect.promise(async () => {
        // work is deferred until someone waits, so that every result is held until then
        const all = Array.from({ length: times }, once).flat();
        await all[all.length - names.length]!.data();
        await Promise.all(
          all.filter((_, i) => i !== all.length - names.length).map((y) => y.blockUntilReady()),
        );
        all.forEach((y, i) => i === all.length - names.length || y.dispose());
      });
    yield* program.run;
    const read = yield* program.read(names);
    const checked = yield* Effect.promise(() => Promise.all(once().map((y) => y.data())));
    const difference = differenceOf(names.map((one) => read[one]!.data), checked);
    const pair = [ours, theirs] as const;
    const counts = yield* Effect.forEach(
      pair,
      (work) => Effect.map(timed(work, 2), (ms) => Math.max(1, Math.min(100, Math.ceil(LEAST / ms)))),
    );
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      for (const i of [0, 1] as const) times[i].push(yield* timed(pair[i], counts[i]!));
      yield* Effect.sleep(0);
    }
    given.forEach((x) => x.dispose());
    return { name, ours: median(times[0]), jax: median(times[1]), difference };
  }));

/** Times all work on the device that is open, and jax-js on the same: WebGPU, or one thread of the CPU. */
export const contest = (onResult: (result: ContestResult) => void): Effect.Effect<void, unknown, Device> =>
  Effect.gen(function* () {
    const { profile } = yield* theDevice(), backend = profile.provider === "cpu" ? "wasm" : "webgpu";
    const devices = yield* Effect.promise(() => init(backend));
    if (!devices.includes(backend)) {
      return yield* Effect.fail(new Error(`jax-js has no ${backend} in this browser`));
    }
    defaultDevice(backend);
    for (const work of works) onResult(yield* contestOf(work));
  });
