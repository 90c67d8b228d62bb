/** A folder of notebooks as the command runs it: copies and pages are written, also of one that fails. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Cause from "effect/Cause";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { notebookText } from "../../tools/notebooks/notebook.ts";
import { type NotebookRun, type RanNotebook, runNotebooks } from "../../tools/notebooks/run.ts";
import { notebookOf } from "./notebook_kernel.ts";

const test = suite("run");
const folder = await Deno.makeTempDir({ prefix: "notebooks-run-" });
const out = `${folder}/out`;

const run = async (more: Partial<NotebookRun> = {}): Promise<readonly RanNotebook[]> => {
  const exit = await Effect.runPromise(
    Effect.exit(runNotebooks({ folder, only: [], preset: "smoke", device: "cpu", out, ...more })),
  );
  if (Exit.isSuccess(exit)) return exit.value;
  throw Cause.squash(exit.cause);
};
const failure = (more: Partial<NotebookRun>): Promise<string> =>
  run(more).then(() => "no error", (error) => `${error._tag}: ${error.message}`);

test.before(async () => {
  await Deno.writeTextFile(
    `${folder}/01_good.ipynb`,
    notebookText(notebookOf(['console.log(Deno.env.get("COS_PRESET"), Deno.env.get("COS_DEVICE"))', "text"])),
  );
  await Deno.writeTextFile(
    `${folder}/02_bad.ipynb`,
    notebookText(notebookOf("1 + 1", 'throw new Error("on purpose")')),
  );
});

test("gives cells the preset and the device, and writes copies and pages", async () => {
  const done: string[] = [];
  const ran = await run({ onDone: (name, { faults }) => void done.push(`${name} ${faults.length}`) });
  assert.equal(ran.map(({ name }) => name), ["01_good", "02_bad"]);
  assert.equal(done, ["01_good 0", "02_bad 1"]);
  assert.match(ran[1]!.faults[0]!.message, /02_bad\.ipynb, cell 2.*Error: on purpose/);
  const copy = JSON.parse(await Deno.readTextFile(`${out}/01_good.ipynb`));
  assert.is(copy.cells[0].outputs[0].text, "smoke cpu\n");
  assert.match(await Deno.readTextFile(`${out}/01_good.html`), /smoke cpu/);
  assert.match(await Deno.readTextFile(`${out}/02_bad.html`), /class="error">Error: on purpose/);
});

test("runs those that are named, and refuses a name that there is none of", async () => {
  assert.equal((await run({ only: ["01"] })).map(({ name }) => name), ["01_good"]);
  assert.match(
    await failure({ only: ["01", "09"] }),
    /^NotebookError: .*no name that begins with 09; expected one of 01_good, 02_bad/,
  );
  assert.match(await failure({ folder: `${folder}/none` }), /^DiskError: .*none/);
});

test("refuses what is no notebook and what does not type-check, before any kernel starts", async () => {
  const other = await Deno.makeTempDir({ dir: folder });
  await Deno.writeTextFile(
    `${other}/a.ipynb`,
    JSON.stringify({ cells: [{ cell_type: "code" }], metadata: {}, nbformat: 3 }),
  );
  assert.match(await failure({ folder: other }), /^DecodeError: .*nbformat/);
  await Deno.writeTextFile(`${other}/a.ipynb`, notebookText(notebookOf('const n: number = "1";')));
  assert.match(await failure({ folder: other }), /^NotebookError: .*cell 1, line 1/s);
  await Deno.writeTextFile(`${other}/a.ipynb`, "{");
  assert.match(await failure({ folder: other }), /^DecodeError: .*not JSON/);
});

test.after(() => Deno.removeSync(folder, { recursive: true }));
test.run();
