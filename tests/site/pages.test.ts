/** A site of a small model in headless Chromium: the numbers of Deno, no request elsewhere, pages that everybody can use. */
import axe from "axe-core";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { resampleArea } from "../../pipelines/images/resample.ts";
import { bundle } from "../../pipelines/site/bundle.ts";
import { exportSite } from "../../pipelines/site/export.ts";
import { siteHeaders } from "../../pipelines/site/headers.ts";
import { pageCpu } from "../../pipelines/site/modules.ts";
import { serveSite } from "../../pipelines/site/serve.ts";
import { openAsker } from "../../pipelines/web/asker.ts";
import { examples } from "../../pipelines/web/examples.ts";
import { inspect } from "../../pipelines/web/inspect.ts";
import { memoryStorage } from "../../pipelines/web/storage.ts";
import type { PageRequest, WorkerReply } from "../../pipelines/web/messages.ts";
import { pageModel, type WebModel } from "../../pipelines/web/model.ts";
import {
  checkpointName,
  trainArms,
  type TrainingEvent,
  type WebTraining,
} from "../../pipelines/web/trainer.ts";
import { tokenizerOf } from "../../pipelines/text/tokenizer.ts";
import { example, makePackage } from "../../tools/package/make.ts";
import { openBrowser, swiftShader } from "../support/browser.ts";
import { fourSteps } from "../support/four_steps.ts";
import { siteModel, smallTraining } from "../support/site_model.ts";

const test = suite("site"), site = await Deno.makeTempDir(), scope = Scope.makeUnsafe();
const browser = await openBrowser(),
  context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
const problems: string[] = [],
  origins = new Set<string>(),
  loaded = new Map<string, number>();
let page: Page, url = "", model: WebModel;

const open = async (): Promise<Page> => {
  const opened = await context.newPage();
  opened.setDefaultTimeout(120_000);
  opened.on("console", (message) => void (message.type() === "error" && problems.push(message.text())));
  opened.on("pageerror", (error) => void problems.push(error.message));
  context.on("request", (request) => {
    if (/^https?:/.test(request.url())) origins.add(new URL(request.url()).origin);
    loaded.set(new URL(request.url()).pathname, 1);
  });
  return opened;
};

const serve = (headers = siteHeaders): Promise<string> =>
  Effect.runPromise(
    Effect.provideService(serveSite({ folder: site, port: 0, headers }), Scope.Scope, scope),
  );

const waitFor = (what: RegExp) => page.locator("#status", { hasText: what }).waitFor({ timeout: 120_000 });

/** Replies of a computing worker of its own, up to the last of what was asked. */
const replies = (
  requests: readonly PageRequest[],
  image: string,
  last: number,
): Promise<readonly WorkerReply[]> =>
  page.evaluate(async ([requests, image, last]) => {
    const blob = await (await fetch(image)).blob(), onJobEvent: unknown[] = [];
    const worker = new Worker("assets/worker.js", { type: "module" });
    await new Promise<void>((resolve) => {
      worker.onmessage = ({ data }) => {
        onJobEvent.push(JSON.parse(JSON.stringify(data, (_, v) => v instanceof Float64Array ? [...v] : v)));
        if (
          data.kind === "failed" || (data.id === last && (data.kind === "maps" || data.kind === "inspected"))
        ) resolve();
      };
      for (const request of requests) {
        worker.postMessage(request.kind === "ask" ? { ...request, image: blob } : request);
      }
    });
    worker.terminate();
    return onJobEvent as WorkerReply[];
  }, [requests, image, last] as const);

test.before(async () => {
  await Effect.runPromise(exportSite(siteModel(), site, smallTraining));
  model = JSON.parse(await Deno.readTextFile(`${site}/model/model.json`));
  url = await serve();
  page = await open();
  await page.goto(url);
  await waitFor(/Ready/);
});

