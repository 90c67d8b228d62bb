/** The fuzz task on planted trees: what it finds, how it says so, and that it ends. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { candidates, filesWithProperties, fuzz, type FuzzOptions } from "../fuzz.ts";

const task = suite("fuzz task");

const here = new URL("../", import.meta.url);

const head = (to: string): string =>
  `import fc from "fast-check";\nimport { suite, test } from "uvu";\nimport { property, seeds } from "${to}";\n`;
const files: Readonly<Record<string, string>> = {
  "a.test.ts": `${head("./support/property.ts")}
    property(test, "good", [fc.nat()], () => true);
    property(test, "bad", [fc.integer({ min: 0 })], (n) => n < 1000);
    test("plain", () => { throw new Error("never in fuzz"); });
    test.run();`,
  "deep/b.test.ts": `${head("../support/property.ts")}
    property(test, "odd seeds", [seeds()], async (n) => { await 0; return n >= 0; });
    test.run();`,
  "deep/by_way.ts": `import "../support/property.ts";`,
  "deep/crash.test.ts": `import "./by_way.ts"; throw new Error("broken file");`,
  "deep/ends.test.ts": `${head("../support/property.ts")}
    property(test, "ends", [fc.nat()], () => Deno.exit(3));
    property(test, "behind it", [fc.nat()], () => true);
    test.run();`,
  "deep/hangs.test.ts": `${head("../support/property.ts")}
    property(test, "hangs", [fc.nat()], () => { for (;;); });
    test.run();`,
  "deep/plain.test.ts": `import { test } from "uvu"; test("x", () => {}); test.run();`,
};

const fuzzed = async (
  given: Partial<FuzzOptions>,
): Promise<{ readonly code: number; readonly text: string }> => {
  const root = await Deno.makeTempDir(), lines: string[] = [], { log } = console;
  try {
    for (const folder of ["core", "kernels", "pipelines", "tests/support", "tests/deep"]) {
      await Deno.mkdir(`${root}/${folder}`, { recursive: true });
    }
    for (const room of ["core", "kernels", "pipelines"]) {
      await Deno.writeTextFile(
        `${root}/${room}/deno.json`,
        `{"name":"@x/${room}","version":"0.1.0","exports":"./m.ts"}`,
      );
    }
    await Deno.copyFile(new URL("../deno.json", here), `${root}/deno.json`);
    for (const name of ["turn.ts", "support/property.ts"]) {
      await Deno.copyFile(new URL(name, here), `${root}/tests/${name}`);
    }
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${root}/tests/${name}`, text);
    console.log = (...said: unknown[]) => lines.push(said.join(" "));
    const code = await fuzz(root, { only: "", seed: 5, jobs: 1, timeoutSeconds: 60, ...given });
    return { code, text: lines.join("\n") };
  } finally {
    console.log = log;
    await Deno.remove(root, { recursive: true });
  }
};

task(
  "finds the files of this tree that hold properties, also by way of others, and those that a name is about",
  () => {
    const all = filesWithProperties(new URL("..", here).pathname.replace(/\/$/, ""));
    assert.ok(all.includes("tests/laws/gradients.test.ts"));
    assert.ok(all.includes("tests/device/cpu_fuzz.test.ts"), "by way of tests/device/fuzz.ts");
    assert.not.ok(all.includes("tests/tiny.test.ts"));
    assert.equal(candidates(all, "laws/gradients: mod"), ["tests/laws/gradients.test.ts"]);
    assert.equal(candidates(all, "laws/"), all.filter((path) => path.startsWith("tests/laws/")));
    assert.equal(candidates(all, "mod"), all);
  },
);

task("passes good properties, with fresh seeds until the time is over", async () => {
  const { code, text } = await fuzzed({ only: "deep/b: odd", minutes: 0.05 });
  assert.is(code, 0, text);
  const [, inputs] = /ok +(\d+) deep\/b: odd seeds/.exec(text)!;
  assert.ok(Number(inputs) > 100, text);
  assert.match(text, /1 properties, \d+ inputs, 0\.\d minutes, 0 failed$/);
});

task("prints the counterexample of a failure and the command that repeats it, which does", async () => {
  const { code, text } = await fuzzed({ only: "a: ", minutes: 0.05 });
  assert.is(code, 1, text);
  assert.match(text, /^ok +\d+ a: good$/m);
  assert.match(text, /^FAIL +\d+ a: bad$/m);
  assert.match(text, /counterexample: \[1000\]/);
  assert.not.match(text, /never in fuzz/);
  const [, only, seed, path] = /deno task fuzz --only '(a: bad)' --seed (\d+) --path ([\d:]+)/.exec(text)!;
  const again = await fuzzed({ only: only!, seed: Number(seed), path: path! });
  assert.is(again.code, 1);
  assert.match(again.text, /counterexample: \[1000\]/);
  assert.match(again.text, /1 properties, 1 inputs/);
});

task("counts files that crash, processes that end, and properties that hang", async () => {
  const crash = await fuzzed({ only: "deep/crash: x" });
  assert.is(crash.code, 1);
  assert.match(crash.text, /FAIL tests\/deep\/crash\.test\.ts\n[^]*broken file/);
  const ends = await fuzzed({ only: "deep/ends: " });
  assert.is(ends.code, 1);
  assert.match(
    ends.text,
    /FAIL deep\/ends: ends\n +the process ended\n +repeat it: deno task fuzz --only 'deep\/ends: ends'/,
  );
  const hangs = await fuzzed({ only: "deep/hangs: ", timeoutSeconds: 3 });
  assert.is(hangs.code, 1);
  assert.match(hangs.text, /FAIL deep\/hangs: hangs\n +no output for 3 s\n +repeat it: .* --seed 5/);
});

task("fails where no property has the name", async () => {
  const { code, text } = await fuzzed({ only: "deep/b: nothing" });
  assert.is(code, 1);
  assert.match(text, /no property's file and name contain "deep\/b: nothing"/);
});

task.run();
