/** The folder runner: what it counts as failed, and that it notices every way not to test. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { batchesOf, isolated } from "../batches.ts";
import { denoTestCounts, failures, main, testFiles, uvuCounts, withExamples } from "../run.ts";

const runner = suite("runner");

const uvu = 'import { test } from "uvu"; import * as assert from "uvu/assert";';

const inTree = async (
  files: Readonly<Record<string, string>>,
  use: (root: string) => Promise<void> | void,
): Promise<void> => {
  const root = await Deno.makeTempDir();
  try {
    for (const folder of ["tests/deep/er", "core", "kernels", "pipelines", "docs"]) {
      await Deno.mkdir(`${root}/${folder}`, { recursive: true });
    }
    await Deno.copyFile(new URL("../../deno.json", import.meta.url), `${root}/deno.json`);
    for (const room of ["core", "kernels", "pipelines"]) {
      await Deno.writeTextFile(
        `${root}/${room}/deno.json`,
        `{"name":"@x/${room}","version":"0.1.0","exports":"./m.ts"}`,
      );
    }
    for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(`${root}/${path}`, text);
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
};

const printed = async (
  run: () => Promise<number>,
): Promise<{ readonly code: number; readonly lines: string[] }> => {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...said: unknown[]) => lines.push(...said.join(" ").split("\n"));
  try {
    return { code: await run(), lines };
  } finally {
    console.log = log;
  }
};

runner("reads the last totals of uvu, coloured or not", () => {
  assert.equal(uvuCounts("x\n  Total:     3\n  Passed:    2\n  Skipped:   1\n"), { total: 4, passed: 2 });
  assert.equal(uvuCounts("  Total:     9\n\n  Total:     3\n  Passed:    \u001b[32m3\u001b[0m\n"), {
    total: 3,
    passed: 3,
  });
  assert.equal(uvuCounts("Totally: 3"), { total: 0, passed: 0 });
});

runner("reads the closing line of deno test", () => {
  assert.equal(denoTestCounts("ok | 12 passed | 0 failed (3ms)"), { passed: 12, failed: 0 });
  assert.equal(denoTestCounts("FAILED | 1 passed (2 steps) | 4 failed | 1 ignored (3ms)"), {
    passed: 1,
    failed: 4,
  });
  assert.is(denoTestCounts("error: no"), undefined);
});

runner("counts as failed what crashed, what ran nothing and what was skipped", () => {
  assert.is(failures(true, 3, 3), 0);
  assert.is(failures(true, 3, 2), 1);
  assert.is(failures(true, 5, 2), 3);
  assert.is(failures(false, 3, 3), 1);
  assert.is(failures(true, 0, 0), 1);
});

runner("finds files at any depth, tiny ones first", () =>
  inTree({
    "tests/b.test.ts": "",
    "tests/tiny_z.test.ts": "",
    "tests/deep/a.test.ts": "",
    "tests/deep/er/c.test.ts": "",
    "tests/helper.ts": "",
    "core/m.ts": "/**\n * ```ts\n * 1;\n * ```\n */\n",
    "core/n.ts": "/** ```ts ignore */\n",
    "core/o.md": "Text.\n\n```ts\n1;\n```\n",
    "core/p.md": "```sh\nls\n```\n",
  }, (root) => {
    assert.equal(testFiles(`${root}/tests`), [
      "tiny_z.test.ts",
      "b.test.ts",
      "deep/a.test.ts",
      "deep/er/c.test.ts",
    ]);
    assert.equal(withExamples(`${root}/core`), [`${root}/core/m.ts`, `${root}/core/o.md`]);
  }));

runner("passes good files, and runs examples", () =>
  inTree({
    "tests/a.test.ts": `${uvu} test("1", () => {}); test("2", () => {}); test.run();`,
    "core/m.ts":
      "/**\n * One.\n * ```ts\n * if (1 + 1 !== 2) throw new Error();\n * ```\n */\nexport const one = 1;\n",
    "README.md": "Read.\n\n```ts\nif (2 + 2 !== 4) throw new Error();\n```\n",
  }, async (root) => {
    const { code, lines } = await printed(() => main(root, []));
    assert.is(code, 0, lines.join("\n"));
    assert.is(lines.at(-1), "4 passed, 0 failed");
    assert.match(lines.join("\n"), /ok {3}tests\/a\.test\.ts 2\/2 \d+ ms/);
  }));

