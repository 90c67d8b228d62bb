/** Writing on a device: programs loaded once, then texts as streams of tokens. */
import {
  type ConfigError,
  f32,
  i32,
  type NdArray,
  ndarray,
  TreeError,
  zerosArray,
} from "@chain-of-sight/core";
import {
  compileFor,
  type Device,
  type DeviceError,
  type Program,
  type Source,
  theDevice,
} from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { fromEither } from "../base/bridge.ts";
import { ALL_TOKENS, checkDecoding, type Decoding, greedily } from "./decoding.ts";
import { GenerateError } from "./fault.ts";
import {
  type CausalLM,
  type GenerationLimits,
  nextSource,
  placesOf,
  prefixSource,
  type SpecialTokens,
} from "./programs.ts";
import { type UploadError, uploadLazies } from "../weights/lazy.ts";
import { IMAGE_ID } from "../text/image_mark.ts";
import { type ArrangedRow, arrangementOf, needOf, rowOfTokens } from "../text/rows.ts";

/** Errors of a generation. */
export type GenerationError = GenerateError | UploadError;

/** What is asked of a writer at once. */
export interface GenerateRequest {
  /**
   * Token numbers of every prompt, at least one each, `IMAGE_ID` where an image is; at most as many prompts as the
   * writer has rows.
   */
  readonly prompts: readonly (readonly number[])[];
  /** Arrays for the inputs of the images, for all places of all rows of the writer. */
  readonly given?: Readonly<Record<string, NdArray>>;
  /** Maximum number of tokens to be written; as many as there is room for by default. */
  readonly limit?: number;
  /** How tokens are chosen; the most probable ones by default. Sampling needs a writer that was opened for it. */
  readonly decoding?: Decoding;
  /** Tokens written between two looks at the device, each of which waits for it; 8 by default. The first comes alone. */
  readonly stride?: number;
}

/** New tokens of every prompt since the last burst, ends left out. */
export type Burst = readonly (readonly number[])[];

/**
 * Writes, token by token. One text at a time: a stream that another one overtook fails with a GenerateError.
 * @internal
 */
export type GenerateStream = (request: GenerateRequest) => Stream.Stream<Burst, GenerationError>;

/** A writer on a device. */
export interface Generator {
  /** Its sizes. */
  readonly limits: GenerationLimits;
  /** Writes, token by token. */
  readonly stream: GenerateStream;
}

/** What prompts are refused for. */
export const refusal = (
  causalLM: Pick<CausalLM, "images" | "pyramid">,
  limits: GenerationLimits,
  { prompts, given = {}, limit = limits.tokens }: GenerateRequest,
): GenerateError | undefined => {
  const { rows, prompt, tokens } = limits, places = placesOf(causalLM, limits);
  const refuse = (got: string, expected: string, hint: string): GenerateError =>
    new GenerateError({ op: "generate", got, expected, hint });
  if (prompts.length < 1 || prompts.length > rows) {
    return refuse(`${prompts.length} prompts`, `1 to ${rows}`, "ask in several batches");
  }
  for (const [i, ids] of prompts.entries()) {
    const { length, images } = needOf({ ids });
    if (length < 1 || length > prompt) {
      return refuse(
        `${length} tokens in prompt ${i}`,
        `1 to ${prompt}`,
        "shorten the prompt, or open the writer with more room",
      );
    }
    if (images > places) {
      return refuse(
        `${images} images in prompt ${i}`,
        `at most ${places}`,
        places === 0 ? "ask a model that reads images" : "open the writer with more places for images",
      );
    }
  }
  if (
    causalLM.pyramid !== undefined && prompts.some((ids) => ids[0] !== IMAGE_ID || needOf({ ids }).images > 1)
  ) {
    return refuse(
      "a prompt that does not begin with its one image",
      "the image, then text, as the decoder drops visual tokens that come first",
      "put the image first, or ask a model without a pyramid",
    );
  }
  if (Object.keys(given).length > 0 && prompts.every((ids) => needOf({ ids }).images === 0)) {
    return refuse(
      "images, and no prompt with a place for one",
      "a mark of each image",
      "put <image> into it",
    );
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > tokens) {
    return refuse(`${limit} tokens to be written`, `1 to ${tokens}`, "open the writer with more room");
  }
  return undefined;
};

/** The prompts as rows of one length; rows that are left over repeat the last prompt. */
export const promptRows = (
  causalLM: Pick<CausalLM, "images">,
  limits: GenerationLimits,
  prompts: GenerateRequest["prompts"],
  pad: number,
): Readonly<Record<string, NdArray>> => {
  const { rows, prompt } = limits, images = placesOf(causalLM, limits);
  const all = Array.from({ length: rows }, (_, i) => {
    const ids = prompts[Math.min(i, prompts.length - 1)]!;
    return rowOfTokens("prompt", [{ ids, learned: ids.map(() => 0) }], pad, { length: prompt, images });
  });
  const length = ({ length, imageSegments }: ArrangedRow): number =>
    length + imageSegments.filter((segment) => segment > 0).length * (causalLM.images?.tokens ?? 0);
  return {
    "prompt.ids": i32([rows, prompt], all.flatMap(({ ids }) => [...ids])),
    "prompt.lengths": i32([rows], all.map(length)),
    ...(images === 0 ? {} : { "prompt.after": arrangementOf(all).after }),
  };
};