test("answers and attention maps have the bits that Deno's CPU computes, and no module is assembled in the page", async () => {
  const sample = model.samples[0]!, questions = [sample.questions[0]!, "is there a cow left of the dog"];
  const onJobEvent = await replies(
    [
      { kind: "open", device: "threads", model: true },
      ...questions.map((question, id) => ({ kind: "ask" as const, id, image: new Blob(), question })),
    ],
    sample.file,
    questions.length - 1,
  );
  const weights = await Deno.readFile(`${site}/${model.weights.file}`),
    { bridge: { resolution }, master } = model;
  const pixels = await sharp(`${site}/${sample.file}`).removeAlpha().raw().toBuffer();
  const rgb = resampleArea(new Uint8Array(pixels), master, resolution);
  await Effect.runPromise(
    Effect.scoped(Effect.gen(function* () {
      const asker = yield* openAsker(yield* pageModel(model, weights));
      for (const [id, question] of questions.entries()) {
        const { ids, answer } = yield* asker.answer({ rgb, question }, () => {});
        const { maps, tokens } = yield* asker.maps({ rgb, question }, ids);
        const of = (kind: string) =>
          onJobEvent.find((one) => one.kind === kind && "id" in one && one.id === id);
        assert.is(
          (of("answered") as { answer: string } | undefined)?.answer,
          answer,
          JSON.stringify(onJobEvent.at(-1)),
        );
        const there = of("maps") as { tokens: readonly string[]; maps: unknown };
        assert.equal(there.tokens, tokens);
        assert.equal(
          there.maps,
          JSON.parse(JSON.stringify(maps, (_, v) => v instanceof Float64Array ? [...v] : v)),
        );
      }
    })).pipe(Effect.provide(pageCpu(2))) as Effect.Effect<void, unknown>,
  );
  assert.equal([...loaded.keys()].filter((path) => path.includes("cpu_assemble")), []);
});

test("losses and gradients have the bits that Deno's CPU computes, on threads and on one thread", async () => {
  const names = Object.keys(examples);
  for (const device of ["threads", "thread"] as const) {
    const onJobEvent = await replies(
      [
        { kind: "open", device, model: false },
        ...names.map((example, id) => ({ kind: "inspect" as const, id, example })),
      ],
      "icon.svg",
      names.length - 1,
    );
    const found = onJobEvent.flatMap((one) =>
      one.kind === "inspected" ? [[one.inspection.value, one.inspection.gradientNorm]] : []
    );
    const here = await Effect.runPromise(
      Effect.forEach(names, inspect).pipe(Effect.provide(pageCpu(2))),
    );
    assert.equal(
      found,
      here.map(({ value, gradientNorm }) => [value, gradientNorm]),
      JSON.stringify(onJobEvent.at(-1)),
    );
  }
});

test("WebGPU: losses of four training steps within 4 ulp", async () => {
  await Effect.runPromise(bundle([new URL("../support/four_steps.ts", import.meta.url)], `${site}/assets`));
  const software = await openBrowser(swiftShader), there = await (await software.newContext()).newPage();
  await there.goto(url);
  const found = await there.evaluate('import("/assets/four_steps.js").then(({ onWebGpu }) => onWebGpu())');
  const here = await Effect.runPromise(fourSteps.pipe(Effect.provide(pageCpu(2))) as Effect.Effect<number[]>);
  const word = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!;
  const apart = (found as number[]).map((loss, i) => Math.abs(word(loss) - word(here[i]!)));
  assert.is(apart.length, 4);
  assert.ok(apart.every((ulp) => ulp <= 4), `${apart} ulp`);
  await software.close();
});

test("a question is answered in the page, and a token is picked", async () => {
  await page.getByRole("button", { name: model.samples[0]!.questions[1]!, exact: true }).click();
  await page.locator("#maps figure").first().waitFor({ timeout: 120_000 });
  assert.is(await page.locator("#maps figure").count(), 2, "a panel for each scale");
  assert.match(await page.locator("#maps").innerText(), /4 tokens[^]*16 tokens/);
  const tokens = page.locator("#tokens button");
  await tokens.last().click();
  assert.is(await tokens.last().getAttribute("aria-pressed"), "true");
  assert.match(await page.locator("#facts").innerText(), /answered in .* attention maps in/);
});

