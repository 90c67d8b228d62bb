/** Runs a notebook cell by cell through a kernel, and says what failed: where, and why. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as E from "fp-ts/lib/Either.js";
import type { DiskError } from "../../pipelines/base/disk.ts";
import { folderOf } from "../../pipelines/base/paths.ts";
import { CellError, type KernelError } from "./fault.ts";
import { NotebookError } from "../../pipelines/notebooks/fault.ts";
import { type KernelOptions, openKernel, type Ran } from "./kernel.ts";
import {
  type ErrorOutput,
  type MimeBundle,
  type Notebook,
  type NotebookCell,
  type Output,
  textIn,
  wholeText,
} from "./notebook.ts";

/** What a cell may declare. */
export type Expected = "text" | "table" | "figure";

/** Every kind of output that can be declared. */
const expectedKinds: readonly Expected[] = ["text", "table", "figure"];

const PREFIX = "expects:";

const isExpected = (name: string): name is Expected => (expectedKinds as readonly string[]).includes(name);

/** What a cell declares; Left is a tag that names no kind of output. */
export const expectationsOf = ({ metadata }: NotebookCell): E.Either<string, readonly Expected[]> => {
  const names = (metadata.tags ?? []).filter((tag) => tag.startsWith(PREFIX)).map((tag) =>
    tag.slice(PREFIX.length)
  );
  const unknown = names.find((name) => !isExpected(name));
  return unknown === undefined ? E.right(names.filter(isExpected)) : E.left(`${PREFIX}${unknown}`);
};

const textAt = (data: MimeBundle, type: string): string => textIn(data, type) ?? "";

/** Whether SVG text draws anything, its frame's white ground not counted. */
const draws = (svg: string): boolean =>
  /<svg\b/.test(svg) &&
  /<(path|circle|line|polyline|polygon|ellipse|image)\b|<rect\b[\s\S]*<rect\b/.test(svg);

const has: Readonly<Record<Expected, (output: Output) => boolean>> = {
  text: (output) =>
    output.output_type === "stream"
      ? output.name === "stdout" && wholeText(output.text).trim() !== ""
      : output.output_type !== "error" && textAt(output.data, "text/plain").trim() !== "",
  table: (output) =>
    output.output_type !== "stream" && output.output_type !== "error" &&
    /<table\b[\s\S]*<td\b[^>]*>[^<]/.test(textAt(output.data, "text/html")),
  figure: (output) =>
    output.output_type !== "stream" && output.output_type !== "error" &&
    (draws(textAt(output.data, "image/svg+xml")) || textAt(output.data, "image/png") !== ""),
};

/** The declared outputs that are not there. */
export const missing = (expected: readonly Expected[], outputs: readonly Output[]): readonly Expected[] =>
  expected.filter((kind) => !outputs.some(has[kind]));

/** A notebook that was run. */
export interface Executed {
  /** The notebook with its outputs, as far as it came. */
  readonly notebook: Notebook;
  /** What failed; nothing where all cells ran and every declared output is there. */
  readonly faults: readonly CellError[];
  /** Seconds that it took, with the start of the kernel. */
  readonly seconds: number;
}

interface Declared {
  readonly cell: NotebookCell;
  readonly number: number;
  readonly expected: readonly Expected[];
}

const declared = (
  path: string,
  { cells }: Notebook,
): Effect.Effect<readonly Declared[], NotebookError> =>
  Effect.forEach(
    cells.map((cell, i) => ({ cell, number: i + 1 })).filter(({ cell }) => cell.cell_type === "code"),
    ({ cell, number }) => {
      const expected = expectationsOf(cell);
      return E.isRight(expected) ? Effect.succeed({ cell, number, expected: expected.right }) : Effect.fail(
        new NotebookError({
          op: `${path}, cell ${number}`,
          got: `the tag ${expected.left}`,
          expected: expectedKinds.map((kind) => `expects:${kind}`).join(", "),
          hint: "correct the tag",
          path,
        }),
      );
    },
  );

