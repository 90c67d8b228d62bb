/**
 * What runs in the browser: parts of the page are replaced as the server sends them, charts are drawn as wide as there is
 * room, the pointer shows values, and dragging across a chart zooms into these steps.
 */

type Panel = import("../../figures/loss_chart.ts").PanelData;

interface Element {
  innerHTML: string;
  textContent: string | null;
  readonly dataset: Record<string, string>;
  readonly style: Record<string, string>;
  readonly clientWidth: number;
  readonly form?: { readonly requestSubmit: () => void } | null;
  readonly closest: (selector: string) => SvgElement | null;
  readonly append: (...children: readonly (Element | string)[]) => void;
  readonly replaceChildren: (...children: readonly (Element | string)[]) => void;
  readonly remove: () => void;
  readonly setAttribute: (name: string, value: string) => void;
}

interface SvgElement extends Element {
  readonly getScreenCTM: () => DOMMatrix;
}

interface PointerEvent {
  readonly target: unknown;
  readonly clientX: number;
  readonly clientY: number;
  readonly pageX: number;
  readonly pageY: number;
}

type PointerEvents = "pointermove" | "pointerdown" | "pointerup" | "pointerleave" | "dblclick";

declare const DOMPoint: new (x: number, y: number) => {
  readonly matrixTransform: (matrix: DOMMatrix) => { readonly x: number; readonly y: number };
};
interface DOMMatrix {
  readonly inverse: () => DOMMatrix;
}
declare const innerWidth: number;
declare const document: {
  readonly getElementById: (id: string) => Element | null;
  readonly createElement: (name: string) => Element;
  readonly createElementNS: (space: string, name: string) => Element;
  readonly addEventListener:
    & ((type: "change", listen: (event: { readonly target: unknown }) => void) => void)
    & ((type: PointerEvents, listen: (event: PointerEvent) => void) => void);
};

const say = (state: "live" | "still"): void => {
  const live = document.getElementById("live");
  if (live === null) return;
  live.dataset.state = state;
  live.textContent = state === "live" ? "live" : "not updating";
};

const charts = document.getElementById("charts")!, values = document.getElementById("values")!;

// The server draws for the room that there is: text keeps its size on a phone.
const here = new URLSearchParams(location.search);
here.set("width", String(Math.floor(charts.clientWidth)));
const source = new EventSource(`/events?${here}`);
source.addEventListener("open", () => say("live"));
source.addEventListener("error", () => say("still"));
source.addEventListener("message", (event) => {
  const { id, html } = JSON.parse(event.data) as { readonly id: string; readonly html: string };
  const element = document.getElementById(id);
  if (element !== null) element.innerHTML = html;
  if (id === "charts") values.replaceChildren();
});

// Ticking a run or choosing a metric shows it at once.
document.addEventListener("change", ({ target }) => (target as Element).form?.requestSubmit());

interface Spot {
  readonly group: SvgElement;
  readonly panel: Panel;
  /** Place in the panel, pixels. */
  readonly x: number;
  /** The step there. */
  readonly step: number;
}

const spotOf = ({ target, clientX, clientY }: PointerEvent): Spot | undefined => {
  const group = (target as Partial<Element>).closest?.("g[data-panel]") ?? undefined;
  if (group === undefined) return undefined;
  const panel = JSON.parse(group.dataset.panel!) as Panel, [left, right] = panel.across;
  const at = new DOMPoint(clientX, clientY).matrixTransform(group.getScreenCTM().inverse());
  const x = Math.min(right, Math.max(left, at.x)), [from, to] = panel.x;
  return { group, panel, x, step: from + (x - left) / (right - left) * (to - from) };
};

const drawn = (name: string, attributes: Readonly<Record<string, string | number>>): Element => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
};

const nearest = (points: Panel["curves"][number]["points"], step: number) =>
  points.reduce<readonly [number, number] | undefined>(
    (best, point) =>
      best === undefined || Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best,
    undefined,
  );

let cursor: Element | undefined, from: Spot | undefined;

const row = (name: string, colour: string, value: string): Element => {
  const line = document.createElement("div"), dot = document.createElement("i");
  const number = document.createElement("b");
  dot.style.background = colour;
  number.textContent = value;
  line.append(dot, name, number);
  return line;
};

const hide = (): void => {
  cursor?.remove();
  values.replaceChildren();
};

document.addEventListener("pointermove", (event) => {
  const spot = spotOf(event);
  hide();
  if (spot === undefined) return;
  const { group, panel, x, step } = spot, [bottom, top] = panel.down;
  const begun = from !== undefined && from.group === group ? from.x : undefined;
  cursor = begun === undefined
    ? drawn("line", { class: "cursor", x1: x, x2: x, y1: top, y2: bottom })
    : drawn("rect", {
      class: "zoom",
      x: Math.min(x, begun),
      y: top,
      width: Math.abs(x - begun),
      height: bottom - top,
    });
  group.append(cursor);
  const found = panel.curves.flatMap(({ name, colour, points }) => {
    const point = nearest(points, step);
    // a curve that ended before the pointer has no value there
    const [from, to] = panel.x, room = 0.02 * (to - from);
    return point === undefined || Math.abs(point[0] - step) > Math.max(room, points.length < 20 ? 0.5 : 0)
      ? []
      : [{ name, colour, point }];
  });
  const near = found.map(({ point }) => point[0]).reduce(
    (a, b) => Math.abs(b - step) < Math.abs(a - step) ? b : a,
    Infinity,
  );
  if (found.length === 0) return;
  const head = document.createElement("div");
  head.textContent = `step ${near.toLocaleString("en-US")}`;
  values.replaceChildren(
    head,
    ...found.map(({ name, colour, point }) => row(name, colour, String(point[1]))),
  );
  const width = values.clientWidth, right = event.clientX + 18 + width > innerWidth;
  values.style.left = `${Math.max(4, right ? event.pageX - width - 18 : event.pageX + 14)}px`;
  values.style.top = `${event.pageY + 14}px`;
});

document.addEventListener("pointerdown", (event) => void (from = spotOf(event)));

const show = (steps: string | undefined): void => {
  const params = new URLSearchParams(location.search);
  if (steps === undefined) params.delete("steps");
  else params.set("steps", steps);
  location.search = `?${params}`;
};

document.addEventListener("pointerup", (event) => {
  const begun = from, end = spotOf(event);
  from = undefined;
  if (begun === undefined || end === undefined || begun.group !== end.group) return;
  if (Math.abs(end.x - begun.x) < 8) return;
  const [a, b] = [begun.step, end.step].toSorted((a, b) => a - b);
  show(`${Number(a!.toPrecision(6))}-${Number(b!.toPrecision(6))}`);
});

document.addEventListener("dblclick", (event) => void (spotOf(event) !== undefined && show(undefined)));
