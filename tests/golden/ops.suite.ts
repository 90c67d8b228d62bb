/** Single operations, forward and backward, against PyTorch. */
import { input, type NdArray, ndarray, pullback, type Tensor } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Evaluate } from "../support/evaluate.ts";
import { golden } from "../support/fixtures.ts";
import { exactly, near, type Tolerance } from "../support/near.ts";
import { type Arguments, operations } from "./operations.ts";

interface Case {
  readonly op: string;
  readonly args: Arguments;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly grads: readonly string[];
}

const EXACT = [
  "concat",
  "slice",
  "pad",
  "flip",
  "permute",
  "reshape",
  "broadcast_to",
  "repeat_interleave",
  "split_heads",
  "window_partition",
  "space_to_depth",
  "embedding",
  "one_hot",
  "pixel_unshuffle",
  "topk",
  "gather",
  "argmax",
];

// Gradients of movement sum over repeated elements, so only their outputs are exact.
const tolerance = (op: string, forward: boolean): Tolerance =>
  forward && EXACT.includes(op) ? exactly : { rtol: op === "pow" ? 2e-5 : 1e-5, atol: 2e-6 };

/** Numbers of PyTorch's masks are bytes; the language wants bool. */
const asInput = (a: NdArray): NdArray =>
  a.dtype === "u32" ? ndarray("bool", a.shape, Uint8Array.from(a.data)) : a;

/** The suite for one evaluator; it runs at once. `factor` widens what a device's own functions make less exact. */
export const opsSuite = (name: string, evaluate: Evaluate, factor = 1): void => {
  const test = suite(`operations, ${name}`);
  const file = golden<{ readonly cases: Readonly<Record<string, Case>> }>("ops");
  const families = new Map<string, [string, Case][]>();
  for (const [key, value] of Object.entries(file.meta.cases)) {
    families.set(value.op, [...families.get(value.op) ?? [], [key, value]]);
  }
  for (const [op, cases] of families) {
    test(`${op}, ${cases.length} cases`, async () => {
      const apply = operations[op];
      assert.ok(apply !== undefined, `an entry for ${op}`);
      for (const [key, { args, inputs, outputs, grads }] of cases) {
        const arrays = inputs.map((i) => asInput(file.get(`${key}/in/${i}`)));
        const given = Object.fromEntries(
          inputs.map((i, k): [string, Tensor] => [i, input(`in.${i}`, arrays[k]!.shape, arrays[k]!.dtype)]),
        );
        const ys = apply!(args, given), floats = outputs.filter((o) => file.has(`${key}/cot/${o}`));
        const cots = floats.map((o) => input(`cot.${o}`, file.get(`${key}/cot/${o}`).shape));
        const back = grads.length === 0
          ? []
          : pullback(floats.map((o) => ys[o]!), cots, grads.map((g) => given[g]!));
        const values = await evaluate([...outputs.map((o) => ys[o]!), ...back], {
          ...Object.fromEntries(inputs.map((i, k) => [`in.${i}`, arrays[k]!])),
          ...Object.fromEntries(floats.map((o) => [`cot.${o}`, file.get(`${key}/cot/${o}`)])),
        });
        const check = (what: string, value: NdArray, expected: NdArray, forward: boolean) => {
          const t = tolerance(op, forward);
          near(`${key} ${what}`, value, expected, { rtol: t.rtol * factor, atol: t.atol * factor });
        };
        outputs.forEach((o, i) => check(o, values[i]!, file.get(`${key}/out/${o}`), true));
        grads.forEach((g, i) =>
          check(`grad ${g}`, values[outputs.length + i]!, file.get(`${key}/grad/${g}`), false)
        );
      }
    });
  }
  test("all 194 cases of the fixture are among them", () => {
    assert.is(Object.keys(file.meta.cases).length, 194);
  });
  test.run();
};
