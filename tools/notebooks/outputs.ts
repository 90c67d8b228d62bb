/** Outputs of a cell from the messages that a kernel broadcasts while it runs. */
import * as t from "io-ts";
import { type Output, wholeText } from "./notebook.ts";
import type { Message } from "./wire.ts";

/** Outputs so far, and what is needed to go on. */
export interface Collected {
  /** Outputs in order. */
  readonly outputs: readonly Output[];
  /** Place in `outputs` of each display that may be updated, by its id. */
  readonly displays: Readonly<Record<string, number>>;
  /** Whether the next output takes the place of all before it. */
  readonly clearNext: boolean;
}

/** Nothing yet. */
export const noOutputs: Collected = { outputs: [], displays: {}, clearNext: false };

const stream = t.type({ name: t.keyof({ stdout: null, stderr: null }), text: t.string });
const record = t.record(t.string, t.unknown);
const data = t.intersection([
  t.type({ data: record }),
  t.partial({
    metadata: record,
    execution_count: t.union([t.number, t.null]),
    transient: t.partial({ display_id: t.string }),
  }),
]);
const failure = t.type({ ename: t.string, evalue: t.string, traceback: t.readonlyArray(t.string) });

const added = (before: Collected, output: Output, id?: string): Collected => {
  const base = before.clearNext ? noOutputs : before, last = base.outputs.at(-1);
  if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
    const text = wholeText(last.text) + wholeText(output.text);
    return { ...base, outputs: [...base.outputs.slice(0, -1), { ...last, text }] };
  }
  const displays = id === undefined ? base.displays : { ...base.displays, [id]: base.outputs.length };
  return { outputs: [...base.outputs, output], displays, clearNext: false };
};

/** Error of a cell, from the content of a broadcast or of a reply; undefined where it is neither. */
export const errorOf = (content: unknown): Output | undefined =>
  failure.is(content)
    ? {
      output_type: "error",
      ename: content.ename,
      evalue: content.evalue,
      traceback: content.traceback,
    }
    : undefined;

/** Takes one message; messages that are no outputs change nothing. */
export const collect = (before: Collected, { type, content }: Message): Collected => {
  if (type === "stream" && stream.is(content)) {
    return added(before, { output_type: "stream", name: content.name, text: content.text });
  }
  if ((type === "display_data" || type === "execute_result") && data.is(content)) {
    const output: Output = {
      output_type: type,
      data: content.data,
      metadata: content.metadata ?? {},
      ...(type === "execute_result" ? { execution_count: content.execution_count ?? null } : {}),
    };
    return added(before, output, content.transient?.display_id);
  }
  if (type === "update_display_data" && data.is(content)) {
    const at = before.displays[content.transient?.display_id ?? ""];
    const outputs = before.outputs.map((output, i) =>
      i === at && output.output_type !== "stream" && output.output_type !== "error"
        ? { ...output, data: content.data, metadata: content.metadata ?? {} }
        : output
    );
    return { ...before, outputs };
  }
  if (type === "clear_output") return content.wait === true ? { ...before, clearNext: true } : noOutputs;
  const error = type === "error" ? errorOf(content) : undefined;
  return error === undefined ? before : added(before, error);
};
