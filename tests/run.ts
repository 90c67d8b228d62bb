/**
 * Runs the tests: every `*.test.ts` under `tests/`, then the examples in the documentation. Files that use a device, a
 * subprocess or the like have a process each, the others share some; the longest run first (`tests/durations.json`).
 *
 *     deno task test [part of a path ...]
 *
 * A file passes only if it ends well, it ran at least one test, and every test passed: none skipped. Where a shared
 * process ends before its time, the file that it was at fails, and the files after it run in another.
 * Environment: `JOBS` processes at a time (2 unless said), `FILE_TIMEOUT` seconds for a process (600 unless said).
 */
import { fileURLToPath } from "node:url";
import { type Batch, batchesOf, isolated, sectionsOf } from "./batches.ts";

/** The outcome of one file or of the examples. */
export interface SampleScore {
  /** Path from the root, or what was run. */
  readonly name: string;
  /** Tests that ran. */
  readonly total: number;
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed, or were skipped, or 1 for a file that crashed or ran none. */
  readonly failed: number;
  /** Wall-clock time, milliseconds. */
  readonly ms: number;
  /** Its output. */
  readonly output: string;
}

/** Numbers of tests in uvu's closing lines, which come last in what a file prints; skipped ones count as tests. */
export const uvuCounts = (output: string): { readonly total: number; readonly passed: number } => {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\u001b\[[0-9;]*m/g, "");
  const last = (label: string): number =>
    Number([...plain.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)\\s*$`, "gm"))].at(-1)?.[1] ?? 0);
  return { total: last("Total") + last("Skipped"), passed: last("Passed") };
};

/** Numbers of tests in the closing line of `deno test`. */
export const denoTestCounts = (
  output: string,
): { readonly passed: number; readonly failed: number } | undefined => {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\u001b\[[0-9;]*m/g, "");
  const found = [...plain.matchAll(/^\s*(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/gm)].at(
    -1,
  );
  return found === undefined ? undefined : { passed: Number(found[1]), failed: Number(found[2]) };
};

/** What counts as failed: everything that did not pass, and at least 1 where the process or the count is wrong. */
export const failures = (success: boolean, total: number, passed: number): number =>
  success && total > 0 && passed === total ? 0 : Math.max(1, total - passed);

/** Test files under a folder, `tiny` ones first, then by path. */
export const testFiles = (folder: string): readonly string[] => {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const entry of Deno.readDirSync(path)) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory) walk(child);
      else if (entry.name.endsWith(".test.ts")) found.push(child.slice(folder.length + 1));
    }
  };
  walk(folder);
  const rank = (name: string): number => name.startsWith("tiny") ? 0 : 1;
  return found.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
};

interface Ran {
  readonly success: boolean;
  /** Standard output, standard error, and that the limit was met. */
  readonly streams: readonly [string, string, string];
  readonly output: string;
  readonly ms: number;
}

const deno = async (
  args: readonly string[],
  cwd: string,
  env: Record<string, string>,
  limit: number,
): Promise<Ran> => {
  const start = performance.now();
  const timer = new AbortController();
  const alarm = setTimeout(() => timer.abort(), limit * 1000);
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: timer.signal,
    }).output();
    const text = new TextDecoder();
    const late = timer.signal.aborted
      ? `\nended after ${limit} s, the limit for one file (FILE_TIMEOUT)\n`
      : "";
    const streams = [text.decode(stdout), text.decode(stderr), late] as const;
    return {
      success: success && !timer.signal.aborted,
      streams,
      output: streams.join(""),
      ms: performance.now() - start,
    };
  } finally {
    clearTimeout(alarm);
  }
};

const say = ({ name, total, passed, failed, ms, output }: SampleScore): void => {
  console.log(`${failed === 0 ? "ok  " : "FAIL"} ${name} ${passed}/${total} ${ms.toFixed(0)} ms`);
  // left out for want of a program of this machine: said, and counted as nothing
  for (const [line] of output.matchAll(/^not run: .+$/gm)) console.log(`     ${line}`);
  if (failed === 0) {
    for (const [line] of output.matchAll(/^fuzz .+: \d+ .+$/gm)) console.log(`     ${line}`);
    return;
  }
  console.log(output.trimEnd());
  if (total === 0) console.log("no test ran: does the file call .run() on every suite?");
};

const TURN = new URL("turn.ts", import.meta.url).href;

const runFile = async (
  root: string,
  file: string,
  env: Record<string, string>,
  limit: number,
): Promise<SampleScore> => {
  const ran = await deno(["run", "-A", "--preload", TURN, file], root, env, limit);
  const { total, passed } = uvuCounts(ran.output);
  return { name: file, total, passed, failed: failures(ran.success, total, passed), ...ran };
};

const BATCH = fileURLToPath(new URL("batch.ts", import.meta.url));

/** Runs files in one process; gives the outcome of each that it came to, and what else went wrong. */
const runTogether = async (
  root: string,
  files: readonly string[],
  env: Record<string, string>,
  limit: number,
): Promise<readonly SampleScore[]> => {
  const ran = await deno(["run", "-A", "--config", `${root}/deno.json`, BATCH, ...files], root, env, limit);
  const [stdout, stderr, late] = ran.streams, said = sectionsOf(stdout), complained = sectionsOf(stderr);
  const begun = files.filter((file) => said.has(file));
  if (begun.length === 0) return [{ name: files[0]!, total: 0, passed: 0, failed: 1, ...ran }];
  const outcomes = begun.map((file): SampleScore => {
    const { ended, output } = said.get(file)!, { total, passed } = uvuCounts(output);
    return {
      name: file,
      total,
      passed,
      failed: failures(ended?.success === true, total, passed),
      ms: ended?.ms ?? ran.ms,
      output: ended?.success === true
        ? output
        : output + (complained.get(file)?.output ?? "") + (ended === undefined ? late : ""),
    };
  });
  const last = said.get(begun.at(-1)!)!;
  if (ran.success || last.ended === undefined) return outcomes;
  const name = `the process of ${begun.join(", ")}, after its tests`;
  return [...outcomes, { name, total: 0, passed: 0, failed: 1, ...ran }];
};

const documented = ["core", "kernels", "pipelines", "docs"];

const FENCES: Readonly<Record<string, RegExp>> = { ts: /^\s*\* ```ts\s*$/m, md: /^```ts\s*$/m };

const hasExample = (path: string): boolean =>
  FENCES[path.slice(path.lastIndexOf(".") + 1)]?.test(Deno.readTextFileSync(path)) === true;

/** Files of a folder that hold a fenced TypeScript example, in a comment or as Markdown. */
export const withExamples = (folder: string): readonly string[] => {
  const found: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...withExamples(path));
    else if (hasExample(path)) found.push(path);
  }
  return found.toSorted();
};

const runExamples = async (
  root: string,
  env: Record<string, string>,
  limit: number,
): Promise<SampleScore | undefined> => {
  const own = [...Deno.readDirSync(root)].flatMap(({ name, isFile }) => isFile ? [`${root}/${name}`] : []);
  const files = [...own.filter(hasExample), ...documented.flatMap((room) => withExamples(`${root}/${room}`))];
  if (files.length === 0) return undefined;
  const ran = await deno(["test", "--doc", "-A", "--no-check", ...files], root, env, limit);
  const counts = denoTestCounts(ran.output) ?? { passed: 0, failed: 0 };
  const total = counts.passed + counts.failed;
  const failed = failures(ran.success, total, counts.passed);
  return { name: "examples in the documentation", total, passed: counts.passed, failed, ...ran };
};

/** About how long a file takes, seconds: 1 where the tree does not say. */
const durations = (root: string): (file: string) => number => {
  const path = `${root}/tests/durations.json`;
  try {
    const known = JSON.parse(Deno.readTextFileSync(path)) as Readonly<Record<string, number>>;
    return (file) => known[file] ?? 1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return () => 1;
    throw error;
  }
};

/** Runs the files whose paths contain one of the parts (all if there are none); gives the process's exit code. */
export const main = async (root: string, parts: readonly string[]): Promise<number> => {
  const chosen = (name: string): boolean => parts.length === 0 || parts.some((part) => name.includes(part));
  const files = testFiles(`${root}/tests`).map((file) => `tests/${file}`).filter(chosen);
  const jobs = Math.max(1, Number(Deno.env.get("JOBS") ?? 2) || 2);
  const limit = Number(Deno.env.get("FILE_TIMEOUT") ?? 600) || 600;
  const temp = await Deno.makeTempDir();
  // programs that one file compiles are there for the next, and nothing of them is left on the machine
  const env = {
    NO_COLOR: "1",
    XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? temp,
    COS_PROGRAM_CACHE: `${temp}/programs`,
  };
  const outcomes: SampleScore[] = [];
  const add = (outcome: SampleScore): void => {
    outcomes.push(outcome);
    say(outcome);
  };
  const run = async (files: readonly string[]): Promise<void> => {
    if (files.length === 1) return add(await runFile(root, files[0]!, env, limit));
    const found = await runTogether(root, files, env, limit), names = new Set(found.map(({ name }) => name));
    found.forEach(add);
    const left = files.filter((file) => !names.has(file));
    if (left.length > 0) await run(left);
  };
  const drain = async (queue: Batch[]): Promise<void> => {
    await Promise.all(Array.from({ length: jobs }, async () => {
      for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) await run(batch.files);
    }));
  };
  try {
    const seconds = durations(root), tiny = files.filter((file) => file.startsWith("tests/tiny"));
    await drain(tiny.map((file) => ({ files: [file], seconds: 0 })));
    await drain([...batchesOf(files.filter((file) => !tiny.includes(file)), isolated(root), seconds)]);
    const examples = chosen("examples") ? await runExamples(root, env, limit) : undefined;
    if (examples !== undefined) add(examples);
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
  const passed = outcomes.reduce((n, outcome) => n + outcome.passed, 0);
  const failed = outcomes.reduce((n, outcome) => n + outcome.failed, 0);
  if (outcomes.length === 0) console.log("no test file found");
  console.log(`${passed} passed, ${failed} failed`);
  return outcomes.length === 0 || failed > 0 ? 1 : 0;
};

if (import.meta.main) {
  Deno.exit(await main(fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, ""), Deno.args));
}
