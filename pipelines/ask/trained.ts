/** A trained model, ready to be asked. */
import type { TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { fromEither } from "../base/bridge.ts";
import { mixturesOf } from "../engine/experiment.ts";
import { encoderFrom, savedModel } from "../engine/models.ts";
import { DEFAULT_CACHE } from "../engine/context.ts";
import { checkSources } from "../engine/model_sources.ts";
import { experimentLanguage, openParts, type ResolveError } from "../engine/resolve.ts";
import type { CausalLM } from "../generate/programs.ts";
import { boxFormats, loadMixture } from "../mixtures/mixture_config.ts";
import { apart, seesImages } from "../stages/encoder.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import type { ModelParts, PlacedBridge } from "../stages/model.ts";
import { imageCausalLM } from "../stages/causal_lm.ts";
import type { Language } from "../text/language.ts";
import type { LanguageFiles } from "../text/language_files.ts";
import { namedTemplates } from "../text/templates.ts";
import type { TrainingError } from "../train/fault.ts";
import type { TrainingResult } from "../train/training.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import { type Speech, worldSpeech } from "./speech.ts";
import { locateRun, type RunLocation, type RunLocationError } from "../engine/run_location.ts";

/** What loading a model can fail with. */
export type TrainedError = CheckpointError | RunLocationError | ResolveError | TrainingError | TreeError;

/** A model after a stage of its experiment. */
export interface TrainedModel extends RunLocation {
  /** Its parts. */
  readonly parts: ModelParts;
  /** Its bridge. */
  readonly bridge: PlacedBridge;
  /** How it is spoken to. */
  readonly speech: Speech;
  /** Its tokenizer and template, for exports. */
  readonly language: LanguageFiles;
  /** The encoder, the bridge and the decoder behind inputs `images` of `[rows, side, side, 3]`. */
  readonly causalLM: CausalLM;
}

const ofWorld = ({ experiment: { world } }: RunLocation): Pick<TrainedModel, "speech" | "language"> => {
  const tokenizer = tokenizerFor(world!);
  return {
    speech: worldSpeech(tokenizer, world!.data.grid),
    language: { tokenizer: tokenizer.json, template: namedTemplates.plain },
  };
};

const ofMixture = (
  file: string,
  language: Language,
): Effect.Effect<Pick<TrainedModel, "speech" | "language">, ResolveError> =>
  Effect.gen(function* () {
    const { text } = yield* loadMixture(file), { parse } = boxFormats[text.boxes ?? "thousand"];
    const speech: Speech = {
      asked: (question) => question.trim(),
      prompt: (question) => language.prompt([{ role: "user", content: question }]),
      decode: language.decode,
      pad: language.pad,
      unknown: () => [],
      box: parse,
    };
    return { speech, language: { tokenizer: language.json, template: namedTemplates[text.template] } };
  });

/**
 * Loads the model that a path names, for as long as the scope lives: the directory of a run, an ablation or an artefact, in
 * which `name` chooses the arm, or a checkpoint in one. `want` asks for another checkpoint or other weights than those
 * that its training says are its result; hashes of other projects' files are remembered in `cache`.
 */
export const loadTrained = (
  path: string,
  name?: string,
  want: TrainingResult = {},
  cache: string = DEFAULT_CACHE,
): Effect.Effect<TrainedModel, TrainedError, Scope.Scope> =>
  Effect.gen(function* () {
    const place = yield* locateRun(path, name), { experiment, hashes, stage, checkpoint } = place;
    yield* checkSources(place, cache);
    const parts = yield* openParts(experiment), resolved = { experiment, parts, hashes, lengths: {} };
    const language = yield* experimentLanguage(experiment);
    const speaking = language === undefined
      ? ofWorld(place)
      : yield* ofMixture(mixturesOf(experiment)[0]!, language);
    const whole = yield* savedModel(checkpoint, resolved, stage, want);
    const { model: { bridge, params }, encoder } = seesImages(whole)
      ? yield* fromEither(apart(whole, parts.tower))
      : { model: whole, encoder: yield* encoderFrom(resolved, place.encoder) };
    const causalLM = imageCausalLM({ model: parts, bridge, params }, encoder.params);
    return { ...place, parts, bridge, ...speaking, causalLM };
  });
