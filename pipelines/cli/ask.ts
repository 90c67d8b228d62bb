/**
 * A question to a trained model about a photo.
 *
 *     deno task cos ask --checkpoint runs/quickstart-software-1 --image photo.jpg --question "is there a cow"
 *         [--arm NAME] [--device auto|webgpu|dawn|cpu] [--max-tokens N] [--temperature T] [--top-p P] [--top-k K] [--seed N]
 *         [--beams N] [--json] [--show out.png]
 *
 * The answer is written to standard output as it comes, everything else to standard error.
 */
import { deviceNamed, deviceNames } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { type Decoding, greedily } from "../generate/decoding.ts";
import { GenerateError } from "../generate/fault.ts";
import { type Answer, ask } from "../generate/ask.ts";
import { notice, print, printPart } from "../terminal/output.ts";

const optional = <A>(flag: Flag.Flag<A>, what: string) =>
  flag.pipe(Flag.optional, Flag.withDescription(what));

const flags = {
  checkpoint: Flag.String("checkpoint").pipe(
    Flag.withDescription(
      "directory of a quickstart, an ablation or a fine-tuning, or a fine-tuned checkpoint in one",
    ),
  ),
  arm: optional(Flag.String("arm"), "arm of the run; the first with several scales by default"),
  image: Flag.String("image").pipe(Flag.withDescription("a photo: JPEG, PNG, WebP, GIF, AVIF or TIFF")),
  question: Flag.String("question").pipe(Flag.withDescription("what is asked, such as: is there a cow")),
  device: Flag.Literals("device", deviceNames).pipe(
    Flag.withDefault("auto" as const),
    Flag.withDescription("what computes: auto takes WebGPU where there is an adapter, the CPU otherwise"),
  ),
  tokens: Flag.Int("max-tokens").pipe(
    Flag.withDefault(16),
    Flag.withDescription("most tokens of the answer"),
  ),
  temperature: optional(
    Flag.Finite("temperature"),
    "draw tokens at this temperature; without it, and without the three below, the likeliest are taken",
  ),
  topP: optional(
    Flag.Finite("top-p"),
    "draw from the likeliest tokens that hold this share of the probability",
  ),
  topK: optional(Flag.Int("top-k"), "draw from so many of the likeliest tokens"),
  seed: optional(Flag.Int("seed"), "key of the draws; 1 by default"),
  beams: optional(Flag.Int("beams"), "search with so many beams"),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("write the answer and what it was made with as one line of JSON"),
  ),
  show: optional(
    Flag.String("show"),
    "write a PNG of where every token of the answer looked, scale by scale",
  ),
};

interface Drawing {
  readonly temperature: Option.Option<number>;
  readonly topP: Option.Option<number>;
  readonly topK: Option.Option<number>;
  readonly seed: Option.Option<number>;
}

const given = <K extends string, A>(key: K, value: Option.Option<A>): { readonly [k in K]?: A } =>
  Option.isSome(value) ? { [key]: value.value } as { readonly [k in K]: A } : {};

const decodingOf = ({ temperature, topP, topK, seed }: Drawing): Effect.Effect<Decoding, GenerateError> => {
  const drawn = [topP, topK, seed].some(Option.isSome);
  const heat = Option.getOrElse(temperature, () => drawn ? 1 : 0);
  if (heat !== 0) {
    return Effect.succeed({
      kind: "sample",
      temperature: heat,
      ...given("topP", topP),
      ...given("topK", topK),
      seed: Option.getOrElse(seed, () => 1),
    });
  }
  return drawn
    ? Effect.fail(
      new GenerateError({
        op: "ask",
        got: "--top-p, --top-k or --seed with a temperature of 0",
        expected: "a temperature above 0, which makes tokens be drawn",
        mend: "raise the temperature, or leave them out",
      }),
    )
    : Effect.succeed(greedily);
};

const notes = ({ unknown, arm, visualTokens, device, ids, seconds }: Answer): readonly string[] => [
  ...(unknown.length > 0 ? [`words that the model never learnt: ${unknown.join(", ")}`] : []),
  `${arm}, ${visualTokens} visual tokens, on ${device}; ${ids.length} tokens in ${seconds.toFixed(2)} s`,
];

/** The command. */
export const command = Command.make(
  "ask",
  flags,
  ({ device, json, arm, beams, show, temperature, topP, topK, seed, ...rest }) =>
    Effect.gen(function* () {
      const decoding = yield* decodingOf({ temperature, topP, topK, seed });
      const tell = (words: string): void => json ? undefined : printPart(words);
      const answer = yield* ask(
        { ...rest, decoding, ...given("arm", arm), ...given("beams", beams), ...given("show", show) },
        tell,
      );
      print(json ? JSON.stringify(answer) : "");
      for (const line of notes(answer)) notice(line);
      if (Option.isSome(show)) notice(`where it looked: ${show.value}`);
    }).pipe(Effect.provide(deviceNamed(device))),
);
