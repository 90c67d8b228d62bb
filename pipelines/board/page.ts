/** The page of the board. Its address says what it shows; without scripts it is the same page, standing still. */
import { type Html, html, textOfHtml, trusted } from "../report/html.ts";
import { style } from "../report/style.ts";
import { runStatuses } from "../runs/status.ts";
import { metricsOf } from "./charts.ts";
import { type BoardQuery, drawnBy } from "./query.ts";
import type { RunView } from "./run_view.ts";
import type { Scan } from "./scan.ts";
import { listHtml } from "./list.ts";
import { chartsHtml, detailsHtml, faultsHtml } from "./view.ts";

/** The style sheet of the board. */
export const boardStyle: string = `${style}
header { display: flex; gap: 18px; align-items: baseline; flex-wrap: wrap; }
#live { font-size: 13px; color: var(--soft); } #live::before { content: "● "; color: var(--bad); }
#live[data-state="live"]::before { color: var(--good); }
.filter { display: flex; gap: 10px; align-items: center; margin: 14px 0 10px; flex-wrap: wrap; }
input[type="search"] { flex: 1 1 320px; min-width: 0; max-width: 460px; }
input[type="range"] { width: 110px; vertical-align: middle; accent-color: var(--mark); }
input[type="search"], select, button { font: inherit; padding: 5px 10px; border: 1px solid var(--line);
  border-radius: 7px; background: var(--card); color: var(--ink); }
button { cursor: pointer; }
tr.ticked { background: var(--wash); } label { cursor: pointer; } tbody td:first-child { padding-left: 8px; }
#runs .scroll { max-height: 340px; overflow-y: auto; border: 1px solid var(--line); border-radius: 10px; padding: 0 10px;
  background: var(--card); }
#runs thead th { position: sticky; top: 0; background: var(--card); }
.status { font-size: 12px; border-radius: 20px; padding: 2px 9px; background: var(--wash); color: var(--soft);
  white-space: nowrap; }
.status.running { color: var(--mark); } .status.finished, .status.done { color: var(--good); }
.status.failed { color: var(--bad); } .bad { color: var(--bad); }
progress { width: 120px; height: 8px; accent-color: var(--mark); vertical-align: middle; }
#charts { margin-top: 18px; }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(520px, 100%), 1fr)); gap: 16px; }
.sheets { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(520px, 100%), 1fr)); gap: 16px; }
#runs th a { color: inherit; text-decoration: none; } #runs th a:hover { text-decoration: underline; }
.arms { display: flex; gap: 4px 16px; flex-wrap: wrap; margin: 0 0 8px; }
#charts g[data-panel] { cursor: crosshair; } #charts svg { touch-action: pan-y; }
#charts .cursor { stroke: var(--soft); stroke-width: 1; pointer-events: none; }
#charts .zoom { fill: var(--mark); fill-opacity: 0.15; pointer-events: none; }
#values { position: absolute; z-index: 2; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 6px 10px; font-size: 12.5px; pointer-events: none; font-variant-numeric: tabular-nums; max-width: 90vw; }
#values div { display: flex; gap: 8px; align-items: center; } #values i { width: 10px; height: 10px; border-radius: 5px; }
#values b { margin-left: auto; padding-left: 12px; } #values:empty { display: none; }
.pair figure { margin: 0; } h1, h2, p { overflow-wrap: anywhere; } td.name { min-width: 104px; }
@media (max-width: 760px) { .wide { display: none; } main { padding: 18px 12px 40px; }
  #runs .scroll { max-height: 50vh; } progress { width: 72px; } #runs { font-size: 13px; }
  #runs td.progress .small { display: none; } td:first-child { white-space: normal; } #details td { padding-right: 8px; } .sheets figure { padding: 2px; } }
section.run { border-top: 1px solid var(--line); margin-top: 26px; } h3 { font-size: 15px; margin: 18px 0 8px; }
`;

const option = (value: string, chosen: string, label = value): Html =>
  html`
    <option value="${value}" ${trusted(value === chosen ? " selected" : "")}>${label}</option>
  `;

const hidden = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${value}">`;

const ticked = (on: boolean): Html => trusted(on ? " checked" : "");

/** Parts of the page that change, by the id of their element; each is made when it is asked for. */
export const partsOf = (
  query: BoardQuery,
  { runs, faults }: Scan,
): Readonly<Record<"runs" | "charts" | "details", () => Html>> => ({
  runs: () => html`${listHtml(query, runs)}${faultsHtml(faults)}`,
  charts: () => chartsHtml(query, runs),
  details: () => detailsHtml(query, runs),
});

const configHtml = (run: RunView): Html =>
  html`
    <details>
      <summary>${run.label} <span class="soft small">${run.id}</span></summary>
      <pre>${JSON.stringify(run.manifest.config, null, 2)}</pre>
    </details>
  `;

/** The whole page. */
export const boardPage = (folder: string, query: BoardQuery, scan: Scan): string => {
  const { runs } = scan, parts = partsOf(query, scan), drawn = drawnBy(query, runs);
  const metrics = [...new Set([query.metric, ...metricsOf(drawn)])];
  return `<!doctype html>\n${
    textOfHtml(html`
      <html lang="en">
        <head>
          <meta charset="utf-8">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <title>Runs in ${folder}</title>
          <link rel="stylesheet" href="/board.css">
          <link rel="icon" href="data:,">
          <script type="module" src="/live.js"></script>
        </head>
        <body>
          <main>
            <header><h1>Runs</h1><span class="soft small">${folder}</span>
      <span id="live" data-state="still" role="status">still</span></header>
            <form method="get" action="/" id="query">
              <div class="filter"><input type="search" name="q" value="${query.words}" aria-label="Filter"
      placeholder="name, device, seed=1, scores.presenceF1>0.7"><select name="status" aria-label="Status">${[
        "all",
        ...runStatuses,
      ].map((status) => option(status, query.status))}</select><label>metric <select name="metric">${metrics
        .map((metric) =>
          option(metric, query.metric)
        )}</select></label><label>smoothing <input type="range" name="smoothing" min="0" max="0.98" step="0.02" value="${String(
          query.smoothing,
        )}"></label><label><input type="checkbox" name="log" value="1"${ticked(
          query.log,
        )}> log scale</label><label><input type="checkbox" name="all" value="1"${ticked(
          query.all,
        )}> artefacts</label>${query.sort !== "" && hidden("sort", query.sort)}${query.steps !== undefined &&
        hidden("steps", query.steps.join("-"))}<button>show</button></div>
              <div id="runs">${parts.runs()}</div>
            </form>
            <div id="charts">${parts.charts()}</div>
            <div id="values"></div>
            <div id="details">${parts.details()}</div>
            <section class="run"><h2>Configuration</h2>${drawn.map(configHtml)}</section>
          </main>
        </body>
      </html>
    `)
  }\n`;
};
