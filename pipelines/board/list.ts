/** The list of runs, which columns sort. */
import { type Content, type Html, html, trusted } from "../report/html.ts";
import { own } from "../base/fields.ts";
import { mainScores } from "../runs/run_scores.ts";
import { duration } from "../terminal/progress.ts";
import { deviceMemory, type Quantity, quantityOf, throughput } from "./charts.ts";
import { about, moment, per100 } from "./parts.ts";
import { type BoardQuery, chosenBy, drawnBy, searchOf } from "./query.ts";
import type { Series } from "../runs/tail.ts";
import { nameOf, progressOf, type RunView, secondsLeft, shareDone } from "./run_view.ts";

/** Most runs that the list shows; a filter finds the others. */
const LISTED = 200;

interface Column {
  /** Its name in addresses. */
  readonly name: string;
  /** Its heading. */
  readonly title: string;
  /** What the heading says under the pointer. */
  readonly hint?: string;
  /** Classes of its cells. */
  readonly kind: string;
  /** What it is sorted by; nothing comes last. */
  readonly key: (run: RunView, among: readonly RunView[]) => string | number | undefined;
  /** Contents of its cell. */
  readonly cell: (run: RunView, among: readonly RunView[]) => Content;
}

// of an ablation, those of its trainings
const seriesOf = (run: RunView, among: readonly RunView[]): readonly Series[] => [
  ...Object.values(run.series),
  ...progressOf(run, among).flatMap(({ series }) => series ?? []),
];

/** The last value of a quantity in the trainings of a run, the latest training first. */
const lastOf = (quantity: Quantity) => (run: RunView, among: readonly RunView[]): number | undefined =>
  seriesOf(run, among).map(({ records }) => records.map(quantity.of).findLast((v) => v !== undefined))
    .findLast((v) => v !== undefined);

const loss = lastOf(quantityOf("loss")), speed = lastOf(throughput), memory = lastOf(deviceMemory);

const mainScore = ({ scores }: RunView): number | undefined =>
  mainScores.map((name) => own(scores, name)).find((score) => score !== undefined);

const stageNow = (run: RunView): string => {
  const { stages } = run.manifest;
  const now = stages.findLast((stage) => stage.status === "running") ??
    stages.findLast((stage) => stage.status === "done");
  return run.record?.jobs.find(({ artefact }) => artefact === now?.name)?.label ?? now?.name ?? "";
};

const progressCell = (run: RunView, among: readonly RunView[]): Html => {
  const { status } = run, share = shareDone(run, among);
  const left = status === "running"
    ? progressOf(run, among).map(secondsLeft).find((seconds) => seconds !== undefined)
    : undefined;
  return html`<span class="status ${status}">${status}</span>${
    status !== "finished" && html`
      <progress max="1" value="${share.toFixed(3)}" title="${Math.floor(share * 100)} %"></progress><br><span
        class="soft small">${stageNow(run)}${left !== undefined && html`
          · ${duration(left)} left
        `}</span>
    `
  }`;
};

/** A number as text; empty where a run has none. */
const cellOf =
  (number: ReturnType<typeof lastOf>, text: (value: number) => string) =>
  (run: RunView, among: readonly RunView[]): string => {
    const value = number(run, among);
    return value === undefined ? "" : text(value);
  };

