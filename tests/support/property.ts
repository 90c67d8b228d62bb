/**
 * Property tests and fuzzers. The suite draws from fixed seeds, so that it says the same today and tomorrow;
 * `deno task fuzz` draws fresh ones for the same properties, and prints the command that repeats a failure.
 */
import fc from "fast-check";
import type { Test } from "uvu";

/** How a property is checked. */
export interface PropertyOptions<Values extends readonly unknown[]> {
  /** Number of inputs that the suite draws; 100 by default. `deno task fuzz` draws as many as its time allows. */
  readonly runs?: number;
  /** Inputs that the suite always tries first: what a fuzzer once found. */
  readonly examples?: readonly Values[];
  /** For fuzzers: the plural noun of what is drawn; the suite then prints how many were tried. */
  readonly counts?: string;
}

/** What `deno task fuzz` requests from a test file, as JSON in the environment variable `FUZZ`. */
export interface FuzzRequest {
  /** Only properties whose full name contains this text are tried. */
  readonly only: string;
  /** Full names of properties that are left out. */
  readonly without: readonly string[];
  /** The first seed; the following ones count upwards. */
  readonly seed: number;
  /** For how long each property draws; without it, each draws from one seed, as often as within any time. */
  readonly seconds?: number;
  /** When the properties stop, in milliseconds since 1970: those that have not begun are left out. */
  readonly until?: number;
  /** The path of fast-check to one counterexample: no other input is tried. */
  readonly path?: string;
  /** File to which events are appended, one JSON value per line. */
  readonly report: string;
}

/** What a property reports to `deno task fuzz`. */
export type FuzzEvent =
  & { readonly name: string; readonly seed: number }
  & (
    | { readonly kind: "start" }
    | { readonly kind: "passed"; readonly runs: number }
    | { readonly kind: "failed"; readonly runs: number; readonly message: string }
  );

declare global {
  /** The test file that is being read, where one process reads several. */
  var TEST_FILE: string | undefined;
  /** Suites of uvu that wait to be run. */
  var UVU_QUEUE: unknown[][];
}

/** Seeds for generators other than fast-check's, such as random programs; they do not shrink. */
export const seeds = (): fc.Arbitrary<number> => fc.noShrink(fc.nat(2 ** 31 - 1));

/** The seed of a property in the suite: a function of its name. */
export const seedOf = (name: string): number =>
  [...name].reduce((h, c) => Math.imul(h ^ c.codePointAt(0)!, 0x01000193), 0x811c9dc5) & 0x7fffffff;

