/** Charts, stages, scores and answers of the runs that are looked at. */
import { lastOf as lastStage } from "../ablations/table.ts";
import { own } from "../base/fields.ts";
import { type Content, type Html, html, trusted } from "../report/html.ts";
import { duration } from "../terminal/progress.ts";
import { type Chart, chartOf, curvesOf, deviceMemory, quantityOf, throughput, varies } from "./charts.ts";
import { about, moment, per100, shortened } from "./parts.ts";
import { type BoardQuery, drawnBy, searchOf } from "./query.ts";
import { nameOf, progressOf, type RunView, secondsLeft, type StageProgress } from "./run_view.ts";
import type { RunFault } from "./scan.ts";

/** Folders that cannot be read and are listed; the others are counted. */
const FAULTS = 20;

/** Folders that look like runs' and cannot be read, and why. */
export const faultsHtml = (faults: readonly RunFault[]): Content =>
  faults.length > 0 && html`
    <ul class="small bad">${faults.slice(0, FAULTS).map(({ id, reason }) =>
      html`<li><code>${shortened(id)}</code>: ${shortened(reason)}</li>`
    )}</ul>
    ${faults.length > FAULTS &&
      html`<p class="soft small">and ${faults.length - FAULTS} more that cannot be read</p>`}
  `;

const rangeHtml = (interval: RunView["intervals"][string][string] | undefined): Content =>
  interval !== undefined && html`
    <span class="range">[${per100(interval.low)}, ${per100(interval.high)}]</span>
  `;

/** The scores of a run's arms with their intervals, per cent; the best of each is bold. */
const scoresHtml = ({ arms, intervals }: RunView): Content => {
  const all = Object.values(arms);
  const names = [...new Set(all.flatMap(Object.keys))].filter((name) =>
    all.every((scores) => Math.abs(scores[name] ?? 0) <= 1)
  );
  const cell = (arm: string, scores: RunView["scores"], name: string): Html => {
    const score = own(scores, name), others = all.map((of) => own(of, name) ?? -Infinity);
    const best = score !== undefined && score === Math.max(...others) && score > Math.min(...others);
    return html`<td class="number">${best ? html`<strong>${per100(score)}</strong>` : per100(score)}${
      rangeHtml(own(own(intervals, arm) ?? {}, name))
    }</td>`;
  };
  return names.length > 0 && html`
    <h3>Scores, %</h3>
    <div class="scroll">
      <table>
        <thead>
          <tr><th>arm</th>${names.map((name) => html`<th class="number">${name}</th>`)}</tr>
        </thead>
        <tbody>${Object.entries(arms).map(([arm, scores]) =>
          html`<tr><td>${arm}</td>${names.map((name) => cell(arm, scores, name))}</tr>`
        )}</tbody>
      </table>
    </div>
  `;
};

const chartHtml = (chart: Chart): Html =>
  html`<figure>${trusted(chart.svg)}${
    chart.leftOut > 0 &&
    html`<figcaption>${chart.leftOut} further curves are left out: tick those to compare</figcaption>`
  }</figure>`;

// ticked arms belong to the form above
const armsHtml = (arms: readonly string[], query: BoardQuery): Content =>
  arms.length > 1 && html`
    <p class="arms small">${arms.map((arm) =>
      html`<label><input type="checkbox" name="arm" form="query" value="${arm}"${
        trusted(query.arms.includes(arm) ? " checked" : "")
      }> ${arm}</label>`
    )}</p>
  `;

/** The charts of the runs that a query draws. */
export const chartsHtml = (query: BoardQuery, runs: readonly RunView[]): Html => {
  const drawn = drawnBy(query, runs), { arms, steps, width, log, smoothing } = query;
  const half = width < 760 ? width : Math.floor((width - 16) / 2);
  const curves = (name: string) => curvesOf(drawn, runs, quantityOf(name));
  const draw = (name: string, make: () => Content): Content => {
    try {
      return make();
    } catch (cause) {
      return html`<p class="small bad">${name} cannot be drawn: ${shortened(String(cause))}</p>`;
    }
  };
  const chart = (
    name: string,
    look: { readonly height: number; readonly smoothing: number; readonly log?: boolean },
  ) => {
    const found = curves(name);
    return chartOf(quantityOf(name), found, {
      arms,
      steps,
      width: (look.height > 300 ? width : half) - 48,
      ...look,
    });
  };
  const large = draw(query.metric, () => {
    const drawn = chart(query.metric, { height: 360, smoothing, log });
    return drawn === undefined
      ? html`<p class="soft">This run has no curve of ${query.metric}.</p>`
      : html`${armsHtml(drawn.arms, query)}${chartHtml(drawn)}`;
  });
  const small = [throughput.name, deviceMemory.name].map((name) =>
    draw(name, () => {
      const drawn = varies(curves(name)) ? chart(name, { height: 240, smoothing: 0 }) : undefined;
      return drawn !== undefined && chartHtml(drawn);
    })
  );
  return html`${
    steps !== undefined && html`
      <p class="small">steps ${steps.map((n) => Math.round(n).toLocaleString("en-US")).join(
        " to ",
      )}: <a id="whole" href="${searchOf(wholeRange(query))}">show all</a></p>
    `
  }${large}<div class="pair">${small}</div>`;
};