const columns: readonly Column[] = [
  {
    name: "run",
    title: "run",
    kind: "name",
    key: ({ label }) => label,
    cell: (run) =>
      html`
        <label
          for="run-${run.id}"><strong>${run
            .label}</strong><br><span class="soft small">${nameOf(run.id) === run.label
            ? run.manifest.name
            : run.id}</span></label>
      `,
  },
  { name: "progress", title: "progress", kind: "progress", key: shareDone, cell: progressCell },
  {
    name: "loss",
    title: "loss",
    kind: "number",
    key: loss,
    cell: (run, among) => loss(run, among)?.toPrecision(4),
  },
  {
    name: "scores",
    title: "scores, %",
    hint: "presence F1 · counts · places; the best arm of several",
    kind: "number",
    key: mainScore,
    cell: ({ scores }) =>
      mainScores.map((name) => own(scores, name)).filter((score) => score !== undefined).map(per100)
        .join(" · "),
  },
  {
    name: "speed",
    title: "steps/s",
    kind: "number wide",
    key: speed,
    cell: cellOf(speed, (value) => String(Number(value.toPrecision(3)))),
  },
  {
    name: "memory",
    title: "MB on device",
    kind: "number wide",
    key: memory,
    cell: cellOf(memory, (value) => Math.round(value).toLocaleString("en-US")),
  },
  {
    name: "device",
    title: "device",
    kind: "small soft wide",
    key: ({ manifest }) => manifest.device,
    cell: ({ manifest }) => manifest.device,
  },
  {
    name: "changed",
    title: "changed (UTC)",
    kind: "small soft number wide",
    key: ({ updated }) => updated,
    cell: ({ updated }) => moment(updated).slice(5),
  },
];

/** Runs in the order of a column; without one as they are. */
export const sortedBy = (
  sort: string,
  runs: readonly RunView[],
  among: readonly RunView[],
): readonly RunView[] => {
  const falling = sort.startsWith("-"), name = falling ? sort.slice(1) : sort;
  const column = columns.find((column) => column.name === name);
  if (column === undefined) return runs;
  const keyed = runs.map((run) => ({ run, key: column.key(run, among) }));
  return keyed.toSorted(({ key: a }, { key: b }) => {
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1;
    return falling ? -order : order;
  }).map(({ run }) => run);
};

// names rise on the first click, numbers fall: the largest is what one looks for
const headingHtml = ({ name, title, hint, kind }: Column, query: BoardQuery): Html => {
  const first = kind.includes("number") || name === "progress" ? `-${name}` : name;
  const second = first === name ? `-${name}` : name;
  const sort = query.sort === first ? second : query.sort === second ? "" : first;
  const now = query.sort === name ? "ascending" : query.sort === `-${name}` ? "descending" : "none";
  return html`
    <th class="${kind}" aria-sort="${now}" ${trusted(hint === undefined ? "" : ` title="${hint}"`)}>
    <a href="${searchOf({ ...query, sort })}">${title}${now === "none"
      ? ""
      : now === "ascending"
      ? " ▲"
      : " ▼"}</a></th>
  `;
};

const rowHtml = (run: RunView, ticked: boolean, among: readonly RunView[]): Html =>
  html`
    <tr${trusted(ticked ? ' class="ticked"' : "")}>
      <td><input type="checkbox" name="run" value="${run.id}" id="run-${run.id}"${trusted(
        ticked ? " checked" : "",
      )}></td>
      ${columns.map(({ kind, cell }) => html`<td class="${kind}">${cell(run, among)}</td>`)}
    </tr>
  `;

/** The list of the runs that a query asks for. */
export const listHtml = (query: BoardQuery, runs: readonly RunView[]): Html => {
  const chosen = chosenBy(query, runs), drawn = new Set(drawnBy(query, runs).map(({ id }) => id));
  if (chosen.length === 0) {
    const users = chosenBy({ ...query, words: "", status: "all" }, runs).length;
    return html`<p class="soft">${
      users === 0
        ? "There are no runs here yet: start one, and it will appear."
        : `No run matches (${users} in all).`
    }</p>`;
  }
  const more = chosen.length - LISTED;
  return html`
    <div class="scroll">
      <table>
        <thead>
          <tr><th></th>${columns.map((column) => headingHtml(column, query))}</tr>
        </thead>
        <tbody>${sortedBy(query.sort, chosen, runs).slice(0, LISTED).map((run) =>
          about(run, () => rowHtml(run, drawn.has(run.id), runs), (why) =>
            html`
              <tr>
                <td></td>
                <td colspan="${columns.length}">${why}</td>
              </tr>
            `)
        )}</tbody>
      </table>
    </div>
    ${more > 0 && html`<p class="soft small">and ${more} more: filter to see them</p>`}
  `;
};
