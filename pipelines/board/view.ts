/** The parts of the page that change while it is looked at. */
import { lastOf as lastStage } from "../ablations/table.ts";
import { type Content, type Html, html, trusted } from "../report/html.ts";
import { duration } from "../terminal/progress.ts";
import { type Chart, chartOf, deviceMemory, quantityOf, throughput } from "./charts.ts";
import { type BoardQuery, chosenBy, drawnBy } from "./query.ts";
import { own } from "../base/fields.ts";
import { mainScores } from "../runs/run_scores.ts";
import type { RunFault } from "./scan.ts";
import { nameOf, progressOf, type RunView, shareDone, type StageProgress } from "./run_view.ts";

/** Most runs that the list shows; a filter finds the others. */
const LISTED = 200;

const moment = (time: string | number): string => new Date(time).toISOString().slice(0, 19).replace("T", " ");

const lastOf = (run: RunView): Content => {
  const records = Object.values(run.series).map(({ records }) => records.at(-1)).filter((r) =>
    r !== undefined
  );
  const last = records.at(-1), loss = last?.loss;
  return typeof loss === "number" ? loss.toPrecision(4) : "";
};

const rateOf = (run: RunView): Content => {
  const rates = Object.values(run.series).flatMap(({ records }) => {
    const rate = records.map(throughput.of).findLast((value) => value !== undefined);
    return rate === undefined ? [] : [rate];
  });
  const last = rates.at(-1);
  return last === undefined ? "" : Number(last.toPrecision(3)).toString();
};

const memoryOf = (run: RunView): Content => {
  const all = Object.values(run.series).flatMap(({ records }) =>
    deviceMemory.of(records.at(-1) ?? { step: 0 }) ?? []
  );
  return all.length === 0 ? "" : Math.round(Math.max(...all)).toLocaleString("en-US");
};

const stageNow = (run: RunView): string => {
  const { stages } = run.manifest;
  const now = stages.findLast((stage) => stage.status === "running") ??
    stages.findLast((stage) => stage.status === "done");
  return run.record?.jobs.find(({ artefact }) => artefact === now?.name)?.label ?? now?.name ?? "";
};

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

// A reason may quote what it found, however long that is.
const shortened = (text: string): string => text.length > 400 ? `${text.slice(0, 399)}…` : text;

/** A part of the page about one run; one that cannot be drawn says so, and hides no other. */
const about = (run: RunView, draw: () => Html, around: (why: Html) => Html): Html => {
  try {
    return draw();
  } catch (cause) {
    return around(
      html`<span class="small bad">${run.id} cannot be shown: ${shortened(String(cause))}</span>`,
    );
  }
};

const runRow = (run: RunView, ticked: boolean, among: readonly RunView[]): Html => {
  const share = shareDone(run, among);
  return html`
    <tr${trusted(ticked ? ' class="ticked"' : "")}>
      <td><input type="checkbox" name="run" value="${run.id}" id="run-${run.id}"${trusted(
        ticked ? " checked" : "",
      )}></td>
      <td><label for="run-${run.id}"><strong>${run
        .label}</strong><br><span class="soft small">${nameOf(run.id) === run.label
        ? run.manifest.name
        : run.id}</span></label></td>
      <td><span class="status ${run.status}">${run.status}</span></td>
      <td><progress max="1" value="${share.toFixed(3)}" title="${Math.floor(
        share * 100,
      )} %"></progress><br><span class="soft small">${stageNow(run)}</span></td>
      <td class="number">${lastOf(run)}</td>
      <td class="number">${mainScores.map((name) => per100(own(run.scores, name))).filter((text) =>
        text !== ""
      )
        .join(" · ")}</td>
      <td class="number">${rateOf(run)}</td>
      <td class="number">${memoryOf(run)}</td>
      <td class="small soft">${run.manifest.device}</td>
      <td class="small soft number">${moment(run.updated).slice(5)}</td>
      </tr>
  `;
};

const per100 = (score: number | undefined): Content => score === undefined ? "" : (100 * score).toFixed(1);