// Types and blank lines are gone when the kernel counts lines. A function that is named above the cell's own frame
// tells which line called it; without one it is the line of that number among those with code.
const lineOf = (source: string, { traceback }: ErrorOutput): number | undefined => {
  const frames = traceback.join("\n").split("\n");
  const at = frames.findIndex((frame) => /<anonymous>:\d+:\d+/.test(frame));
  if (at < 0) return undefined;
  const emitted = Number(/<anonymous>:(\d+):/.exec(frames[at]!)![1]);
  const code = source.split("\n").flatMap((text, i) =>
    /^\s*(\/\/.*)?$|^\s*(type|interface)\b/.test(text) ? [] : [{ text, line: i + 1 }]
  );
  const called = /\bat (?:async )?(?:[\w$]+\.)*([\w$]+) \(/.exec(frames[at - 1] ?? "")?.[1];
  const calls = called === undefined ? [] : code.filter(({ text }) => text.includes(`${called}(`));
  const near = calls.length > 0 ? calls : code;
  const guess = code[emitted - 1]?.line ?? code.at(-1)?.line ?? 1;
  return near.toSorted((a, b) => Math.abs(a.line - guess) - Math.abs(b.line - guess))[0]?.line;
};

const faultOf = (path: string, { cell, number, expected }: Declared, ran: Ran): CellError | undefined => {
  const source = wholeText(cell.source);
  const error = ran.outputs.find((output) => output.output_type === "error");
  if (error !== undefined) {
    const line = lineOf(source, error);
    return new CellError({
      op: line === undefined
        ? `${path}, cell ${number}`
        : `${path}, cell ${number}, near line ${line}: ${source.split("\n")[line - 1]!.trim()}`,
      got: `${error.ename}: ${error.evalue}`,
      expected: "a cell that runs to its end",
      hint: "correct the cell, or what it calls",
      path,
      cell: number,
      ...(line === undefined ? {} : { line }),
    });
  }
  const lost = missing(expected, ran.outputs);
  return lost.length === 0 ? undefined : new CellError({
    op: `${path}, cell ${number}: ${source.split("\n").at(-1)!.trim()}`,
    got: ran.outputs.length === 0
      ? "no output"
      : `no ${lost.join(", no ")} among its ${ran.outputs.length} outputs`,
    expected: `the outputs that its tags declare: ${expected.join(", ")}`,
    hint: "end the cell with the value to show, or change its tags",
    path,
    cell: number,
  });
};

const stopped = (path: string, { number }: Declared, { op, got, hint }: KernelError): CellError =>
  new CellError({
    op: `${path}, cell ${number}`,
    got: `${op}: ${got}`,
    expected: "a kernel that lives to the end of the notebook",
    hint,
    path,
    cell: number,
  });

/** How a notebook is run. */
export interface ExecuteOptions extends Omit<KernelOptions, "folder"> {
  /** Called when a cell begins: its number, and how many cells there are. */
  readonly onCell?: (cell: number, of: number) => void;
}

/**
 * Runs a notebook in its own folder. A cell that throws, lacks a declared output or loses its kernel ends the run; the
 * result has the outputs so far and what failed.
 * @param path - where the notebook is; its cells resolve imports from there.
 */
export const executeNotebook = (
  path: string,
  notebook: Notebook,
  { onCell = () => {}, ...options }: ExecuteOptions = {},
): Effect.Effect<Executed, DiskError | KernelError | NotebookError> =>
  Effect.scoped(Effect.gen(function* () {
    const began = performance.now(), cells = yield* declared(path, notebook);
    const kernel = yield* openKernel({ ...options, folder: folderOf(path) });
    const outcomes = new Map<number, Ran>(), faults: CellError[] = [];
    for (const one of cells) {
      onCell(one.number, notebook.cells.length);
      const exit = yield* Effect.exit(
        kernel.execute(
          wholeText(one.cell.source),
          (outputs) => missing(one.expected, outputs).length === 0,
        ),
      );
      if (Exit.isFailure(exit)) {
        const error = Cause.squash(exit.cause);
        if (!(error instanceof Error && "reason" in error)) return yield* Effect.failCause(exit.cause);
        faults.push(stopped(path, one, error as KernelError));
        break;
      }
      outcomes.set(one.number, exit.value);
      const fault = faultOf(path, one, exit.value);
      if (fault !== undefined) {
        faults.push(fault);
        break;
      }
    }
    const executed = notebook.cells.map((cell, i): NotebookCell => {
      if (cell.cell_type !== "code") return cell;
      const ran = outcomes.get(i + 1);
      return { ...cell, outputs: ran?.outputs ?? [], execution_count: ran?.count ?? null };
    });
    return {
      notebook: { ...notebook, cells: executed },
      faults,
      seconds: (performance.now() - began) / 1000,
    };
  }));
