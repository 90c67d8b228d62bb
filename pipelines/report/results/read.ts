/** The records of ablations that are kept with the code, as a folder holds them. */
import * as Effect from "effect/Effect";
import { type ArtefactResult, readResult } from "../../engine/artefact.ts";
import { readAblation, type StoredError } from "../../ablations/summary.ts";
import { lastOf } from "../../ablations/table.ts";
import { summaryCodec } from "../../ablations/summary_types.ts";
import { existing, namesIn, onDisk } from "../../base/disk.ts";
import { readJson } from "../../runs/run_directory.ts";
import type { KeptAblation } from "./evidence.ts";
import { keptCodec } from "./keep.ts";

const foldersIn = async (folder: string): Promise<readonly string[]> => {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) if (entry.isDirectory) names.push(entry.name);
  return names.toSorted();
};

/** One record by its directory. */
const readKept = (directory: string, name: string): Effect.Effect<KeptAblation, StoredError> =>
  Effect.gen(function* () {
    const { manifest, record, store, times } = yield* readAblation(directory);
    const { note } = yield* readJson(`${directory}/kept.json`, keptCodec);
    const summary = yield* readJson(`${directory}/summary.json`, summaryCodec());
    const evaluations = new Map<string, ArtefactResult>();
    for (
      const { artefact } of summary.arms.flatMap(({ seeds }) => seeds.map(({ origin }) => lastOf(origin)))
    ) {
      const result = yield* readResult(`${store}/${artefact}`);
      if (result !== undefined) evaluations.set(artefact, result);
    }
    const figures = yield* namesIn(`${directory}/figures`, ".svg");
    const timed = times === undefined ? {} : { times };
    return { name, note, manifest, record, summary, evaluations, figures, ...timed };
  });

/** All records of a folder, by name. */
export const readResults = (folder: string): Effect.Effect<readonly KeptAblation[], StoredError> =>
  Effect.gen(function* () {
    const kept: KeptAblation[] = [];
    for (const name of yield* onDisk("list", folder, () => foldersIn(folder))) {
      if (yield* existing(`${folder}/${name}/kept.json`)) {
        kept.push(yield* readKept(`${folder}/${name}`, name));
      }
    }
    return kept;
  });
