/** Notebooks as they are committed: without outputs, without logic, with types that fit, with outputs declared. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkNotebooks } from "../../tools/notebooks/check.ts";
import { expectationsOf } from "../../tools/notebooks/execute.ts";
import { notebookText, readNotebook, stripped, wholeText } from "../../tools/notebooks/notebook.ts";
import { logicIn, MAX_LINES } from "./cell_rules.ts";
import { folder, notebookOf } from "./notebook_kernel.ts";

const test = suite("cells");
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".ipynb"))
  .toSorted();
const notebooks = await Promise.all(names.map(async (name) => {
  const path = `${folder}/${name}`;
  return { name, path, notebook: await Effect.runPromise(readNotebook(path)) };
}));

test("there is one for every question", () => {
  assert.equal(names.map((name) => name.slice(0, 2)).slice(0, 7), ["01", "02", "03", "04", "05", "06", "07"]);
});

test("are committed without outputs, and equal what is written", () => {
  for (const { name, path, notebook } of notebooks) {
    assert.equal(stripped(notebook), notebook, name);
    assert.is(Deno.readTextFileSync(path), notebookText(notebook), name);
  }
});

test("begin with prose, and most cells of code have prose before them", () => {
  for (const { name, notebook: { cells } } of notebooks) {
    assert.match(wholeText(cells[0]!.source), /^# \w/, name);
    const prose = cells.filter((cell) => cell.cell_type === "markdown").length;
    assert.ok(2 * prose >= cells.length - prose, `${name}: ${prose} of ${cells.length} cells are prose`);
  }
});

test("declare what they show: every notebook some text, a table or profile, and a figure", () => {
  for (const { name, notebook: { cells } } of notebooks) {
    const expected = cells.flatMap((cell) => {
      const found = expectationsOf(cell);
      assert.ok(E.isRight(found), name);
      return E.isRight(found) ? [...found.right] : [];
    });
    assert.ok(expected.includes("figure"), name);
    assert.ok(expected.includes("text"), name);
    const silent = cells.filter((cell) =>
      cell.cell_type === "code" &&
      /console\.log|pipelines\.(shownTable|keep\()/.test(wholeText(cell.source)) &&
      (cell.metadata.tags ?? []).length === 0
    );
    assert.equal(
      silent.map(({ source }) => wholeText(source)),
      [],
      `${name}: cells that show something declare it`,
    );
  }
});

test("hold no logic", () => {
  for (const { name, notebook } of notebooks) {
    notebook.cells.forEach((cell, i) => {
      if (cell.cell_type === "code") {
        assert.equal(logicIn(wholeText(cell.source)), [], `${name}, cell ${i + 1}`);
      }
    });
  }
});

test("the rule finds planted logic, and lets calls and arrows of one expression be", () => {
  for (
    const planted of [
      "let x = 1;",
      "for (const x of [1]) console.log(x);",
      "while (true);",
      "if (a) b();",
      "function f() {}",
      "const f = function () { return 1; };",
      "const f = () => { return 1; };",
      "const f = () => () => () => 1;",
      "class A {}",
      "const a = b ? 1 : 2;",
      "a && b();",
      "x = 1;",
      "x++;",
      "try { a(); } catch { b(); }",
      "Effect.gen(function* () { yield* a; });",
      "a(), b();",
      "1;\n".repeat(MAX_LINES + 1),
    ]
  ) assert.is(logicIn(planted).length > 0, true, planted);
  for (
    const fine of [
      'import { core } from "x";\nconst a: number = 1;',
      "const { a, b } = await run<number>(lab, (x: number) => x + 1);",
      "const f = (p: typeof q) => g(p, h as string);",
      "console.log(`${a} ${b[0]!.c}`);",
      "xs.map(({ run }) => run);",
    ]
  ) assert.equal(logicIn(fine), [], fine);
});

test("type-check, and an error is informed with its notebook, cell and line", async () => {
  await Effect.runPromise(checkNotebooks(notebooks));
  const wrong = {
    path: `${folder}/wrong.ipynb`,
    notebook: notebookOf(
      'import { core } from "@chain-of-sight/chain-of-sight";',
      "const fine = 1;\nconst tokens: string = core.tokenCount(core.layoutOf(224, 14, [16], [16]));",
    ),
  };
  const twice = { path: `${folder}/twice.ipynb`, notebook: notebookOf("const a = 1;", "const a = 2;") };
  // one check of both: each loads the whole library
  const { message } = await Effect.runPromise(
    Effect.flip(checkNotebooks([wrong, twice])).pipe(Effect.orDie),
  );
  assert.match(message, /'number' is not assignable to type 'string'[^]*wrong\.ipynb, cell 2, line 2/);
  assert.match(message, /redeclare.*'a'[^]*twice\.ipynb, cell [12], line 1/);
});

test.run();
