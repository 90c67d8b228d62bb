/** A trained model as a site of static files: pages, scripts, weights, modules and images. */
import { arrayTrees, type NdArray, type Tree } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { loadTrained, type TrainedError, type TrainedModel } from "../ask/trained.ts";
import type { DataError } from "../base/data_error.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { sha256 } from "../base/hash.ts";
import { type AskFailure } from "../web/asker.ts";
import { pageModel, type WebModel } from "../web/model.ts";
import type { TokenizerJson } from "../text/bpe.ts";
import type { SafetensorsError } from "../weights/fault.ts";
import { type LazyError, readLazies } from "../weights/lazy.ts";
import { writeTensors } from "../weights/huggingface/export.ts";
import { bundlePages } from "./bundle.ts";
import { SiteError } from "./fault.ts";
import { writeModules } from "./modules.ts";
import { pages, pageText } from "./pages.ts";
import { licencesOf, writeSamples } from "./samples.ts";
import { type TrainingSize, usualTraining, writeTraining } from "./training.ts";

/** What exporting a site can fail with. */
export type ExportSiteError =
  | LazyError
  | AskFailure
  | DataError
  | DiskError
  | SafetensorsError
  | SiteError
  | TrainedError;

/** A site on disk. */
export interface Site {
  /** Its folder. */
  readonly folder: string;
  /** Bytes of the weights. */
  readonly weightBytes: number;
  /** Its files, relative to the folder. */
  readonly files: readonly string[];
}

const LICENCE = "Pages, scripts and weights: MIT, https://opensource.org/license/mit\n" +
  "jax-js, which the page about the compiler compares with: MIT, Eric Zhang\n\n" +
  "Images are drawn from these sources:\n";

const writeStatic = (folder: string, licences: string): Effect.Effect<void, DiskError> =>
  onDisk("write pages to", folder, async () => {
    const text = (name: string) => Deno.readTextFile(new URL(`../web/static/${name}`, import.meta.url));
    const frame = await text("frame.html");
    for (const page of pages) {
      await Deno.writeTextFile(`${folder}/${page.file}`, pageText(frame, await text(page.file), page));
    }
    for (const name of ["style.css", "icon.svg"]) {
      await Deno.writeTextFile(`${folder}/${name}`, await text(name));
    }
    await Deno.writeTextFile(`${folder}/licences.txt`, LICENCE + licences);
  });

/** Writes the weights in f16 under a name with their hash. */
const writeWeights = (folder: string, params: Tree<NdArray>) =>
  Effect.gen(function* () {
    const temporary = `${folder}/model/weights.safetensors`;
    yield* writeTensors(temporary, arrayTrees.flatten(params), "F16");
    return yield* onDisk("name", temporary, async () => {
      const bytes = await Deno.readFile(temporary),
        file = `model/weights-${sha256(bytes).slice(0, 12)}.safetensors`;
      await Deno.rename(temporary, `${folder}/${file}`);
      return { file, bytes };
    });
  });

const filesIn = async (folder: string, below = ""): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    if (isDirectory) found.push(...await filesIn(folder, `${below}${name}/`));
    else found.push(below + name);
  }
  return found.toSorted();
};

/** What a site is made from. */
export type SiteModel =
  & Pick<TrainedModel, "arm" | "parts" | "bridge" | "causalLM" | "language">
  & { readonly experiment: Pick<TrainedModel["experiment"], "world"> };

/** Writes a trained model as a site. Fails with a SiteError for a model of other images than drawn scenes. */
export const exportSite = (
  trained: SiteModel,
  folder: string,
  size: TrainingSize = usualTraining,
): Effect.Effect<Site, ExportSiteError> =>
  Effect.gen(function* () {
    const { experiment: { world }, parts, bridge, causalLM, language, arm } = trained;
    if (world === undefined) {
      return yield* Effect.fail(
        new SiteError({
          op: `export ${arm} as a site`,
          got: "a model of a mixture",
          expected: "a model of drawn scenes, whose vocabulary pages can read",
          hint: "name a run of cos quickstart or an arm of an ablation",
        }),
      );
    }
    for (const name of ["assets", "images", "model", "modules"]) {
      yield* onDisk("make", `${folder}/${name}`, async () => {
        await Deno.remove(`${folder}/${name}`, { recursive: true }).catch(() => {});
        await Deno.mkdir(`${folder}/${name}`, { recursive: true });
      });
    }
    const { data } = world, { file, bytes } = yield* writeWeights(folder, yield* readLazies(causalLM.params));
    const { samples, first } = yield* writeSamples(folder, data, bridge.resolution);
    const about: WebModel = {
      format: 1,
      name: arm,
      parts,
      bridge: { description: bridge.description, resolution: bridge.resolution },
      tokenizer: language.tokenizer as TokenizerJson,
      grid: data.grid,
      master: Math.max(bridge.resolution, data.master),
      weights: { file, bytes: bytes.length },
      modules: [],
      samples,
    };
    const question = samples[0]!.questions[0] ?? "is there a cow";
    const model = yield* pageModel(about, bytes);
    const modules = yield* writeModules(model, { rgb: first, question }, `${folder}/modules`);
    yield* onDisk(
      "write",
      `${folder}/model/model.json`,
      () => Deno.writeTextFile(`${folder}/model/model.json`, JSON.stringify({ ...about, modules })),
    );
    const vocabulary = Object.keys(about.tokenizer.model.vocab).length;
    const training = yield* writeTraining(folder, data, vocabulary, size);
    yield* onDisk("write", `${folder}/model/training.json`, () =>
      Deno.writeTextFile(`${folder}/model/training.json`, JSON.stringify(training)));
    yield* writeStatic(folder, licencesOf(data));
    yield* bundlePages(folder);
    const files = yield* onDisk("list", folder, () =>
      filesIn(folder));
    return { folder, weightBytes: bytes.length, files };
  });

/** Loads the model that a path names and writes it as a site. */
export const exportCheckpoint = (
  checkpoint: string,
  arm: string | undefined,
  folder: string,
): Effect.Effect<Site, ExportSiteError, Scope.Scope> =>
  Effect.flatMap(loadTrained(checkpoint, arm), (trained) => exportSite(trained, folder));
