/**
 * Draws fresh inputs for every property and fuzzer of the suite, in turn, until the time is over.
 *
 *     deno task fuzz --minutes 60
 *     deno task fuzz --only "data/mixture" --minutes 5
 *     deno task fuzz --only "data/mixture: the order of steps" --seed 7 --path 12:0
 *
 * `--only` selects properties whose file and name contain a text. With `--seed` and without `--minutes`, each draws
 * from this seed once; `--path` repeats one counterexample. Prints how many inputs each property was tried with, and
 * for every failure its smallest input and the command that repeats it. Ends with 1 if a property failed.
 * Environment: `JOBS` processes at a time (1 unless said, at most 2).
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { testFiles } from "./run.ts";
import { type FuzzEvent, type FuzzRequest, repeatCommand } from "./support/property.ts";

/** What is fuzzed, and for how long. */
export interface FuzzOptions {
  /** A part of the full names of properties: `file: name`. */
  readonly only: string;
  /** The first seed. */
  readonly seed: number;
  /** The path to one counterexample. */
  readonly path?: string;
  /** For how long; without it, every property draws once. */
  readonly minutes?: number;
  /** Processes at a time. */
  readonly jobs: number;
  /** Seconds without any event after which a process is ended. */
  readonly timeoutSeconds: number;
}

const PROPERTY = "tests/support/property.ts";

