/**
 * A question to a trained model about a photo.
 *
 *     deno task cos ask --image photo.jpg --question "is there a cow"
 *         [--checkpoint runs/quickstart-small-1] [--arm NAME] [--device auto|webgpu|dawn|cpu] [--max-tokens N] [--temperature T] [--top-p P] [--top-k K] [--seed N]
 *         [--beams N] [--download] [--json] [--show out.png] [--benchmark NAME]
 *
 * The answer is written to standard output as it comes, everything else to standard error.
 */
import { deviceNamed, deviceNames } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type { Benchmark } from "../eval/benchmark.ts";
import type { BenchmarkRecord } from "../records/records.ts";
import { benchmarks } from "../eval/registry.ts";
import { type Decoding, greedily } from "../generate/decoding.ts";
import { GenerateError } from "../generate/fault.ts";
import { type Answer, ask } from "../ask/ask.ts";
import { shippedModel } from "../ask/shipped.ts";
import { askedOf } from "../text/record_turns.ts";
import { notice, print, printPart } from "../terminal/output.ts";
import { withDownloads } from "../weights/huggingface/hub.ts";
import { choiceFlag, downloadFlag, intFlag, switchFlag } from "./flags.ts";

const optional = <A>(flag: Flag.Flag<A>, what: string) =>
  flag.pipe(Flag.optional, Flag.withDescription(what));

const flags = {
  checkpoint: optional(
    Flag.String("checkpoint"),
    "directory of a quickstart, an ablation or a fine-tuning, or a fine-tuned checkpoint in one; the shipped model by default",
  ),
  arm: optional(Flag.String("arm"), "arm of the run; default: its first Chain-of-Sight arm"),
  images: Flag.String("image").pipe(
    Flag.withDescription(
      "image file (JPEG, PNG, WebP, GIF, AVIF or TIFF); repeatable: each replaces one <image> in the question",
    ),
    Flag.atLeast(0),
  ),
  question: Flag.String("question").pipe(Flag.withDescription("question, such as: is there a cow")),
  device: choiceFlag(
    "device",
    deviceNames,
    "auto",
    "device to run on; auto takes a GPU through WebGPU, else the CPU",
  ),
  tokens: intFlag("max-tokens", 16, "maximum number of new tokens"),
  temperature: optional(
    Flag.Finite("temperature"),
    "sampling temperature; greedy decoding without any of the sampling options",
  ),
  topP: optional(
    Flag.Finite("top-p"),
    "nucleus sampling: smallest set of tokens with this cumulative probability",
  ),
  topK: optional(Flag.Int("top-k"), "sample from the k most likely tokens"),
  seed: optional(Flag.Int("seed"), "random seed of sampling; default 1"),
  beams: optional(Flag.Int("beams"), "number of beams of beam search"),
  benchmark: optional(
    Flag.Literals("benchmark", benchmarks.map(({ name }) => name) as [string, ...string[]]),
    "use the prompt of this benchmark, and print the answer as its scorer parses it",
  ),
  download: downloadFlag,
  json: switchFlag("json", "write the answer and its provenance as one line of JSON"),
  show: optional(
    Flag.String("show"),
    "write a PNG of the attention maps of every answer token, per scale",
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
        hint: "raise the temperature, or leave them out",
      }),
    )
    : Effect.succeed(greedily);
};

const notes = ({ unknown, arm, visualTokens, device, ids, seconds }: Answer): readonly string[] => [
  ...(unknown.length > 0 ? [`words that the model never learned: ${unknown.join(", ")}`] : []),
  `${arm}, ${visualTokens} visual tokens, on ${device}; ${ids.length} tokens in ${seconds.toFixed(2)} s`,
];

/** A question as a record of a benchmark that nobody has answered. */
const recordOf = (
  { name, kind }: Benchmark,
  question: string,
): Effect.Effect<BenchmarkRecord, GenerateError> => {
  const base = { id: "asked", question };
  switch (kind) {
    case "open":
    case "reading":
      return Effect.succeed({ ...base, kind, answers: [] });
    case "exact":
      return Effect.succeed({ ...base, kind, answer: "" });
    case "yes-no":
      return Effect.succeed({ ...base, kind, answer: true, part: "" });
    case "caption":
      return Effect.succeed({ ...base, kind, references: [] });
    case "box":
      return Effect.succeed({ ...base, kind, box: [0, 0, 1, 1], width: 1, height: 1 });
    case "choice":
      return Effect.fail(
        new GenerateError({
          op: "ask",
          got: `--benchmark ${name}, whose questions have choices`,
          expected: "a benchmark whose questions are words alone",
          hint: "write the choices into --question, and leave out --benchmark",
        }),
      );
  }
};

/** What is asked in a benchmark's prompt, and what its score reads in an answer. */
const askedAs = (name: Option.Option<string>, question: string) =>
  Effect.gen(function* () {
    if (Option.isNone(name)) return { question, notesOn: (): readonly string[] => [] };
    const of = benchmarks.find((one) => one.name === name.value)!, record = yield* recordOf(of, question);
    return {
      question: askedOf(record, of.prompt),
      notesOn: (
        answer: string,
      ): readonly string[] => [`${of.name} reads: ${of.read(record, answer) || "nothing"}`],
    };
  });

/** The command. */
export const command = Command.make(
  "ask",
  flags,
  (
    {
      checkpoint,
      device,
      json,
      arm,
      beams,
      show,
      temperature,
      topP,
      topK,
      seed,
      benchmark,
      question,
      download,
      ...rest
    },
  ) =>
    Effect.gen(function* () {
      const decoding = yield* decodingOf({ temperature, topP, topK, seed });
      const { question: prompt, notesOn } = yield* askedAs(benchmark, question);
      const tell = (words: string): void => json ? undefined : printPart(words);
      const answer = yield* ask(
        {
          ...rest,
          checkpoint: Option.getOrElse(checkpoint, () => shippedModel),
          question: prompt,
          decoding,
          ...given("arm", arm),
          ...given("beams", beams),
          ...given("show", show),
        },
        tell,
      );
      print(json ? JSON.stringify(answer) : "");
      for (const line of [...notesOn(answer.answer), ...notes(answer)]) notice(line);
      if (Option.isSome(show)) notice(`where it looked: ${show.value}`);
    }).pipe((run) => download ? withDownloads(run) : run, Effect.provide(deviceNamed(device))),
);