runner("fails every way of not testing, and shows what was printed", () =>
  inTree({
    "tests/bad.test.ts": `${uvu} test("no", () => assert.is(1, 2)); test("yes", () => {}); test.run();`,
    "tests/exit.test.ts": `${uvu} test("x", () => Deno.exit(0)); test.run();`,
    "tests/never.test.ts": `${uvu} test("x", () => {});`,
    "tests/crash.test.ts": `throw new Error("crashed here");`,
    "tests/late.test.ts":
      `${uvu} test("x", () => { setTimeout(() => { throw new Error("late"); }, 20); }); test.run();`,
    "tests/skip.test.ts": `${uvu} test("a", () => {}); test.skip("b", () => {}); test.run();`,
    "core/m.ts": "/**\n * ```ts\n * throw new Error('example');\n * ```\n */\nexport const one = 1;\n",
  }, async (root) => {
    const { code, lines } = await printed(() => main(root, []));
    const text = lines.join("\n");
    assert.is(code, 1);
    assert.is(lines.filter((line) => line.startsWith("FAIL ")).length, 7, text);
    assert.is(lines.at(-1), "3 passed, 7 failed", text);
    assert.match(text, /crashed here/);
    assert.match(text, /does the file call \.run\(\)/);
  }));

const good = `${uvu} test("1", () => {}); test("2", () => {}); test.run();`;

runner("counts each file of a shared process by itself, and goes on behind one that ends it", () =>
  inTree({
    "tests/a.test.ts": good,
    "tests/bad.test.ts": `${uvu} test("no", () => assert.is(1, 2)); test("yes", () => {}); test.run();`,
    "tests/crash.test.ts": `throw new Error("crashed here");`,
    "tests/deep/ends.ts": `export const ends = () => Deno[["ex", "it"].join("")](0);`,
    "tests/deep/ends.test.ts":
      `import { ends } from "./ends.ts"; ${uvu} test("x", () => ends()); test.run();`,
    "tests/deep/z.test.ts": good,
    "tests/empty.test.ts": "",
    "tests/late.test.ts":
      `${uvu} test("x", () => { setTimeout(() => { throw new Error("late"); }, 20); }); test.run();`,
    "tests/missing.test.ts": `import "./none.ts";`,
    "tests/never.test.ts": `${uvu} test("x", () => {});`,
    "tests/promise.test.ts": `${uvu} test("x", () => { Promise.reject(new Error("dropped")); }); test.run();`,
    "tests/skip.test.ts": `${uvu} test("a", () => {}); test.skip("b", () => {}); test.run();`,
    "tests/y.test.ts": `${uvu} test("y", () => new Promise((r) => setTimeout(r, 100))); test.run();`,
    "tests/z.test.ts": `${uvu} test("z", () => console.log("\\nfuzz z: 5 programs")); test.run();`,
  }, async (root) => {
    const { code, lines } = await printed(() => main(root, []));
    const text = lines.join("\n");
    const counts = Object.fromEntries(
      [...text.matchAll(/^(ok {2}|FAIL) tests\/(.+)\.test\.ts (\d+\/\d+) /gm)].map(([, said, file, n]) => [
        file,
        `${said!.trim()} ${n}`,
      ]),
    );
    assert.equal(counts, {
      "a": "ok 2/2",
      "bad": "FAIL 1/2",
      "crash": "FAIL 0/0",
      "deep/ends": "FAIL 0/0",
      "deep/z": "ok 2/2",
      "empty": "FAIL 0/0",
      "late": "FAIL 1/1",
      "missing": "FAIL 0/0",
      "never": "FAIL 0/0",
      "promise": "FAIL 1/1",
      "skip": "FAIL 1/2",
      "y": "ok 1/1",
      "z": "ok 1/1",
    }, text);
    assert.equal([code, lines.at(-1)], [1, "10 passed, 9 failed"], text);
    assert.match(text, /^ +fuzz z: 5 programs$/m);
  }));

