/** Type-checks the cells of notebooks, which a kernel never does: all cells of one, wholeText to a module. */
import * as Effect from "effect/Effect";
import { type DiskError, onDisk } from "../../pipelines/base/disk.ts";
import { folderOf } from "../../pipelines/base/paths.ts";
import { NotebookError } from "../../pipelines/notebooks/fault.ts";
import { type Notebook, wholeText } from "./notebook.ts";

/** A notebook and where it is. */
export interface NamedNotebook {
  /** Its file. */
  readonly path: string;
  /** Its contents. */
  readonly notebook: Notebook;
}

interface Module {
  readonly path: string;
  readonly text: string;
  /** First line of each code cell in the module, and the cell's number. */
  readonly starts: readonly { readonly line: number; readonly cell: number }[];
}

/** The code cells as one module; a name that two cells declare is an error there. */
const moduleOf = ({ path, notebook }: NamedNotebook): Module => {
  const starts: { line: number; cell: number }[] = [];
  let text = "", line = 1;
  notebook.cells.forEach((cell, i) => {
    if (cell.cell_type !== "code") return;
    const code = `${wholeText(cell.source)}\n;\n`;
    starts.push({ line, cell: i + 1 });
    line += code.split("\n").length - 1;
    text += code;
  });
  return { path, text: `${text}export {};\n`, starts };
};

/** The nearest `deno.json` from a folder upwards; none at the root of the disk. */
const configFrom = async (folder: string): Promise<string | undefined> => {
  const file = `${folder === "/" ? "" : folder}/deno.json`;
  if (await Deno.stat(file).then(() => true, () => false)) return file;
  return folder === "/" || folder === "" ? undefined : await configFrom(folderOf(folder));
};

const placed = (message: string, files: readonly string[], modules: readonly Module[]): string =>
  files.reduce((said, file, i) => {
    const { path, starts } = modules[i]!;
    return said.replaceAll(
      new RegExp(`(?:file://)?${RegExp.escape(file)}:(\\d+):(\\d+)`, "g"),
      (_, row, column) => {
        const { line, cell } = starts.findLast((start) => start.line <= Number(row)) ?? { line: 1, cell: 0 };
        return `${path}, cell ${cell}, line ${Number(row) - line + 1}, column ${column}`;
      },
    );
  }, message);

/**
 * Type-checks notebooks against the `deno.json` above the first of them. Fails with the compiler's messages, which name
 * notebook, cell and line.
 */
export const checkNotebooks = (
  notebooks: readonly NamedNotebook[],
): Effect.Effect<void, DiskError | NotebookError> =>
  Effect.gen(function* () {
    const [first] = notebooks;
    if (first === undefined) return;
    const modules = notebooks.map(moduleOf);
    const folder = yield* onDisk("create", "a temporary folder", () => Deno.makeTempDir());
    const files = modules.map((_, i) => `${folder}/notebook_${i}.ts`);
    const check = onDisk("check", first.path, async () => {
      await Promise.all(modules.map(({ text }, i) => Deno.writeTextFile(files[i]!, text)));
      const config = await configFrom(await Deno.realPath(folderOf(first.path)));
      return await new Deno.Command(Deno.execPath(), {
        args: ["check", "--quiet", ...(config === undefined ? [] : ["--config", config]), ...files],
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
    });
    const { success, stderr } = yield* Effect.ensuring(
      check,
      Effect.promise(() => Deno.remove(folder, { recursive: true })),
    );
    if (success) return;
    return yield* Effect.fail(
      new NotebookError({
        op: notebooks.map(({ path }) => path).join(", "),
        got: placed(
          new TextDecoder().decode(stderr).replace(/\s*error: Type checking failed[\s\S]*/, ""),
          files,
          modules,
        ),
        expected: "cells whose types fit",
        hint: "correct the cells",
        path: first.path,
      }),
    );
  });
