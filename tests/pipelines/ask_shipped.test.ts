/** The shipped model: its card, and questions that it answers in a clean clone. */
import { sizeOf } from "@chain-of-sight/core";
import { cpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import sharp from "sharp";
import { test } from "uvu";
import * as assert from "uvu/assert";

import { cardCodec, cardText } from "../../pipelines/ask/card.ts";
import { shippedModel } from "../../pipelines/ask/shipped.ts";
import { loadTrained } from "../../pipelines/ask/trained.ts";
import { iou } from "../../pipelines/records/box.ts";
import { imageAt } from "../../pipelines/images/image_set.ts";
import { readJson } from "../../pipelines/runs/run_directory.ts";
import { questionsOf } from "../../pipelines/scenes/tasks.ts";
import { renderDataset } from "../../pipelines/scenes/workers.ts";
import { load } from "../../pipelines/weights/checkpoint.ts";
import { lazyTrees } from "../../pipelines/weights/lazy.ts";

/** A scene of evaluation that whose count and place it tells right. */
const SCENE = 8;

const onCpu = <A, E, R>(effect: Effect.Effect<A, E, R>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(cpu({ threads: 1 })), Effect.scoped) as Effect.Effect<A, E>);
const card = () => onCpu(readJson(`${shippedModel}/card.json`, cardCodec));

test("the card is that of the weights, and its text follows from it", async () => {
  const { weights, model, scores, ...rest } = await card();
  const { experiment, checkpoint, causalLM: { params } } = await onCpu(loadTrained(shippedModel));
  const { hash } = await onCpu(load(checkpoint));
  assert.equal(weights, { hash, bytes: Deno.statSync(checkpoint).size });
  assert.ok(weights.bytes < 8e6);
  const { vision: _, ...own } = params as Readonly<Record<string, never>>;
  const parameters = Object.values(lazyTrees.flatten(own)).reduce((n, { shape }) => n + sizeOf(shape), 0);
  assert.is(model.bridge + model.decoder, parameters);
  assert.is(experiment.name, "shipped");
  assert.is(
    cardText({ weights, model, scores, ...rest }),
    Deno.readTextFileSync(`${shippedModel}/README.md`),
  );
  for (const { seeing, blind, shuffled } of scores) assert.ok(seeing.low > Math.max(blind, shuffled));
});

test("without a checkpoint the shipped model answers, and draws where it looked", async () => {
  const { experiment: { world } } = await onCpu(loadTrained(shippedModel)), { data } = world!;
  const folder = Deno.makeTempDirSync(), image = `${folder}/scene.png`, show = `${folder}/looks.png`;
  const set = await onCpu(renderDataset(data, "eval", SCENE + 1, { sides: [224], workers: 1 }));
  await sharp(imageAt(set, 224, SCENE), { raw: { width: 224, height: 224, channels: 3 } }).png().toFile(
    image,
  );
  const asked = questionsOf(set.scenes[SCENE]!, data);
  for (const kind of ["count", "refer"] as const) {
    const question = asked.find((one) => one.kind === kind)!;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "pipelines/cli/cos.ts",
        "ask",
        "--device",
        "cpu",
        "--json",
        "--image",
        image,
        "--question",
      ]
        .concat([question.prompt], kind === "refer" ? ["--show", show] : []),
      env: { NO_COLOR: "1" },
    }).output();
    assert.is(code, 0, new TextDecoder().decode(stderr));
    const { answer, box } = JSON.parse(new TextDecoder().decode(stdout));
    if (question.kind === "refer") assert.ok(iou(box, question.truth) >= 0.5, answer);
    else assert.is(answer, question.answer, question.prompt);
  }
  assert.equal([...Deno.readFileSync(show).subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  Deno.removeSync(folder, { recursive: true });
});

test.run();
