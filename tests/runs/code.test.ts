/** Artefacts are kept by the code that makes them; manifests name the commit; nothing is written over another's. */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { jobsOf } from "../../pipelines/engine/jobs.ts";
import { commitOf } from "../../pipelines/runs/commit.ts";
import { newManifest } from "../../pipelines/runs/manifest.ts";
import { openOrCreateRun, RunError } from "../../pipelines/runs/run_directory.ts";
import { closureOf, countedCode, memoryOf, memoryText, sourcesOf } from "../../pipelines/runs/sources.ts";
import { callingSources, stageSources } from "../../pipelines/stages/code.ts";
import { expand } from "../../pipelines/stages/expand.ts";
import { partsOf } from "../../pipelines/stages/model.ts";
import { freshArm } from "../support/fresh_arm.ts";
import { stageRun } from "../../pipelines/stages/stage.ts";
import { TrainingError } from "../../pipelines/train/fault.ts";
import { scan } from "../architecture/scanner.ts";
import { madeBy } from "../support/made_by.ts";
import { by, cos } from "../../pipelines/configs/entry.ts";
import { ablation, experimentsIn } from "../support/ablations.ts";
import { readLazies } from "../../pipelines/weights/lazy.ts";

const test = suite("code");
const root = new URL("../..", import.meta.url).pathname;
const hash = (text: string): string => countedCode(text).hash;

test("comments, types and layout do not count; everything else does", () => {
  const code = 'import { a } from "./a.ts";\nexport const f = (x: number): number => a(x) * 2; // twice\n';
  for (
    const same of [
      'import { a } from "./a.ts";\nexport const f = (x) => a(x) * 2;',
      'import { a } from "./a.ts";\n\n/** Twice. */\nexport const f = (\n  x: number,\n): number =>\n  a(x) * 2;',
      'import { a } from "./a.ts";\nimport type { B } from "./b.ts";\nexport const f = (x: B): B => a(x) * 2;',
      'import { a } from "./a.ts";\nexport interface C {}\nexport const f = (x: number) => a(x) * 2;',
    ]
  ) assert.is(hash(same), hash(code), same);
  for (
    const other of [
      code.replace("2", "3"),
      code.replace("* 2", "* 2.0000001"),
      code.replace("a(x) * 2", "2 * a(x)"),
      code.replace("./a.ts", "./b.ts"),
      `${code}f(1);`,
      code.replace("a(x) * 2", "a(`${x}`) * 2"),
    ]
  ) assert.is.not(hash(other), hash(code), other);
  assert.is.not(
    hash("export const t = `a // b`;"),
    hash("export const t = `a // c`;"),
    "no comment in a text",
  );
});

