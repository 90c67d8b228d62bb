/** The card of the shipped model: what it is, what it was trained and scored on, and what it cannot do. */
import * as t from "io-ts";
import { intervalCodec } from "../base/bootstrap.ts";
import type { TypeOf } from "../base/bridge.ts";

const score = t.strict({
  /** Name of the score. */
  name: t.string,
  /** With the image: the share with its 95 % interval over scenes. */
  seeing: intervalCodec,
  /** With the average image. */
  blind: t.number,
  /** With the image of another scene. */
  shuffled: t.number,
  /** Number of questions. */
  questions: t.number,
});

/** @internal */
export const cardCodec = t.strict({
  /** Version of this format. */
  format: t.literal(1),
  /** Its kind. */
  what: t.string,
  /** The command that trains and scores it. */
  command: t.string,
  /** Its sizes: parameters of the bridge and of the decoder, visual tokens, side of its images in pixels. */
  model: t.strict({ bridge: t.number, decoder: t.number, tokens: t.number, resolution: t.number }),
  /** What it was trained on: scenes by training, names that it knows, and what was asked. */
  data: t.strict({
    scenes: t.readonly(t.record(t.string, t.number)),
    steps: t.readonly(t.record(t.string, t.number)),
    names: t.readonlyArray(t.string),
    questions: t.readonlyArray(t.string),
  }),
  /** Scores on scenes of evaluation. */
  scores: t.readonlyArray(score),
  /** Number of those scenes. */
  evaluated: t.number,
  /** What it cannot do. */
  limits: t.readonlyArray(t.string),
  /** Content hash and bytes of its weights. */
  weights: t.strict({ hash: t.string, bytes: t.number }),
});

/** A card. */
export interface ModelCard extends TypeOf<typeof cardCodec> {}

const percent = (x: number): string => (100 * x).toFixed(1);
const listed = (items: readonly string[]): string => items.map((item) => `- ${item}`).join("\n");
const counted = (by: Readonly<Record<string, number>>, unit: string): string =>
  Object.entries(by).map(([name, n]) => `${name} ${n.toLocaleString("en")} ${unit}`).join(", ");

/** A card as Markdown. */
export const cardText = (
  { what, command, model, data, scores, evaluated, limits, weights }: ModelCard,
): string =>
  `# The shipped model

${what}

| | |
| --- | --- |
| images | ${model.resolution} x ${model.resolution} px, ${model.tokens} visual tokens |
| parameters | bridge ${model.bridge.toLocaleString("en")}, decoder ${model.decoder.toLocaleString("en")} |
| weights | ${(weights.bytes / 1e6).toFixed(1)} MB, f16, content hash \`${weights.hash.slice(0, 16)}\` |
| trained on | ${counted(data.scenes, "scenes")}; ${counted(data.steps, "steps")} |

It knows these names: ${data.names.join(", ")}. It answers questions such as

${listed(data.questions.map((question) => `\`${question}\``))}

## Scores

On ${evaluated} scenes that no training shows, in percent with 95 % intervals over scenes. The controls are the same
model on the average image (blind) and on the image of another scene (shuffled).

| score | seeing | blind | shuffled | questions |
| --- | ---: | ---: | ---: | ---: |
${
    scores.map(({ name, seeing, blind, shuffled, questions }) =>
      `| ${name} | ${percent(seeing.value)} [${percent(seeing.low)}, ${percent(seeing.high)}] | ${
        percent(blind)
      } | ${percent(shuffled)} | ${questions} |`
    ).join("\n")
  }

## Limits

${listed(limits)}

## Made by

\`\`\`sh
${command}
\`\`\`

This text follows from \`card.json\`.
`;
