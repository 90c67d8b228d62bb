/** Writing with a cache, on one device: the same tokens as recomputing everything for every token. */
import {
  arrayTrees,
  bindingsOf,
  chainOfSight,
  i32,
  initialise,
  input,
  interpret,
  layoutOf,
  type LlamaConfig,
  llamaEmbed,
  llamaLogits,
  llamaSpecs,
  llamaStates,
  type NdArray,
  ndarray,
  type ParameterSpec,
  placeholders,
  type Tensor,
  type Tree,
  unflatten,
  visionLanguage,
} from "@chain-of-sight/core";
import { compile, type Device, theDevice } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Stream from "effect/Stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Decoding } from "../../pipelines/generate/decoding.ts";
import { openSearch } from "../../pipelines/generate/beam_search.ts";
import { extend, noBeams, winner } from "../../pipelines/generate/beams.ts";
import { GenerateError } from "../../pipelines/generate/fault.ts";
import {
  type Burst,
  type GenerateRequest,
  generateTexts,
  type Generator,
  openGenerator,
} from "../../pipelines/generate/generator.ts";
import {
  type CausalLM,
  type GenerationLimits,
  nextSource,
  type SpecialTokens,
} from "../../pipelines/generate/programs.ts";
import { IMAGE_ID } from "../../pipelines/text/image_mark.ts";
import { arrangementOf, needOf, rowOfTokens } from "../../pipelines/text/rows.ts";
import { golden } from "../support/fixtures.ts";
import { lazyArrays } from "../../pipelines/weights/lazy.ts";

const tiny: LlamaConfig = { vocabulary: 40, width: 16, layers: 2, heads: 4, kvHeads: 2, ff: 24 };

/** What every device draws first with seed 1 at temperature 1.5 behind the prompt 1 2 3. */
const DRAWN = [2, 38, 11, 38, 35, 5];

/** Random weights, larger than those of a training's beginning, so that tokens depend on what was read. */
const lively = (specs: Tree<ParameterSpec>, seed: number): Tree<NdArray> =>
  arrayTrees.map(
    initialise([seed, 5], specs) as Tree<NdArray>,
    (a, path) => path.includes("norm") ? a : ndarray("f32", a.shape, a.data.map((x) => x * 10)),
  ) as Tree<NdArray>;

interface TextWriter extends CausalLM {
  readonly arrays: Tree<NdArray>;
}

const textCausalLM = (decoder: LlamaConfig, seed: number): TextWriter => {
  const specs = llamaSpecs(decoder) as Tree<ParameterSpec>, arrays = lively(specs, seed);
  return { decoder, specs, params: lazyArrays(arrays), arrays };
};

/** Logits of the next token, computed from the whole text: the way that needs no cache. */
type NextLogits = (ids: readonly number[]) => ArrayLike<number>;

const fromScratch = (causalLM: TextWriter): NextLogits => (ids) => {
  const params = placeholders("params", llamaSpecs(causalLM.decoder)), t = ids.length;
  const states = llamaStates(causalLM.decoder)(params, llamaEmbed(params, input("ids", [1, t], "i32")));
  const [logits] = interpret([llamaLogits(params, states)], {
    ...bindingsOf("params", causalLM.arrays),
    ids: i32([1, t], ids),
  });
  return logits!.data.slice((t - 1) * causalLM.decoder.vocabulary);
};

const best = (logits: ArrayLike<number>): number =>
  Array.from(logits).reduce((top, x, i, all) => x > all[top]! ? i : top, 0);

const naive = (next: NextLogits, prompt: readonly number[], tokens: number, ends: readonly number[]) => {
  const written: number[] = [];
  for (let i = 0; i < tokens; i++) {
    const id = best(next([...prompt, ...written]));
    if (ends.includes(id)) break;
    written.push(id);
  }
  return written;
};

