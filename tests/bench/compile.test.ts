/** The timing of the way to a program: in words, as JSON that its codec reads back, and warm where it should be. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type CompileReport, compileText } from "../../bench/compile.ts";
import { ran } from "./command.ts";

const test = suite("bench:compile");
const CLI = ["bench/main.ts", "compile"] as const;
const folder = await Deno.makeTempDir();
Deno.env.set("COS_PROGRAM_CACHE", `${folder}/programs`);
test.after(() => Deno.remove(folder, { recursive: true }));

const timed = async (...flags: readonly string[]): Promise<CompileReport> => {
  const size = ["--preset", "smoke", "--tokens", "32", "--device", "cpu", "--json"];
  const { code, out, err } = await ran(...CLI, ...size, ...flags);
  assert.is(code, 0, err);
  return JSON.parse(out) as CompileReport;
};

test("the second process takes the program from the disk, unless --no-cache is given", async () => {
  const first = await timed(), second = await timed(), uncached = await timed("--no-cache");
  assert.equal([first, second, uncached].map(({ kept }) => kept), [false, true, false]);
  assert.equal(
    [second, uncached].map(({ kernels, characters, bytes }) => [kernels, characters, bytes]),
    [first, first].map(({ kernels, characters, bytes }) => [kernels, characters, bytes]),
  );
  // a bound on work, not on time: nothing is compiled or rendered
  assert.ok(second.cold.compile + second.cold.render < (uncached.cold.compile + uncached.cold.render) / 2);
  assert.is([...Deno.readDirSync(`${folder}/programs`)].length, 1);
});

test("the second time in a process compiles and renders nothing, and says so in JSON", async () => {
  const report = await timed("--no-cache");
  assert.ok(report.loaded && report.kernels > 50 && report.characters > 10_000 && report.bytes > 10_000);
  const { cold, warm } = report;
  assert.ok(cold.compile > 0 && cold.render > 0);
  // not a bound on time but on work: keys are compared, nothing is made
  assert.ok(warm.compile + warm.render < (cold.compile + cold.render) / 2, JSON.stringify({ cold, warm }));
  const text = compileText({ ...report, loaded: false });
  assert.match(text, /smoke, 32 visual tokens, batch 1: \d+ kernels/);
  assert.match(text, /more than the device holds/);
});

test("numbers that mean nothing are refused", async () => {
  for (const flags of [["--tokens", "33"], ["--batch", "0"]]) {
    const { code, err, out } = await ran(...CLI, "--preset", "smoke", "--device", "cpu", ...flags);
    assert.is.not(code, 0);
    assert.match(err + out, /33 visual tokens|--batch/);
  }
});

test.run();
