/** The benchmarks as a table of Markdown, for the documentation. */
import type { Benchmark } from "./benchmark.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ").trim();

const suffix = ({ promptSuffix }: Benchmark): string =>
  promptSuffix === "" ? "none" : `“${cell(promptSuffix)}”`;

/** A row for each benchmark: name, number, what the prompt ends with, result file, paper, script. */
export const benchmarkTable = (benchmarks: readonly Benchmark[]): string => {
  const rows = benchmarks.map((b) =>
    [`\`${b.name}\``, b.metric, suffix(b), b.submission.name, `${b.title}: ${b.citation}`, b.script].map(cell)
  );
  const heads = ["name", "number", "the prompt ends with", "result file", "paper", "after the rules of"];
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(heads), line(widths.map((w) => "-".repeat(w))), ...rows.map(line)].join("\n");
};
