/** The page of a report on disk. */
import * as Effect from "effect/Effect";
import { atomicWrite } from "../runs/disk.ts";
import type { ReportDocument } from "./document.ts";
import { readReport, type ReportError } from "./make.ts";
import { reportPage } from "./render.ts";

/** Writes the page of a run's or an ablation's directory, `report.html` in it unless said, and gives what it says. */
export const writeReportPage = (
  path: string,
  page: string = `${path}/report.html`,
): Effect.Effect<ReportDocument, ReportError> =>
  Effect.tap(
    readReport(path),
    (report) => atomicWrite(page, [new TextEncoder().encode(reportPage(report))]),
  );
