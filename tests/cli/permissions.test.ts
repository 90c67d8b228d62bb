/** The permissions that docs/devices.md names are enough. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { linesOf, records, writeRun } from "../board/runs_on_disk.ts";
import { tinySettings } from "../support/tiny_experiment.ts";

const test = suite("permissions");
const folder = await Deno.makeTempDir({ prefix: "permissions" });
test.after(() => Deno.remove(folder, { recursive: true }));
await writeRun(`${folder}/runs/a`, { name: "a", done: 1, metrics: { "a-pretrain": linesOf(records(1, 3)) } });

const ran = async (permissions: readonly string[], ...args: readonly string[]) => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...permissions, "pipelines/cli/cos.ts", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};

const READ = ["--allow-read", "--allow-env"], NATIVE = [...READ, "--allow-sys", "--allow-ffi"];

test("commands that read need no more than to read, and those that draw native libraries", async () => {
  for (
    const [permissions, ...args] of [
      [[], "configs"],
      [READ, "plan", "linear-256-256-at-224", "--geometry", "small"],
      [READ, "runs", "list", "--runs", `${folder}/runs`],
      [NATIVE, "doctor", "--no-measure"],
      [[...NATIVE, `--allow-write=${folder}/runs/a`], "report", `${folder}/runs/a`],
      [
        [...NATIVE, `--allow-write=${folder}/csv`],
        "export",
        `${folder}/runs`,
        "--format",
        "csv",
        "--out",
        `${folder}/csv`,
      ],
    ] as readonly (readonly [readonly string[], ...string[]])[]
  ) {
    const { code, err } = await ran(permissions, ...args);
    assert.is(code, 0, `${args.join(" ")}: ${err}`);
    assert.not.match(err, /NotCapable|Requires/);
  }
});

test("the quickstart reaches no network, starts no process, and writes where it is configured to", async () => {
  const set = tinySettings.filter((one) => /^(pretrain|finetune|evaluate)/.test(one))
    .flatMap((one) => ["--set", one]);
  const size = ["--preset", "smoke", "--arms", "cos-20-84", "--device", "cpu"];
  const line = ["quickstart", ...size, "--out", `${folder}/made/run`, ...set];
  const few = await ran(
    [...NATIVE, `--allow-write=${folder}/made,cache`, "--deny-net", "--deny-run"],
    ...line,
  );
  assert.is(few.code, 0, few.err);
  assert.ok(Deno.statSync(`${folder}/made/run/report.html`).isFile);
  // without the sources nobody knows what made an artefact
  const blind = await ran([...NATIVE, `--allow-write=${folder}`, `--deny-read=core`], ...line);
  assert.is(blind.code, 1);
  assert.match(blind.err, /read the sources of the library[^]*--allow-read/);
});

test.run();