/** The shell command that repeats a failure. */
export const repeatCommand = (name: string, seed: number, path?: string | null): string => {
  const quoted = `'${name.replaceAll("'", `'\\''`)}'`;
  return `deno task fuzz --only ${quoted} --seed ${seed}${path ? ` --path ${path}` : ""}`;
};

/** One input that an arbitrary draws, always the same. */
export const sample = <T>(arbitrary: fc.Arbitrary<T>): T => fc.sample(arbitrary, { numRuns: 1, seed: 1 })[0]!;

const request: FuzzRequest | undefined = JSON.parse(Deno.env.get("FUZZ") ?? "null") ?? undefined;

const report = (event: FuzzEvent): void => {
  if (request === undefined) return;
  Deno.writeTextFileSync(request.report, `${JSON.stringify(event)}\n`, { append: true });
};

const MAX_CHARACTERS = 4000, SHRINKING_SECONDS = 20;

const printed = (value: unknown): string => {
  const text = fc.stringify(value);
  return text.length <= MAX_CHARACTERS
    ? text
    : `${text.slice(0, MAX_CHARACTERS)}... (${text.length} characters)`;
};

/** The error of a check, saying more; uvu shows the difference if it is one of its assertions. */
const explained = (error: unknown, lines: readonly string[]): Error => {
  const cause = error instanceof Error ? error : new Error(String(error ?? "no input was found"));
  const frames = (cause.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const values = { message: [cause.message, ...lines].join("\n    "), stack: ["", ...frames].join("\n") };
  for (const [key, value] of Object.entries(values)) {
    Object.defineProperty(cause, key, { value, configurable: true, writable: true });
  }
  return cause;
};

/** Draws for a number of seconds: first a few inputs from one seed, then as many as the time allows. */
async function* rounds(most: number, start: number, seconds: number) {
  const end = performance.now() + 1000 * seconds;
  let n = Math.min(5, most);
  for (let seed = start; n > 0; seed++) {
    const before = performance.now();
    yield { seed, numRuns: n };
    const now = performance.now(), each = (now - before) / n;
    n = now >= end ? 0 : Math.max(1, Math.min(most, Math.floor((end - now) / each)));
  }
}

const fileName = (): string =>
  (globalThis.TEST_FILE ?? Deno.mainModule).replace(/^.*\/tests\//, "").replace(/\.test\.ts$/, "");

/** A path belongs to one property: its name is then a whole one. */
const isRequested = ({ only, path, without }: FuzzRequest, name: string): boolean =>
  (path === undefined ? name.includes(only) : name === only) && !without.includes(name);

const registered = new Set<string>();

/**
 * Adds a test to a suite: `holds` must neither throw nor give false, whatever the arbitraries draw. The message of a
 * failure has the smallest input that fails, its seed and path, and the command that repeats it.
 *
 *     property(test, "sums commute", [fc.integer(), fc.integer()], (a, b) => assert.is(a + b, b + a));
 */
export const property = <Values extends [unknown, ...unknown[]]>(
  test: Test,
  name: string,
  arbitraries: { readonly [K in keyof Values]: fc.Arbitrary<Values[K]> },
  holds: (...values: Values) => unknown,
  { runs = 100, examples = [], counts }: PropertyOptions<NoInfer<Values>> = {},
): void => {
  const full = `${fileName()}: ${name}`;
  if (registered.has(full)) throw new Error(`two properties are called "${full}": give each its own name`);
  registered.add(full);

  const holdsFor = async (values: Values): Promise<void> => {
    if (await holds(...values) === false) throw new Error("the property gave false");
  };
  /** When the first failing input was found: from then on fast-check looks for a smaller one. */
  let failedAt: number | undefined;
  const holdsInTime = async (values: Values): Promise<void> => {
    if (failedAt !== undefined && performance.now() > failedAt + 1000 * SHRINKING_SECONDS) return;
    try {
      await holdsFor(values);
    } catch (error) {
      if (!(error instanceof fc.PreconditionFailure)) failedAt ??= performance.now();
      throw error;
    }
  };
  const drawn = fc.asyncProperty(fc.tuple(...arbitraries) as unknown as fc.Arbitrary<Values>, holdsInTime);
  /** Gives the number of inputs that were drawn. */
  const draw = async (parameters: fc.Parameters<[Values]> & { readonly seed: number }): Promise<number> => {
    report({ kind: "start", name: full, seed: parameters.seed });
    const { failed, numRuns, numSkips, seed, counterexample, counterexamplePath, errorInstance } = await fc
      .check(drawn, parameters);
    if (!failed) {
      report({ kind: "passed", name: full, seed, runs: numRuns });
      return numRuns;
    }
    const error = explained(errorInstance, [
      counterexample === null
        ? `${numSkips} inputs break the preconditions`
        : `counterexample: ${printed(counterexample[0])}`,
      `seed ${seed}, path ${counterexamplePath ?? "(none)"}, input ${numRuns}`,
      `repeat it: ${repeatCommand(full, seed, counterexamplePath)}`,
    ]);
    report({ kind: "failed", name: full, seed, runs: numRuns, message: error.message });
    throw error;
  };

  if (request === undefined) {
    test(name, async () => {
      for (const [i, values] of examples.entries()) {
        await holdsFor(values).catch((error) => {
          throw explained(error, [`fixed example ${i + 1} of ${examples.length}: ${printed(values)}`]);
        });
      }
      const n = await draw({ seed: seedOf(name), numRuns: runs });
      if (counts !== undefined) console.log(`\nfuzz ${full}: ${examples.length + n} ${counts}`);
    });
  } else if (isRequested(request, full)) {
    const { seed, seconds, until = Infinity, path } = request, most = 20 * runs;
    runsInFuzz(test);
    test.only(name, async () => {
      if (Date.now() > until) return;
      if (path !== undefined) await draw({ seed, path, numRuns: runs });
      else if (seconds === undefined) await draw({ seed, numRuns: most });
      else for await (const parameters of rounds(most, seed, seconds)) await draw(parameters);
    });
  }
};

const withProperties = new WeakSet<object>();

/** Marks a suite as one that runs in `deno task fuzz`. */
const runsInFuzz = (test: Test): void => {
  if (withProperties.has(test)) return;
  withProperties.add(test);
  const { run } = test;
  test.run = () => {
    run();
    withProperties.add(globalThis.UVU_QUEUE[0]!.at(-1) as object);
  };
};

/** What `deno task fuzz` keeps of the suites that wait to be run: the file's name, and suites with properties. */
export const suitesWithProperties = ([name, ...suites]: readonly unknown[]): unknown[] => [
  name,
  ...suites.filter((suite) => withProperties.has(suite as object)),
];
