/**
 * Runs several test files in one process, one after the other, for `tests/run.ts`: each with its own totals of uvu,
 * between a line that says that it begins and one that says that it has ended.
 */
import { pathToFileURL } from "node:url";
import { beginMark, endMark, faultMark } from "./batches.ts";

// what uvu's own command sets before it reads files; uvu looks as soon as it is loaded
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[null]], UVU_INDEX: 0 });
const { exec, test } = await import("uvu");

const mark = (line: string): void => {
  for (const stream of [Deno.stdout, Deno.stderr]) stream.writeSync(new TextEncoder().encode(`\n${line}\n`));
};

/** What nobody catches is the fault of the file that its frames name, which may have ended before. */
let current = Deno.args[0]!;
const blame = (event: Event, error: unknown): void => {
  event.preventDefault();
  const stack = error instanceof Error ? error.stack ?? "" : "";
  mark(faultMark(Deno.args.find((file) => stack.includes(file)) ?? current));
  console.error("not caught:", error);
};
addEventListener("error", (event) => blame(event, event.error));
addEventListener("unhandledrejection", (event) => blame(event, event.reason));

for (const file of Deno.args) {
  current = file;
  const start = performance.now();
  Object.assign(globalThis, { UVU_QUEUE: [[null]], TEST_FILE: pathToFileURL(file).href });
  mark(beginMark(file));
  let success = true;
  try {
    await import(pathToFileURL(file).href);
    await exec();
    success = Number(Deno.exitCode) === 0;
  } catch (error) {
    console.error(error);
    success = false;
  }
  Deno.exitCode = 0;
  // all files share uvu's default suite: tests that this one added and did not run are not the next one's
  test.run();
  mark(endMark(file, success, performance.now() - start));
}
