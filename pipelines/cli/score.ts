/**
 * Scores predictions by the rules of a benchmark's official script.
 *
 *     deno task cos score --benchmark NAME --annotations FILE --predictions FILE [--json]
 *
 * Annotations are lines of JSON, one record of `pipelines/eval/records.ts` each, or with `--source FORMAT` official
 * files. Predictions are lines of `{"id", "answer"}`, or with `--format official` a result file of the benchmark (for
 * MME and POPE the folder of them).
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as FileSystem from "effect/FileSystem";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import { fromEither } from "../bridge.ts";
import { benchmarkFormats } from "../data/formats/formats.ts";
import { readFormat } from "../data/formats/read.ts";
import type { Benchmark } from "../eval/benchmark.ts";
import { blindPredictions, majorityAnswer } from "../eval/controls.ts";
import { compareAnswers, evaluateAnswers } from "../eval/evaluation.ts";
import { answeredOf } from "../eval/join.ts";
import { parseLines, recordCodec } from "../eval/record_codec.ts";
import type { BenchmarkRecord } from "../eval/records.ts";
import { benchmarkNamed, benchmarks, benchmarksWith } from "../eval/registry.ts";
import { type Board, boardText } from "../eval/board.ts";
import type { ResultFiles } from "../eval/submission/format.ts";
import { plainFile } from "../eval/submission/formats.ts";
import { decimalBoxes, locationBoxes, taggedBoxes, thousandBoxes } from "../text/boxes.ts";
import { print } from "../terminal/output.ts";
import { jsonFlag } from "./flags.ts";

const boxReaders = {
  qwen: thousandBoxes,
  thousand: thousandBoxes,
  tagged: taggedBoxes,
  decimals: decimalBoxes(2),
  location: locationBoxes,
} as const;

const formatNames = ["records", ...benchmarkFormats.map(({ name }) => name)] as const;

const parts = {
  benchmark: Flag.Literals("benchmark", benchmarks.map(({ name }) => name) as [string, ...string[]]).pipe(
    Flag.withDescription("which benchmark the records belong to"),
  ),
  annotations: Flag.String("annotations").pipe(
    Flag.withDescription("files of the questions, or a folder of them, with commas between"),
  ),
  source: Flag.Literals("source", formatNames).pipe(
    Flag.withDefault("records"),
    Flag.withDescription("form of the annotations: records, or the official files of a format"),
  ),
  split: Flag.String("split").pipe(
    Flag.optional,
    Flag.withDescription("the split to take, where official files hold several"),
  ),
  predictions: Flag.String("predictions").pipe(Flag.withDescription("what the model wrote")),
  format: Flag.Literals("format", ["plain", "official"]).pipe(
    Flag.withDefault("plain" as const),
    Flag.withDescription("form of the predictions: lines of id and answer, or the benchmark's result file"),
  ),
  against: Flag.String("against").pipe(
    Flag.optional,
    Flag.withDescription("other predictions for the same questions, to compare with"),
  ),
  train: Flag.String("train").pipe(
    Flag.optional,
    Flag.withDescription("records of the training split: adds the score of the majority answers"),
  ),
  boxes: Flag.Literals("boxes", ["qwen", "thousand", "tagged", "decimals", "location"]).pipe(
    Flag.withDefault("qwen" as const),
    Flag.withDescription("how boxes are read from answers"),
  ),
  json: jsonFlag,
};

const textOf = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem;
    return yield* fs.readFileString(path);
  });

const filesOf = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem;
    const info = yield* fs.stat(path);
    if (info.type !== "Directory") return { [path]: yield* fs.readFileString(path) } as ResultFiles;
    const names = (yield* fs.readDirectory(path)).toSorted();
    const texts = yield* Effect.forEach(names, (name) => fs.readFileString(`${path}/${name}`));
    return Object.fromEntries(names.map((name, i) => [name, texts[i]!])) as ResultFiles;
  });

// A folder stands for its files, by name.
const pathsOf = (given: readonly string[]) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem;
    const paths = yield* Effect.forEach(given, (path) =>
      Effect.gen(function* () {
        const info = yield* fs.stat(path);
        if (info.type !== "Directory") return [path];
        return (yield* fs.readDirectory(path)).toSorted().map((name) => `${path}/${name}`);
      }));
    return paths.flat();
  });

const recordsOf = (of: Benchmark, source: string, split: Option.Option<string>, given: string) =>
  Effect.gen(function* () {
    const paths = yield* pathsOf(given.split(","));
    const format = benchmarkFormats.find(({ name }) => name === source);
    if (format !== undefined) {
      const verdicts = readFormat(format, paths, Option.isNone(split) ? {} : { split: split.value });
      const read = yield* Stream.runCollect(verdicts);
      return read.flatMap((verdict) => verdict.verdict === "taken" ? verdict.records : []);
    }
    const read = yield* Effect.forEach(paths, (path) =>
      Effect.flatMap(
        textOf(path),
        (text) => fromEither(parseLines<BenchmarkRecord>(recordCodec(of.kind), path)(text)),
      ));
    return read.flat();
  });

const answersOf = (
  of: Benchmark,
  records: readonly BenchmarkRecord[],
  path: string,
  format: "plain" | "official",
) =>
  Effect.gen(function* () {
    const files = yield* filesOf(path);
    const form = format === "plain" ? plainFile : of.submission;
    return yield* fromEither(answeredOf(records, yield* fromEither(form.parse(files, records))));
  });

/** The command. */
export const command = Command.make("score", parts, (flags) =>
  Effect.gen(function* () {
    const boxes = boxReaders[flags.boxes];
    const of = yield* fromEither(benchmarkNamed(flags.benchmark, benchmarksWith(boxes)));
    const records = yield* recordsOf(of, flags.source, flags.split, flags.annotations);
    const answered = yield* answersOf(of, records, flags.predictions, flags.format);
    const evaluation = yield* fromEither(evaluateAnswers(of, answered));
    const majority = Option.isNone(flags.train) ? {} : yield* Effect.gen(function* () {
      const train = yield* recordsOf(of, flags.source, Option.none(), Option.getOrThrow(flags.train));
      const blind = blindPredictions(records, majorityAnswer(train, boxes.print));
      const answers = yield* fromEither(answeredOf(records, blind));
      return { majority: yield* fromEither(of.score(answers)) };
    });
    const comparison = Option.isNone(flags.against) ? {} : yield* Effect.gen(function* () {
      const other = yield* answersOf(of, records, Option.getOrThrow(flags.against), flags.format);
      return { comparison: compareAnswers(of, answered, other) };
    });
    const board: Board = { benchmark: of.name, ...evaluation, ...majority, ...comparison };
    print(flags.json ? JSON.stringify(board, null, 2) : boardText(of, board));
  }));
