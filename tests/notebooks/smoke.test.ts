/** Every notebook, executed at the smallest size on the CPU: declared outputs are there, figures are saved and rendered. */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { executeNotebook } from "../../tools/notebooks/execute.ts";
import { type Notebook, readNotebook, wholeText } from "../../tools/notebooks/notebook.ts";
import { notebookPage } from "../../tools/notebooks/render.ts";
import { folder } from "./notebook_kernel.ts";

const test = suite("notebooks");
const work = await Deno.makeTempDir({ prefix: "notebooks-" });
const env = { COS_PRESET: "smoke", COS_DEVICE: "cpu", COS_SEEDS: "1", COS_FOLDER: work };

/** Beside its declared outputs: what the text of a notebook must say, and figures that it saves. */
const expected: Readonly<
  Record<string, { readonly says: readonly RegExp[]; readonly saves: readonly string[] }>
> = {
  "01_quickstart": {
    says: [
      /^is there .+ (yes|no)/m,
      /-> gradient/,
      /kernels in one submit/,
      /loss 2\.92362\d* reference 2\.92362\d*/,
      /80 -> .*1296/,
    ],
    saves: ["quickstart-smoke/figures/time-presence", "quickstart-smoke/figures/losses"],
  },
  "02_pretraining_cost": {
    says: [/cos-12-196 +│ +48 │ +12 │.*0\.35/, /largest difference 0\.0\d+/],
    saves: ["costs-smoke/figures/cost"],
  },
  "03_main_ablation": {
    says: [/resampler-84-84.*│ 84 -> 84/, /ablate --family main --preset smoke/, /evaluate-[0-9a-f]{16}/],
    saves: ["main-smoke/figures/scores", "main-smoke/figures/answers", "main-smoke/figures/losses"],
  },
  "04_token_scaling": {
    says: [/cos-20-84 .*resolution G L/, /ablate --family token-scaling/],
    saves: ["token-scaling-smoke/figures/tokens", "token-scaling-smoke/figures/answers"],
  },
  "05_inflation": {
    says: [/cos-20-84-fresh/, /ablate --family inflation/],
    saves: ["inflation-smoke/figures/differences", "inflation-smoke/figures/losses"],
  },
  "06_bridges": {
    says: [/cos-20-84-equal-compute/, /ablate --family bridges/],
    saves: ["bridges-smoke/figures/time-presence"],
  },
  "07_kernels": {
    says: [
      /-> value/,
      /kernels in one submit/,
      /peak rate reached/,
      /% of (arithmetic|memory)/,
      /@compute @workgroup_size/,
    ],
    saves: [],
  },
  "08_object_size": {
    says: [
      /84 tokens, 224 px +│/,
      /448 px instead of 224 px, few tokens/,
      /ablate --family object-size/,
      /evaluate-[0-9a-f]{16}/,
    ],
    saves: ["object-size-smoke/figures/sizes", "object-size-smoke/figures/gains"],
  },
};

const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".ipynb"))
  .map((name) => name.slice(0, -6)).toSorted();

const textOf = ({ cells }: Notebook): string =>
  cells.flatMap(({ outputs = [] }) =>
    outputs.map((output) =>
      output.output_type === "stream"
        ? wholeText(output.text)
        : output.output_type === "error"
        ? output.evalue
        : String(output.data["text/plain"] ?? "")
    )
  ).join("\n");

/** The folder of a run, whose name ends with a hash where something is not as its preset has it: here the seeds. */
const runFolder = (name: string): string => {
  const found = [...Deno.readDirSync(`${work}/runs`)].map((entry) => entry.name)
    .find((entry) => entry === name || entry.startsWith(`${name}-`));
  assert.ok(found !== undefined, `${work}/runs has no ${name}`);
  return `${work}/runs/${found}`;
};

test("every notebook has expectations", () => assert.equal(names, Object.keys(expected)));

for (const name of names) {
  test(name, async () => {
    const path = `${folder}/${name}.ipynb`, notebook = await Effect.runPromise(readNotebook(path));
    const { notebook: executed, faults } = await Effect.runPromise(executeNotebook(path, notebook, { env }));
    assert.equal(faults.map(({ message }) => message), []);
    const { says, saves } = expected[name]!, text = textOf(executed);
    for (const pattern of says) assert.match(text, pattern);
    for (const file of saves) {
      const path = `${runFolder(file.split("/")[0]!)}/${file.slice(file.indexOf("/") + 1)}`;
      const svg = await Deno.readTextFile(`${path}.svg`), png = await Deno.readFile(`${path}.png`);
      assert.match(svg, /^<svg [\s\S]*<metadata>Runs: \w+-[0-9a-f]{16}/, file);
      assert.equal([...png.subarray(1, 4)], [...new TextEncoder().encode("PNG")], file);
    }
    const figures = executed.cells.filter((cell) => cell.metadata.tags?.includes("expects:figure")).length;
    const page = notebookPage(name, executed);
    assert.ok((page.match(/<svg\b/g) ?? []).length >= figures, "every figure is on the page");
    assert.not.match(page, /<script/);
  });
}

test.after(() => Deno.removeSync(work, { recursive: true }));
test.run();
