/** Every primitive on an evaluator against the reference interpreter. */
import { interpret, type OpName, records } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Evaluate } from "../support/evaluate.ts";
import { exactly, near, type Tolerance } from "../support/near.ts";
import { bridgeCases } from "./bridges.ts";
import { attentionCases, type DeviceCase, deviceCases } from "./cases.ts";
import { specialCases } from "./cases_special.ts";
import { edgeCases } from "./edges.ts";
import { layerCases } from "./layers.ts";
import { functionCases } from "./functions.ts";
import { libraryCases } from "./library.ts";
import { loopCases } from "./loops.ts";

/** What an evaluator is held to. */
export interface DeviceOptions {
  /** Tolerance of arithmetic; that of the fixtures' operations by default. */
  readonly tolerance?: Tolerance;
  /** Whether NaN and infinities are tried; true by default. */
  readonly specials?: boolean;
  /** Cases of which the device leaves the result open, by name; none by default. */
  readonly open?: readonly string[];
  /**
   * For a device whose compiler takes its time: what else looks at cases of the same primitives, of which then only
   * the one with the most numbers is run; all are run by default.
   */
  readonly others?: (c: DeviceCase) => Promise<void>;
}

const sizeOf = ({ bindings }: DeviceCase): number =>
  Object.values(bindings).reduce((n, { data }) => n + data.length, 0);

/** Of cases of the same primitives, the one with the most numbers. */
const largest = (cases: readonly DeviceCase[]): ReadonlySet<DeviceCase> =>
  new Set(
    [...Map.groupBy(cases, ({ ops }) => ops.join()).values()].map((same) =>
      same.reduce((a, b) => sizeOf(b) > sizeOf(a) ? b : a)
    ),
  );

/** A value as the element type stores it: the reference holds f32 in float64. */
const stored = (x: ArrayLike<number>, dtype: string): ArrayLike<number> =>
  dtype === "f32" ? Float32Array.from(x) : x;

const check = async (evaluate: Evaluate, c: DeviceCase, tolerance: Tolerance): Promise<void> => {
  const expected = interpret(c.roots, c.bindings), actual = await evaluate(c.roots, c.bindings);
  assert.is(actual.length, expected.length, "a value for every root");
  const factor = c.loose ? 10 : 1;
  expected.forEach((e, i) => {
    const a = actual[i]!;
    assert.is(a.dtype, e.dtype, `element type of root ${i}`);
    near(
      `${c.name}, root ${i}`,
      { ...a, data: Float64Array.from(stored(a.data, a.dtype)) },
      { shape: e.shape, data: Float64Array.from(stored(e.data, e.dtype)) },
      c.exact ? exactly : { rtol: tolerance.rtol * factor, atol: tolerance.atol * factor },
    );
  });
};

/** The suite for one evaluator; it runs at once. */
export const deviceSuite = (name: string, evaluate: Evaluate, options: DeviceOptions = {}): void => {
  const { tolerance = { rtol: 1e-5, atol: 2e-6 }, specials = true, open = [], others } = options;
  const test = suite(`primitives, ${name}`);
  const regular = [...deviceCases, ...attentionCases, ...libraryCases, ...loopCases, ...functionCases],
    odd = [...specialCases, ...edgeCases.specials];
  const all = [...regular, ...layerCases, ...bridgeCases, ...edgeCases.finite, ...(specials ? odd : [])];
  const alike = [...deviceCases, ...attentionCases], run = largest(alike);
  const lookedAt = new Set(others === undefined ? [] : alike.filter((c) => !run.has(c)));
  for (const c of all.filter(({ name }) => !open.includes(name))) {
    test(c.name, () => lookedAt.has(c) ? others!(c) : check(evaluate, c, tolerance));
  }
  test("every primitive has a case", () => {
    const tried = new Set<string>(regular.flatMap((c) => c.ops));
    const missing = (Object.keys(records) as OpName[]).filter((op) => !tried.has(op));
    assert.equal(missing, []);
  });
  test.run();
};
