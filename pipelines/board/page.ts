/** The page of the board. Its address says what it shows; without scripts it is the same page, standing still. */
import { type Html, html, textOfHtml, trusted } from "../report/html.ts";
import { style } from "../report/style.ts";
import { runStatuses } from "../runs/status.ts";
import { metricsOf } from "./charts.ts";
import { type BoardQuery, drawnBy } from "./query.ts";
import type { RunView } from "./run_view.ts";
import type { Scan } from "./scan.ts";
import { chartsHtml, detailsHtml, faultsHtml, listHtml } from "./view.ts";

/** The style sheet of the board. */
export const boardStyle: string = `${style}
header { display: flex; gap: 18px; align-items: baseline; flex-wrap: wrap; }
#live { font-size: 13px; color: var(--soft); } #live::before { content: "● "; color: var(--bad); }
#live[data-state="live"]::before { color: var(--good); }
.filter { display: flex; gap: 10px; align-items: center; margin: 14px 0 10px; flex-wrap: wrap; }
input[type="search"] { min-width: 420px; }
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
section.run { border-top: 1px solid var(--line); margin-top: 26px; } h3 { font-size: 15px; margin: 18px 0 8px; }
`;

const option = (value: string, chosen: string, label = value): Html =>
  html`
    <option value="${value}" ${trusted(value === chosen ? " selected" : "")}>${label}</option>
  `;

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
            <form method="get" action="/">
              <div class="filter"><input type="search" name="q" value="${query.words}" aria-label="Filter"
      placeholder="name, device, seed=1, scores.presenceF1>0.7"><select name="status" aria-label="Status">${[
        "all",
        ...runStatuses,
      ].map((status) => option(status, query.status))}</select><label>metric <select name="metric">${metrics
        .map((metric) =>
          option(metric, query.metric)
        )}</select></label><label><input type="checkbox" name="all" value="1"${trusted(
          query.all ? " checked" : "",
        )}> artefacts</label><button>show</button></div>
              <div id="runs">${parts.runs()}</div>
            </form>
            <div id="charts">${parts.charts()}</div>
            <div id="details">${parts.details()}</div>
            <section class="run"><h2>Configuration</h2>${drawn.map(configHtml)}</section>
          </main>
        </body>
      </html>
    `)
  }\n`;
};
