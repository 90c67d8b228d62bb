/**
 * Makes the shipped model of `ask` and its card from two artefacts of a store, a fine-tuning and the evaluation of what
 * it left, and the command that made them:
 *
 *     deno run -A tools/model/make.ts runs/store/finetune-… runs/store/evaluate-… "deno task cos …"
 */
import * as Effect from "effect/Effect";
import { cardText, type ModelCard } from "../../pipelines/ask/card.ts";
import { shippedModel } from "../../pipelines/ask/shipped.ts";
import { atomicWrite, onDisk } from "../../pipelines/base/disk.ts";
import { type Experiment, stageName, trainsOf, type TrainSpec } from "../../pipelines/engine/experiment.ts";
import { type HeldExperiment, readExperiments, writeExperiments } from "../../pipelines/engine/record.ts";
import { readJson, readManifest, writeJson } from "../../pipelines/runs/run_directory.ts";
import { concepts } from "../../pipelines/scenes/concepts.ts";
import type { DataConfig } from "../../pipelines/scenes/config.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { questionKinds, questionsOf } from "../../pipelines/scenes/tasks.ts";
import { evaluationCodec } from "../../pipelines/stages/evaluate.ts";
import type { Scores } from "../../pipelines/stages/scores.ts";
import { trainedWeights } from "../../pipelines/train/saved_state.ts";
import { PARAMS } from "../../pipelines/train/step_source.ts";
import { saveFrom } from "../../pipelines/weights/checkpoint.ts";
import type { LazyArray } from "../../pipelines/weights/lazy.ts";
import { storedLazies } from "../../pipelines/weights/write.ts";

const names: readonly (readonly [
  string,
  "presenceF1" | "countAccuracy" | "referAccuracy",
  keyof Scores["questions"],
])[] = [
  ["presence F1", "presenceF1", "presence"],
  ["exact counts", "countAccuracy", "count"],
  ["places at IoU 0.5", "referAccuracy", "refer"],
];

const limits = [
  "It knows drawings of the names above on plain backgrounds, two to four in an image; on a photo it guesses.",
  "It reads questions in the words above alone; other words are reported as words that it never learned.",
  "Places are given on a grid of 16 cells a side; counts go to four.",
  "It is of a size that trains in minutes, to show what the library does, and is of no use beyond that.",
];

const worldOf = ({ world }: Experiment) => {
  if (world === undefined) {
    throw new Error("the shipped model answers questions about scenes; this one has no world");
  }
  return world;
};

const sizeOf = (weights: Readonly<Record<string, LazyArray>>, holds: (path: string) => boolean): number =>
  Object.entries(weights).filter(([path]) => holds(path))
    .reduce((n, [, { shape }]) => n + shape.reduce((a, b) => a * b, 1), 0);

/** A question of every kind that is trained. */
const examplesOf = (data: DataConfig, rows: TrainSpec["data"]): readonly string[] => {
  if (typeof rows === "string") return [];
  const asked = sampleScenes(data, "finetune", 20).flatMap((scene) => questionsOf(scene, data));
  return questionKinds.filter((kind) => (rows.turns[kind] ?? 0) > 0)
    .flatMap((kind) => asked.find((question) => question.kind === kind)?.prompt ?? []);
};

const program = (finetuned: string, evaluated: string, command: string) =>
  Effect.gen(function* () {
    const [held] = yield* readExperiments(finetuned), manifest = yield* readManifest(finetuned);
    const { experiment, checkpoints } = held!, [file] = Object.values(checkpoints) as [string];
    const evaluation = yield* readJson(`${evaluated}/samples/evaluate.json`, evaluationCodec);
    const trained = yield* trainedWeights(`${finetuned}/${file}`),
      { stage = "", identity = "" } = trained.metadata;
    const path = `${shippedModel}/${file}`;
    yield* onDisk("make", shippedModel, () => Deno.mkdir(`${shippedModel}/checkpoints`, { recursive: true }));
    const { forms, read } = storedLazies(
      Object.fromEntries(Object.entries(trained.weights).map(([name, array]) => [`${PARAMS}${name}`, array])),
    );
    const half = Object.fromEntries(
      Object.entries(forms).map(([name, form]) => [name, { ...form, type: "F16" as const }]),
    );
    const { hash, bytes } = yield* saveFrom(path, { forms: half, read }, { stage, identity });
    yield* writeJson(`${shippedModel}/manifest.json`, manifest);
    yield* writeExperiments(shippedModel, [{ ...held!, arm: "shipped" }]);
    const bridge = (p: string): boolean => p.startsWith("bridge.");
    const [{ experiment: { stages } }] = (yield* readExperiments(evaluated)) as [HeldExperiment];
    const asked = stages.flatMap((spec) => "evaluate" in spec ? [spec.evaluate.data] : []).at(-1)!;
    const scenes = typeof asked === "string" ? 0 : asked.count;
    const { scores, blind, shuffled } = evaluation,
      trains = trainsOf(experiment),
      { data } = worldOf(experiment);
    const last = trains.at(-1)!;
    const card: ModelCard = {
      format: 1,
      what:
        "A small decoder behind the Chain-of-Sight bridge and the shipped encoder, pre-trained with 20 visual tokens and " +
        "fine-tuned with 84 on drawn scenes. `deno task ask` asks it unless a checkpoint is named.",
      command,
      model: {
        bridge: sizeOf(trained.weights, bridge),
        decoder: sizeOf(trained.weights, (p) => !bridge(p)),
        tokens: 84,
        resolution: 224,
      },
      data: {
        scenes: Object.fromEntries(
          trains.map(({ name, data: of }) => [name, typeof of === "string" ? 0 : of.count]),
        ),
        steps: Object.fromEntries(trains.map(({ name, steps }) => [name, steps])),
        names: concepts.slice(0, data.concepts).map(({ name }) => name),
        questions: examplesOf(data, last.data),
      },
      scores: names.map(([name, score, kind]) => ({
        name,
        seeing: scores[score],
        blind: blind[score].value,
        shuffled: shuffled[score].value,
        questions: scores.questions[kind],
      })),
      evaluated: scenes,
      limits,
      weights: { hash, bytes },
    };
    yield* writeJson(`${shippedModel}/card.json`, card);
    yield* atomicWrite(`${shippedModel}/README.md`, [new TextEncoder().encode(cardText(card))]);
    console.log(`${shippedModel}: ${bytes} bytes after ${stageName({ train: last })}`);
  });

const [finetuned, evaluated, command] = Deno.args;
if (command === undefined) {
  throw new Error("name the artefacts of a fine-tuning and its evaluation, and their command");
}
await Effect.runPromise(program(finetuned!, evaluated!, command));
