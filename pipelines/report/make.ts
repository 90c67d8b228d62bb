/** The report of a directory, whatever it holds. */
import * as Effect from "effect/Effect";
import type { DecodeError } from "../base/bridge.ts";
import { type DiskError, existing } from "../base/disk.ts";
import type { MetricsError } from "../runs/metrics.ts";
import type { RunError } from "../runs/run_directory.ts";
import type { ReportDocument } from "./document.ts";
import { ablationReport } from "./ablation_report.ts";
import { readRunFiles } from "./run_files.ts";
import { runReport } from "./run_report.ts";

/** What reading for a report can fail with. */
export type ReportError = DecodeError | DiskError | MetricsError | RunError;

/** The report of a run's directory, or of an ablation's. */
export const readReport = (path: string): Effect.Effect<ReportDocument, ReportError> =>
  Effect.flatMap(
    existing(`${path}/record.json`),
    (ablation) => ablation ? ablationReport(path) : Effect.map(readRunFiles(path), runReport),
  );
