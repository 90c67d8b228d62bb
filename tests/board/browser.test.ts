/** The board and reports in a browser: what a reader sees, what moves, and that hostile names stay names. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { serveBoard } from "../../pipelines/board/serve.ts";
import { readReport } from "../../pipelines/report/write.ts";
import { reportPage } from "../../pipelines/report/render.ts";
import { openBrowser } from "../support/browser.ts";
import { linesOf, records, writeRun } from "./runs_on_disk.ts";

const test = suite("browser");
const HOSTILE = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>'"&`;
const root = await Deno.makeTempDir(), scope = Scope.makeUnsafe();
const browser = await openBrowser(),
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage(), problems: string[] = [], asked = new Set<string>();
let url = "";

page.on("console", (message) => void (message.type() === "error" && problems.push(message.text())));
page.on("pageerror", (error) => void problems.push(error.message));
page.on("request", (request) => void asked.add(new URL(request.url()).origin));

test.before(async () => {
  const config = {
    seed: 1,
    stages: ["a-pretrain", "b-pretrain"].map((name) => ({ train: { name, steps: 40 } })),
  };
  await writeRun(`${root}/first`, {
    name: "first",
    config,
    stages: ["a-pretrain", "b-pretrain"],
    metrics: { "a-pretrain": linesOf(records(1, 30)), "b-pretrain": linesOf(records(1, 30, (s) => 4 / s)) },
    pid: Deno.pid,
  });
  await writeRun(`${root}/second`, {
    name: "second",
    config: { ...config, seed: 2 },
    done: 1,
    metrics: { "a-pretrain": linesOf(records(1, 40)) },
  });
  await writeRun(`${root}/hostile`, {
    name: HOSTILE,
    config: { [HOSTILE]: HOSTILE },
    stages: [HOSTILE.replaceAll("/", "")],
    metrics: { [`${HOSTILE.replaceAll("/", "")}-pretrain`]: linesOf(records(1, 3)) },
  });
  const serving = serveBoard({ folder: root, port: 0, every: 50 });
  url = (await Effect.runPromise(Effect.provideService(serving, Scope.Scope, scope))).url;
});

const drawnPaths = () =>
  page.locator("#charts figure").first().locator('svg g[stroke-width="2"] path').count();

test("lists runs with their status, and draws curves of the one that is looked at", async () => {
  await page.goto(`${url}?run=first`);
  assert.is(await page.locator("#runs tbody tr").count(), 3);
  const row = page.locator("#runs tbody tr", { hasText: "first" });
  assert.match(await row.innerText(), /running/);
  assert.match(await row.innerText(), /12\s/, "device memory");
  assert.is(
    await page.locator("#charts figure").count(),
    1,
    "neither speed nor memory varies: no chart of them",
  );
  assert.is(await drawnPaths(), 2, "a curve for each arm");
  const image = page.locator("#details img").first();
  await image.scrollIntoViewIfNeeded();
  await page.waitForFunction(() =>
    // deno-lint-ignore no-explicit-any
    (globalThis as any).document.querySelector("#details img").naturalWidth === 1
  );
});

test("a new line of metrics shows up without anything being asked for", async () => {
  await page.waitForSelector('#live[data-state="live"]');
  const file = `${root}/first/metrics/b-pretrain.jsonl`, before = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, linesOf([{ step: 31, loss: 0.5678, seconds: 0.1 }]) + '{"step":32,"lo', {
    append: true,
  });
  await page.waitForSelector("#runs >> text=0.5678");
  assert.match(await page.locator("#details").innerText(), /b-pretrain[^]*31 \/ 40/);
  // the run resumed from an earlier checkpoint: the file is shorter now
  await Deno.writeTextFile(file, linesOf(records(1, 12, () => 2.5)));
  await page.waitForSelector("#runs >> text=2.500");
  assert.match(await page.locator("#details").innerText(), /b-pretrain[^]*12 \/ 40/);
  await Deno.writeTextFile(file, before);
});

test("ticking another run compares the two; words filter; a metric is chosen", async () => {
  await page.locator("#runs tbody tr", { hasText: "second" }).getByRole("checkbox").check();
  await page.waitForURL(/run=first.*run=second|run=second.*run=first/);
  const legend = await page.locator("#charts figure").first().innerText();
  for (const name of ["first", "second", "a-pretrain", "b-pretrain"]) {
    assert.ok(legend.includes(name), `${name} in ${legend}`);
  }
  assert.is(await drawnPaths(), 3);
  await page.fill("input[type=search]", "seed=2");
  await page.getByRole("button", { name: "show" }).click();
  await page.waitForURL(/q=seed/);
  assert.is(await page.locator("#runs tbody tr").count(), 1);
  await page.selectOption("select[name=metric]", "seconds");
  await page.waitForURL(/metric=seconds/);
  assert.match(await page.locator("#charts figure").first().innerText(), /seconds/);
});

test("columns sort; the pointer reads values; dragging zooms, a double click shows all; scale and arms are chosen", async () => {
  await page.goto(`${url}?run=first`);
  await page.getByRole("link", { name: "loss" }).click();
  await page.waitForURL(/sort=-loss/);
  const order = () => page.locator("#runs tbody strong").allInnerTexts();
  const falling = await order();
  await page.getByRole("link", { name: "loss" }).click();
  await page.waitForURL(/sort=loss/);
  assert.equal(await order(), falling.toReversed());
  assert.match(
    await page.locator("#runs tbody tr", { hasText: "first" }).innerText(),
    /s left/,
    "time that remains",
  );
  await page.waitForSelector('#live[data-state="live"]');
  const panel = (await page.locator("#charts g[data-panel] > rect").first().boundingBox())!;
  const at = (share: number) => [panel.x + share * panel.width, panel.y + panel.height / 2] as const;
  await page.mouse.move(...at(0.5));
  assert.match(await page.locator("#values").innerText(), /step \d+[^]*first[^]*\d/);
  await page.mouse.move(...at(0.4));
  await page.mouse.down();
  await page.mouse.move(...at(0.7));
  await page.mouse.up();
  await page.waitForURL(/steps=/);
  await page.waitForSelector("#whole");
  await page.waitForSelector('#live[data-state="live"]');
  await page.locator("#charts g[data-panel] > rect").first().dblclick();
  await page.waitForURL((address) => !address.search.includes("steps="));
  await page.getByLabel("log scale").check();
  await page.waitForURL(/log=1/);
  await page.locator("#runs tbody tr", { hasText: "second" }).getByRole("checkbox").check();
  await page.waitForURL(/run=.*run=/);
  await page.locator(".arms label", { hasText: "second" }).click();
  await page.waitForURL(/arm=second/);
  const legend = await page.locator("#charts figure").first().innerText();
  assert.ok(legend.includes("second") && !legend.includes("first"), legend);
});

test("fits a phone", async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto(`${url}?run=first&run=second`);
  await page.waitForSelector('#live[data-state="live"]');
  await page.waitForFunction(() =>
    // deno-lint-ignore no-explicit-any
    (globalThis as any).document.querySelector("#charts svg").viewBox.baseVal.width < 400
  );
  // deno-lint-ignore no-explicit-any
  assert.is(await page.evaluate(() => (globalThis as any).document.documentElement.scrollWidth), 390);
  await page.setViewportSize({ width: 1280, height: 900 });
});

test("a hostile name is a name", async () => {
  await page.goto(`${url}?run=hostile`);
  assert.ok((await page.locator("#runs").innerText()).includes(HOSTILE));
  assert.ok((await page.locator("#details").innerText()).includes(HOSTILE.replaceAll("/", "")));
  assert.is(await page.locator("img[src=x]").count(), 0);
  assert.match(await page.title(), /^Runs in /);
});

test("looks the same in the dark, and writes nothing to the console; all requests are to this machine", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${url}?run=first&run=second`);
  const paper = await page.locator("body").evaluate((body) =>
    // deno-lint-ignore no-explicit-any
    (globalThis as any).getComputedStyle(body).backgroundColor as string
  );
  assert.is(paper, "rgb(21, 23, 26)");
  const shot = Deno.env.get("SCREENSHOTS");
  if (shot !== undefined) await page.screenshot({ path: `${shot}/board.png`, fullPage: true });
  assert.equal(problems, []);
  assert.equal([...asked], [new URL(url).origin]);
});

test("a report is one file: no requests, no script that runs, figures visible, hostile text inert", async () => {
  for (const name of ["first", "hostile"]) {
    const report = await Effect.runPromise(readReport(`${root}/${name}`)), file = `${root}/${name}.html`;
    await Deno.writeTextFile(file, reportPage(report));
    asked.clear();
    await page.goto(`file://${file}`);
    assert.equal([...asked], ["null"], "the file, and nothing else");
    const box = await page.locator("figure svg").first().boundingBox();
    assert.ok(box!.width > 600 && box!.height > 200);
    assert.is(await page.locator("script:not([type='application/json'])").count(), 0);
    assert.is(await page.locator("img[src=x]").count(), 0);
    assert.is(await page.title(), name === "first" ? "first" : HOSTILE);
    const data = JSON.parse((await page.locator("#report-data").textContent())!) as {
      readonly title: string;
    };
    assert.is(data.title, name === "first" ? "first" : HOSTILE);
    // of one source no row says which it is
    assert.is(await page.locator("[id^='source-']").count(), 1, "the source is named");
  }
  assert.equal(problems, []);
});

test.after(async () => {
  await browser.close();
  await Effect.runPromise(Scope.close(scope, Exit.void));
  await Deno.remove(root, { recursive: true });
});
test.run();
