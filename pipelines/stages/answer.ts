/** Batched greedy answers: a fixed `[B, T]` program whose next tokens are chosen on the device. */
import {
  argmax,
  bindingsOf,
  equal,
  i32,
  input,
  iota,
  type Layout,
  type NdArray,
  type ParameterSpec,
  placeholders,
  reshape,
  select,
  sum,
  type Tensor,
  type Tree,
  type TreeError,
} from "@chain-of-sight/core";
import { compile, type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { questionIds } from "../text/prompt.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FeatureSet, gatherFeatures } from "../train/features.ts";
import { vocabularyOf } from "./language.ts";
import { type ModelConfig, modelOf } from "./model.ts";

/** A question to be answered about a picture. */
export interface Asking {
  /** Row of the feature set. */
  readonly picture: number;
  /** The question. */
  readonly prompt: string;
  /** Tokens to be written; an answer ends early at `<eos>`. */
  readonly tokens: number;
}

/** A function as an answerer. */
export const answererOf = (
  answer: (
    features: FeatureSet,
    askings: readonly Asking[],
  ) => Effect.Effect<readonly string[], DeviceError | TreeError>,
): (
  features: FeatureSet,
  askings: readonly Asking[],
) => Effect.Effect<readonly string[], DeviceError | TreeError> => answer;

/** Answers questions from features, in the order of the questions. */
export type Answerer = ReturnType<typeof answererOf>;

/** What an answerer needs to know. */
export interface AnswererOptions {
  /** The model behind the bridge. */
  readonly model: ModelConfig;
  /** The layout of the bridge. */
  readonly layout: Layout;
  /** Parameters of the model. */
  readonly params: Tree<NdArray>;
  /** The encoding. */
  readonly tokenizer: Tokenizer;
  /** Questions per submit. */
  readonly batch: number;
  /** Most tokens of question and answer together. */
  readonly length: number;
}

/** The next token of every row, i32 `[b]`, where `at` (i32 `[b]`) is the number of tokens that a row has. */
export const nextTokens = (logits_btv: Tensor, at_b: Tensor): Tensor => {
  const [b, t] = logits_btv.shape as [number, number, number];
  const here_bt1 = equal(iota([1, t, 1], 1), reshape([b, 1, 1])(at_b));
  return argmax()(sum({ axes: [1] })(select(here_bt1, logits_btv, 0)));
};

/** Puts a model on the device for as long as the scope lives. No cache of keys and values: the rows are short. */
export const openAnswerer = (
  { model: config, layout, params, tokenizer, batch, length }: AnswererOptions,
): Effect.Effect<Answerer, DeviceError | TreeError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* theDevice();
    const model = modelOf(config, vocabularyOf(tokenizer), layout);
    const cells = (layout.resolution / layout.patch) ** 2;
    const held = placeholders("params", model.specs as Tree<ParameterSpec>) as Tree<Tensor>;
    const features = [0, 1].map((i) => input(`features.${i}`, [batch, cells, featureWidth(params)]));
    const ids = input("ids", [batch, length], "i32"), at = input("at", [batch], "i32");
    const next = nextTokens(model.logits(held, { features }, ids), at);
    const program = yield* device.load(compile({ outputs: { next } }, device.profile));
    yield* program.write(bindingsOf("params", params));

    const group = (set: FeatureSet, askings: readonly Asking[]) =>
      Effect.gen(function* () {
        const rows = Array.from({ length: batch }, (_, i) => askings[Math.min(i, askings.length - 1)]!);
        const written = rows.map(({ prompt }) => [...questionIds(tokenizer, prompt)]);
        const starts = written.map((row) => row.length);
        const levels = gatherFeatures(set, rows.map((r) => r.picture));
        yield* program.write(Object.fromEntries(levels.map((level, i) => [`features.${i}`, level])));
        const most = Math.max(...askings.map((a) => a.tokens));
        for (let k = 0; k < most; k++) {
          const flat = new Int32Array(batch * length).fill(tokenizer.pad);
          written.forEach((row, i) => flat.set(row.slice(0, length), i * length));
          yield* program.write({
            ids: i32([batch, length], flat),
            at: i32([batch], written.map((row) => Math.min(row.length, length - 1))),
          });
          yield* program.run;
          const tokens = (yield* program.read(["next"])).next!.data;
          written.forEach((row, i) => row.push(tokens[i]!));
        }
        return askings.map(({ tokens }, i) => {
          const answer = written[i]!.slice(starts[i], starts[i]! + tokens),
            end = answer.indexOf(tokenizer.eos);
          return tokenizer.decode(end < 0 ? answer : answer.slice(0, end));
        });
      });

    return (set, askings) =>
      Effect.gen(function* () {
        // Long answers together, so that short ones do not wait for them.
        const order = askings.map((_, i) => i).toSorted((a, b) =>
          askings[a]!.tokens - askings[b]!.tokens || a - b
        );
        const answers: string[] = Array.from({ length: askings.length }, () => "");
        for (let from = 0; from < order.length;) {
          const tokens = askings[order[from]!]!.tokens;
          const some = order.slice(from, from + batch).filter((i) => askings[i]!.tokens === tokens);
          const given = yield* group(set, some.map((i) => askings[i]!));
          some.forEach((i, k) => answers[i] = given[k]!);
          from += some.length;
          yield* Effect.sleep(0);
        }
        return answers;
      });
  });

/** Channels of the features that a bridge with these parameters reads. */
const featureWidth = (params: Tree<NdArray>): number => {
  const { bridge } = params as unknown as {
    readonly bridge: { readonly scales: readonly { readonly queries: NdArray }[] };
  };
  return bridge.scales[0]!.queries.shape[2]!;
};
