/** RESULTS.md and the pages of records are what the committed records give, and the records are small, whole and true to what they were kept from. */
import { deviceNamed } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ablateHere } from "../../pipelines/ablations/ablate.ts";
import { summarise } from "../../pipelines/ablations/summary.ts";
import type { AblationSummary } from "../../pipelines/ablations/summary_types.ts";
import { ablation } from "../support/ablations.ts";
import { ARTEFACTS, isKeptLine, keepAblation } from "../../pipelines/report/results/keep.ts";
import { resultsPages } from "../../pipelines/report/results/page.ts";
import { timePaired, TIMES } from "../../pipelines/ablations/paired.ts";
import { readResults } from "../../pipelines/report/results/read.ts";
import { readManifest, writeJson } from "../../pipelines/runs/run_directory.ts";

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const RESULTS = `${root}/results`;

const filesIn = (folder: string): readonly string[] =>
  [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}/${name}`) : [`${folder}/${name}`]
  ).toSorted();

// what operations are counted changes with the compiler's rules; scores do not
const withoutPredictions = ({ arms, ...summary }: AblationSummary) => ({
  ...summary,
  arms: arms.map(({ time: { predicted: _, ...time }, ...arm }) => ({ ...arm, time })),
});

const inFolder = (pages: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(pages).map(([place, text]) => [`results/${place}`, text]));

const committed = suite("committed results");

const given = resultsPages(await Effect.runPromise(readResults(RESULTS)));

committed("RESULTS.md, the page of claims and those of records are what the records give", () => {
  const pages = { "RESULTS.md": given.verdicts, ...inFolder(given.inside) };
  for (const [place, text] of Object.entries(pages)) {
    assert.ok(
      text === Deno.readTextFileSync(`${root}/${place}`),
      `${place} is not what the records give: run \`deno task cos results\``,
    );
  }
  assert.ok(given.verdicts.split("\n").length < 40, "a screen of verdicts");
});

committed("summaries follow from the artefacts that are kept", async () => {
  for (const { name, summary } of await Effect.runPromise(readResults(RESULTS))) {
    const again = await Effect.runPromise(summarise(`${RESULTS}/${name}`));
    assert.equal(withoutPredictions(again), withoutPredictions(summary), name);
    again.arms.forEach(({ time }, i) => {
      const before = summary.arms[i]!.time.predicted;
      assert.ok(
        Math.abs(time.predicted - before) < 0.05 * before,
        `${name}: ${time.predicted} for ${before}`,
      );
    });
  }
});

committed("every run that a number names is there, with the hashes that are named", async () => {
  const records = await Effect.runPromise(readResults(RESULTS));
  assert.ok(records.length > 0);
  for (const { summary, evaluations } of records) {
    for (const { seeds } of summary.arms) {
      for (const { origin } of seeds) {
        for (const { artefact, configHash, dataHash } of Object.values(origin)) {
          // reading compares the hash with the configuration
          const manifest = await Effect.runPromise(readManifest(`${RESULTS}/${ARTEFACTS}/${artefact}`));
          assert.is(manifest.configHash, configHash);
          assert.is(manifest.dataHash, dataHash);
          assert.is(artefact.split("-")[1], configHash.slice(0, 16));
        }
        assert.is(evaluations.get(origin.evaluate!.artefact)!.dataHash, origin.evaluate!.dataHash);
        assert.not.match(origin.evaluate!.command, "--store");
      }
    }
  }
});

committed("records are small, of text, and none is left behind", async () => {
  const files = filesIn(RESULTS), records = await Effect.runPromise(readResults(RESULTS));
  assert.equal(files.filter((file) => !/\.(json|jsonl|svg|md)$/.test(file)), []);
  const bytes = files.reduce((sum, file) => sum + Deno.statSync(file).size, 0);
  assert.ok(bytes < 2_000_000, `${bytes} bytes`);
  const named = new Set(
    records.flatMap(({ summary }) =>
      summary.arms.flatMap(({ seeds }) =>
        seeds.flatMap(({ origin }) => Object.values(origin).map(({ artefact }) => artefact))
      )
    ),
  );
  assert.equal(
    [...Deno.readDirSync(`${RESULTS}/${ARTEFACTS}`)].map(({ name }) => name).toSorted(),
    [...named].toSorted(),
  );
  const pages = { "RESULTS.md": given.verdicts, ...inFolder(given.inside) },
    all = Object.values(pages).join("\n");
  for (const artefact of named) assert.ok(all.includes(artefact), artefact);
  assert.equal(
    files.filter((file) => file.endsWith(".md")).map((file) => file.slice(root.length + 1)),
    Object.keys(inFolder(given.inside)).toSorted(),
    "no page is of a record that is gone",
  );
  const anchorsIn = (text: string): readonly string[] =>
    [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!);
  for (const [place, text] of Object.entries(pages)) {
    for (const [, link] of text.matchAll(/\]\(([^)]+)\)/g)) {
      const { pathname, hash } = new URL(link!, `file:///${place}`), target = pathname.slice(1);
      const there: string | undefined = pages[target as keyof typeof pages];
      assert.ok(there !== undefined || files.includes(`${root}/${target}`), `${place}: ${link}`);
      assert.ok(hash === "" || anchorsIn(there ?? "").includes(hash.slice(1)), `${place}: ${link}`);
    }
  }
});

