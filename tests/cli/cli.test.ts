/** The command line as a whole: help, completions, what is wrong, and pure JSON. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { entries, treeFor } from "../../pipelines/cli/tree.ts";
import { ran } from "../bench/command.ts";
import { linesOf, records, writeRun } from "../board/runs_on_disk.ts";

const test = suite("cos");
const cos = (...args: readonly string[]) => ran("pipelines/cli/cos.ts", ...args);

const folder = await Deno.makeTempDir();
test.after(() => Deno.remove(folder, { recursive: true }));

test("the help lists every command; each has its own with a description and examples", async () => {
  const { code, out, err } = await cos("--help");
  assert.is(code, 0, err);
  for (const { name, about } of entries) {
    assert.match(out, new RegExp(`^  ${name} +${about.slice(0, 30)}`, "m"));
  }
  for (const { name, about, examples } of entries) {
    const tree = await treeFor([name], "deno task cos");
    const command = tree.subcommands.flatMap(({ commands }) => commands).find((c) => c.name === name)!;
    assert.is(command.description, about);
    assert.is(command.examples.length, examples.length);
    assert.ok(examples.length > 0 && command.examples[0]!.command.startsWith(`deno task cos ${name}`), name);
    assert.is(
      (await entries.find((e) => e.name === name)!.load()).command.name,
      name,
      "it is called so itself",
    );
  }
  const one = await cos("plan", "--help");
  assert.is(one.code, 0);
  assert.match(one.out, /EXAMPLES[^]*deno task cos plan cos-80-1296/);
  assert.match(one.out, /--utilisation/);
});

test("every task of deno.json but those of the tests is a short name of one of them", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url))) as {
    readonly tasks: Readonly<Record<string, string>>;
  };
  const names = entries.map(({ name }) => name);
  for (const [task, line] of Object.entries(tasks)) {
    if (line.includes(" tests/")) continue;
    const [entry, name, ...rest] = line.replace("deno run -A ", "").split(" ");
    if (entry !== "pipelines/cli/cos.ts") {
      const own = {
        bench: "bench/main.ts",
        notebooks: "tools/notebooks/main.ts",
        docs: "tools/docs/main.ts",
        package: "tools/package/make.ts",
      };
      assert.is(entry, own[task.split(":")[0] as keyof typeof own], task);
      assert.is(task.split(":")[1], name, task);
      continue;
    }
    assert.is([name, ...rest].filter((word) => word !== undefined).join(":"), task === "cos" ? "" : task);
    if (name !== undefined) assert.ok(names.includes(name), task);
  }
});

test("what is wrong goes to standard error in a few lines, with the nearest word, and ends with 1", async () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["plna"], /Unknown subcommand "plna"[^]*plan/],
    [["plan", "--jsno", "cos-80-1296"], /--jsno[^]*--json/],
    [["quickstart", "--preset", "nano"], /nano[^]*smoke/],
    [
      ["ablate", "--set", "pretrian.steps=3"],
      /the field pretrian\.steps[^]*the nearest field is pretrain\.steps/,
    ],
    [
      ["ablate", "--set", "pretrain.steps=many"],
      /pretrain\.steps: "many"[^]*pretrain\.steps is 480 unless set/,
    ],
    [["finetune", "--arm", "cos-20-8", "--device", "cpu"], /cos-20-8[^]*the nearest is cos-20-8/],
    [["report", `${folder}/none`], /no such file or folder/],
    [["board", "--runs", `${folder}/none`], /expected: the folder of runs/],
  ];
  for (const [args, message] of wrong) {
    const { code, out, err } = await cos(...args);
    assert.is(code, 1, args.join(" "));
    assert.is(out, "", `nothing on standard output: ${args.join(" ")}`);
    assert.match(err, message);
  }
});

test("completions are for three shells, and name every command", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, out } = await cos("--completions", shell);
    assert.is(code, 0);
    for (const { name } of entries) assert.ok(out.includes(name), `${shell}: ${name}`);
    assert.ok(out.includes("utilisation"), `${shell}: flags of a command`);
    if (shell !== "bash") continue;
    await Deno.writeTextFile(`${folder}/completions`, out);
    const checked = await new Deno.Command("bash", { args: ["-n", `${folder}/completions`] }).output();
    assert.ok(checked.success);
  }
});

test("with --json standard output is JSON and nothing else", async () => {
  await writeRun(`${folder}/run`, {
    name: "run",
    done: 1,
    metrics: { "a-pretrain": linesOf(records(1, 5)) },
  });
  for (
    const args of [
      ["configs", "--json", "cos-80-1296"],
      ["plan", "--json", "--geometry", "small", "cos-80-1296"],
      ["doctor", "--json", "--no-measure", "--device", "cpu"],
      ["report", "--json", `${folder}/run`],
      ["ablate", "--list", "--json"],
    ]
  ) {
    const { code, out, err } = await cos(...args);
    assert.is(code, 0, err);
    assert.type(JSON.parse(out), "object", args.join(" "));
  }
  assert.match(await Deno.readTextFile(`${folder}/run/report.html`), /^<!doctype html>/);
});

test.run();