test("every page passes axe, in the light and in the dark, on a phone and on a desktop", async () => {
  for (const name of ["index", "train", "look"]) {
    if (name !== "index") {
      await page.goto(`${url}${name}.html`);
      await waitFor(name === "look" ? /Computed/ : /some minutes/);
    }
    for (const [width, colorScheme] of [[390, "dark"], [1400, "light"]] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.evaluate(axe.source);
      const found = await page.evaluate(async () => {
        // deno-lint-ignore no-explicit-any
        const { violations } = await (globalThis as any).axe.run();
        // deno-lint-ignore no-explicit-any
        return violations.map((v: any) => `${v.id}: ${v.nodes[0].html}`);
      });
      assert.equal(found, [], `${name} at ${width}`);
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.ok(wide as number <= width, `${name} at ${width} scrolls sideways: ${wide}`);
      const shot = Deno.env.get("SCREENSHOTS");
      if (shot !== undefined) await page.screenshot({ path: `${shot}/${name}-${width}.png`, fullPage: true });
    }
  }
});

test("both libraries are timed on the device of the page, and a line says so", async () => {
  await page.getByRole("button", { name: "Compare" }).click();
  await page.locator("#shared").waitFor({ timeout: 120_000 });
  const line = await page.locator("#line").inputValue();
  assert.match(
    line,
    /^chain-of-sight [\d.]+, jax-js [\d.]+; product [^;]* against [^;]*; gradient [^;]* against [^;]*;/,
  );
  for (const difference of await page.locator("#contest td:last-child").allInnerTexts()) {
    assert.ok(Number(difference) < 1e-4, difference);
  }
});

test("the keyboard goes through the page in the order of reading", async () => {
  await page.goto(url);
  await waitFor(/Ready/);
  const order: string[] = [];
  for (let i = 0; i < 40 && order.at(-1) !== "device"; i++) {
    await page.keyboard.press("Tab");
    order.push(await page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"));
  }
  const places = [
    "Skip to the content",
    "Ask",
    "Train",
    "Look inside",
    "file",
    "question",
    "submit",
    "device",
  ].map((
    name,
  ) => order.indexOf(name));
  assert.equal(places, places.toSorted((a, b) => a - b), order.join(" > "));
  assert.ok(places.every((at) => at >= 0), order.join(" > "));
});

test("no request goes to another origin, nothing is written to the console, and scripts cannot be made from text", async () => {
  assert.equal([...origins], [new URL(url).origin]);
  assert.equal(problems, []);
  assert.not.match(siteHeaders["content-security-policy"]!, /'unsafe-eval'|'unsafe-inline'|https?:/);
  assert.match(await Deno.readTextFile(`${site}/index.html`), /script-src 'self' 'wasm-unsafe-eval'/);
});

test("the example of the package runs in a page, on threads, with modules that the page assembles", async () => {
  await Effect.runPromise(makePackage(`${site}/dist`));
  const code = example.replace(
    /import (\{[^}]*\}) from "[^"]*\/(\w+)";/g,
    'const $1 = await import("/dist/$2.js");',
  )
    .replace("});\nconsole.log(data)", '}, "cpu");\nreturn [...data]');
  const data = await page.evaluate(`(async () => {${code}})()`) as readonly number[];
  assert.is(data.length, 8);
  assert.ok(Math.abs(data.slice(0, 4).reduce((a, v) => a + v, 0) - 1) < 1e-6, String(data));
  const workers = page.workers().filter((worker) => worker.url().endsWith("dist/cpu_worker_web.js"));
  assert.ok(workers.length > 0, "threads");
});