/** Test files under a root that import the helper of properties, themselves or by way of other files of `tests`. */
export const filesWithProperties = (root: string): readonly string[] => {
  const seen = new Map<string, boolean>();
  const imports = (path: string): readonly string[] => {
    const text = Deno.readTextFileSync(`${root}/${path}`);
    return [...text.matchAll(/^(?:import|export|\}) [^;"]*"(\.[^"]+\.ts)";/gm)]
      .map(([, to]) => new URL(to!, `file:///${path}`).pathname.slice(1))
      .filter((to) => to.startsWith("tests/"));
  };
  const reaches = (path: string): boolean => {
    if (path === PROPERTY) return true;
    const known = seen.get(path);
    if (known !== undefined) return known;
    seen.set(path, false);
    const found = imports(path).some(reaches);
    seen.set(path, found);
    return found;
  };
  return testFiles(`${root}/tests`).map((file) => `tests/${file}`).filter(reaches);
};

/** The files in which properties of this name can be: those that a full name begins with or a path names, or all. */
export const candidates = (files: readonly string[], only: string): readonly string[] => {
  const named = files.filter((path) => {
    const file = path.replace(/^tests\/|\.test\.ts$/g, "");
    return only.startsWith(`${file}: `) || (only.includes("/") && file.includes(only));
  });
  return named.length > 0 ? named : files;
};

interface Tally {
  runs: number;
  failure?: string;
}

interface Visit {
  readonly events: readonly FuzzEvent[];
  readonly success: boolean;
  readonly hung: boolean;
  readonly output: string;
}

const eventsIn = (report: string): readonly FuzzEvent[] =>
  Deno.readTextFileSync(report).split("\n").slice(0, -1).map((line) => JSON.parse(line) as FuzzEvent);

const visit = async (
  root: string,
  file: string,
  asked: Omit<FuzzRequest, "report">,
  timeoutSeconds: number,
  running: Set<Deno.ChildProcess>,
): Promise<Visit> => {
  const report = await Deno.makeTempFile();
  const request: FuzzRequest = { ...asked, report };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--preload", "tests/turn.ts", file],
    cwd: root,
    env: { NO_COLOR: "1", FUZZ: JSON.stringify(request) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(child);
  let hung = false, size = 0, moved = performance.now();
  const watch = setInterval(() => {
    const now = Deno.statSync(report).size;
    if (now !== size) [size, moved] = [now, performance.now()];
    if (performance.now() - moved < 1000 * ((asked.seconds ?? 0) + timeoutSeconds)) return;
    hung = true;
    child.kill("SIGKILL");
  }, 500);
  try {
    const { success, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    return {
      events: eventsIn(report),
      success,
      hung,
      output: text.decode(stdout) + text.decode(stderr),
    };
  } finally {
    clearInterval(watch);
    running.delete(child);
    await Deno.remove(report);
  }
};

const indented = (text: string): string => text.trimEnd().split("\n").map((line) => `    ${line}`).join("\n");

/** Fuzzes a tree; gives the process's exit code. */
export const fuzz = async (root: string, options: FuzzOptions): Promise<number> => {
  const { only, seed, path, minutes, jobs, timeoutSeconds } = options;
  const start = performance.now(), end = minutes === undefined ? Infinity : start + 60_000 * minutes;
  const tallies = new Map<string, Tally>(), crashed = new Map<string, string>(), idle = new Set<string>();
  const running = new Set<Deno.ChildProcess>();
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    for (const child of running) child.kill("SIGKILL");
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);

  const files = candidates(filesWithProperties(root), only);
  const first = seed % Math.max(1, files.length), order = [...files.slice(first), ...files.slice(0, first)];
  const seconds = minutes === undefined
    ? undefined
    : Math.max(1, Math.min(20, minutes * 60 / (8 * files.length)));

  const failed = (name: string, message: string): void => {
    const tally = tallies.get(name)!;
    if (tally.failure !== undefined) return;
    tally.failure = message;
    console.log(`FAIL ${name}\n${indented(message)}`);
  };
  const take = (file: string, { events, success, hung, output }: Visit): void => {
    for (const event of events) {
      const tally = tallies.get(event.name) ?? { runs: 0 };
      tallies.set(event.name, tally);
      if (event.kind !== "start") tally.runs += event.runs;
      if (event.kind === "failed") failed(event.name, event.message);
    }
    if (events.length === 0) idle.add(file);
    const last = events.at(-1);
    if (stopped || success || events.some(({ kind }) => kind === "failed")) return;
    if (last?.kind === "start") {
      const how = hung ? `no output for ${timeoutSeconds} s` : "the process ended";
      failed(last.name, `${how}\nrepeat it: ${repeatCommand(last.name, last.seed)}\n${output.slice(-2000)}`);
    } else if (!crashed.has(file)) {
      crashed.set(file, output);
      console.log(`FAIL ${file}\n${indented(output.slice(-4000))}`);
    }
  };
  const round = async (number: number): Promise<void> => {
    const queue = order.filter((file) => !idle.has(file) && !crashed.has(file));
    await Promise.all(Array.from({ length: jobs }, async () => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        const left = (end - performance.now()) / 1000;
        if (stopped || left <= 0) return;
        const without = [...tallies].filter(([, { failure }]) => failure !== undefined).map(([name]) => name);
        take(
          file,
          await visit(
            root,
            file,
            {
              only,
              without,
              seed: (seed + 1_000_003 * number) % 2 ** 31,
              ...(path === undefined ? {} : { path }),
              ...(seconds === undefined ? {} : { seconds, until: Date.now() + 1000 * left }),
            },
            timeoutSeconds,
            running,
          ),
        );
      }
    }));
  };
  console.log(`fuzz: ${files.length} files, from seed ${seed}`);
  for (
    let number = 0;
    number === 0 || (performance.now() < end && minutes !== undefined && !stopped);
    number++
  ) {
    await round(number);
    if (idle.size + crashed.size === files.length) break;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);

  const names = [...tallies.keys()].toSorted();
  for (const name of names) {
    const { runs, failure } = tallies.get(name)!;
    console.log(`${failure === undefined ? "ok  " : "FAIL"} ${String(runs).padStart(9)} ${name}`);
  }
  const failures = names.filter((name) => tallies.get(name)!.failure !== undefined);
  for (const name of failures) console.log(`\nFAIL ${name}\n${indented(tallies.get(name)!.failure!)}`);
  for (const [file, output] of crashed) console.log(`\nFAIL ${file}\n${indented(output.slice(-4000))}`);
  const runs = names.reduce((sum, name) => sum + tallies.get(name)!.runs, 0);
  const spent = ((performance.now() - start) / 60_000).toFixed(1);
  if (names.length === 0) console.log(`no property's file and name contain "${only}"`);
  console.log(
    `${names.length} properties, ${runs} inputs, ${spent} minutes, ${failures.length + crashed.size} failed`,
  );
  return names.length === 0 || failures.length + crashed.size > 0 ? 1 : 0;
};

const number = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && text.trim() !== "") return value;
  console.error(`--${name} ${text} is not a number; give one of at least 0`);
  Deno.exit(2);
};

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      only: { type: "string", default: "" },
      seed: { type: "string" },
      path: { type: "string" },
      minutes: { type: "string" },
    },
  });
  const seed = number("seed", values.seed), minutes = number("minutes", values.minutes);
  if (values.path !== undefined && seed === undefined) {
    console.error("--path belongs to a seed: give --seed too");
    Deno.exit(2);
  }
  const repeats = minutes === undefined && seed !== undefined;
  Deno.exit(
    await fuzz(fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, ""), {
      only: values.only,
      seed: seed ?? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
      ...(values.path === undefined ? {} : { path: values.path }),
      ...(repeats ? {} : { minutes: minutes ?? 10 }),
      jobs: Math.max(1, Math.min(2, Number(Deno.env.get("JOBS") ?? 1) || 1)),
      timeoutSeconds: 300,
    }),
  );
}
