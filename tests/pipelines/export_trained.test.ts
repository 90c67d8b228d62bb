/** A trained model for other programs: every number comes back from what is written. */
import { cpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportTrained } from "../../pipelines/ask/export_trained.ts";
import { loadExported } from "../../pipelines/ask/exported.ts";
import { loadTrained } from "../../pipelines/ask/trained.ts";
import { ran } from "../bench/command.ts";
import { runInto, tinyExperiment } from "../support/tiny_experiment.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("export of a trained model");
const folder = await Deno.makeTempDir(), store = await Deno.makeTempDir(), run = `${folder}/run`;
test.after(async () => {
  for (const made of [folder, store]) await Deno.remove(made, { recursive: true });
});

test("decoder, encoder and bridge hold the numbers of the checkpoint", async () => {
  await Effect.runPromise(Effect.provide(runInto(tinyExperiment, run, store), cpu({ threads: 2 })));
  const trained = await Effect.runPromise(Effect.scoped(loadTrained(run))), out = `${folder}/out`;
  await Effect.runPromise(exportTrained(out, trained));
  const read = await Effect.runPromise(loadExported(out));
  assert.equal({ ...read.decoder, ...trained.causalLM.decoder }, read.decoder);
  assert.equal(
    await arraysOf(read.params),
    await arraysOf(trained.causalLM.params),
  );
  assert.equal(read.language.tokenizer, trained.language.tokenizer);
  const { heads: _, ...bridge } = read.bridge;
  assert.equal(bridge, trained.bridge);
});

test("the command writes every format, and says what it wrote", async () => {
  for (const format of ["huggingface", "csv", "parquet", "tensorboard", "html"]) {
    const { code, out, err } = await ran("pipelines/cli/cos.ts", "export", run, "--format", format, "--json");
    assert.is(code, 0, err);
    const { files } = JSON.parse(out) as { readonly files: readonly string[] };
    assert.ok(files.length > 0);
    for (const file of files) assert.ok((await Deno.stat(file)).size > 0, file);
  }
  const listed = JSON.parse(
    (await ran("pipelines/cli/cos.ts", "runs", "list", "--runs", folder, "--json")).out,
  );
  assert.equal(listed.map((r: { path: string; status: string }) => [r.path, r.status]), [[run, "finished"]]);
  const found = await ran(
    "pipelines/cli/cos.ts",
    "runs",
    "query",
    "seed=3",
    "--runs",
    folder,
    "--json",
  );
  assert.equal(JSON.parse(found.out), []);
  assert.is((await ran("pipelines/cli/cos.ts", "runs", "diff", run, run)).out, "nothing differs\n");
  const wrong = await ran("pipelines/cli/cos.ts", "runs", "diff", run, folder);
  assert.match(wrong.err, /got: +a folder without manifest\.json/);
});

test.run();