/** The scores of a run's arms, per cent. */
const scoresHtml = ({ arms }: RunView): Content => {
  const names = [...new Set(Object.values(arms).flatMap(Object.keys))].filter((name) =>
    Object.values(arms).every((scores) => Math.abs(scores[name] ?? 0) <= 1)
  );
  return names.length > 0 && html`
    <h3>Scores, %</h3>
    <div class="scroll">
      <table>
        <thead>
          <tr><th>arm</th>${names.map((name) => html`<th class="number">${name}</th>`)}</tr>
        </thead>
        <tbody>${Object.entries(arms).map(([arm, scores]) =>
          html`<tr><td>${arm}</td>${
            names.map((name) => html`<td class="number">${per100(own(scores, name))}</td>`)
          }</tr>`
        )}</tbody>
      </table>
    </div>
  `;
};

/** The list of the runs that a query asks for. */
export const listHtml = (query: BoardQuery, runs: readonly RunView[]): Html => {
  const chosen = chosenBy(query, runs), drawn = new Set(drawnBy(query, runs).map(({ id }) => id));
  if (chosen.length === 0) {
    return html`<p class="soft">${
      runs.length === 0
        ? "There are no runs here yet: start one, and it will appear."
        : `None of ${runs.length} runs is like that.`
    }</p>`;
  }
  const more = chosen.length - LISTED;
  return html`
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th></th>
            <th>run</th>
            <th>status</th>
            <th>progress</th>
            <th class="number">loss</th>
            <th class="number" title="presence F1 · counts · places; of several arms the best">scores, %</th>
            <th class="number">steps/s</th>
            <th class="number">MB on device</th>
            <th>device</th>
            <th class="number">changed (UTC)</th>
          </tr>
        </thead>
        <tbody>${chosen.slice(0, LISTED).map((run) =>
          about(run, () => runRow(run, drawn.has(run.id), runs), (why) =>
            html`
              <tr>
                <td></td>
                <td colspan="8">${why}</td>
              </tr>
            `)
        )}</tbody>
      </table>
    </div>
    ${more > 0 && html`<p class="soft small">and ${more} more: filter to see them</p>`}
  `;
};

const chartHtml = (chart: Chart | undefined): Content =>
  chart !== undefined &&
  html`<figure>${trusted(chart.svg)}${
    chart.leftOut > 0 && html`<figcaption>${chart.leftOut} further curves are left out</figcaption>`
  }</figure>`;

/** The charts of the runs that a query draws. */
export const chartsHtml = (query: BoardQuery, runs: readonly RunView[]): Html => {
  const drawn = drawnBy(query, runs);
  const chart = (name: string, width: number, height: number, smoothing: number): Content => {
    try {
      return chartHtml(chartOf(drawn, runs, quantityOf(name), { width, height, smoothing }));
    } catch (cause) {
      return html`<p class="small bad">${name} cannot be drawn: ${shortened(String(cause))}</p>`;
    }
  };
  const large = chart(query.metric, 1180, 360, 0.8);
  return html`${large === false ? html`<p class="soft">No ${query.metric} was measured yet.</p>` : large}
<div class="pair">${chart("throughput", 580, 240, 0)}${chart("deviceMemory", 580, 240, 0)}</div>`;
};

const stageRow = (run: RunView, { stage, label, step, total }: StageProgress): Html => {
  const status = stage.status === "running" && run.status !== "running" ? "stopped" : stage.status;
  const ended = stage.finished === undefined ? run.updated : Date.parse(stage.finished);
  const seconds = stage.started === undefined ? undefined : (ended - Date.parse(stage.started)) / 1000;
  const share = status === "done" ? 1 : step !== undefined && total !== undefined ? step / total : 0;
  return html`
    <tr>
      <td>${label}</td>
      <td><span class="status ${status}">${status}</span></td>
      <td><progress max="1" value="${Math.min(1, share).toFixed(3)}"></progress></td>
      <td class="number">${step}${total !== undefined && html`<span class="soft"> / ${total}</span>`}</td>
      <td class="number">${seconds !== undefined && duration(seconds)}</td>
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
  const sheets = [...mine, ...made];
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
<div class="scroll"><table><thead><tr><th>stage</th><th>status</th><th></th><th class="number">steps</th>
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