committed.run();

const keeping = suite("keeping an ablation");
const folder = Deno.makeTempDirSync();
keeping.after(() => Deno.remove(folder, { recursive: true }));

const tiny = ablation("main", "smoke", { seeds: [1], settings: ["pretrain.steps=2", "finetune.steps=2"] });

keeping("keeps the numbers and their origin, and no weights; the same again changes no byte", async () => {
  const out = `${folder}/runs/main`, kept = `${folder}/kept`;
  const sink = { isTerminal: () => false, width: () => 100, write: () => {}, now: () => 0 };
  const command = "deno task cos ablate --family main --preset smoke --seeds 1 --device cpu --store s";
  const options = { config: tiny, command, out, store: `${folder}/store`, version: "test", sink };
  const { summary } = await Effect.runPromise(
    ablateHere(options).pipe(Effect.provide(deviceNamed("cpu"))),
  );
  const keep = () =>
    Effect.runPromise(
      keepAblation({ directory: out, folder: kept, name: "main", note: "A crowded machine." }),
    );
  const found = await keep();
  assert.equal(found.arms.map(({ scores }) => scores), summary.arms.map(({ scores }) => scores));
  assert.equal(found.arms.map(({ time }) => time), summary.arms.map(({ time }) => time));
  assert.equal(summary.arms.find(({ name }) => name === summary.baseline)!.time, {
    predicted: 1,
    measured: { value: 1, low: 1, high: 1 },
  });
  assert.ok(summary.arms.every(({ time }) => time.measured !== undefined), "arms are timed side by side");
  assert.match(summary.arms[0]!.seeds[0]!.origin.evaluate!.command, "--store");
  assert.not.match(found.arms[0]!.seeds[0]!.origin.evaluate!.command, "--store");
  const files = filesIn(kept), bytes = files.map((file) => Deno.readTextFileSync(file));
  assert.equal(files.filter((file) => /safetensors|\.png$|lock$/.test(file)), []);
  await keep();
  assert.equal(filesIn(kept).map((file) => Deno.readTextFileSync(file)), bytes);
  await Effect.runPromise(keepAblation({ directory: `${kept}/main`, folder: kept, name: "main" }));
  assert.equal(
    filesIn(kept).map((file) => Deno.readTextFileSync(file)),
    bytes,
    "in its place, with its note",
  );

  const records = await Effect.runPromise(readResults(kept));
  const page = resultsPages(records).inside["main/README.md"]!;
  assert.match(page, "A crowded machine.");
  for (const { seeds } of found.arms) assert.ok(page.includes(seeds[0]!.origin.evaluate!.artefact));

  const { artefact } = found.arms[0]!.seeds[0]!.origin.evaluate!,
    file = `${kept}/${ARTEFACTS}/${artefact}/result.json`;
  const result = JSON.parse(Deno.readTextFileSync(file));
  result.outcomes.seen.presenceF1.sums = result.outcomes.seen.presenceF1.sums.map(() => [3, 0, 0]);
  Deno.writeTextFileSync(file, JSON.stringify(result));
  const again = await Effect.runPromise(summarise(`${kept}/main`));
  assert.is(again.arms[0]!.scores.presenceF1!.value, 1, "scores come from the answers that are kept");
  assert.not.equal(
    withoutPredictions(again),
    withoutPredictions(records[0]!.summary),
    "a changed record shows",
  );
});

keeping("arms are timed side by side, in turn, and the page takes that for the time", async () => {
  const path = `${folder}/kept/main`, { configHash } = await Effect.runPromise(readManifest(path));
  const times = await Effect.runPromise(
    timePaired({ config: tiny, configHash, arms: ["cos-20-84"], steps: 1, rounds: 4, command: "again" })
      .pipe(
        Effect.provide(deviceNamed("cpu")),
      ),
  );
  assert.equal(times.arms.map(({ arm, tokens }) => [arm, tokens]), [["resampler-84-84", 84], [
    "cos-20-84",
    20,
  ]]);
  assert.equal(times.arms[0]!.ratio, { value: 1, low: 1, high: 1 });
  const { ratio: { value, low, high }, seconds } = times.arms[1]!;
  assert.ok(seconds > 0 && low > 0 && low <= value && value <= high);
  await Effect.runPromise(writeJson(`${path}/${TIMES}`, times));
  const page = resultsPages(await Effect.runPromise(readResults(`${folder}/kept`))).inside["claims.md"]!;
  assert.match(page, `${value.toFixed(2)}x | [${low.toFixed(2)}x, ${high.toFixed(2)}x]`);
});

keeping("of metrics the first and the last line are kept, and some between", () => {
  for (const n of [1, 2, 12, 13, 80, 240, 5000]) {
    const steps = Array.from({ length: n }, (_, i) => i + 1).filter((_, i) => isKeptLine(i, n));
    assert.is(steps[0], 1);
    assert.is(steps.at(-1), n);
    assert.ok(steps.length <= 13 && steps.length >= Math.min(n, 7), `${steps.length} of ${n}`);
  }
});

keeping.run();
