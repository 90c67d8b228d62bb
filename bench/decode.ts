/**
 * The speed of writing one token, against the time that it takes to read the weights once: a token needs every weight,
 * so that no decoder of one row can be faster than its memory. Both are timed in the same rounds.
 */
import {
  countParameters,
  input,
  llamaSpecs,
  mul,
  ndarray,
  type ParameterSpec,
  sum,
  type Tree,
} from "@chain-of-sight/core";
import { compileFor, type Device, type Program, type Source, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { loadBoth, promptRows } from "../pipelines/generate/generator.ts";
import {
  type CausalLM,
  type GenerationLimits,
  nextSource,
  prefixOf,
  prefixSource,
} from "../pipelines/generate/programs.ts";
import { presets, type StepPreset } from "../pipelines/tune/presets.ts";
import { timeRounds } from "./rounds.ts";
import type { Spread } from "./spread.ts";
import { randomArrays, type UploadError, uploadLazies } from "../pipelines/weights/lazy.ts";

/** The timed work. */
interface DecodeBench {
  /** The model. */
  readonly preset: StepPreset;
  /** Rows that are written at once. */
  readonly rows: number;
  /** Tokens of the prefix, visual ones included. */
  readonly prefix: number;
  /** Tokens that there is room for behind it. */
  readonly tokens: number;
  /** Rounds. */
  readonly rounds: number;
}

/** Measurements. */
interface DecodeReport extends DecodeBench {
  /** Bytes of the weights that a token needs: all but the embedding table, of which it reads a row. */
  readonly weightBytes: number;
  /** Bytes of the cache. */
  readonly cacheBytes: number;
  /** Milliseconds of a step: one token of every row. */
  readonly step: Spread;
  /** Milliseconds of reading as many bytes as the weights have, once. */
  readonly read: Spread;
  /** Milliseconds of copying half as many bytes, which reads and writes as many as the weights have. */
  readonly copy: Spread;
  /** The step over the reading, round by round: 1 would be the limit of the memory. */
  readonly overRead: Spread;
  /** The same over the copy. */
  readonly overCopy: Spread;
  /** Kernels of a step. */
  readonly kernels: number;
}

const WIDTH = 1024;

/** Programs that move `bytes` bytes: one reads them, one copies half of them. */
const movers = (bytes: number) =>
  Effect.gen(function* () {
    const device = yield* theDevice(), rows = Math.ceil(bytes / (4 * WIDTH)), half = Math.ceil(rows / 2);
    const load = (name: string, n: number, outputs: Source["outputs"]) =>
      Effect.gen(function* () {
        // a small input, so that a wait reads one number
        const source = { outputs, inputs: [input("tick", [1])] };
        const program = yield* device.load(compileFor(device, source));
        yield* program.write({
          [name]: ndarray("f32", [n, WIDTH], new Float32Array(n * WIDTH).fill(1)),
          tick: ndarray("f32", [1], Float32Array.of(0)),
        });
        return program;
      });
    return {
      read: yield* load("x", rows, { y: sum({ axes: [1] })(input("x", [rows, WIDTH])) }),
      copy: yield* load("x", half, {
        y: mul(input("x", [half, WIDTH]), 2),
      }),
    };
  });

/** Times the steps of a writer of random weights. */
export const timeDecode = (
  bench: DecodeBench,
): Effect.Effect<DecodeReport, UploadError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { width, layers, heads, ff, vocabulary } = presets[bench.preset];
    const decoder = { vocabulary, width, layers, heads, ff },
      specs = llamaSpecs(decoder) as Tree<ParameterSpec>;
    const writer: CausalLM = { decoder, specs, params: randomArrays([1, 2], specs) };
    const room: GenerationLimits = { rows: bench.rows, prompt: bench.prefix, tokens: bench.tokens };
    const marks = { ends: [], pad: 0 };
    const { prefix, step } = yield* loadBoth(
      () => prefixSource(writer, room, marks, "greedy"),
      () => nextSource(writer, room, marks, "greedy"),
    );
    yield* uploadLazies(prefix, "params", writer.params);
    const prompt = Array.from({ length: bench.prefix }, (_, i) => (i * 37) % vocabulary);
    yield* prefix.write(promptRows(writer, room, [prompt], 0));
    yield* prefix.run;

    const weightBytes = 4 * (countParameters(specs) - vocabulary * width);
    const { read, copy } = yield* movers(weightBytes);
    const context = yield* Effect.context<never>();
    const side = (who: "step" | "read" | "copy", program: Program, wait: string) => ({
      who,
      prepared: {
        check: () => Promise.resolve([]),
        run: (n: number) =>
          Effect.runPromiseWith(context)(Effect.gen(function* () {
            for (let i = 0; i < n; i++) yield* program.run;
            yield* program.read([wait]);
          })),
        close: () => {},
      },
    });
    const sides = [side("step", step, "state.next"), side("read", read, "tick"), side("copy", copy, "tick")];
    const [a, b, c] = yield* Effect.promise(() => timeRounds(sides, { rounds: bench.rounds, seriesMs: 400 }));
    const over = (s: Spread): Spread => ({
      n: s.n,
      median: 1 / s.median,
      q1: 1 / s.q3,
      q3: 1 / s.q1,
      least: 1 / s.largest,
      largest: 1 / s.least,
    });
    return {
      ...bench,
      weightBytes,
      cacheBytes: 4 * 2 * layers * bench.rows * width * (prefixOf(writer, room) + room.tokens),
      step: a!.ms,
      read: b!.ms,
      copy: c!.ms,
      overRead: over(b!.ratio),
      overCopy: over(c!.ratio),
      kernels: step.plan.kernels.length,
    };
  }));

const MB = 1e6;

/** The report in lines. */
export const decodeText = (r: DecodeReport): string => {
  const ms = (s: Spread) => `${s.median.toFixed(2)} ms [${s.q1.toFixed(2)}, ${s.q3.toFixed(2)}]`;
  const rate = (bytes: number, s: Spread) => `${(bytes / s.median / 1e6).toFixed(1)} GB/s`;
  const times = (s: Spread) => `${s.median.toFixed(2)} times [${s.q1.toFixed(2)}, ${s.q3.toFixed(2)}]`;
  return [
    `${r.preset}, ${r.rows} ${
      r.rows === 1 ? "row" : "rows"
    }, ${r.prefix} tokens before, room for ${r.tokens}: ` +
    `${(r.weightBytes / MB).toFixed(1)} MB of weights, ${
      (r.cacheBytes / MB).toFixed(1)
    } MB of cache, ${r.kernels} kernels`,
    `one step:             ${ms(r.step)}, ${(1000 * r.rows / r.step.median).toFixed(1)} tokens/s`,
    `weights read once:    ${ms(r.read)}, ${rate(r.weightBytes, r.read)}; a step takes ${
      times(r.overRead)
    } as long`,
    `as many bytes copied: ${ms(r.copy)}, ${rate(r.weightBytes, r.copy)}; a step takes ${
      times(r.overCopy)
    } as long`,
  ].join("\n");
};
