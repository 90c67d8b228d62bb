/** The page of a report on disk. */
import * as Effect from "effect/Effect";
import { atomicWrite, type DiskError, ifThere, onDisk } from "../base/disk.ts";
import type { ReportDocument, ReportFigure } from "./document.ts";
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
