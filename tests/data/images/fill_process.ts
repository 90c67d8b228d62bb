/** Fills a feature store with the images of a folder, as a process of its own: cache, folder, device threads. */
import * as Effect from "effect/Effect";
import { imageFile } from "../../../pipelines/images/image_files.ts";
import { sha256 } from "../../../pipelines/base/hash.ts";
import { openFeatureStore } from "../../../pipelines/train/feature_store.ts";
import { fillFeatures } from "../../../pipelines/train/fill_features.ts";
import { loadVision, shippedWeights } from "../../../pipelines/vision/weights.ts";
import { closeCpu, cpuServices } from "../../support/cpu.ts";

const [cache, folder] = Deno.args as [string, string], views = { side: 112, tiles: 1 };
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
const images = names.map((name) => {
  const path = `${folder}/${name}`;
  return imageFile({ name: path, path }, sha256(Deno.readFileSync(path)));
});
const report = await Effect.runPromise(Effect.provide(
  Effect.scoped(Effect.gen(function* () {
    const weights = yield* loadVision(shippedWeights());
    const store = yield* openFeatureStore(cache, weights, views, { device: "CPU", code: "c" });
    console.log("open");
    return yield* fillFeatures(store, images, weights, views, { batch: 4, workers: 1, label: "fill" });
  })),
  await cpuServices(1),
));
await closeCpu();
console.log(JSON.stringify(report));
