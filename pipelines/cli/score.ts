/**
 * Scores predictions by the rules of a benchmark's official script.
 *
 *     deno task cos score --benchmark NAME --annotations FILE --predictions FILE [--submit PATH] [--json]
 *     deno task cos score --run DIR [--submit FOLDER] [--json]
 *
 * Annotations are lines of JSON, one record of `pipelines/records/records.ts` each, or with `--source FORMAT` official
 * files. Predictions are lines of `{"id", "answer"}`, or with `--format official` a result file of the benchmark (for
 * MME and POPE the folder of them). With `--run` today's rules are applied to the predictions that a training, a quickstart
 * or an ablation kept. `--submit` writes the benchmark's result files, of splits that hide their answers too.
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as FileSystem from "effect/FileSystem";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import { fromEither, parseLines } from "../base/bridge.ts";
import { benchmarkFormats } from "../formats/formats.ts";
import { readFormat } from "../formats/read.ts";
import type { Benchmark } from "../eval/benchmark.ts";
import { blindPredictions, majorityAnswer } from "../eval/controls.ts";
import { compareAnswers, evaluateAnswers } from "../eval/evaluation.ts";
import { answeredOf } from "../eval/join.ts";
import { answeredBy, benchmarkFor, rescored } from "../eval/rescore.ts";
import { type BenchmarkRecord, isHidden, recordCodec } from "../records/records.ts";
import { benchmarkNamed, benchmarks, benchmarksWith } from "../eval/registry.ts";
import { type Board, boardText, type RescoredBoard, rescoredText } from "../eval/board.ts";
import { EvalError } from "../eval/error.ts";
import type { ResultFiles } from "../eval/submission/format.ts";
import { plainFile } from "../eval/submission/formats.ts";
import { decimalBoxes, locationBoxes, taggedBoxes, thousandBoxes } from "../text/boxes.ts";
import { keptPredictions } from "../ablations/predictions.ts";
import { folderOf } from "../base/paths.ts";
import { readPredictions } from "../stages/predictions.ts";
import { notice, print } from "../terminal/output.ts";
import { choiceFlag, jsonFlag, optionalText } from "./flags.ts";

const boxReaders = {
  qwen: thousandBoxes,
  thousand: thousandBoxes,
  tagged: taggedBoxes,
  decimals: decimalBoxes(2),
  location: locationBoxes,
} as const;

const formatNames = ["records", "official", ...benchmarkFormats.map(({ name }) => name)] as const;

const parts = {
  benchmark: Flag.Literals("benchmark", benchmarks.map(({ name }) => name) as [string, ...string[]]).pipe(
    Flag.optional,
    Flag.withDescription("benchmark whose rules score the predictions"),
  ),
  annotations: optionalText(
    "annotations",
    "comma-separated annotation files, or their folder",
  ),
  source: choiceFlag(
    "source",
    formatNames,
    "records",
    "format of the annotations: records, the benchmark's official files, or a named format",
  ),
  split: optionalText("split", "split to score, where official files hold several"),
  predictions: optionalText("predictions", "predictions of the model"),
  run: optionalText("run", "run directory whose stored predictions are scored again"),
  submit: optionalText(
    "submit",
    "write the benchmark's submission file (or a folder of them)",
  ),
  format: choiceFlag(
    "format",
    ["plain", "official"],
    "plain",
    "format of the predictions: lines of id and answer, or the benchmark's result file",
  ),
  against: optionalText("against", "predictions to compare with, for the same questions"),
  train: optionalText("train", "records of the training split: also score the majority answers"),
  boxes: choiceFlag(
    "boxes",
    ["qwen", "thousand", "tagged", "decimals", "location"],
    "qwen",
    "format of boxes in answers",
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

// A folder represents its files, by name.
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

const noOfficialFormat = ({ name }: Benchmark): EvalError =>
  new EvalError({
    op: `score --benchmark ${name} --source official`,
    got: "a benchmark without an official annotation format",
    expected: "one that has a reader in pipelines/formats",
    hint: "give lines of records with --source records",
    ids: [],
  });

const recordsOf = (of: Benchmark, source: string, split: Option.Option<string>, given: string) =>
  Effect.gen(function* () {
    const paths = yield* pathsOf(given.split(","));
    const wanted = source === "official" ? of.annotations[0] : source;
    const format = benchmarkFormats.find(({ name }) => name === wanted);
    if (format === undefined && source === "official") return yield* Effect.fail(noOfficialFormat(of));
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

/** Writes result files: one as the path itself, several into a folder of that name. */
const submitTo = (path: string, files: ResultFiles) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem, [only, ...others] = Object.entries(files);
    if (only !== undefined && others.length === 0 && !path.endsWith("/")) {
      yield* fs.makeDirectory(folderOf(path), { recursive: true });
      yield* fs.writeFileString(path, only[1]);
    } else {
      yield* fs.makeDirectory(path, { recursive: true });
      yield* Effect.forEach(Object.entries(files), ([name, text]) =>
        fs.writeFileString(`${path}/${name}`, text));
    }
    notice(`${path}: ${Object.keys(files).join(", ")}`);
  });

/** Scores what the predictions of a run come to by today's rules. */
const scoreRun = (run: string, submit: Option.Option<string>, json: boolean) =>
  Effect.gen(function* () {
    const boards: RescoredBoard[] = [];
    for (const file of yield* keptPredictions(run)) {
      const kept = yield* readPredictions(file);
      const again = yield* fromEither(rescored(kept, benchmarkFor(kept.head.boxes)));
      const { head, predictions } = again.predictions;
      boards.push({ file, kept: kept.head, scores: head.scores, changed: again.changed });
      if (Option.isNone(submit)) continue;
      for (const name of Object.keys(head.scores)) {
        const of = yield* fromEither(benchmarkFor(head.boxes)(name));
        const items = predictions.filter(({ benchmark }) => benchmark === name);
        const folder = `${submit.value}/${encodeURIComponent(head.evaluation)}`;
        yield* submitTo(`${folder}/`, of.submission.encode(answeredBy(items, "seen")));
      }
    }
    print(json ? JSON.stringify(boards, null, 2) : rescoredText(boards));
  });

const missing = new EvalError({
  op: "score",
  got: "not all of --benchmark, --annotations and --predictions, and no --run",
  expected: "a benchmark with annotations and predictions, or a run",
  hint: "give the three of them, or --run and a run directory",
  ids: [],
});

/** The command. */
export const command = Command.make("score", parts, (flags) =>
  Effect.gen(function* () {
    if (Option.isSome(flags.run)) return yield* scoreRun(flags.run.value, flags.submit, flags.json);
    const { benchmark, annotations, predictions } = flags;
    if (Option.isNone(benchmark) || Option.isNone(annotations) || Option.isNone(predictions)) {
      return yield* Effect.fail(missing);
    }
    const boxes = boxReaders[flags.boxes];
    const of = yield* fromEither(benchmarkNamed(benchmark.value, benchmarksWith(boxes)));
    const records = yield* recordsOf(of, flags.source, flags.split, annotations.value);
    const answered = yield* answersOf(of, records, predictions.value, flags.format);
    if (Option.isSome(flags.submit)) {
      yield* submitTo(flags.submit.value, of.submission.encode(answered));
      if (records.some(isHidden)) {
        return notice("the split hides its answers: the benchmark's server scores the result file");
      }
    }
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
