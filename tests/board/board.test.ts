/** What the board finds, what it answers, and what it refuses. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BoardError, serveBoard } from "../../pipelines/board/serve.ts";
import { chosenBy, drawnBy, queryOf, searchOf } from "../../pipelines/board/query.ts";
import { ownHost, routeOf, segmentsOf } from "../../pipelines/board/request.ts";
import { progressOf, shareDone } from "../../pipelines/board/run_view.ts";
import { newMemory, scanRuns } from "../../pipelines/board/scan.ts";
import { linesOf, PIXEL, records, writeRun } from "./runs_on_disk.ts";

const outside = await Deno.makeTempDir(), root = `${outside}/runs`;
const scope = Scope.makeUnsafe();
let url = "";

const test = suite("board");

test.before(async () => {
  await writeRun(`${root}/done`, {
    name: "done",
    config: { pretrain: { steps: 8 }, stages: [{ train: { name: "a-pretrain", steps: 8 } }], seed: 3 },
    stages: ["a-pretrain"],
    done: 1,
    metrics: { "a-pretrain": linesOf(records(1, 8)) },
  });
  await writeRun(`${root}/store/going`, {
    name: "going",
    config: { pretrain: { steps: 8 }, stages: [{ train: { name: "a-pretrain", steps: 8 } }], seed: 4 },
    stages: ["a-pretrain", "a-finetune"],
    metrics: { "a-pretrain": linesOf(records(1, 2)) },
    pid: Deno.pid,
  });
  await writeRun(`${root}/killed`, { name: "killed", pid: 2 ** 22 + 1 });
  await Deno.mkdir(`${root}/broken`);
  await Deno.writeTextFile(`${root}/broken/manifest.json`, '{"format": 1, "name":');
  await Deno.writeFile(`${outside}/secret.png`, PIXEL);
  await writeRun(`${outside}/elsewhere`, { name: "elsewhere" });
  await Deno.symlink(`${outside}/elsewhere`, `${root}/linked`);
  await Deno.symlink(`${outside}/secret.png`, `${root}/done/samples/link.png`);
  const serving = serveBoard({ folder: root, port: 0, every: 50 });
  url = (await Effect.runPromise(Effect.provideService(serving, Scope.Scope, scope))).url;
});

test("runs are found at any depth, with their status and progress; links are not followed", async () => {
  const { runs } = await scanRuns(root, newMemory());
  assert.equal(
    runs.map(({ id, status }) => [id, status]).toSorted(),
    [["done", "finished"], ["killed", "stopped"], ["store/going", "running"]],
  );
  const going = runs.find(({ id }) => id === "store/going")!;
  assert.equal(progressOf(going).map(({ step, total }) => [step, total]), [[2, 8], [undefined, undefined]]);
  assert.is(shareDone(going), 0.125);
  assert.is(shareDone(runs.find(({ id }) => id === "done")!), 1);
});

test("a second look reads only what changed, and sees what was added", async () => {
  const memory = newMemory(),
    series = async () =>
      (await scanRuns(root, memory)).runs.find(({ id }) => id === "store/going")!.series["a-pretrain"]!;
  const first = await series();
  assert.is(await series(), first);
  await Deno.writeTextFile(`${root}/store/going/metrics/a-pretrain.jsonl`, linesOf(records(1, 3)));
  assert.equal((await series()).records, records(1, 3));
});

test("words filter by name, device and field; an address and a query are each other's", async () => {
  const { runs } = await scanRuns(root, newMemory());
  const ids = (search: string) =>
    chosenBy(queryOf(new URLSearchParams(search)), runs).map(({ id }) => id).toSorted();
  assert.equal(ids("q=seed=3"), ["done"]);
  assert.equal(ids("q=pretrain.steps=8"), ["done", "store/going"]);
  assert.equal(ids("q=GOING"), ["store/going"]);
  assert.equal(ids("q=cpu&status=stopped"), ["killed"]);
  assert.equal(ids("q=__proto__.x=1"), []);
  const query = {
    words: "seed=3 b",
    all: true,
    status: "failed",
    sort: "-loss",
    runs: ["x/y", "z"],
    arms: ["cos-20-84, seed 1"],
    metric: "lr",
    log: true,
    smoothing: 0.5,
    steps: [10.5, 200],
    width: 1180,
  } as const;
  assert.equal(queryOf(new URLSearchParams(searchOf(query))), query);
  for (const wrong of ["steps=a-b", "steps=9-3", "steps=1-", "width=1e99&smoothing=x", "smoothing=7"]) {
    const { steps, smoothing, width } = queryOf(new URLSearchParams(wrong));
    assert.ok(steps === undefined && smoothing < 1 && width <= 2400, wrong);
  }
  assert.equal(drawnBy(queryOf(new URLSearchParams("run=done&run=killed")), runs).length, 2);
  assert.equal(drawnBy(queryOf(new URLSearchParams("run=nowhere")), runs).length, 1);
});

test("names of this machine's loopback are its own, others are not", () => {
  for (const host of ["127.0.0.1:80", "localhost:8042", "localhost", "[::1]:9", "LOCALHOST:1"]) {
    assert.ok(ownHost(host), host);
  }
  for (
    const host of [
      "evil.example",
      "evil.example:8042",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "localhost@evil.example",
      "192.168.1.4",
      "0.0.0.0:80",
      "",
      "a/b",
      null,
    ]
  ) assert.not.ok(ownHost(host), String(host));
});

test("paths that lead elsewhere are no paths", () => {
  for (
    const path of [
      "..",
      "a/../b",
      "a/%2e%2e/b",
      "a//b",
      "a/%2f",
      "a/%5c..",
      ".git/x",
      "a/%00",
      "%",
      "a/.env",
      "/a",
    ]
  ) assert.is(segmentsOf(path), undefined, path);
  assert.equal(segmentsOf("a/b%20c/d.png"), ["a", "b c", "d.png"]);
  const refused = (method: string, path: string) =>
    routeOf(method, new URL(path, "http://localhost/"), "localhost");
  assert.equal(refused("POST", "/").kind, "refused");
  assert.equal(refused("GET", "/manifest.json").kind, "refused");
});

/** Sends bytes and gives what comes back, so that nothing on the way tidies the path. */
const raw = async (request: string): Promise<string> => {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  await connection.write(new TextEncoder().encode(request));
  const text = await new Response(connection.readable).text();
  return text;
};

