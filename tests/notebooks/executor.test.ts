/** The executor: no output is lost, and whatever goes wrong is informed with its cell. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ran, type Source, textsOf } from "./notebook_kernel.ts";

const test = suite("executor");

test("cells share a session, and imports resolve by the project's names", async () => {
  const result = await ran([
    'import { core } from "@chain-of-sight/chain-of-sight";\nconst layout = core.layoutOf(224, 14, [16, 4], [16, 4]);',
    ["core.tokenCount(layout)", "text"],
  ]);
  assert.equal(result.faults, []);
  assert.equal(textsOf(result, 2), ["80"]);
});

test("every output of many cells is there, in order, whichever way it takes", async () => {
  const kinds = (i: number): Source[] => [
    [`${i}`, "text"],
    [`console.log("line ${i}")`, "text"],
    [`await Deno.jupyter.display({ "text/plain": "shown ${i}" }, { raw: true })`, "text"],
    `console.error("${i}"); console.log("${i}"); "${i}"`,
  ];
  const rounds = 30, sources = Array.from({ length: rounds }, (_, i) => kinds(i)).flat();
  const result = await ran(sources);
  assert.equal(result.faults, []);
  for (let i = 0; i < rounds; i++) {
    assert.equal(textsOf(result, 4 * i + 1), [String(i)]);
    assert.equal(textsOf(result, 4 * i + 2), [`line ${i}\n`]);
    assert.equal(textsOf(result, 4 * i + 3), [`shown ${i}`]);
    assert.equal(textsOf(result, 4 * i + 4).toSorted(), [`"${i}"`, `${i}\n`, `${i}\n`].toSorted());
  }
});

test("a declared output that takes its time is waited for", async () => {
  const slow = `({ [Symbol.for("Jupyter.display")]: async () => {
    await new Promise((done) => setTimeout(done, 300));
    return { "text/plain": "slow" };
  } })`;
  const result = await ran([[slow, "text"], "1"]);
  assert.equal(result.faults, []);
  assert.equal(textsOf(result, 1), ["slow"]);
  assert.equal(textsOf(result, 2), ["1"]);
});

test("a lost output fails, and later cells do not run", async () => {
  const { faults, notebook } = await ran([["1", "text"], ["const lost = 1;", "figure"], "2"], { grace: 50 });
  assert.is(faults.length, 1);
  assert.is(faults[0]!.cell, 2);
  assert.match(faults[0]!.message, /test\.ipynb, cell 2: const lost = 1;: got no output; expected .*figure/);
  assert.equal(notebook.cells[2]!.outputs, []);
});

test("text is no table and an empty drawing no figure", async () => {
  const shows = (bundle: object) =>
    `({ [Symbol.for("Jupyter.display")]: () => (${JSON.stringify(bundle)}) })`;
  const table = { "text/html": "<table><tbody><tr><td>1</td></tr></tbody></table>" };
  const drawn = { "image/svg+xml": '<svg><rect fill="white"/><path d="M0 0"/></svg>' };
  const good = await ran([[shows(table), "table"], [shows(drawn), "figure"]]);
  assert.equal(good.faults, []);
  for (
    const [bundle, expected] of [
      [{ "text/plain": "1 2" }, "table"],
      [{ "text/html": "<table></table>" }, "table"],
      [{ "image/svg+xml": '<svg><rect fill="white"/></svg>' }, "figure"],
      [{ "text/html": "<b>1</b>" }, "figure"],
    ] as const
  ) {
    const { faults } = await ran([[shows(bundle), expected]], { grace: 20 });
    assert.is(faults.length, 1, `${JSON.stringify(bundle)} is no ${expected}`);
    assert.match(faults[0]!.got, new RegExp(`no ${expected}`));
  }
});

test("a cell that throws is informed with its line and message", async () => {
  const result = await ran([
    'import { core } from "@chain-of-sight/chain-of-sight";',
    "type Side = number;\n\nconst side: Side = 225;\nconst before = 1;\ncore.layoutOf(side, 14, [16], [16]);\nbefore",
    "1",
  ]);
  assert.is(result.faults.length, 1);
  const [fault] = result.faults;
  assert.is(fault!.cell, 2);
  assert.is(fault!.line, 5);
  assert.match(fault!.message, /cell 2, near line 5: core\.layoutOf\(side/);
  assert.match(fault!.got, /ConfigError: layout: got 225 px/);
  assert.match(textsOf(result, 2).join(), /ConfigError/);
  assert.equal(textsOf(result, 3), []);
});

test("a cell that is no TypeScript, a rejection and a timer that throws fail their cell", async () => {
  for (
    const [source, said] of [
      ["2 +", /Execution failed/],
      ['Promise.reject(new Error("adrift")); 1', /adrift/],
      [
        'setTimeout(() => { throw new Error("late"); }, 0); await new Promise((done) => setTimeout(done, 30));',
        /late/,
      ],
    ] as const
  ) {
    const { faults } = await ran([source, "1"]);
    assert.is(faults.length, 1, source);
    assert.is(faults[0]!.cell, 1);
    assert.match(faults[0]!.got, said);
  }
});

test("a kernel that ends is informed with the cell that ended it, and keeps the outputs before", async () => {
  const result = await ran(["1", "Deno.exit(3)", "2"]);
  assert.is(result.faults.length, 1);
  assert.is(result.faults[0]!.cell, 2);
  assert.match(result.faults[0]!.got, /its end with exit code 3/);
  assert.equal(textsOf(result, 1), ["1"]);
  const killed = await ran(['Deno.kill(Deno.pid, "SIGKILL")']);
  assert.match(killed.faults[0]!.got, /its end with SIGKILL/);
});

test("a kernel that stalls is dead once its heart does not beat; a busy one is not", async () => {
  const stopped = await ran(["1", 'Deno.kill(Deno.pid, "SIGSTOP")'], { patience: 1500 });
  assert.is(stopped.faults[0]!.cell, 2);
  assert.match(stopped.faults[0]!.got, /no answer to its heartbeat for 1\.5 s/);
  const busy = await ran([["const until = Date.now() + 4000; while (Date.now() < until); 7", "text"]], {
    patience: 2500,
  });
  assert.equal(busy.faults, []);
  assert.equal(textsOf(busy, 1), ["7"]);
});

test("a kernel that does not start, or ends at once, is an error of its own", async () => {
  const failure = async (command: readonly [string, ...string[]]): Promise<string> =>
    await ran(["1"], { command }).then(
      () => "no error",
      (error) => `${error._tag} ${error.reason} ${error.message}`,
    );
  assert.match(await failure(["/no/such/program"]), /^KernelError start .*\/no\/such\/program/);
  assert.match(
    await failure(["/bin/sh", "-c", "echo sorry >&2; exit 4"]),
    /^KernelError died .*exit code 4: sorry/,
  );
});

test("a tag that names no output is refused before anything runs", async () => {
  const said = await ran([["1", "tabel"]]).then(() => "", (error) => `${error._tag} ${error.message}`);
  assert.match(said, /^NotebookError .*cell 1: got the tag expects:tabel; expected expects:text, /);
});

test.run();