runner("fails a file that hangs in a shared process, and one that leaves something running", () =>
  inTree({
    "tests/a.test.ts": good,
    "tests/b.test.ts": `${uvu} test("1", () => new Promise((r) => setTimeout(r, 60000))); test.run();`,
    "tests/c.test.ts": `setInterval(() => {}, 1000); ${good}`,
    "tests/d.test.ts": good,
  }, async (root) => {
    Deno.env.set("FILE_TIMEOUT", "2");
    try {
      const { code, lines } = await printed(() => main(root, []));
      const text = lines.join("\n");
      assert.equal([code, lines.at(-1)], [1, "6 passed, 2 failed"], text);
      assert.match(text, /FAIL tests\/b\.test\.ts 0\/0/);
      assert.match(text, /FAIL the process of tests\/c\.test\.ts, tests\/d\.test\.ts, after its tests 0\/0/);
      assert.match(text, /ended after 2 s/);
    } finally {
      Deno.env.delete("FILE_TIMEOUT");
    }
  }));

runner("gives files that share something a process each, and starts with what takes longest", () =>
  inTree({
    "tests/a.test.ts": good,
    "tests/b.test.ts": `import "./deep/child.ts"; ${good}`,
    "tests/c.test.ts": good,
    "tests/deep/child.ts": `export const run = () => new Deno.Command("true");`,
    "tests/long.test.ts": good,
  }, (root) => {
    const all = ["a", "b", "c", "long"].map((name) => `tests/${name}.test.ts`), alone = isolated(root);
    assert.equal(all.filter(alone), ["tests/b.test.ts"]);
    const seconds = (file: string): number => file.includes("long") ? 100 : file.includes("b.") ? 9 : 1;
    assert.equal(batchesOf(all, alone, seconds).map(({ files }) => files.map((f) => f.slice(6, -8))), [
      ["long"],
      ["b"],
      ["a", "c"],
    ]);
  }));

runner("counts suites that a wait is between, and fails with the first of them", () =>
  inTree({
    "tests/a.test.ts": `import { suite } from "uvu"; import * as assert from "uvu/assert";
      const a = suite("a"); a("no", () => assert.is(1, 2)); a.run();
      await new Promise((r) => setTimeout(r, 20));
      const b = suite("b"); b("yes", () => {}); b.run();`,
  }, async (root) => {
    const { code, lines } = await printed(() => main(root, []));
    assert.equal([code, lines.at(-1)], [1, "1 passed, 1 failed"], lines.join("\n"));
  }));

runner("fails on an empty folder and on a filter that matches nothing", () =>
  inTree({}, async (root) => {
    assert.is((await printed(() => main(root, []))).code, 1);
    await Deno.writeTextFile(`${root}/tests/a.test.ts`, `${uvu} test("1", () => {}); test.run();`);
    assert.is((await printed(() => main(root, ["zzz"]))).code, 1);
    const { code, lines } = await printed(() => main(root, ["a.test"]));
    assert.equal([code, lines.at(-1)], [0, "1 passed, 0 failed"]);
  }));

runner(
  "ends a file that hangs",
  () =>
    inTree({
      "tests/a.test.ts": `${uvu} test("1", () => new Promise((r) => setTimeout(r, 60000))); test.run();`,
    }, async (root) => {
      Deno.env.set("FILE_TIMEOUT", "1");
      try {
        const { code, lines } = await printed(() => main(root, []));
        assert.is(code, 1);
        assert.match(lines.join("\n"), /ended after 1 s/);
      } finally {
        Deno.env.delete("FILE_TIMEOUT");
      }
    }),
);

runner("knows how long only files take that exist", () => {
  const root = new URL("../..", import.meta.url).pathname;
  const known = JSON.parse(Deno.readTextFileSync(`${root}/tests/durations.json`)) as Record<string, number>;
  const all = new Set(testFiles(`${root}/tests`).map((file) => `tests/${file}`));
  assert.equal(Object.keys(known).filter((file) => !all.has(file)), []);
});

runner.run();
