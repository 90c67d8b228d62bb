/** Images as cells of notebooks show them: a scene and answers about it, attention maps, and layouts of tokens. */
import { gridOf, type Layout, tokenCount, tokensPerScale, windowsPerSide } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as O from "fp-ts/lib/Option.js";
import { Buffer } from "node:buffer";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import { presets } from "../ablations/presets.ts";
import { lastOf } from "../ablations/table.ts";
import { ask, type AskError } from "../ask/ask.ts";
import { shippedModel } from "../ask/shipped.ts";
import type { DataError } from "../base/data_error.ts";
import { atomicWrite, type DiskError, onDisk } from "../base/disk.ts";
import { type Figure, figureOf } from "../figures/plot.ts";
import { bitmap } from "../images/bitmap.ts";
import { imageAt } from "../images/image_set.ts";
import { parseBox } from "../records/grid.ts";
import { type Html, html, textOfHtml } from "../report/html.ts";
import { imageGrid } from "../scenes/image_grid.ts";
import { questionsOf } from "../scenes/tasks.ts";
import { renderDataset } from "../scenes/workers.ts";
import { answerRight } from "../stages/answer_grid.ts";
import type { Study } from "./study.ts";

/** Where notebooks keep images. */
const FOLDER = "runs/notebooks/images";

const dataUri = (png: Uint8Array): string => `data:image/png;base64,${Buffer.from(png).toString("base64")}`;

/** Sides of a PNG, from its header. */
const sidesOf = (png: Uint8Array): readonly [width: number, height: number] => {
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
};

/** Markup of an SVG as a figure. */
const svgFigure = (svg: Html): Figure => figureOf(textOfHtml(svg).trim());

/** A PNG as a figure. */
const imageFigure = (title: string, png: Uint8Array): Figure => {
  const [width, height] = sidesOf(png);
  return svgFigure(
    html`
      <svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"
        viewBox="0 0 ${width} ${height}" style="max-width: 100%; height: auto">
        <title>${title}</title>
        <image href="${dataUri(png)}" width="${width}" height="${height}" />
      </svg>
    `,
  );
};

/** A scene that is drawn, and what the shipped model answered about it. */
export interface AskedScene {
  /** The PNG of the scene. */
  readonly image: Uint8Array;
  /** The questions and the answers, with right ones in brackets where they differ. */
  readonly text: string;
  /** The scene with questions, answers and boxes. */
  readonly answers: Figure;
  /** Attention maps of the last answer, scale by scale. */
  readonly attention: Figure;
}

/** A held-out scene, drawn. */
const drawnScene = (number: number) =>
  Effect.gen(function* () {
    const { data } = presets.small.base.world!, { master } = data;
    const set = yield* renderDataset(data, "eval", number + 1, { sides: [master] });
    const pixels = imageAt(set, master, number);
    const image = new Uint8Array(bitmap(pixels, master).toBuffer("image/png"));
    return { data, scene: set.scenes[number]!, pixels, image };
  });

/** The PNG of a held-out scene. */
export const sceneImage = (number: number): Effect.Effect<Uint8Array, DataError> =>
  Effect.map(drawnScene(number), ({ image }) => image);

/** Draws a held-out scene, asks the shipped model what is in it and where, and keeps its attention maps. */
export const askedScene = (
  number: number,
): Effect.Effect<AskedScene, AskError | DataError | DiskError, Device> =>
  Effect.gen(function* () {
    const { data, scene, pixels, image } = yield* drawnScene(number), { master, grid } = data;
    const file = `${FOLDER}/scene-${number}.png`, show = `${FOLDER}/attention-${number}.png`;
    yield* onDisk("make", FOLDER, () => Deno.mkdir(FOLDER, { recursive: true }));
    yield* atomicWrite(file, [image]);
    const all = questionsOf(scene, data);
    // a scene whose things all repeat has no question of a place
    const kinds = ["count", "presence", "refer"] as const;
    const asked = kinds.flatMap((kind) => all.find((one) => one.kind === kind) ?? []).slice(-2);
    const lines = yield* Effect.forEach(asked, (question) =>
      Effect.map(
        ask({
          checkpoint: shippedModel,
          images: [file],
          question: question.prompt,
          tokens: 8,
          ...(question === asked.at(-1) ? { show } : {}),
        }, () => {}),
        ({ answer }) => ({
          question: question.prompt,
          answer,
          truth: question.answer,
          right: answerRight(question, answer, grid),
        }),
      ));
    const last = asked.at(-1)!, said = parseBox(lines.at(-1)!.answer, grid);
    const sheet = imageGrid([{
      image: pixels,
      side: master,
      lines,
      ...(last.kind === "refer" ? { trueBox: last.truth } : {}),
      ...(last.kind === "refer" && O.isSome(said) ? { predictedBox: said.value } : {}),
    }]);
    const attention = yield* onDisk("read", show, () => Deno.readFile(show));
    return {
      image,
      text: lines.map(({ question, answer, truth, right }) =>
        `${question} ${answer || "(nothing)"}${right ? "" : ` [${truth}]`}`
      ).join("\n"),
      answers: imageFigure("A held-out scene and what the shipped model answers", sheet),
      attention: imageFigure("Attention maps of an answer", attention),
    };
  });

