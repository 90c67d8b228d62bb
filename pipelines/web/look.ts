/** The page that shows how a description becomes kernels. */
import { examples } from "./examples.ts";
import type {
  ContestReply,
  ContestRequest,
  DeviceChoice,
  Inspection,
  PageRequest,
  WorkerReply,
} from "./messages.ts";
import { isolated, startWorker, withoutWebGpu } from "./client.ts";
import { byId, element, type PageControl, type PageElement } from "./dom.ts";

const chosen = byId<PageControl>("example"), device = byId<PageControl>("device");
const status = byId("status"), trouble = byId("trouble"), source = byId("source"), result = byId("result");
const code = byId("code"), kernels = byId("kernels"), memory = byId("memory");

const compare = byId<PageControl>("compare"),
  line = byId<PageControl>("line"),
  copy = byId<PageControl>("copy");

let asked = 0, ready = false, onGpu = false;

const count = (n: number, unit: string): string => `${n.toLocaleString("en")} ${unit}${n === 1 ? "" : "s"}`;

const row = (cells: readonly string[], numbers: readonly number[]): PageElement =>
  element(
    "tr",
    {},
    ...cells.map((text, i) => element("td", { text, class: numbers.includes(i) ? "number" : "" })),
  );

const drawMemory = (buffers: Inspection["buffers"]): void => {
  const total = buffers.reduce((n, { bytes }) => n + bytes, 0);
  memory.replaceChildren(...buffers.map(({ role, bytes }) => {
    const bar = element("span", { class: "bar" });
    bar.style.width = `${Math.max(1, 100 * bytes / total)}%`;
    return element(
      "li",
      {},
      element("span", { text: role }),
      bar,
      element("span", { class: "number", text: `${(bytes / 1024).toFixed(1)} KiB` }),
    );
  }));
};

const draw = (
  { nodes, kernels: all, buffers, text, value, gradientNorm, device: name }: Inspection,
): void => {
  result.hidden = false;
  byId("summary").textContent = `${count(nodes.forward, "node")} describe the loss, ${
    count(nodes.gradient, "node")
  } the loss with its gradient; ${count(all.length, "kernel")} compute both. Loss ${
    value.toPrecision(7)
  }, norm of the gradient ${gradientNorm.toPrecision(7)}, on ${name}.`;
  kernels.replaceChildren(...all.map((kernel, i) => {
    const pick = element("button", {
      text: kernel.label,
      class: "link",
      attributes: { type: "button", "aria-pressed": "false" },
      onClick: () => {
        code.textContent = kernel.code;
        for (const other of kernels.querySelectorAll("button")) {
          other.setAttribute("aria-pressed", String(other === pick));
        }
      },
    });
    if (i === 0) queueMicrotask(() => pick.click());
    const time = kernel.milliseconds === undefined ? "–" : `${(1000 * kernel.milliseconds).toFixed(1)} µs`;
    const made = row(["", kernel.flops.toLocaleString("en"), time], [1, 2]);
    made.firstElementChild!.append(pick);
    return made;
  }));
  drawMemory(buffers);
  byId("plan").textContent = text;
};

const lacks = [await isolated(), withoutWebGpu()].filter((text) => text !== undefined);
byId("lacks").textContent = lacks.join(" ");

const ask = (): void => {
  source.textContent = examples[chosen.value]!.source;
  if (!ready) return;
  status.textContent = "Compiling…";
  trouble.hidden = true;
  send({ kind: "inspect", id: ++asked, example: chosen.value });
};

const onReply = (reply: WorkerReply): void => {
  if (reply.kind === "opened") {
    ready = true;
    ask();
  } else if (reply.kind === "inspected" && reply.id === asked) {
    status.textContent = `Computed on ${reply.inspection.device}.`;
    onGpu = reply.inspection.onGpu;
    draw(reply.inspection);
  } else if (reply.kind === "failed") {
    status.textContent = "";
    trouble.hidden = false;
    trouble.textContent = reply.message;
  }
};

const send = startWorker<PageRequest, WorkerReply>("worker.js", onReply);
const open = (): void => {
  ready = false;
  status.textContent = "Opening the device…";
  send({ kind: "open", device: device.value as DeviceChoice, model: false });
};
const milliseconds = (ms: number): string => ms < 1 ? `${(1000 * ms).toFixed(0)} µs` : `${ms.toFixed(1)} ms`;

/** Times both libraries on the device that the page computes on, and writes a line about it. */
const contest = (): void => {
  let versions = "", where = "";
  const parts: string[] = [], said = byId("compared");
  compare.disabled = true;
  said.textContent = "Loading jax-js…";
  byId("contest").replaceChildren();
  const send = startWorker<ContestRequest, ContestReply>("contest_worker.js", (reply) => {
    switch (reply.kind) {
      case "versions":
        versions = `chain-of-sight ${reply.ours}, jax-js ${reply.jax}`;
        where = `${reply.device}${onGpu ? "" : ", one thread"}`;
        said.textContent = `Timing both on ${where}…`;
        break;
      case "result": {
        const { name, ours, jax, difference } = reply.result;
        parts.push(`${name}: ${milliseconds(ours)} against ${milliseconds(jax)}`);
        byId("contest").append(
          row([name, milliseconds(ours), milliseconds(jax), difference.toExponential(1)], [1, 2, 3]),
        );
        break;
      }
      case "done":
        line.value = `${versions}; ${parts.join("; ")}; ${where}; ${navigator.userAgent}`;
        said.textContent = `Compared on ${where}.`;
        byId("shared").hidden = false;
        compare.disabled = false;
        break;
      case "failed":
        said.textContent = reply.message;
        compare.disabled = false;
    }
  });
  send({ device: onGpu ? "webgpu" : "thread" });
};
compare.addEventListener("click", contest);
copy.addEventListener("click", () => {
  const { clipboard } = navigator as unknown as {
    readonly clipboard?: { readonly writeText: (text: string) => Promise<void> };
  };
  void clipboard?.writeText(line.value).then(() => copy.textContent = "Copied");
});

for (const name of Object.keys(examples)) {
  chosen.append(element("option", { text: name, attributes: { value: name } }));
}
chosen.addEventListener("change", ask);
device.addEventListener("change", open);
ask();
open();
