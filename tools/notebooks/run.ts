/** Runs the notebooks of a folder: type-checked, executed, their executed copies and pages written. */
import type { DeviceName } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { PresetName } from "../../pipelines/configs/preset.ts";
import type { DecodeError } from "../../pipelines/base/bridge.ts";
import { atomicWrite, type DiskError, onDisk } from "../../pipelines/base/disk.ts";
import { checkNotebooks, type NamedNotebook } from "./check.ts";
import { type Executed, executeNotebook } from "./execute.ts";
import { type KernelError } from "./fault.ts";
import { NotebookError } from "../../pipelines/notebooks/fault.ts";
import { readNotebook, writeNotebook } from "./notebook.ts";
import { notebookPage } from "./render.ts";

/** Which notebooks are run, how, and where what they show goes. */
export interface NotebookRun {
  /** The folder of notebooks. */
  readonly folder: string;
  /** Beginnings of the names of those that are run; all without any. */
  readonly only: readonly string[];
  /** The size of their experiments. */
  readonly preset: PresetName;
  /** Device that runs it. */
  readonly device: DeviceName;
  /** The folder of executed copies and pages. */
  readonly out: string;
  /** The folder that holds `runs/` and `cache/`; the project's unless said. */
  readonly work?: string;
  /** Called when a cell begins. */
  readonly onCell?: (name: string, cell: number, of: number) => void;
  /** Called when a notebook has ended. */
  readonly onDone?: (name: string, executed: Executed) => void;
}

/** A notebook that was run, by its name without ending. */
export interface RanNotebook extends Executed {
  /** Its name. */
  readonly name: string;
}

const namesIn = (
  folder: string,
  only: readonly string[],
): Effect.Effect<readonly string[], DiskError | NotebookError> =>
  Effect.gen(function* () {
    const entries = yield* onDisk("read", folder, () => Array.fromAsync(Deno.readDir(folder)));
    const all = entries.flatMap(({ name }) => name.endsWith(".ipynb") ? [name.slice(0, -6)] : []).toSorted();
    const unknown = only.find((start) => !all.some((name) => name.startsWith(start)));
    if (unknown === undefined && all.length > 0) {
      return all.filter((name) => only.length === 0 || only.some((start) => name.startsWith(start)));
    }
    return yield* Effect.fail(
      new NotebookError({
        op: `the notebooks of ${folder}`,
        got: unknown === undefined ? "none" : `no name that begins with ${unknown}`,
        expected: unknown === undefined ? "files that end in .ipynb" : `one of ${all.join(", ")}`,
        hint: "name another folder or another notebook",
        path: folder,
      }),
    );
  });

/**
 * Runs notebooks one after the other. Of each, `<out>/<name>.ipynb` is the executed copy and `<out>/<name>.html` its page,
 * also where a cell failed; the faults are in the result.
 */
export const runNotebooks = (
  run: NotebookRun,
): Effect.Effect<readonly RanNotebook[], DecodeError | DiskError | KernelError | NotebookError> =>
  Effect.gen(function* () {
    const { folder, preset, device, out, work } = run;
    const named: (NamedNotebook & { readonly name: string })[] = [];
    for (const name of yield* namesIn(folder, run.only)) {
      const path = yield* onDisk(
        "find",
        `${folder}/${name}.ipynb`,
        () => Deno.realPath(`${folder}/${name}.ipynb`),
      );
      named.push({ name, path, notebook: yield* readNotebook(path) });
    }
    yield* checkNotebooks(named);
    yield* onDisk("create", out, () => Deno.mkdir(out, { recursive: true }));
    const env = {
      COS_PRESET: preset,
      COS_DEVICE: device,
      ...(work === undefined ? {} : { COS_FOLDER: work }),
    };
    const ran: RanNotebook[] = [];
    for (const { name, path, notebook } of named) {
      const executed = yield* executeNotebook(path, notebook, {
        env,
        onCell: (cell, of) => run.onCell?.(name, cell, of),
      });
      yield* writeNotebook(`${out}/${name}.ipynb`, executed.notebook);
      yield* atomicWrite(`${out}/${name}.html`, [
        new TextEncoder().encode(notebookPage(name, executed.notebook)),
      ]);
      run.onDone?.(name, executed);
      ran.push({ name, ...executed });
    }
    return ran;
  });
