/** The code that makes artefacts, by stage: part of their keys, so that none of other code is taken for what this one makes. */
import * as Effect from "effect/Effect";
import { atomicWrite, onDisk } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { readOwnText } from "../base/own_file.ts";
import { folderOf } from "../base/paths.ts";
import { RunError } from "../runs/run_directory.ts";
import { memoryOf, memoryText, sourcesOf } from "../runs/sources.ts";
import { openToSignals } from "../base/signals.ts";

const text = ["pipelines/stages/scene_source.ts", "pipelines/stages/encoding.ts"];
const training = [...text, "pipelines/train/digest.ts"];

/** The code of everything that artefacts are made by, as hashes. */
export type CodeVersions = Readonly<
  Record<"scenes" | "vision" | "features" | "train" | "expand" | "evaluate" | "store", string>
>;

/** What makes the artefacts of a stage, with all that it imports; `store` are features of mixtures. */
export const stageSources = {
  scenes: ["pipelines/scenes/workers.ts"],
  vision: ["pipelines/stages/vision.ts", "pipelines/stages/vision_config.ts"],
  features: ["pipelines/train/features.ts", "pipelines/vision/weights.ts"],
  train: [
    "pipelines/stages/train.ts",
    "pipelines/stages/mixture_source.ts",
    "pipelines/weights/huggingface/load.ts",
    "pipelines/weights/merge.ts",
    ...training,
  ],
  expand: ["pipelines/stages/expand.ts", ...text],
  evaluate: [
    "pipelines/stages/evaluate.ts",
    "pipelines/stages/answer_grid.ts",
    "pipelines/stages/answer_records.ts",
    ...text,
  ],
  store: ["pipelines/train/fill_features.ts", "pipelines/vision/weights.ts"],
} as const satisfies Readonly<Record<keyof CodeVersions, readonly string[]>>;

/** What calls them; it imports all of them, so that its own code alone counts. */
export const callingSources: readonly string[] = [
  "encoder",
  "inputs",
  "make",
  "mixture_evaluate",
  "models",
  "sample_scores",
  "rank_tasks",
  "resolve",
  "run_location",
  "validation",
].map((name) => `pipelines/engine/${name}.ts`);

/** Where files that were parsed are remembered. */
const MEMORY = "cache/sources.json";

/** What the sources come to now; what was parsed is remembered where it can be written. */
const read: Effect.Effect<CodeVersions> = Effect.gen(function* () {
  const memory = memoryOf(yield* Effect.promise(() => readOwnText(MEMORY).catch(() => "")));
  const before = memory.size;
  const code = Object.fromEntries(
    Object.entries(stageSources).map(([stage, roots]) => [stage, sourcesOf(roots, callingSources, memory)]),
  ) as CodeVersions;
  if (memory.size > before) {
    yield* Effect.ignore(onDisk("make", MEMORY, () => Deno.mkdir(folderOf(MEMORY), { recursive: true })));
    yield* Effect.ignore(atomicWrite(MEMORY, [new TextEncoder().encode(memoryText(memory))]));
  }
  return code;
});

let known: CodeVersions | undefined;

/** Hashes of the code by stage; read once by a process. The sources must be readable. */
export const codeVersions: Effect.Effect<CodeVersions, RunError> = Effect.suspend(() =>
  known !== undefined ? Effect.succeed(known) : openToSignals(read).pipe(
    Effect.catchDefect((cause) =>
      Effect.fail(
        new RunError({
          op: "read the sources of the library",
          got: cause instanceof Error ? cause.message : String(cause),
          expected: "to read them, since artefacts are kept by the code that makes them",
          hint: "allow Deno to read the folder of the library: --allow-read",
          path: new URL("../..", import.meta.url).pathname,
        }),
      )
    ),
    Effect.tap((code) =>
      Effect.sync(() => {
        known = code;
      })
    ),
  )
);

/** One hash of the code of all stages, for manifests of whole runs. */
export const codeHash = (code: CodeVersions): string => hashOf(code).slice(0, 16);