/** The first scenes of an evaluation with the answers of an arm, by the first seed; of the baseline unless named. */
export const answersFigure = async ({ summary }: Study, arm: string = summary.baseline): Promise<Figure> => {
  const { seeds } = summary.arms.find(({ name }) => name === arm)!, { artefact } = lastOf(seeds[0]!.origin);
  return imageFigure(
    `Answers of ${arm}`,
    await Deno.readFile(`${DEFAULT_STORE}/${artefact}/samples/sheet.png`),
  );
};

const PANEL = 224, GAP = 18, HEAD = 22, COLOURS = ["#e0218a", "#1769aa", "#1d7a46", "#b26a00"];

/** The windows of a scale over an image, and a dot for every token, at its window. */
const scalePanel = (of: Layout, i: number, image: string, x: number, y: number) => {
  const scale = of.scales[i]!, across = windowsPerSide(of, scale), side = PANEL / across;
  const dots = Math.ceil(Math.sqrt(scale.queries)), step = side / dots, colour = COLOURS[i % COLOURS.length]!;
  const windows = Array.from(
    { length: across ** 2 },
    (_, w) => [x + (w % across) * side, y + Math.floor(w / across) * side],
  );
  return [
    html`
      <image href="${image}" x="${x}" y="${y}" width="${PANEL}" height="${PANEL}"
        opacity="0.75" />
    `,
    ...windows.flatMap(([left, top]) => [
      html`
        <rect x="${left}" y="${top}" width="${side}" height="${side}" fill="none"
          stroke="${colour}" stroke-width="1.2" />
      `,
      ...Array.from({ length: scale.queries }, (_, q) =>
        html`
          <circle cx="${left! + (q % dots + 0.5) * step}" cy="${top! +
            (Math.floor(q / dots) + 0.5) * step}" r="${Math.min(3.2, step / 4)}" fill="${colour}" />
        `),
    ]),
    html`<text x="${x}" y="${y + PANEL + 13}">${tokensPerScale(
      of,
    )[i]!} tokens: windows of ${scale.window} × ${scale.window}</text>`,
  ];
};

/** Layouts over an image: a row for each, a panel for each of its scales, global to local. */
export const layoutFigure = (
  png: Uint8Array,
  layouts: readonly { readonly name: string; readonly layout: Layout }[],
): Figure => {
  const image = dataUri(png), columns = Math.max(...layouts.map(({ layout }) => layout.scales.length));
  const row = HEAD + PANEL + GAP + 10,
    width = GAP + columns * (PANEL + GAP),
    height = GAP + layouts.length * row;
  const rows = layouts.flatMap(({ name, layout }, r) => [
    html`
      <text x="${GAP}" y="${GAP + r * row + 8}"
        font-weight="600">${name}: ${tokenCount(layout)} visual tokens on ${gridOf(layout)} × ${gridOf(
          layout,
        )} patches</text>
    `,
    ...layout.scales.flatMap((_, i) =>
      scalePanel(layout, i, image, GAP + i * (PANEL + GAP), r * row + HEAD + 8)
    ),
  ]);
  return svgFigure(
    html`
      <svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"
        viewBox="0 0 ${width} ${height}" style="max-width: 100%; height: auto" font-family="sans-serif"
        font-size="12"><rect width="${width}" height="${height}" fill="#fbfaf7"/>${rows}</svg>
    `,
  );
};
