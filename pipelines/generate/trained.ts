/** A trained model of a quickstart's run directory, ready to be asked. */
import {
  input,
  type NdArray,
  type ParameterSpec,
  specTrees,
  type Tensor,
  type Tree,
  type TreeError,
  unflatten,
  type VisionLanguage,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { decodeEither, type DecodeError } from "../bridge.ts";
import { quickstartCodec, type QuickstartConfig } from "../quickstart/config.ts";
import { tokenizerFor } from "../quickstart/materials.ts";
import { type DiskError, onDisk } from "../runs/disk.ts";
import { readManifest, type RunError } from "../runs/run_directory.ts";
import { writerOf } from "../stages/answer.ts";
import { vocabularyOf } from "../stages/scene_source.ts";
import { type Arm, grownBridge, modelOf, type PlacedBridge, viewsRead } from "../stages/model.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { PARAMS } from "../train/saved_state.ts";
import { encodedViews, type EncoderViews, visionTower } from "../vision/tower.ts";
import { loadVision, shippedWeights } from "../vision/weights.ts";
import { type CheckpointError, load } from "../weights/checkpoint.ts";
import { GenerateError } from "./fault.ts";
import type { Writer } from "./programs.ts";

/** What loading a model can fail with. */
export type TrainedError = CheckpointError | DecodeError | DiskError | GenerateError | RunError | TreeError;

/** A model that was pre-trained, expanded and fine-tuned. */
export interface TrainedModel {
  /** The run directory. */
  readonly run: string;
  /** The arm. */
  readonly arm: Arm;
  /** The bridge that it was fine-tuned with. */
  readonly bridge: PlacedBridge;
  /** Its configuration. */
  readonly config: QuickstartConfig;
  /** Its encoding. */
  readonly tokenizer: Tokenizer;
  /** The encoder, the bridge and the decoder behind inputs `images` of `[rows, side, side, 3]`. */
  readonly writer: Writer;
}

const refuse = (op: string, got: string, expected: string, mend: string): GenerateError =>
  new GenerateError({ op, got, expected, mend });

const MADE = "make one with `deno task quickstart`, and name its folder or a file of its checkpoints";

/** The run directory and the arm that a path names: a run's folder, or a fine-tuned checkpoint in it. */
export const placeOf = (
  path: string,
): Effect.Effect<{ readonly run: string; readonly arm?: string }, DiskError | GenerateError> =>
  Effect.gen(function* () {
    const bare = path.replace(/(?<=.)\/+$/, ""), op = `open ${path}`;
    const found = yield* onDisk("look for", bare, () =>
      Deno.stat(bare).catch((cause) => {
        if (
          cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory
        ) return undefined;
        throw cause;
      }));
    if (found === undefined) {
      return yield* Effect.fail(refuse(op, "no such folder or file", "a run directory", MADE));
    }
    if (found.isDirectory) return { run: bare };
    const named = /^(.*?)\/?checkpoints\/(.+)-finetune\.safetensors$/.exec(bare);
    if (named === null) {
      return yield* Effect.fail(
        refuse(op, "a file", "a run directory, or <arm>-finetune.safetensors in one", MADE),
      );
    }
    return { run: named[1] === "" ? "." : named[1]!, arm: named[2]! };
  });

const runOf = (
  path: string,
): Effect.Effect<QuickstartConfig, DecodeError | DiskError | GenerateError | RunError> =>
  Effect.gen(function* () {
    const op = `open ${path}`;
    const manifest = yield* readManifest(path).pipe(
      Effect.catch((error): Effect.Effect<never, DecodeError | DiskError | GenerateError | RunError> =>
        Effect.fail(
          error._tag === "DiskError" && error.code === "ENOENT"
            ? refuse(op, "a folder without manifest.json", "a run directory", MADE)
            : error,
        )
      ),
    );
    const config = decodeEither(quickstartCodec(), path)(manifest.config);
    if (E.isRight(config)) return config.right;
    return yield* Effect.fail(
      refuse(op, `a run named ${manifest.name}, which is no quickstart`, "the run of a quickstart", MADE),
    );
  });

const treeOf = (
  specs: Tree<ParameterSpec>,
  tensors: Readonly<Record<string, NdArray>>,
  prefix: string,
): Effect.Effect<Tree<NdArray>, TreeError> =>
  Effect.try({
    try: () => {
      const named = Object.entries(tensors).filter(([path]) => path.startsWith(prefix));
      const flat = Object.fromEntries(named.map(([path, value]) => [path.slice(prefix.length), value]));
      return unflatten(specTrees, specs, flat) as Tree<NdArray>;
    },
    catch: (cause) => cause as TreeError,
  });

const encoderOf = (
  config: QuickstartConfig,
  run: string,
): Effect.Effect<Tree<NdArray>, CheckpointError | TreeError> =>
  config.vision.steps === 0
    ? Effect.map(loadVision(shippedWeights()), ({ params }) => params as Tree<NdArray>)
    : Effect.flatMap(
      load(`${run}/checkpoints/vision.safetensors`),
      ({ tensors }) => treeOf(vitSpecs(visionTower.config) as Tree<ParameterSpec>, tensors, `${PARAMS}vit.`),
    );

const named = <A>(tree: Tree<A>): Readonly<Record<string, Tree<A>>> =>
  tree as Readonly<Record<string, Tree<A>>>;

/** The same writer with the encoder before it, so that it reads pictures: the input `images`, `[rows, side, side, 3]`. */
const seeing = (
  writer: Writer,
  model: VisionLanguage,
  views: EncoderViews,
  encoder: Tree<NdArray>,
): Writer => ({
  ...writer,
  specs: { vision: vitSpecs(visionTower.config) as Tree<ParameterSpec>, ...named(writer.specs) },
  params: { vision: encoder, ...named(writer.params) },
  prefix: {
    tokens: model.visualTokens,
    describe: (held, rows) => {
      const { vision, ...rest } = named(held), images = input("images", [rows, views.side, views.side, 3]);
      const features = encodedViews(views)(vision as unknown as VitParams<Tensor>, images);
      return model.visual(rest, { features });
    },
  },
});

/** The arm of a name; without a name, the first fine-tuned one with several scales, or the first at all. */
const armOf = (
  { arms }: QuickstartConfig,
  run: string,
  name: string | undefined,
): Effect.Effect<Arm, DiskError | GenerateError> =>
  Effect.gen(function* () {
    const there = yield* onDisk("list", run, async () => {
      const names: string[] = [];
      for await (const entry of Deno.readDir(`${run}/checkpoints`)) names.push(entry.name);
      return names;
    }).pipe(Effect.catch((error): Effect.Effect<string[], DiskError> =>
      error.code === "ENOENT" ? Effect.succeed([]) : Effect.fail(error)
    ));
    const done = arms.filter((arm) =>
      there.includes(`${arm.name}-finetune.safetensors`)
    );
    const arm = name === undefined
      ? done.find(({ bridge }) => bridge.kind === "chain-of-sight") ?? done[0]
      : done.find((one) => one.name === name);
    if (arm !== undefined) return arm;
    return yield* Effect.fail(
      refuse(
        `open ${run}`,
        name === undefined ? "a run in which nothing is fine-tuned yet" : `no fine-tuned arm ${name}`,
        done.length === 0 ? "one arm fine-tuned" : `one of ${done.map((one) => one.name).join(", ")}`,
        done.length === 0
          ? "let the run go on: the same `deno task quickstart` resumes it"
          : "name one of those",
      ),
    );
  });

/** Loads the model of a run directory; `name` chooses among its arms. */
export const loadTrained = (path: string, name?: string): Effect.Effect<TrainedModel, TrainedError> =>
  Effect.gen(function* () {
    const place = yield* placeOf(path), { run } = place;
    const config = yield* runOf(run), arm = yield* armOf(config, run, name ?? place.arm);
    const tokenizer = tokenizerFor(config), { model } = config, bridge = grownBridge(arm, model);
    const whole = modelOf(model, vocabularyOf(tokenizer), bridge);
    const { tensors } = yield* load(`${run}/checkpoints/${arm.name}-finetune.safetensors`);
    const params = yield* treeOf(whole.specs, tensors, PARAMS);
    const writer = writerOf({ model, bridge, params, tokenizer });
    const encoder = yield* encoderOf(config, run);
    return { run, arm, bridge, config, tokenizer, writer: seeing(writer, whole, viewsRead(bridge), encoder) };
  });
