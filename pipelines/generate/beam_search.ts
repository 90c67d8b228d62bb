/**
 * Beam search on a device. The device computes the most likely continuations of every beam and moves caches to the
 * beams that go on; which those are is decided by {@link extend} on the host, from `2 w` numbers a beam. So every
 * token waits for the device once.
 * Shapes: b rows, which are w beams of every request, v vocabulary, k candidates.
 */
import {
  argmax,
  concat,
  type DecodeOutput,
  decodeStep,
  equal,
  gather,
  i32,
  input,
  iota,
  llamaEmbed,
  logSoftmax,
  max,
  type NdArray,
  ndarray,
  reshape,
  select,
  type Tensor,
  tensors,
  type Tree,
} from "@chain-of-sight/core";
import type { Device, Source } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type Beams, type Candidate, extend, noBeams, winner } from "./beams.ts";
import { uploadLazies } from "../weights/lazy.ts";
import { GenerateError } from "./fault.ts";
import { type GenerateRequest, type GenerationError, loadBoth, promptRows, refusal } from "./generator.ts";
import {
  cachePlaceholders,
  type CausalLM,
  describePrefix,
  droppedOf,
  type GenerationLimits,
  parameterPlaceholders,
  type SpecialTokens,
} from "./programs.ts";

/** What of a request a search reads. */
export type SearchRequest = Pick<GenerateRequest, "prompts" | "given" | "limit">;

/**
 * The tokens of the best text of every prompt, ends left out.
 * @internal
 */
export type Search = (
  request: SearchRequest,
) => Effect.Effect<readonly (readonly number[])[], GenerationError>;

/** The part of an array that belongs to each of some rows, several times. */
const repeated = (array: NdArray, rows: number, times: number): NdArray => {
  const [length, ...rest] = array.shape as [number, ...number[]], width = array.data.length / rows;
  const data = new (array.data.constructor as Float32ArrayConstructor)(array.data.length * times);
  for (let r = 0; r < rows * times; r++) {
    const from = Math.floor(r / times) * width;
    data.set(array.data.subarray(from, from + width) as Float32Array, r * width);
  }
  return ndarray(array.dtype, [length * times, ...rest], data);
};

const NOTHING = -3e38;

/** The k most likely tokens of every row and the logarithms of their probabilities, each `[b, k]`. */
export const topLogProbabilities =
  (k: number): (logits_bv: Tensor) => readonly [Tensor, Tensor] => (logits_bv) => {
    const [b, v] = logits_bv.shape as [number, number];
    const found: (readonly [Tensor, Tensor])[] = [];
    Array.from({ length: k }).reduce<Tensor>((left_bv) => {
      const id_b1 = argmax(-1, true)(left_bv);
      found.push([id_b1, max({ axes: [-1], keep: true })(left_bv)]);
      return select(equal(iota([b, v], 1), id_b1), NOTHING, left_bv);
    }, logSoftmax()(logits_bv));
    return [concat(found.map(([id]) => id), 1), concat(found.map(([, p]) => p), 1)];
  };

const sourceOf = (
  { logits_bv, cache }: DecodeOutput,
  name: "prefix" | "tail",
  k: number,
  inputs: readonly Tensor[],
): Source => {
  const [ids, logProbabilities] = topLogProbabilities(k)(logits_bv);
  const kept = Object.fromEntries(
    Object.entries(tensors.flatten(cache as unknown as Tree<Tensor>))
      .map(([path, t]) => [`cache.${name}.${path}`, t]),
  );
  return {
    outputs: { ...kept, "beam.ids": ids, "beam.logProbabilities": logProbabilities },
    donate: Object.fromEntries(Object.keys(kept).map((path) => [path, path])),
    inputs,
  };
};

const prefixSource = (causalLM: CausalLM, limits: GenerationLimits, k: number): Source => {
  const { decoded } = describePrefix(causalLM, limits);
  return sourceOf(
    decoded,
    "prefix",
    k,
    tensors.leaves(cachePlaceholders(causalLM, limits).prefix as unknown as Tree<Tensor>),
  );
};