test("what code imports is found in every form, and nothing that only looks like it", () => {
  const { uses } = countedCode([
    'import { a } from "./a.ts"; import "./b.ts"; export * from "./c.ts";',
    'const d = await import("./d.ts"); import e from "./e.json" with { type: "json" };',
    'new Worker(new URL("./f.ts", import.meta.url)); new URL("./not", base);',
    'const t = `import "./g.ts" from "./g.ts"`, u = "from"; // import "./h.ts"',
    'a(u, "./i.ts"); e(d);',
  ].join("\n"));
  assert.equal(uses.toSorted(), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.json", "./f.ts"]);
});

test("the code of a stage reaches kernels, tables, weights and packages, and not what draws progress", () => {
  const memory = memoryOf("");
  const files = Object.keys(closureOf(stageSources.features, memory));
  for (
    const file of [
      "core/tensor.ts",
      "kernels/plan/plan.ts",
      "pipelines/train/encoder.ts",
      "pipelines/vision/weights/vit.safetensors",
    ]
  ) assert.ok(files.includes(file), file);
  assert.not(files.some((file) => file.startsWith("pipelines/terminal/")));
  const scenes = Object.keys(closureOf(stageSources.scenes, memory));
  assert.ok(scenes.includes("pipelines/scenes/worker.ts"), "a worker's module");
  assert.ok(scenes.some((name) => name.startsWith("npm:@resvg/resvg-js@")), "a package with its version");
  assert.not(scenes.some((file) => file.startsWith("core/")), "scenes do not depend on the language");
  // remembered or not, the hash is the same
  const before = sourcesOf(stageSources.scenes, callingSources, memory);
  assert.is(sourcesOf(stageSources.scenes, callingSources, memoryOf(memoryText(memory))), before);
  assert.is(memoryOf("{").size, 0);
  assert.is(memoryOf('{"by":"another","files":{}}').size, 0);
});

test("all that makes artefacts is among the sources of a stage, or calls them", () => {
  const memory = memoryOf("");
  const covered = new Set(
    Object.values(stageSources).flatMap((roots) => Object.keys(closureOf(roots, memory))),
  );
  // where artefacts are and what jobs are decides their keys, not what is in them
  const plumbing = [
    "ablation_record",
    "artefact",
    "context",
    "experiment",
    "jobs",
    "mixture_summary",
    "model_sources",
    "record",
  ].map((name) => `pipelines/engine/${name}.ts`);
  for (const path of callingSources) {
    const text = Deno.readTextFileSync(`${root}${path}`);
    const { uses } = countedCode(text);
    assert.ok(scan(text).imports.length > 0, path);
    for (const use of uses.filter((one) => one.startsWith("."))) {
      const file = new URL(use, `file:///${path}`).pathname.slice(1);
      const known = covered.has(file) || callingSources.includes(file) || plumbing.includes(file);
      assert.ok(known || /^pipelines\/(runs|terminal|base)\//.test(file), `${path} calls ${file}`);
    }
  }
});

test("other code of a stage makes other artefacts of it and of all that need it, and of no others", () => {
  const [e] = experimentsIn(ablation("main", "smoke")), by = madeBy("a device");
  const keys = (code: Partial<typeof by.code>) =>
    jobsOf(e!, { ...by, code: { ...by.code, ...code } }).map(({ name, key }) => [name, key] as const);
  const before = keys({});
  const changed = (stage: keyof typeof by.code): readonly string[] => {
    const after = keys({ [stage]: "fedcba9876543210" });
    return [...new Set(after.flatMap(([name, key], i) => key === before[i]![1] ? [] : [name]))];
  };
  assert.equal(changed("evaluate"), ["evaluate"]);
  assert.equal(changed("expand"), ["expand", "finetune", "evaluate"]);
  assert.equal(changed("train"), ["pretrain", "expand", "finetune", "evaluate"]);
  assert.equal(changed("scenes"), ["scenes", "features", "pretrain", "expand", "finetune", "evaluate"]);
  assert.equal(changed("store"), []);
});

test("the commit is read from git's files: loose, packed, detached, of a further work tree, or none", () => {
  const folder = Deno.makeTempDirSync(), at = "1".repeat(40), other = "2".repeat(40);
  const write = (path: string, text: string): void => {
    Deno.mkdirSync(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(`${folder}/${path}`, text);
  };
  assert.is(commitOf(`${folder}/none/`), "unknown");
  write("a/.git/HEAD", "ref: refs/heads/main\n");
  assert.is(commitOf(`${folder}/a/`), "unknown", "a repository without a commit");
  write("a/.git/packed-refs", `# pack-refs\n${other} refs/heads/other\n${at} refs/heads/main\n`);
  assert.is(commitOf(`${folder}/a/`), at);
  write("a/.git/refs/heads/main", `${other}\n`);
  assert.is(commitOf(`${folder}/a/`), other, "loose before packed");
  write("b/.git/HEAD", `${at}\n`);
  assert.is(commitOf(`${folder}/b/`), at);
  write("c/.git", `gitdir: ${folder}/a/.git/worktrees/c\n`);
  write("a/.git/worktrees/c/HEAD", "ref: refs/heads/other\n");
  write("a/.git/worktrees/c/commondir", "../..\n");
  assert.is(commitOf(`${folder}/c/`), other);
  write("d/.git/HEAD", "nonsense\n");
  assert.is(commitOf(`${folder}/d/`), "unknown");
});

const begun = (change: Partial<Parameters<typeof newManifest>[0]> = {}) =>
  newManifest({
    name: "run",
    config: { steps: 1 },
    dataHash: "d".repeat(64),
    codeVersion: "0.1.0",
    commit: "unknown",
    code: "0123456789abcdef",
    device: "CPU",
    seeds: {},
    stages: ["a"],
    ...change,
  }, "2026-01-31T12:00:00Z");

test("a run is gone on with on its own device, with its own data, configuration and code alone", async () => {
  const path = `${Deno.makeTempDirSync()}/run`;
  const open = (manifest: ReturnType<typeof begun>) =>
    Effect.runPromise(Effect.scoped(Effect.result(openOrCreateRun(path, manifest))));
  assert.is((await open(begun()))._tag, "Success");
  assert.is((await open(begun({ codeVersion: "0.2.0", commit: "3".repeat(40) })))._tag, "Success");
  for (
    const [change, hint] of [
      [{ device: "another" }, /--device/],
      [{ code: "f".repeat(16) }, /other code/],
      [{ dataHash: "e".repeat(64) }, /data of that run/],
      [{ config: { steps: 2 } }, /configuration of that run/],
    ] as const
  ) {
    const refused = await open(begun(change));
    assert.is(refused._tag, "Failure");
    if (refused._tag !== "Failure") return;
    assert.instance(refused.failure, RunError);
    assert.match((refused.failure as RunError).hint, hint);
  }
});

test("an expansion writes over no checkpoint of another", async () => {
  const model = { width: 32, layers: 1, heads: 2, ff: 64, bridgeHeads: 2, init: 0.09 };
  const arm = { bridge: cos([8, 4], [2, 1]), expansion: by({ resolution: 2, global: 2, local: 1 }) };
  const path = `${Deno.makeTempDirSync()}/run`, given = freshArm(arm, model, 16, 1);
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const run = stageRun(yield* openOrCreateRun(path, begun()));
    const stage = { name: "expand", expansion: arm.expansion, model: partsOf(model, 16), seed: 1 };
    const made = yield* expand(run, stage)(given), file = `${path}/checkpoints/expand.safetensors`;
    const before = Deno.readFileSync(file);
    const again = yield* expand(run, stage)(given);
    assert.equal(yield* readLazies(again.params), yield* readLazies(made.params), "the same again reads it");
    const error = yield* Effect.flip(expand(run, stage)({ ...given, identity: "another" }));
    assert.instance(error, TrainingError);
    assert.match((error as TrainingError).hint, /another directory/);
    assert.equal(Deno.readFileSync(file), before);
  })));
});

test.run();