test("a training that is left in the middle goes on to the bytes of one that was not, which are Deno's", async () => {
  const names = ["resampler", "chain-of-sight-20", "chain-of-sight-8"].map(checkpointName);
  await page.goto(`${url}train.html`);
  const train = () =>
    page.evaluate(async (names) => {
      const losses: number[][] = [], onJobEvent: string[] = [];
      const worker = new Worker("assets/train_worker.js", { type: "module" });
      const kept = async () => {
        // deno-lint-ignore no-explicit-any
        const folder = await (navigator as any).storage.getDirectory();
        return await Promise.all(names.map(async (name) => {
          const bytes = await (await (await folder.getFileHandle(name)).getFile()).arrayBuffer();
          return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].join(" ");
        }));
      };
      await new Promise<void>((resolve) => {
        worker.onmessage = ({ data }) => {
          if (data.kind === "step") losses.push([data.arm, data.step, data.loss]);
          if (data.kind === "failed") onJobEvent.push(data.message);
          // the tab is closed while the last step before the end is on its way
          const leaves = losses.some(([, step]) => step === 3) && losses[0]![1] === 1;
          if (leaves || data.kind === "finished" || data.kind === "failed") resolve();
        };
        worker.postMessage({ kind: "start", device: "threads", fresh: false });
      });
      worker.terminate();
      return { losses, onJobEvent, kept: onJobEvent.length > 0 ? [] : await kept() };
    }, names) as Promise<{ losses: number[][]; onJobEvent: string[]; kept: string[] }>;
  const first = await train(), second = await train();
  assert.equal([...first.onJobEvent, ...second.onJobEvent], []);
  assert.is(second.losses[0]![1], 3, "from the checkpoint after two steps");
  const training = JSON.parse(await Deno.readTextFile(`${site}/model/training.json`)) as WebTraining;
  const { file, columns, count, side } = training.sheet,
    storage = memoryStorage(),
    events: TrainingEvent[] = [];
  const images = await Promise.all(Array.from({ length: count }, (_, i) =>
    sharp(`${site}/${file}`).extract({
      left: (i % columns) * side,
      top: Math.floor(i / columns) * side,
      width: side,
      height: side,
    }).removeAlpha().raw().toBuffer().then((bytes) => new Uint8Array(bytes))));
  const weights = await Deno.readFile(`${site}/${model.weights.file}`);
  await Effect.runPromise(
    Effect.gen(function* () {
      const { encoder } = yield* pageModel(model, weights);
      yield* trainArms({
        training,
        images,
        tokenizer: tokenizerOf(model.tokenizer),
        encoder,
        storage,
        onEvent: (event) => events.push(event),
        stopped: () => false,
      });
    }).pipe(Effect.provide(pageCpu(2))) as Effect.Effect<void, unknown>,
  );
  const steps = events.flatMap((event) => event.kind === "step" ? [[event.arm, event.step, event.loss]] : []);
  assert.equal(first.losses, steps.slice(0, first.losses.length));
  assert.equal(second.losses, steps.slice(-second.losses.length));
  for (const [i, name] of names.entries()) {
    const hash = await crypto.subtle.digest(
      "SHA-256",
      (await storage.load(name))! as Uint8Array<ArrayBuffer>,
    );
    assert.is(second.kept[i], [...new Uint8Array(hash)].join(" "), name);
  }
});

test("a static host without headers: the service worker isolates the page, and threads compute", async () => {
  const plain = await serve({});
  await page.goto(plain);
  await waitFor(/Ready/);
  assert.is(await page.evaluate("crossOriginIsolated"), true);
  assert.match(await page.locator("#status").innerText(), /threads/);
});

test("scripts of the page for asking are at most 300 KB, compressed", async () => {
  // what scripts of the page import at once; assembling and comparing are loaded when they are asked for
  const scripts = new Set<string>(), waiting = ["ask.js", "worker.js", "compute.js"];
  let bytes = 0;
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (scripts.has(name)) continue;
    scripts.add(name);
    const text = await Deno.readTextFile(`${site}/assets/${name}`);
    waiting.push(...[...text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)].map(([, file]) => file!));
    const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    bytes += (await new Response(stream).arrayBuffer()).byteLength;
  }
  assert.ok(scripts.size > 3, [...scripts].join());
  assert.ok(bytes <= 300_000, `${bytes} bytes`);
});

test.after(async () => {
  await browser.close();
  await Effect.runPromise(Scope.close(scope, Exit.void));
  await Deno.remove(site, { recursive: true });
});
test.run();
