/** The page of a report on disk. */
import * as Effect from "effect/Effect";
import type { DecodeError } from "../base/bridge.ts";
import { atomicWrite, type DiskError, existing, ifThere, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import type { MetricsError } from "../runs/metrics.ts";
import type { RunError } from "../runs/run_directory.ts";
import { type Cell, table } from "../terminal/table.ts";
import { ablationReport } from "./ablation_report.ts";
import type { ReportDocument, ReportFigure, ReportTable, Value } from "./document.ts";
import { reportPage } from "./render.ts";
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

const cellOf = (value: Value): Cell => {
  if (typeof value === "object") {
    const at = (x: number): string => (x * value.scale).toFixed(value.scale === 1 ? 2 : 1);
    return `${at(value.value)} [${at(value.low)}, ${at(value.high)}]`;
  }
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
};

/** A table with its heading. */
export const tableText = ({ title, columns, rows }: ReportTable): string =>
  `${title}\n${table(columns, rows.map(({ values }) => values.map(cellOf)))}`;

/** Writes the page of a run's or an ablation's directory, `report.html` in it unless said, and gives what it says. */
export const writeReportPage = (
  path: string,
  page: string = `${path}/report.html`,
): Effect.Effect<ReportDocument, ReportError> =>
  Effect.tap(
    readReport(path),
    (report) =>
      Effect.andThen(
        onDisk("make", folderOf(page), () => Deno.mkdir(folderOf(page), { recursive: true })),
        atomicWrite(page, [new TextEncoder().encode(reportPage(report))]),
      ),
  );

/** As {@link writeReportPage}, unless the directory has a page that is not older than its summary. */
export const ensureReportPage = (path: string): Effect.Effect<void, ReportError> =>
  Effect.gen(function* () {
    const [page, summary] = yield* Effect.forEach(["report.html", "summary.json"], (name) =>
      onDisk("look for", `${path}/${name}`, () => ifThere(Deno.lstat(`${path}/${name}`))));
    const current = page?.isFile === true && (page.mtime?.getTime() ?? 0) >= (summary?.mtime?.getTime() ?? 0);
    if (!current) {
      yield* writeReportPage(path);
    }
  });

/** Writes figures, such as those of a report, into a folder, as SVG and PNG. */
export const writeFigures = (
  folder: string,
  { figures }: { readonly figures: readonly Pick<ReportFigure, "name" | "figure">[] },
): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    for (const { name, figure } of figures) {
      yield* atomicWrite(`${folder}/${name}.svg`, [new TextEncoder().encode(figure.svg)]);
      yield* atomicWrite(`${folder}/${name}.png`, [figure.png]);
    }
  });