const get = (path: string, host = "localhost", method = "GET"): Promise<string> =>
  raw(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

test("the page, its script and its style are served with headers that let nothing else in", async () => {
  for (const path of ["/", "/live.js", "/board.css", "/files/done/samples/a.png"]) {
    const answer = await fetch(new URL(path, url));
    assert.is(answer.status, 200, path);
    assert.match(answer.headers.get("content-security-policy")!, /default-src 'none'/);
    assert.is(answer.headers.get("x-content-type-options"), "nosniff");
    assert.is(answer.headers.get("cross-origin-resource-policy"), "same-origin");
    await answer.body?.cancel();
  }
  assert.not.match(await (await fetch(new URL("/live.js", url))).text(), /interface|: string/);
});

test("other hosts, other methods, and files outside are refused", async () => {
  assert.match(await get("/", "evil.example"), /^HTTP\/1\.1 421 /);
  assert.match(await get("/events", "evil.example:80"), /^HTTP\/1\.1 421 /);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"]) {
    assert.match(await get("/", "localhost", method), /^HTTP\/1\.1 405 /, method);
  }
  for (
    const path of [
      "/files/../secret.png",
      "/files/done/../../secret.png",
      "/files/%2e%2e/secret.png",
      "/files/..%2fsecret.png",
      "/files/done/samples/link.png",
      "/files/linked/samples/a.png",
      "/files/done/manifest.json",
      "/files/done/lock",
      "/files//etc/passwd",
      "/files/done/samples",
    ]
  ) assert.match(await get(path), /^HTTP\/1\.1 40[04] /, path);
});

test("a port that is taken and a folder that is none are errors that say what to do", async () => {
  const failed = (folder: string, port: number) =>
    Effect.runPromise(Effect.flip(Effect.scoped(serveBoard({ folder, port }))));
  const port = await failed(root, Number(new URL(url).port));
  assert.instance(port, BoardError);
  assert.match(port.message, /expected a free port; name another with --port/);
  assert.match((await failed(`${root}/none`, 0)).message, /no such file or folder.*--runs/);
});

test("events tell what was added, and end with the server", async () => {
  const answer = await fetch(new URL("/events?run=store/going", url));
  assert.is(answer.headers.get("content-type"), "text/event-stream");
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  const until = async (part: string): Promise<void> => {
    while (!said.includes(part)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`ended without ${part}`);
      said += value;
    }
  };
  await until('"id":"details"');
  await Deno.writeTextFile(
    `${root}/store/going/metrics/a-pretrain.jsonl`,
    linesOf([...records(1, 3), { step: 4, loss: 0.123456 }]),
  );
  await until("0.1235");
  await Effect.runPromise(Scope.close(scope, Exit.void));
  while (!(await reader.read()).done);
});

test.after(() => Deno.remove(outside, { recursive: true }));
test.run();