const nextSource = (causalLM: CausalLM, limits: GenerationLimits, k: number): Source => {
  const { llama } = parameterPlaceholders(causalLM);
  const row = (name: string) => input(`beam.${name}`, [limits.rows], "i32");
  // a row of a cache is flat, so that moving it is one gather
  const moved = (t: Tensor): Tensor => {
    const [rows, ...rest] = t.shape as [number, ...number[]];
    const flat = reshape([rows, rest.reduce((a, n) => a * n, 1)])(t);
    return reshape(t.shape)(gather(flat)(row("parents")));
  };
  // beams of a request have one prefix: only what was written since differs
  const { prefix, tail } = cachePlaceholders(causalLM, limits), start = row("start");
  const past = {
    prefix,
    start,
    ...droppedOf(causalLM),
    tail: tail.map(({ key, value }) => ({ key: moved(key), value: moved(value) })),
  };
  const next = decodeStep(causalLM.decoder)(llama, llamaEmbed(llama, row("next")), row("at"), past);
  return sourceOf(next, "tail", k, []);
};

/** Puts a model on the device for searches with `beams` beams; `limits.rows` counts requests. */
export const openSearch = (
  causalLM: CausalLM,
  limits: GenerationLimits,
  specialTokens: SpecialTokens,
  beams: number,
): Effect.Effect<Search, GenerationError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    if (!Number.isInteger(beams) || beams < 1 || beams > 64) {
      return yield* Effect.fail(
        new GenerateError({
          op: "beam search",
          got: `${beams} beams`,
          expected: "an integer from 1 to 64",
          hint: "ask for a usual number, such as 4",
        }),
      );
    }
    const k = 2 * beams, rows = limits.rows * beams;
    const wide: GenerationLimits = { ...limits, rows };
    const { prefix, step } = yield* loadBoth(
      () => prefixSource(causalLM, wide, k),
      () => nextSource(causalLM, wide, k),
    );
    yield* uploadLazies(prefix, "params", causalLM.params);

    return (request) =>
      Effect.gen(function* () {
        const { prompts, given = {}, limit = limits.tokens } = request;
        const bad = refusal(causalLM, limits, request);
        if (bad !== undefined) return yield* Effect.fail(bad);
        const rules = { beams, ends: specialTokens.ends, limit };
        const spread = prompts.flatMap((p) => Array.from({ length: beams }, () => p));
        const asked = promptRows(causalLM, wide, spread, specialTokens.pad);
        yield* prefix.write(asked);
        yield* prefix.write(
          Object.fromEntries(Object.entries(given).map(([k, a]) => [k, repeated(a, limits.rows, beams)])),
        );
        yield* prefix.run;
        const lengths = Array.from(asked["prompt.lengths"]!.data);
        let searches: readonly Beams[] = prompts.map(() => noBeams), program = prefix;
        for (let written = 0;; written++) {
          const read = yield* program.read(["beam.ids", "beam.logProbabilities"]);
          const ids = read["beam.ids"]!.data, logs = read["beam.logProbabilities"]!.data;
          const candidates = (r: number): readonly Candidate[] =>
            Array.from({ length: k }, (_, i) => ({ id: ids[r * k + i]!, logProbability: logs[r * k + i]! }))
              .filter((c) => c.logProbability > NOTHING / 10);
          const next = new Int32Array(rows).fill(specialTokens.pad),
            parents = Int32Array.from({ length: rows }, (_, r) => r);
          searches = searches.map((search, q) => {
            if (search.over) return search;
            const at = q * beams;
            const made = extend(rules, search, search.running.map((_, i) => candidates(at + i)));
            made.parents.forEach((parent, i) => {
              parents[at + i] = at + parent;
              next[at + i] = made.beams.running[i]!.ids.at(-1)!;
            });
            return made.beams;
          });
          if (searches.every((s) => s.over)) return searches.map((s) => winner(s).ids);
          yield* step.write({
            "beam.next": i32([rows], next),
            "beam.parents": i32([rows], parents),
            "beam.start": i32([rows], lengths),
            "beam.at": i32([rows], lengths.map((n) => n + written)),
          });
          yield* step.run;
          program = step;
        }
      });
  });
