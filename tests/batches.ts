/** Which test files share a process, in which order processes start, and what a shared process said of each file. */

/** What a test file would share with whatever runs in its process: devices, memory, subprocesses, signals, the console. */
const shared = new RegExp(
  [
    String.raw`\bDeno\.(?:Command|exit|exitCode|chdir|addSignalListener|serve|listen|umask|stdin)\b`,
    String.raw`\bDeno\.env\.(?:set|delete)\b`,
    String.raw`\bnew Worker\b`,
    String.raw`\b(?:theDevice|deviceNamed|webGpu|onCpu|onWebGpu|dawnServices|endWithTests)\b`,
    String.raw`\b(?:addEventListener|playwright|chromium)\b`,
    String.raw`\b(?:console|globalThis|Deno)\.\w+ = `,
    String.raw`\b(?:memoryUsage|WeakRef|FinalizationRegistry)\b`,
    String.raw`\bprocess\.`,
  ].join("|"),
);

/**
 * Files that always have a process each: they start servers, notebooks or threads, look at what a process keeps, or ask
 * for the line that made a description, which is that of whatever made an equal one first.
 */
const alone = /^tests\/(?:(?:bench|board|cli|device|notebooks|threads)\/|support\/here\.ts)/;

/** The text of a file; of one that is missing, something that no process is shared with. */
const textOf = (path: string): string => {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "process.missing";
    throw error;
  }
};

/** Whether a test file, or a file of `tests` that it imports, needs a process of its own; by path from the root. */
export const isolated = (root: string): (file: string) => boolean => {
  const known = new Map<string, boolean>();
  const needs = (path: string): boolean => {
    const before = known.get(path);
    if (before !== undefined) return before;
    known.set(path, false);
    const text = textOf(`${root}/${path}`);
    const imports = [...text.matchAll(/^(?:import|export|\})(?: [^;"]*)? ?"(\.[^"]+\.ts)";/gm)]
      .map(([, to]) => new URL(to!, `file:///${path}`).pathname.slice(1))
      .filter((to) => to.startsWith("tests/") && to !== "tests/support/property.ts");
    const found = alone.test(path) || shared.test(text) || imports.some(needs);
    known.set(path, found);
    return found;
  };
  return needs;
};

/** Files that run in one process; one of a single file is a process of its own. */
export interface Batch {
  /** Paths from the root. */
  readonly files: readonly string[];
  /** About how long they take, seconds. */
  readonly seconds: number;
}

const MAX_FILES = 12, MOST_SECONDS = 30;

/**
 * Processes for some files, longest first. Files that share a process keep their order, so that neighbours, which
 * import the same modules, meet; a batch ends at a number of files or seconds.
 */
export const batchesOf = (
  files: readonly string[],
  isolated: (file: string) => boolean,
  seconds: (file: string) => number,
): readonly Batch[] => {
  const batches: Batch[] = files.filter(isolated).map((file) => ({ files: [file], seconds: seconds(file) }));
  let open: Batch = { files: [], seconds: 0 };
  for (const file of files.filter((file) => !isolated(file))) {
    const grown = { files: [...open.files, file], seconds: open.seconds + seconds(file) };
    if (open.files.length > 0 && (grown.files.length > MAX_FILES || grown.seconds > MOST_SECONDS)) {
      batches.push(open);
      open = { files: [file], seconds: seconds(file) };
    } else open = grown;
  }
  if (open.files.length > 0) batches.push(open);
  return batches.toSorted((a, b) => b.seconds - a.seconds);
};

/** The line before what a file prints. */
export const beginMark = (file: string): string => `\u241ebegin ${file}`;

/** The line after what a file prints. */
export const endMark = (file: string, success: boolean, ms: number): string =>
  `\u241eend ${success ? "well" : "badly"} ${Math.round(ms)} ${file}`;

/** The line before an error of a file that nobody caught, whatever runs when it is thrown. */
export const faultMark = (file: string): string => `\u241efault ${file}`;

/** What a shared process said of one file. */
export interface Section {
  /** Whether it ended well: undefined where the process ended before it. */
  readonly ended?: { readonly success: boolean; readonly ms: number };
  /** Its output. */
  readonly output: string;
}

/** What a stream of a shared process holds for each file that began. */
export const sectionsOf = (text: string): ReadonlyMap<string, Section> => {
  const sections = new Map<string, Section>();
  const faults = new Set([...text.matchAll(/\u241efault (.+)/g)].map(([, file]) => file));
  for (const part of text.split("\u241ebegin ").slice(1)) {
    const at = part.indexOf("\n"), file = part.slice(0, at), rest = part.slice(at + 1);
    const end = /\u241eend (well|badly) (\d+) /.exec(rest);
    sections.set(file, {
      output: end === null ? rest : rest.slice(0, end.index) + rest.slice(rest.indexOf("\n", end.index) + 1),
      ...(end === null
        ? {}
        : { ended: { success: end[1] === "well" && !faults.has(file), ms: Number(end[2]) } }),
    });
  }
  return sections;
};
