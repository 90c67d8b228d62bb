/** The worker of the training page: trains, keeps checkpoints in the origin's private files, and asks what it trained. */
import { type Device, theDevice } from "@chain-of-sight/kernels/portable";
import type { NdArray, Tree } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { imageCausalLM } from "../stages/causal_lm.ts";
import { lazyArrays } from "../weights/lazy.ts";
import { tokenizerOf } from "../text/tokenizer.ts";
import { openAsker } from "./asker.ts";
import { pageDevice } from "./device.ts";
import { pixelsOfImage, squareOf } from "./image.ts";
import { originStorage } from "./storage.ts";
import type { PageModel } from "./model.ts";
import type { TrainReply, TrainRequest } from "./train_messages.ts";
import { checkpointName, trainArms, type TrainedArm, type WebTraining } from "./trainer.ts";
import { aboutModel, failed, fetched, loadedModel, onRequest, reply, site } from "./worker_parts.ts";

const tell = (message: TrainReply): void => reply(message);

/** The images of a sheet, one after the other. */
const imagesOf = async (
  { sheet: { file, columns, count, side } }: WebTraining,
): Promise<readonly Uint8Array[]> => {
  const { width, rgb } = await pixelsOfImage(await (await fetched(file)).blob());
  return Array.from({ length: count }, (_, i) => {
    const image = new Uint8Array(side * side * 3),
      left = (i % columns) * side,
      top = Math.floor(i / columns) * side;
    for (let y = 0; y < side; y++) {
      const from = ((top + y) * width + left) * 3;
      image.set(rgb.subarray(from, from + side * 3), y * side * 3);
    }
    return image;
  });
};

let stopping = false, ask: ((request: Extract<TrainRequest, { kind: "ask" }>) => void) | undefined;

/** Answers questions with every arm until the worker ends. */
const asking = (model: PageModel, arms: readonly TrainedArm[], encoder: Tree<NdArray>) =>
  Effect.gen(function* () {
    const askers = yield* Effect.forEach(arms, ({ bridge, params }) => {
      const causalLM = imageCausalLM(
        { model: model.about.parts, bridge, params: lazyArrays(params) },
        lazyArrays(encoder),
      );
      return openAsker({ ...model, about: { ...model.about, bridge }, causalLM, layout: undefined });
    });
    for (;;) {
      const { image, question } = yield* Effect.promise(() =>
        new Promise<Extract<TrainRequest, { kind: "ask" }>>((resolve) => ask = resolve)
      );
      const side = arms[0]!.bridge.resolution;
      const rgb = yield* Effect.promise(() => squareOf(image, Math.max(side, model.about.master), side));
      for (const [arm, asker] of askers.entries()) {
        const { answer } = yield* asker.answer({ rgb, question }, () => {});
        tell({ kind: "answers", arm, answer });
      }
    }
  });

const start = (fresh: boolean): Effect.Effect<void, unknown, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { profile } = yield* theDevice(), storage = originStorage();
    const { training, images, model } = yield* Effect.promise(async () => {
      const training = await (await fetched("model/training.json")).json() as WebTraining;
      if (fresh) { for (const { name } of training.arms) await storage.remove(checkpointName(name)); }
      return { training, images: await imagesOf(training), model: await loadedModel() };
    });
    const { arms, steps, turns } = training, { encoder: vision } = model;
    tell({
      kind: "started",
      device: profile.name,
      arms: arms.map(({ name }) => name),
      steps,
      questions: turns.length,
    });
    const tokenizer = tokenizerOf(model.about.tokenizer);
    const trained = yield* trainArms({
      training,
      images,
      tokenizer,
      encoder: vision,
      storage,
      onEvent: tell,
      stopped: () => stopping,
    });
    if (trained === undefined) return tell({ kind: "stopped" });
    tell({ kind: "finished" });
    const about = { ...model.about, parts: training.parts };
    yield* asking({ ...model, about }, trained, vision);
  }));

onRequest((request: TrainRequest) => {
  if (request.kind === "stop") stopping = true;
  else if (request.kind === "ask") ask?.(request);
  else {
    stopping = false;
    void aboutModel().then(({ modules }) => {
      const addresses = {
        script: new URL("compute.js", import.meta.url),
        modules: new URL("modules/", site),
      };
      return Effect.runPromise(
        start(request.fresh).pipe(Effect.provide(pageDevice(request.device, addresses, modules))),
      );
    }).catch(failed(undefined));
  }
});
