/** The primitives as a table for documents, written from their records. */
import type { OpName } from "../tensor.ts";
import type { Family } from "./record.ts";
import { recordOf, records } from "./table.ts";

const arityText = (arity: number, optional: number): string =>
  arity < 0 ? "1 or more" : optional === 0 ? String(arity) : `${arity} or ${arity + optional}`;

/** Text that may be in a cell: a bar would end it. */
const cell = (text: string): string => text.replaceAll("|", "\\|");

const derivativeText = (op: OpName): string => {
  const { vjp, decompose, laws } = recordOf(op);
  return laws.includes("linear")
    ? "linear"
    : vjp !== undefined
    ? "rule"
    : decompose
    ? "by its parts"
    : "none";
};

/**
 * Markdown: one row for every primitive, by family: name, number of arguments, meaning, how it is differentiated, and
 * the laws that rewrites and tests use.
 */
export const opTable = (): string => {
  const ops = Object.keys(records) as OpName[];
  const families = [...new Set<Family>(ops.map((op) => recordOf(op).family))];
  const rows = families.flatMap((family) =>
    ops.filter((op) => recordOf(op).family === family).map((op) => {
      const { arity, optional = 0, summary, laws } = recordOf(op);
      const cells = [
        family,
        `\`${op}\``,
        arityText(arity, optional),
        summary,
        derivativeText(op),
        laws.join(", "),
      ];
      return `| ${cells.map(cell).join(" | ")} |`;
    })
  );
  return [
    "| family | primitive | arguments | meaning | derivative | laws |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
};