/** Writes the inputs of `values` that a program reads. */
export const writeInputs = (
  program: Program,
  values: Readonly<Record<string, NdArray>>,
): ReturnType<Program["write"]> =>
  program.write(Object.fromEntries(Object.entries(values).filter(([path]) => path in program.plan.inputs)));

/** What compiling or describing threw, as a failure: errors of the model's configuration or parameters. */
export const described = <A>(make: () => A): Effect.Effect<A, ConfigError | TreeError> =>
  Effect.try({ try: make, catch: (cause) => cause as ConfigError | TreeError });

/**
 * Loads the program of a step, arranged as suits it best since it runs most, and next to it that of the prefix, which
 * takes inputs as they are there. The tails of the caches are zeros.
 */
export const loadBoth = (
  prefixOf: () => Source,
  stepOf: () => Source,
): Effect.Effect<
  { readonly prefix: Program; readonly step: Program },
  ConfigError | DeviceError | TreeError,
  Device | Scope.Scope
> =>
  Effect.gen(function* () {
    const device = yield* theDevice();
    const plan = yield* described(() => compileFor(device, stepOf()));
    const before = yield* described(() => compileFor(device, prefixOf(), { batch: false }));
    const step = yield* device.load(plan), prefix = yield* device.load(before, [step]);
    for (const [path, { dtype, shape }] of Object.entries(plan.inputs)) {
      if (path.startsWith("cache.tail.")) yield* step.write({ [path]: zerosArray(dtype, shape) });
    }
    return { prefix, step };
  });

const settings = (decoding: Decoding): Readonly<Record<string, NdArray>> => {
  if (decoding.kind === "greedy") return {};
  const { temperature, topK = ALL_TOKENS, topP = 1, seed } = decoding;
  return {
    "sampling.temperature": f32([1, 1], [temperature]),
    "sampling.topK": i32([1, 1], [topK]),
    "sampling.topP": f32([1, 1], [topP]),
    "sampling.seed": ndarray("u32", [1], Uint32Array.of(seed)),
  };
};

/** Where a stream is: tokens written on the device, and tokens emitted for every prompt. */
interface Standing {
  readonly step: number;
  readonly emitted: readonly number[];
}

/**
 * Puts a model on the device for as long as the scope lives: its weights once, a program for prefixes and one for
 * steps. `kind` says how tokens are chosen, since greedy programs need no random numbers.
 */
export const openGenerator = (
  causalLM: CausalLM,
  limits: GenerationLimits,
  specialTokens: SpecialTokens,
  kind: Decoding["kind"] = "greedy",
): Effect.Effect<Generator, UploadError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { prefix, step } = yield* loadBoth(
      () => prefixSource(causalLM, limits, specialTokens, kind),
      () => nextSource(causalLM, limits, specialTokens, kind),
    );
    yield* uploadLazies(prefix, "params", causalLM.params);
    let turn = 0;

    const stream: Generator["stream"] = (request) =>
      Stream.unwrap(Effect.gen(function* () {
        const { prompts, given = {}, stride = 8, limit = limits.tokens } = request;
        const decoding = yield* fromEither(checkDecoding(request.decoding ?? greedily));
        const bad = refusal(causalLM, limits, request);
        if (bad !== undefined) return yield* Effect.fail(bad);
        if (decoding.kind !== kind) {
          return yield* Effect.fail(
            new GenerateError({
              op: "generate",
              got: `${decoding.kind} decoding`,
              expected: kind,
              hint: "open the writer for it",
            }),
          );
        }
        const mine = ++turn;
        yield* prefix.write({ ...promptRows(causalLM, limits, prompts, specialTokens.pad), ...given });
        yield* writeInputs(prefix, settings(decoding));
        yield* prefix.run;

        const look = ({ step: before, emitted }: Standing) =>
          Effect.gen(function* () {
            if (turn !== mine) {
              return yield* Effect.fail(
                new GenerateError({
                  op: "generate",
                  got: "another text begun before this one ended",
                  expected: "one text at a time",
                  hint: "take a stream to its end first, or open another writer",
                }),
              );
            }
            const more = before === 0 ? 0 : Math.min(Math.max(1, stride), limit - before);
            for (let i = 0; i < more; i++) yield* step.run;
            const now = before === 0 ? 1 : before + more;
            const read = (yield* prefix.read(["state.written"]))["state.written"]!.data;
            const rows = prompts.map((_, r) => {
              const row = Array.from(read.subarray(r * limits.tokens, r * limits.tokens + now));
              const end = row.findIndex((id) => specialTokens.ends.includes(id));
              return { ids: end < 0 ? row : row.slice(0, end), ended: end >= 0 };
            });
            const burst: Burst = rows.map(({ ids }, r) => ids.slice(emitted[r]));
            const over = now >= limit || rows.every(({ ended }) => ended);
            const next = { step: now, emitted: rows.map(({ ids }) => ids.length) };
            return [[burst], over ? Option.none<Standing>() : Option.some(next)] as const;
          });
        return Stream.paginate({ step: 0, emitted: prompts.map(() => 0) }, look);
      }));
    return { limits, stream };
  });

/** All tokens of a request, ends left out. */
export const generateTexts = (
  generator: Generator,
  request: GenerateRequest,
): Effect.Effect<readonly (readonly number[])[], GenerationError> =>
  Effect.map(
    Stream.runCollect(generator.stream(request)),
    (bursts) => request.prompts.map((_, r) => bursts.flatMap((burst) => [...burst[r]!])),
  );
