/** Notebooks: their cells type-check together, run from first to last, and print what they should. */
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("notebooks");
const root = new URL("../../", import.meta.url).pathname;

/** What the output of a notebook must contain. */
const expected: Readonly<Record<string, readonly RegExp[]>> = {
  "01_first_steps.ipynb": [
    /-> gradient/,
    /kernels in one submit/,
    /loss 2\.92362\d* reference 2\.92362\d*/,
    /80 -> .* 1296/,
  ],
  "07_kernels.ipynb": [
    /-> value/,
    /kernels in one submit/,
    /drawn: true\n[\s\S]*ceiling reached/,
    /% of (arithmetic|memory)[\s\S]*drawn: true/,
    /@compute @workgroup_size/,
  ],
};

interface Notebook {
  readonly cells: readonly {
    readonly cell_type: string;
    readonly source: string | readonly string[];
    readonly outputs?: readonly unknown[];
  }[];
}

const names = [...Deno.readDirSync(`${root}notebooks`)].map((f) => f.name).filter((n) =>
  n.endsWith(".ipynb")
);

test("every notebook has expectations", () => assert.equal(names.sort(), Object.keys(expected).sort()));

for (const name of names) {
  test(name, async () => {
    const notebook: Notebook = JSON.parse(Deno.readTextFileSync(`${root}notebooks/${name}`));
    const cells = notebook.cells.filter((c) => c.cell_type === "code");
    assert.ok(cells.every((c) => c.outputs?.length === 0), "committed without outputs");
    const text = cells.map(({ source }) => typeof source === "string" ? source : source.join("")).join("\n");
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(file, `${text}\nDeno.exit(0);\n`);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--check", "--config", `${root}deno.json`, file],
      env: { NO_COLOR: "1" },
    }).output();
    await Deno.remove(file);
    const out = new TextDecoder().decode(stdout);
    assert.ok(success, new TextDecoder().decode(stderr));
    for (const pattern of expected[name]!) assert.match(out, pattern);
  });
}
test.run();
