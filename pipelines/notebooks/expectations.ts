/**
 * Outputs that a cell declares by its tags: `expects:text`, `expects:table`, `expects:figure`. A kernel may lose an
 * output without an error; a declared one that is not there fails the notebook.
 */
import * as E from "fp-ts/lib/Either.js";
import { type MimeBundle, type NotebookCell, type Output, textIn, wholeText } from "./notebook.ts";

/** What a cell may declare. */
export type Expected = "text" | "table" | "figure";

/** Every kind of output that can be declared. */
export const expectedKinds: readonly Expected[] = ["text", "table", "figure"];

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