const wholeRange = ({ steps: _, ...query }: BoardQuery): BoardQuery => query;

const stageRow = (run: RunView, progress: StageProgress): Html => {
  const { stage, label, step, total } = progress;
  const left = run.status === "running" ? secondsLeft(progress) : undefined;
  const status = stage.status === "running" && run.status !== "running" ? "stopped" : stage.status;
  const ended = stage.finished === undefined ? run.updated : Date.parse(stage.finished);
  const seconds = stage.started === undefined ? undefined : (ended - Date.parse(stage.started)) / 1000;
  const share = status === "done" ? 1 : step !== undefined && total !== undefined ? step / total : 0;
  return html`
    <tr>
      <td>${label}</td>
      <td><span class="status ${status}">${status}</span></td>
      <td class="wide"><progress max="1" value="${Math.min(1, share).toFixed(3)}"></progress></td>
      <td class="number">${step}${total !== undefined && html`<span class="soft"> / ${total}</span>`}</td>
      <td class="number">${seconds !== undefined && duration(seconds)}${left !== undefined && html`
        <span class="soft">· ${duration(left)} left</span>
      `}</td>
      <td class="small bad">${stage.error}</td>
    </tr>
  `;
};

/** Stages that a list shows: those of an ablation are many, and those that are going on come first. */
const STAGES = 24;

const stagesOf = (run: RunView, among: readonly RunView[]): readonly StageProgress[] => {
  const all = progressOf(run, among),
    rank = ({ stage }: StageProgress): number =>
      ["running", "failed", "pending", "done"].indexOf(stage.status);
  return all.length <= STAGES ? all : all.toSorted((a, b) => rank(a) - rank(b)).slice(0, STAGES);
};

const address = (id: string, file: string): string =>
  `/files/${[...id.split("/"), ...file.split("/")].map(encodeURIComponent).join("/")}`;

const sheetsHtml = (run: RunView, all: readonly RunView[]): Content => {
  const evaluations = new Map(
    run.record?.runs.map(({ arm, seed, artefacts }) =>
      [lastStage(artefacts), `${arm}, seed ${seed}`] as const
    ),
  );
  const mine = run.sheets.map(([name, time]) => ({
    id: run.id,
    name,
    time,
    title: name.replace(/\.png$/, ""),
  }));
  const made = all.flatMap((other) => {
    const title = evaluations.get(nameOf(other.id));
    return title === undefined
      ? []
      : other.sheets.map(([name, time]) => ({ id: other.id, name, time, title }));
  });
  const sheets = mine.length > 0 ? mine : made;
  return sheets.length > 0 && html`
    <h3>Sample answers</h3>
    <div class="sheets">${sheets.map(({ id, name, time, title }) =>
      html`<figure><img loading="lazy" src="${address(id, `samples/${name}`)}?v=${time}"
alt="${`Images with questions and answers of ${title}`}"><figcaption>${title}</figcaption></figure>`
    )}</div>
  `;
};

const detailHtml = (run: RunView, runs: readonly RunView[]): Html => {
  const stages = stagesOf(run, runs), more = run.manifest.stages.length - stages.length;
  return html`<section class="run"><h2>${run.label}</h2>
<p class="soft small">${run.manifest.name} in ${run.id}, begun ${
    moment(run.manifest.started)
  } UTC, config <code>${run.manifest.configHash.slice(0, 16)}</code>, data <code>${
    run.manifest.dataHash.slice(0, 16)
  }</code>, code ${run.manifest.codeVersion}${
    run.manifest.commit !== undefined && html`
      at <code>${run.manifest.commit.slice(0, 12)}</code>
    `
  }</p>
<div class="scroll"><table><thead><tr><th>stage</th><th>status</th><th class="wide"></th><th class="number">steps</th>
<th class="number">time</th><th></th></tr></thead><tbody>${
    stages.map((s) => stageRow(run, s))
  }</tbody></table></div>
${more > 0 && html`<p class="soft small">and ${more} more stages</p>`}
${scoresHtml(run)}
${sheetsHtml(run, runs)}</section>`;
};

/** Stages and answers of the runs that a query draws. */
export const detailsHtml = (query: BoardQuery, runs: readonly RunView[]): Html =>
  html`${
    drawnBy(query, runs).map((run) =>
      about(run, () => detailHtml(run, runs), (why) => html`<section class="run">${why}</section>`)
    )
  }`;