/** The suite for one device; it runs at once. */
export const generateSuite = (name: string, services: Promise<Context.Context<Device>>): void => {
  const test = suite(`generate, ${name}`);
  const run = async <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
    await Effect.runPromise(Effect.provide(effect, await services));
  const opened = <A, E>(
    causalLM: CausalLM,
    limits: GenerationLimits,
    specialTokens: SpecialTokens,
    kind: Decoding["kind"],
    use: (generator: Generator) => Effect.Effect<A, E>,
  ): Promise<A> =>
    run(Effect.scoped(Effect.flatMap(openGenerator(causalLM, limits, specialTokens, kind), use)));

  test("greedy tokens are those of transformers", async () => {
    const file = golden<{ greedy: { tokens: number[][] } }>("llama");
    const decoder: LlamaConfig = { vocabulary: 320, width: 64, layers: 3, heads: 4, kvHeads: 2, ff: 172 };
    const specs = llamaSpecs(decoder) as Tree<ParameterSpec>;
    const params = unflatten(
      arrayTrees,
      initialise([0, 0], specs) as Tree<NdArray>,
      file.under(""),
    ) as Tree<NdArray>;
    const whole = Array.from(file.get("io.greedy").data), prompt = Array.from(file.get("io.prompt").data);
    const tokens = whole.length - prompt.length;
    const limits = { rows: 1, prompt: 8, tokens };
    const ids = await opened(
      { decoder, specs, params: lazyArrays(params) },
      limits,
      { ends: [], pad: 0 },
      "greedy",
      (g) => generateTexts(g, { prompts: [prompt] }),
    );
    assert.equal([...prompt, ...ids[0]!], whole);
  });

  test("rows of different lengths write what each would write alone, and stop at their ends", async () => {
    const causalLM = textCausalLM(tiny, 1), next = fromScratch(causalLM);
    const prompts = [[1, 2, 3, 4, 5, 6], [9], [30, 7, 30]];
    const free = prompts.map((p) => naive(next, p, 9, []));
    // an end that comes up midway in some rows
    const end = free[0]![4]!, ends = [end, 39];
    const wanted = prompts.map((p) => naive(next, p, 9, ends));
    assert.ok(wanted.some((w) => w.length < 9), "some row ends early");
    const limits = { rows: 4, prompt: 7, tokens: 9 };
    const got = await opened(causalLM, limits, { ends, pad: 0 }, "greedy", (g) =>
      Effect.gen(function* () {
        const first = yield* generateTexts(g, { prompts });
        const again = yield* generateTexts(g, { prompts, stride: 1 });
        const short = yield* generateTexts(g, { prompts: prompts.slice(0, 1), limit: 2 });
        return { first, again, short };
      }));
    assert.equal(got.first, wanted);
    assert.equal(got.again, wanted, "however often the device is looked at");
    assert.equal(got.short, [wanted[0]!.slice(0, 2)]);
  });

  test("a step writes its cache in place: what it copies is a few numbers a row", async () => {
    const { profile } = Context.get(await services, theDevice());
    for (const kind of ["greedy", "sample"] as const) {
      const limits = { rows: 3, prompt: 4, tokens: 8 };
      const source = nextSource(textCausalLM(tiny, 1), limits, { ends: [1], pad: 0 }, kind);
      const { copies } = compile(source, profile).memory;
      const caches = 4 * 2 * tiny.layers * limits.rows * limits.tokens * 8;
      const bytes = copies.reduce((n, c) => n + c.bytes, 0);
      assert.ok(bytes <= caches / 10, `${bytes} bytes copied alongside ${caches} of cache`);
    }
  });

  test("bursts are emitted in order, the first token alone", async () => {
    const limits = { rows: 1, prompt: 4, tokens: 8 };
    const bursts = await opened(
      textCausalLM(tiny, 2),
      limits,
      { ends: [], pad: 0 },
      "greedy",
      (g) => Stream.runCollect(g.stream({ prompts: [[3, 4]], stride: 3 })),
    );
    assert.equal(bursts.map((b: Burst) => b[0]!.length), [1, 3, 3, 1]);
  });

  const talks: readonly (readonly [what: string, images: number, prompts: readonly (readonly number[])[]])[] =
    [
      ["an image first", 1, [[IMAGE_ID, 1, 8, 3], [IMAGE_ID, 1, 5]]],
      ["an image within and behind", 1, [[1, 8, IMAGE_ID, 3], [1, 5, IMAGE_ID]]],
      ["two images, one or none", 2, [[1, IMAGE_ID, 8, IMAGE_ID, 3], [7, IMAGE_ID, 5, 2], [9, 4, 4, 6]]],
    ];
  for (const [what, places, prompts] of talks) {
    test(`images where the prompts have them, ${what}: the words are those of the whole model`, async () => {
      const bridge = chainOfSight({ layout: layoutOf(16, 4, [4, 2], [2, 1]), width: 8, to: 16, heads: 2 });
      const model = visionLanguage({ bridge, decoder: tiny }), rows = prompts.length;
      const specs = model.specs as Tree<ParameterSpec>, params = lively(specs, 4);
      const features = (n: number) => [0, 1].map((i) => input(`features.${i}`, [n, 16, 8]));
      const level = (seed: number): NdArray =>
        ndarray(
          "f32",
          [rows * places, 16, 8],
          Float32Array.from({ length: rows * places * 128 }, (_, i) => Math.sin(i * seed + seed)),
        );
      const given = { "features.0": level(1.7), "features.1": level(0.6) };
      const causalLM: CausalLM = {
        decoder: tiny,
        specs,
        params: lazyArrays(params),
        images: {
          tokens: bridge.tokens,
          describe: (held, n) => model.visual(held, { features: features(n) }),
        },
      };
      const wanted = prompts.map((prompt, r) => {
        const next: NextLogits = (ids) => {
          const held = placeholders("params", specs) as Tree<Tensor>, text = needOf({ ids }).length;
          const all = [...ids, 0],
            row = rowOfTokens("", [{ ids: all, learned: all.map(() => 0) }], 0, {
              length: text + 1,
              images: places,
            });
          const arranged = arrangementOf([row]);
          const arrangement = { after: input("after", [1, places], "i32") };
          const logits = model.logits(
            held,
            { features: features(places), rows: arrangement },
            input("ids", [1, text + 1], "i32"),
          );
          const own = (a: NdArray) =>
            ndarray("f32", [places, 16, 8], a.data.slice(r * places * 128, (r + 1) * places * 128));
          const [value] = interpret([logits], {
            ...bindingsOf("params", params),
            after: arranged.after,
            "features.0": own(given["features.0"]),
            "features.1": own(given["features.1"]),
            ids: i32([1, text + 1], row.ids),
          });
          return value!.data.slice(text * tiny.vocabulary);
        };
        return naive(next, prompt, 5, []);
      });
      const got = await opened(
        causalLM,
        { rows, prompt: 4, images: places, tokens: 5 },
        { ends: [], pad: 0 },
        "greedy",
        (g) => generateTexts(g, { prompts, given }),
      );
      assert.equal(got, wanted);
    });
  }

  test("sampling depends on the key alone, and top-k of one is greedy", async () => {
    const causalLM = textCausalLM(tiny, 6),
      prompts = [[1, 2, 3]],
      limits = { rows: 1, prompt: 3, tokens: 12 };
    const with_ = (seed: number, more: Partial<Decoding> = {}): GenerateRequest => ({
      prompts,
      decoding: { kind: "sample", temperature: 1.5, seed, ...more } as Decoding,
    });
    const got = await opened(
      causalLM,
      limits,
      { ends: [], pad: 0 },
      "sample",
      (g) =>
        Effect.gen(function* () {
          return {
            one: yield* generateTexts(g, with_(1)),
            same: yield* generateTexts(g, { ...with_(1), stride: 1 }),
            other: yield* generateTexts(g, with_(2)),
            top: yield* generateTexts(g, with_(3, { topK: 1 } as Partial<Decoding>)),
            cold: yield* generateTexts(g, with_(3, { temperature: 1e-3 } as Partial<Decoding>)),
            narrow: yield* generateTexts(g, with_(3, { topP: 1e-6 } as Partial<Decoding>)),
          };
        }),
    );
    assert.equal(got.one, got.same);
    assert.not.equal(got.one, got.other);
    const greedy = [naive(fromScratch(causalLM), prompts[0]!, 12, [])];
    assert.equal(got.top, greedy);
    assert.equal(got.cold, greedy);
    assert.equal(got.narrow, greedy);
    assert.equal(got.one[0]!.slice(0, 6), DRAWN);
  });

  test("beams on the device find what the rules find with every text recomputed", async () => {
    const causalLM = textCausalLM(tiny, 7), next = fromScratch(causalLM), prompts = [[1, 2, 3], [4]];
    const ends = [11, 12], limit = 5;
    const found = (prompt: readonly number[], beams: number): readonly number[] => {
      let search = noBeams;
      while (!search.over) {
        const candidates = search.running.map(({ ids }) => {
          const logits = Array.from(next([...prompt, ...ids])), top = Math.max(...logits);
          const total = top + Math.log(logits.reduce((a, l) => a + Math.exp(l - top), 0));
          return logits.map((l, id) => ({ id, logProbability: l - total }));
        });
        search = extend({ beams, ends, limit }, search, candidates).beams;
      }
      return winner(search).ids;
    };
    for (const beams of [1, 3]) {
      const got = await run(Effect.scoped(Effect.gen(function* () {
        const search = yield* openSearch(
          causalLM,
          { rows: 2, prompt: 4, tokens: limit },
          { ends, pad: 0 },
          beams,
        );
        return [yield* search({ prompts }), yield* search({ prompts: prompts.slice(1) })];
      })));
      assert.equal(got, [prompts.map((p) => found(p, beams)), [found(prompts[1]!, beams)]], `${beams} beams`);
    }
    assert.not.equal(found(prompts[0]!, 1), found(prompts[0]!, 3), "beams find another text");
  });

  test("what cannot be written is refused with the reason", async () => {
    const limits = { rows: 2, prompt: 4, tokens: 3 };
    const refused = (request: GenerateRequest): Promise<GenerateError> =>
      opened(
        textCausalLM(tiny, 2),
        limits,
        { ends: [], pad: 0 },
        "greedy",
        (g) => Effect.flip(generateTexts(g, request)),
      ).then((e) => {
        assert.instance(e, GenerateError);
        return e as GenerateError;
      });
    assert.match((await refused({ prompts: [] })).message, /0 prompts; expected 1 to 2/);
    assert.match((await refused({ prompts: [[1], []] })).message, /0 tokens in prompt 1/);
    assert.match(
      (await refused({ prompts: [[1, 2, 3, 4, 5]] })).message,
      /5 tokens in prompt 0; expected 1 to 4/,
    );
    assert.match(
      (await refused({ prompts: [[1]], limit: 4 })).message,
      /4 tokens to be written; expected 1 to 3/,
    );
    const hot: Decoding = { kind: "sample", temperature: 0, seed: 1 };
    assert.match((await refused({ prompts: [[1]], decoding: hot })).message, /temperature of 0/);
    const drawn: Decoding = { kind: "sample", temperature: 1, seed: 1 };
    assert.match((await refused({ prompts: [[1]], decoding: drawn })).message, /open the writer for it/);
    const overtaken = await opened(
      textCausalLM(tiny, 2),
      limits,
      { ends: [], pad: 0 },
      "greedy",
      (g) =>
        Effect.exit(
          Stream.runForEach(g.stream({ prompts: [[1]], stride: 1 }), () =>
            generateTexts(g, { prompts: [[2]] })),
        ),
    );
    assert.ok(Exit.isFailure(overtaken));
  });

  test.run();
};
