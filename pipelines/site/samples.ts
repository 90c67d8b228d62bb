/** Images to try on a site: scenes that no training saw, drawn again, with questions about them. */
import * as Effect from "effect/Effect";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import type { DataError } from "../base/data_error.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { resampleArea } from "../images/resample.ts";
import { sourcesOf } from "../scenes/card.ts";
import { concepts } from "../scenes/concepts.ts";
import type { DataConfig } from "../scenes/config.ts";
import { painterOf } from "../scenes/painter.ts";
import { sampleScene } from "../scenes/scene.ts";
import { questionsOf } from "../scenes/tasks.ts";
import { loadPacks } from "../scenes/world_packs.ts";
import type { SampleImage } from "../web/model.ts";

/** Images of a site. */
const IMAGES = 6;

/** Questions that are suggested about an image. */
const QUESTIONS = 4;

/** Samples, and the first of them as a model of a resolution reads it. */
export interface SiteSamples {
  /** Files, titles and questions. */
  readonly samples: readonly SampleImage[];
  /** `side * side * 3` bytes of RGB of the first. */
  readonly first: Uint8Array;
}

/** Draws scenes into `images` of a site. */
export const writeSamples = (
  site: string,
  data: DataConfig,
  side: number,
): Effect.Effect<SiteSamples, DataError | DiskError> =>
  Effect.gen(function* () {
    const painter = painterOf(yield* loadPacks(data, ["eval"]), data), { master } = data;
    const scenes = Array.from({ length: IMAGES }, (_, i) => sampleScene(data, "eval", i));
    yield* onDisk("make", `${site}/images`, () => Deno.mkdir(`${site}/images`, { recursive: true }));
    const samples = yield* Effect.forEach(scenes, (scene, i) =>
      onDisk("write", `${site}/images`, async (): Promise<SampleImage> => {
        const file = `images/scene-${i}.png`, rgb = painter.paint(scene);
        await Deno.writeFile(
          `${site}/${file}`,
          await sharp(Buffer.from(rgb.buffer), { raw: { width: master, height: master, channels: 3 } }).png()
            .toBuffer(),
        );
        const names = scene.objects.map(({ concept }) =>
          concepts[concept]!.name
        );
        // one of each kind first, the short ones before the long ones
        const asked = questionsOf(scene, data).filter(({ kind, prompt }) =>
          kind !== "caption" && prompt.length <= 60
        );
        const kinds = [...new Map(asked.map((question) => [question.kind, question.prompt])).values()];
        const all = [...new Set([...kinds, ...asked.map(({ prompt }) => prompt)])];
        return { file, title: names.join(", "), questions: all.slice(0, QUESTIONS) };
      }));
    return { samples, first: resampleArea(painter.paint(scenes[0]!), master, side) };
  });

/** Licences of the images of a configuration, as text. */
export const licencesOf = (data: DataConfig): string =>
  sourcesOf(data).map(({ gives, source, licence, by }) =>
    `${gives}: ${source}, ${licence}${by === "" ? "" : `, by ${by}`}\n`
  ).join("");
