/** Notebooks made of a few cells, for tests of their execution. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Cause from "effect/Cause";
import { type Executed, executeNotebook, type ExecuteOptions } from "../../tools/notebooks/execute.ts";
import { type Notebook, type Output, wholeText } from "../../tools/notebooks/notebook.ts";

/** A cell's source with the outputs that it declares. */
export type Source = string | readonly [source: string, ...expected: readonly string[]];

/** A notebook of code cells. */
export const notebookOf = (...sources: readonly Source[]): Notebook => ({
  nbformat: 4,
  metadata: {},
  cells: sources.map((one) => {
    const [source, ...expected] = typeof one === "string" ? [one] : one;
    return { cell_type: "code", source: source!, metadata: { tags: expected.map((e) => `expects:${e}`) } };
  }),
});

/** The folder of the project's notebooks, where import maps are found. */
export const folder: string = new URL("../../notebooks", import.meta.url).pathname;

/** Runs cells as if they lay among the project's notebooks; what fails before any cell is thrown. */
export const ran = async (
  sources: readonly Source[],
  options: ExecuteOptions = {},
): Promise<Executed> => {
  const exit = await Effect.runPromise(
    Effect.exit(executeNotebook(`${folder}/test.ipynb`, notebookOf(...sources), options)),
  );
  if (Exit.isSuccess(exit)) return exit.value;
  throw Cause.squash(exit.cause);
};

/** The plain text of each output of a cell, counted from 1. */
export const textsOf = ({ notebook }: Executed, cell: number): readonly string[] =>
  (notebook.cells[cell - 1]!.outputs ?? []).map((output: Output) =>
    output.output_type === "stream"
      ? wholeText(output.text)
      : output.output_type === "error"
      ? `${output.ename}: ${output.evalue}`
      : String(output.data["text/plain"] ?? Object.keys(output.data).join())
  );
