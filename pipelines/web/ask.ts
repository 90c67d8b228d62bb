/** The page that asks a model about an image. */
import type { DeviceChoice, OpenedModel, PageRequest, ScaleMap, WorkerReply } from "./messages.ts";
import type { SampleImage } from "./model.ts";
import { isolated, startWorker, withoutWebGpu } from "./client.ts";
import { byId, element, megabytes, page, type PageControl, type PageProgress, secondsText } from "./dom.ts";
import { mapFigure } from "./maps.ts";

const form = byId<PageControl>("ask"), question = byId<PageControl>("question");
const status = byId("status"), answer = byId("answer"), facts = byId("facts"), panels = byId("maps");
const picker = byId("tokens"), preview = byId<PageControl>("preview"), drop = byId("drop");
const button = byId<PageControl>("submit"), grid = byId<PageControl>("layout");
const device = byId<PageControl>("device"), progress = byId<PageProgress>("progress");
const trouble = byId("trouble"), results = byId("results");

let image: Blob | undefined, ready = false, asked = 0, busy = false;
let maps: readonly (readonly ScaleMap[])[] = [], chosen = 0;

const say = (text: string): void => void (status.textContent = text);
const complain = (text: string | undefined): void => {
  trouble.hidden = text === undefined;
  trouble.textContent = text ?? "";
};

const update = (): void => {
  button.disabled = !ready || busy || image === undefined || question.value.trim() === "";
  button.textContent = busy ? "Answering…" : "Ask";
};

const drawMaps = (): void => {
  panels.replaceChildren(...(maps[chosen] ?? []).map((map) => mapFigure(preview, map, grid.checked)));
  for (const [i, one] of [...picker.children].entries()) {
    one.setAttribute("aria-pressed", String(i === chosen));
  }
};

const clear = (): void => {
  maps = [];
  picker.replaceChildren();
  panels.replaceChildren();
  answer.textContent = "";
  facts.textContent = "";
  results.hidden = true;
  byId("attention").hidden = true;
};

const suggest = (questions: readonly string[]): void =>
  byId("suggestions").replaceChildren(...questions.map((text) =>
    element("button", {
      text,
      class: "chip",
      attributes: { type: "button" },
      onClick: () => {
        question.value = text;
        update();
        if (!button.disabled) form.requestSubmit();
      },
    })
  ));

const show = (blob: Blob, title: string): void => {
  URL.revokeObjectURL(preview.src);
  image = blob;
  preview.src = URL.createObjectURL(blob);
  preview.alt = title;
  drop.dataset.filled = "yes";
  preview.hidden = false;
  clear();
  update();
};

const showSample = async ({ file, title, questions }: SampleImage): Promise<void> => {
  const response = await fetch(new URL(`../${file}`, import.meta.url));
  show(await response.blob(), title);
  suggest(questions);
  question.value = questions[0] ?? "";
  update();
};

const offer = ({ samples }: OpenedModel): void => {
  byId("samples").replaceChildren(...samples.map((sample) =>
    element(
      "button",
      { class: "sample", attributes: { type: "button" }, onClick: () => void showSample(sample) },
      element("img", { attributes: { src: sample.file, alt: sample.title, width: "72", height: "72" } }),
    )
  ));
  if (image === undefined && samples[0] !== undefined) void showSample(samples[0]);
};

const onReply = (reply: WorkerReply): void => {
  switch (reply.kind) {
    case "progress":
      progress.hidden = reply.loaded >= reply.total;
      progress.value = reply.loaded / reply.total;
      say(`Loading the model: ${megabytes(reply.loaded)} of ${megabytes(reply.total)}`);
      break;
    case "opened": {
      const { name, parameters, visualTokens, resolution } = reply.model;
      progress.hidden = true;
      ready = true;
      say(`Ready on ${reply.device}.`);
      byId("model").textContent = `${name}: ${(parameters / 1e6).toFixed(1)} million parameters, ` +
        `${visualTokens} visual tokens for an image of ${resolution} × ${resolution} pixels`;
      offer(reply.model);
      break;
    }
    case "words":
      if (reply.id === asked) answer.textContent = reply.text;
      break;
    case "answered":
      if (reply.id !== asked) return;
      answer.textContent = reply.answer === "" ? "(no words)" : reply.answer;
      facts.textContent = `answered in ${secondsText(reply.seconds)}` +
        (reply.unknown.length > 0 ? ` · not in the model's vocabulary: ${reply.unknown.join(", ")}` : "");
      break;
    case "maps":
      if (reply.id !== asked) return;
      busy = false;
      maps = reply.maps;
      chosen = 0;
      facts.textContent += ` · attention maps in ${secondsText(reply.seconds)}`;
      picker.replaceChildren(...reply.tokens.map((text, i) =>
        element("button", {
          text,
          class: "token",
          attributes: { type: "button" },
          onClick: () => {
            chosen = i;
            drawMaps();
          },
        })
      ));
      drawMaps();
      byId("attention").hidden = maps.length === 0;
      break;
    case "failed":
      busy = false;
      progress.hidden = true;
      complain(reply.message);
      if (!ready) say("The model is not ready.");
  }
  update();
};

const openImage = (file: Blob | undefined | null): void => {
  if (!file) return;
  complain(undefined);
  if (!file.type.startsWith("image/")) return complain("This file is not an image.");
  show(file, "Your image");
};

const openDevice = (): void => {
  ready = busy = false;
  complain(undefined);
  say("Opening the device…");
  update();
  send({ kind: "open", device: device.value as DeviceChoice, model: true });
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (button.disabled || image === undefined) return;
  complain(undefined);
  clear();
  results.hidden = false;
  busy = true;
  answer.textContent = "…";
  update();
  send({ kind: "ask", id: ++asked, image, question: question.value });
});
question.addEventListener("input", update);
grid.addEventListener("change", drawMaps);
device.addEventListener("change", openDevice);
for (const id of ["file", "camera"]) {
  const input = byId<PageControl>(id);
  input.addEventListener("change", () => openImage(input.files?.[0]));
}
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.dataset.over = String(name === "dragover");
    if (name === "drop") openImage(event.dataTransfer?.files[0]);
  });
}
page.addEventListener("paste", (event) => {
  const item = [...event.clipboardData?.items ?? []].find(({ type }) => type.startsWith("image/"));
  openImage(item?.getAsFile());
});

const lacks = [await isolated(), withoutWebGpu()].filter((text) => text !== undefined);
byId("lacks").textContent = lacks.join(" ");
const send = startWorker<PageRequest, WorkerReply>("worker.js", onReply);
openDevice();
