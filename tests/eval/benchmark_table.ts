/** The benchmarks as a table of Markdown, for the documentation. */
import { type Benchmark, scriptsText } from "../../pipelines/eval/benchmark.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ").trim();

/** What follows the question and its choices in a prompt. */
const suffix = ({ prompt }: Benchmark): string => {
  const asked = prompt.replace("{hint}", "");
  const rest = /^\{question\}(?:\n\{choices\})?\n/.test(asked) ? asked.replace(/\{\w+\}\n/g, "") : asked;
  return `“${cell(rest)}”`;
};

/** A row for each benchmark: name, number, prompt, annotation formats, result file, paper, scripts. */
export const benchmarkTable = (benchmarks: readonly Benchmark[]): string => {
  const rows = benchmarks.map((b) =>
    [
      `\`${b.name}\``,
      b.metric,
      suffix(b),
      b.annotations.length === 0 ? "records" : b.annotations.join(", "),
      b.submission.name,
      `${b.title}: ${b.citation}`,
      scriptsText(b),
    ].map(cell)
  );
  const heads = [
    "name",
    "number",
    "the prompt, or its end after question and choices",
    "annotations (`--source`)",
    "result file",
    "paper",
    "rules of (repository, file, commit)",
  ];
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(heads), line(widths.map((w) => "-".repeat(w))), ...rows.map(line)].join("\n");
};
