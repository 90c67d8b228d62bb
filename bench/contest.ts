/** One case after the other: results are compared first, then whatever agrees is timed in rounds. */
import { type TreeError, zerosArray } from "@chain-of-sight/core";
import { compileFor, type Device, type DeviceError, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { BenchCase } from "./cases.ts";
import type { CaseReport, OpponentResult } from "./contest_report.ts";
import { BenchError } from "../pipelines/tune/bench_fault.ts";
import { openJax } from "./opponents/jax.ts";
import { openOnnx } from "./opponents/onnx.ts";
import {
  type Backend,
  CHECKED_STEPS,
  type Opponent,
  type OpponentName,
  type Prepared,
} from "./opponents/opponent.ts";
import { disagreement, type RoundOptions, type Side, timeRounds } from "./rounds.ts";

type Numbers = readonly ArrayLike<number>[];

const once = (program: Program, compared: readonly string[]) =>
  Effect.gen(function* () {
    yield* program.run;
    const values = yield* program.read(compared);
    return compared.map((name) => values[name]!.data) as Numbers;
  });

/** The losses of the first steps, as one result. */
const losses = (program: Program, compared: readonly string[]) =>
  Effect.map(
    Effect.forEach(Array.from({ length: CHECKED_STEPS }), () => once(program, compared)),
    (steps): Numbers => [steps.map(([loss]) => loss![0]!)],
  );

/** A case as a loaded program. Its memory is given back with the scope. */
const prepareOurs = (c: BenchCase) =>
  Effect.gen(function* () {
    const device = yield* theDevice(), program = yield* device.load(compileFor(device, c.source));
    // the optimiser's memory begins as zeros
    for (const [path, { dtype, shape }] of Object.entries(program.plan.inputs)) {
      yield* program.write({ [path]: c.values[path] ?? zerosArray(dtype, shape) });
    }
    const prepared: Prepared = {
      check: () =>
        Effect.runPromise(
          c.work.kind === "step" ? losses(program, c.compared) : once(program, c.compared),
        ),
      run: (n) =>
        Effect.runPromise(Effect.gen(function* () {
          for (let i = 0; i < n; i++) yield* program.run;
          yield* program.read(c.compared.slice(0, 1));
        })),
      close: () => undefined,
    };
    return prepared;
  });

const opens: { readonly [name in OpponentName]: (backend: Backend) => Promise<Opponent> } = {
  "jax-js": openJax,
  "onnxruntime-web": openOnnx,
};

/** A library that was asked for: loaded, or why not. */
type Contender =
  & { readonly name: OpponentName }
  & (
    | { readonly opponent: Opponent }
    | { readonly reason: string }
  );

const firstLine = (e: unknown): string => {
  const said = e instanceof Error ? e.message : String(e);
  return said.split("\n").map((line) => line.trim()).find((line) => line !== "")?.slice(0, 200) ??
    "no reason given";
};

/** Loads a library; one that fails stays in the list with its reason. */
export const openContender = (name: OpponentName, backend: Backend): Effect.Effect<Contender> =>
  Effect.promise(() =>
    opens[name](backend).then(
      (opponent): Contender => ({ name, opponent }),
      (e): Contender => ({ name, reason: `did not load: ${firstLine(e)}` }),
    )
  );

/** Largest relative difference of results that counts as the same work. */
const AGREEMENT = 2e-3;

interface Ready {
  readonly name: OpponentName;
  readonly prepared: Prepared;
  readonly difference: number;
}

type Tried = Ready | { readonly name: OpponentName; readonly reason: string };

/** Prepares and checks one opponent's work. */
const attempt = async (
  contender: Contender,
  c: BenchCase,
  expected: readonly ArrayLike<number>[],
): Promise<Tried> => {
  const { name } = contender;
  if ("reason" in contender) return { name, reason: contender.reason };
  try {
    const prepared = await contender.opponent.prepare(c.work);
    const difference = disagreement(await prepared.check(), expected);
    if (difference <= AGREEMENT) return { name, prepared, difference };
    prepared.close();
    return { name, reason: `its results differ by ${difference.toPrecision(2)} of the largest` };
  } catch (e) {
    return { name, reason: firstLine(e) };
  }
};

const opponentResults = (
  tried: readonly Tried[],
  times: Awaited<ReturnType<typeof timeRounds<string>>>,
): readonly OpponentResult[] =>
  tried.map((t): OpponentResult => {
    const found = times.find(({ who }) => who === t.name);
    if ("reason" in t || found === undefined) {
      return { opponent: t.name, reason: "reason" in t ? t.reason : "was not timed" };
    }
    return {
      opponent: t.name,
      ms: found.ms,
      series: found.series,
      speedup: found.ratio,
      difference: t.difference,
    };
  });

const OURS = "ours";

/** Runs a case against everyone who can do it. */
export const contest = (
  c: BenchCase,
  contenders: readonly Contender[],
  options: RoundOptions,
): Effect.Effect<CaseReport, BenchError | DeviceError | TreeError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const ours = yield* prepareOurs(c);
    const reported = Effect.tryPromise({
      try: async () => {
        const expected = await ours.check(), tried: Tried[] = [];
        for (const contender of contenders) tried.push(await attempt(contender, c, expected));
        const ready = tried.filter((t): t is Ready => "prepared" in t);
        try {
          const sides: Side<string>[] = [
            { who: OURS, prepared: ours },
            ...ready.map(({ name, prepared }) => ({ who: name, prepared })),
          ];
          const times = await timeRounds(sides, options), mine = times[0]!;
          return {
            case: c.name,
            flops: c.flops,
            ms: mine.ms,
            series: mine.series,
            opponents: opponentResults(tried, times),
          };
        } finally {
          ready.forEach(({ prepared }) => prepared.close());
        }
      },
      catch: (e) =>
        new BenchError({
          op: `bench ${c.name}`,
          got: firstLine(e),
          expected: "a run to the end",
          hint: "choose smaller sizes, or leave the case out with --only",
        }),
    });
    return yield* reported;
  })) as Effect.Effect<CaseReport, BenchError | DeviceError | TreeError, Exclude<Device, Scope.Scope>>;
