/** The page that trains in the tab: losses by time, tokens and scores of every arm, and questions to all of them. */
import type { DeviceChoice } from "./messages.ts";
import type { SampleImage } from "./model.ts";
import type { TrainReply, TrainRequest } from "./train_messages.ts";
import { isolated, startWorker, withoutWebGpu } from "./client.ts";
import { byId, element, type PageControl, type PageElement, type PageProgress, secondsText } from "./dom.ts";

interface ArmView {
  readonly name: string;
  tokens: number;
  /** Seconds of computing and loss of every step of this visit. */
  readonly points: (readonly [seconds: number, loss: number])[];
  seconds: number;
  step: number;
  score: string;
  readonly cells: readonly PageElement[];
  readonly answers: PageElement;
}

const startButton = byId<PageControl>("start"), stopButton = byId<PageControl>("stop");
const freshButton = byId<PageControl>("fresh"), device = byId<PageControl>("device");
const status = byId("status"), trouble = byId("trouble"), chart = byId("chart");
const progress = byId<PageProgress>("progress"), question = byId<PageControl>("question");
// apart for all eyes, on light and on dark ground
const colours = ["#2f86d6", "#e07b1a", "#1fa37c"];

let arms: ArmView[] = [], steps = 0, image: Blob | undefined;

const smooth = (points: ArmView["points"]): readonly (readonly [number, number])[] => {
  let mean = points[0]?.[1] ?? 0;
  return points.map(([seconds, loss]) => [seconds, mean = 0.85 * mean + 0.15 * loss]);
};

const WIDTH = 880, HEIGHT = 300, LEFT = 44, BOTTOM = 34, EDGE = 12;

/** The chart as SVG: a line for each arm, the largest loss and the longest time at the axes. Numbers are all that it holds. */
const draw = (): void => {
  const lines = arms.map(({ points }) => smooth(points)), all = lines.flat();
  if (all.length === 0) return;
  const most = Math.ceil(Math.max(...all.map(([, loss]) => loss))),
    longest = Math.max(1, ...all.map(([s]) => s));
  const x = (seconds: number): string => (LEFT + (WIDTH - LEFT - EDGE) * seconds / longest).toFixed(1);
  const y = (loss: number): string => (HEIGHT - BOTTOM - (HEIGHT - BOTTOM - EDGE) * loss / most).toFixed(1);
  const grid = Array.from(
    { length: most + 1 },
    (_, i) =>
      `<line x1="${LEFT}" x2="${WIDTH - EDGE}" y1="${y(i)}" y2="${y(i)}"/>` +
      `<text x="${LEFT - 10}" y="${Number(y(i)) + 5}" text-anchor="end">${i}</text>`,
  );
  const times = [0, 0.5, 1].map((share) =>
    `<text x="${x(share * longest)}" y="${HEIGHT - 8}" text-anchor="${share === 1 ? "end" : "middle"}">${
      (share * longest).toFixed(longest < 10 ? 1 : 0)
    } s</text>`
  );
  const drawn = lines.map((line, i) =>
    `<polyline stroke="${colours[i % colours.length]}" points="${
      line.map(([seconds, loss]) => `${x(seconds)},${y(loss)}`).join(" ")
    }"/>`
  );
  chart.innerHTML = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="losses">${
    [...grid, ...times, ...drawn].join("")
  }</svg>`;
};

const drawRow = ({ tokens, step, seconds, points, score, cells }: ArmView): void => {
  const loss = smooth(points).at(-1)?.[1];
  const texts = [String(tokens), `${step} / ${steps}`, secondsText(seconds), loss?.toFixed(3) ?? "–", score];
  texts.forEach((text, i) => cells[i + 1]!.textContent = text);
};

const started = (names: readonly string[]): void => {
  arms = names.map((name, i) => {
    const cells = Array.from({ length: 6 }, (_, c) => element("td", { class: c === 0 ? "" : "number" }));
    const key = element("span", { class: "key" });
    key.style.background = colours[i % colours.length]!;
    cells[0]!.append(key, name);
    return { name, tokens: 0, points: [], seconds: 0, step: 0, score: "–", cells, answers: element("dd") };
  });
  byId("progressing").hidden = false;
  byId("arms").replaceChildren(...arms.map(({ cells }) => element("tr", {}, ...cells)));
  byId("answers").replaceChildren(
    ...arms.flatMap(({ name, answers }) => [element("dt", { text: name }), answers]),
  );
};

const running = (yes: boolean): void => {
  startButton.disabled = freshButton.disabled = yes;
  stopButton.disabled = !yes;
};

const onReply = (reply: TrainReply): void => {
  switch (reply.kind) {
    case "progress":
      progress.hidden = reply.loaded >= reply.total;
      progress.value = reply.loaded / reply.total;
      break;
    case "started":
      steps = reply.steps;
      status.textContent = `Training on ${reply.device}: ${reply.questions} questions about drawn scenes.`;
      started(reply.arms);
      break;
    case "features":
      status.textContent = `The frozen encoder reads the images: ${reply.done} of ${reply.total}.`;
      break;
    case "arm": {
      const arm = arms[reply.arm]!;
      arm.tokens = reply.tokens;
      arm.step = reply.from;
      drawRow(arm);
      break;
    }
    case "step": {
      const arm = arms[reply.arm]!;
      arm.step = reply.step;
      arm.seconds += reply.seconds;
      arm.points.push([arm.seconds, reply.loss]);
      status.textContent = "Training…";
      drawRow(arm);
      draw();
      break;
    }
    case "score": {
      const arm = arms[reply.arm]!;
      arm.score = `${reply.right} of ${reply.of}`;
      drawRow(arm);
      break;
    }
    case "stopped":
      running(false);
      status.textContent = "Stopped. What was trained is kept in this browser: start again to go on.";
      break;
    case "finished":
      running(false);
      status.textContent = "Trained. Ask all of them:";
      byId("asking").hidden = false;
      break;
    case "answers":
      arms[reply.arm]!.answers.textContent = reply.answer === "" ? "(no words)" : reply.answer;
      break;
    case "failed":
      running(false);
      trouble.hidden = false;
      trouble.textContent = reply.message;
  }
};

const lacks = [await isolated(), withoutWebGpu()].filter((text) => text !== undefined);
byId("lacks").textContent = lacks.join(" ");
const send = startWorker<TrainRequest, TrainReply>("train_worker.js", onReply);

const start = (fresh: boolean): void => {
  trouble.hidden = true;
  byId("asking").hidden = true;
  running(true);
  status.textContent = "Opening the device…";
  send({ kind: "start", device: device.value as DeviceChoice, fresh });
};
startButton.addEventListener("click", () => start(false));
freshButton.addEventListener("click", () => start(true));
stopButton.addEventListener("click", () => {
  status.textContent = "Stopping after this step…";
  send({ kind: "stop" });
});
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (image !== undefined && question.value.trim() !== "") {
    send({ kind: "ask", image, question: question.value });
  }
});

const { samples } = await (await fetch(new URL("../model/model.json", import.meta.url))).json() as {
  readonly samples: readonly SampleImage[];
};
const choose = async ({ file, questions }: SampleImage): Promise<void> => {
  image = await (await fetch(new URL(`../${file}`, import.meta.url))).blob();
  question.value = questions[0] ?? "";
};
byId("samples").replaceChildren(...samples.map((sample) =>
  element(
    "button",
    { class: "sample", attributes: { type: "button" }, onClick: () => void choose(sample) },
    element("img", { attributes: { src: sample.file, alt: sample.title, width: "72", height: "72" } }),
  )
));
if (samples[0] !== undefined) void choose(samples[0]);
