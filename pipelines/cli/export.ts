/**
 * Runs for other programs.
 *
 *     deno task cos export <dir> --format huggingface|csv|parquet|tensorboard|html [--out folder] [--arm NAME]
 *         [--floats F32|F16|BF16] [--weights trained|ema] [--checkpoint last|best] [--download] [--json]
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { exportTrained } from "../ask/export_trained.ts";
import { loadTrained } from "../ask/trained.ts";
import { writeReportPage } from "../report/write.ts";
import { exportFormats, exportRuns } from "../runs/export.ts";
import { indexRuns } from "../runs/index.ts";
import { isArtefact } from "../runs/run_scores.ts";
import { notice, print } from "../terminal/output.ts";
import { oneLine } from "../terminal/visible.ts";
import { withDownloads } from "../weights/huggingface/hub.ts";
import { exportWeb } from "./export_web.ts";
import { ownFolder } from "../base/disk.ts";
import { pageAt } from "./report.ts";
import { choiceFlag, directoryArgument, downloadFlag, jsonFlag, optionalText, switchFlag } from "./flags.ts";

const parts = {
  directory: directoryArgument(
    "directory of a run, or of many for tables and TensorBoard; of a quickstart, an ablation or a fine-tuning for " +
      "huggingface",
  ),
  format: Flag.Literals("format", ["huggingface", ...exportFormats, "html"]).pipe(
    Flag.withDescription(
      "huggingface: the decoder in the layout of transformers, encoder and bridge next to it; csv and parquet: a " +
        "table of runs and one of steps; tensorboard: event files; html: the page of report",
    ),
  ),
  out: optionalText(
    "out",
    "folder that is written, for html the page; <dir>/export/<format>, and <dir>/report.html, by default",
  ),
  arm: optionalText("arm", "huggingface: arm of the run; the first with several scales by default"),
  floats: choiceFlag(
    "floats",
    ["F32", "F16", "BF16"],
    "F32",
    "huggingface: type of the numbers; F32 keeps every bit",
  ),
  weights: Flag.Literals("weights", ["trained", "ema"]).pipe(
    Flag.optional,
    Flag.withDescription(
      "huggingface: weights as trained or their moving averages; those that the training says are its result by default",
    ),
  ),
  checkpoint: Flag.Literals("checkpoint", ["last", "best"]).pipe(
    Flag.optional,
    Flag.withDescription(
      "huggingface: the last checkpoint or the best by validation; as the training says by default",
    ),
  ),
  download: downloadFlag,
  all: switchFlag("all", "tables and TensorBoard: also the artefacts of stores, which runs share"),
  json: jsonFlag,
};

const runs = Command.make(
  "export",
  parts,
  ({ directory: path, format, out, arm, floats, weights, checkpoint, download, all, json }) =>
    Effect.gen(function* () {
      const folder = Option.getOrElse(out, () => `${path}/export/${format}`);
      // event files are in folders by run, beside which anything may be
      const marks = {
        huggingface: ["config.json", "vision", "bridge.safetensors", "decoder"],
        csv: ["runs.csv"],
        parquet: ["runs.parquet"],
      };
      if (format in marks) yield* ownFolder(folder, marks[format as keyof typeof marks]);
      const write = Effect.gen(function* () {
        switch (format) {
          case "huggingface":
            return yield* Effect.scoped(Effect.gen(function* () {
              const want = {
                ...Option.match(weights, { onNone: () => ({}), onSome: (weights) => ({ weights }) }),
                ...Option.match(checkpoint, { onNone: () => ({}), onSome: (checkpoint) => ({ checkpoint }) }),
              };
              const trained = yield* loadTrained(path, Option.getOrUndefined(arm), want);
              return yield* exportTrained(folder, trained, { floats });
            }));
          case "html": {
            const page = yield* pageAt(path, out);
            yield* writeReportPage(path, page);
            return [page];
          }
          default: {
            const { runs, unreadable } = yield* indexRuns(path);
            for (const one of unreadable) notice(oneLine(`${one.path}: ${one.reason}`));
            const { files, faults } = yield* exportRuns(
              all || isArtefact(path) ? runs : runs.filter((run) => !isArtefact(run.path)),
              format,
              folder,
            );
            for (const fault of faults) notice(oneLine(fault));
            return files;
          }
        }
      });
      const files = yield* write;
      print(json ? JSON.stringify({ format, files }, null, 2) : files.join("\n"));
    }).pipe((run) => download ? withDownloads(run) : run),
);

/** The command. */
export const command = runs.pipe(Command.withSubcommands([exportWeb]));
