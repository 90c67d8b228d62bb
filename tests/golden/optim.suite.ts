/** Optimisers, clipping and the schedule against PyTorch. */
import {
  adamw,
  clipFactor,
  globalNorm,
  input,
  mul,
  type NdArray,
  type Optimiser,
  sgd,
  type Tensor,
  warmupCosine,
  zerosArray,
} from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Evaluate } from "../support/evaluate.ts";
import { golden } from "../support/fixtures.ts";
import { near } from "../support/near.ts";

const TOLERANCE = { rtol: 5e-6, atol: 1e-7 };
const PARAMETERS = ["w", "b", "e"];

interface Meta {
  readonly schedules: { readonly lr: { readonly values: readonly number[] } };
  readonly clip: Readonly<Record<string, { readonly max_norm: number; readonly norm: number }>>;
}

/** The suite for one evaluator; it runs at once. */
export const optimSuite = (name: string, evaluate: Evaluate): void => {
  const test = suite(`optimisers, ${name}`);
  const file = golden<Meta>("optim");

  const run = async (optimiser: Optimiser, lr: number, label: string) => {
    const step = input("step", [], "i32"), rate = input("lr", []);
    const built = PARAMETERS.map((p) => {
      const { shape } = file.get(`init/${p}`);
      const slots = Object.fromEntries(
        optimiser.slots.map((s): [string, Tensor] => [s, input(`${s}.${p}`, shape)]),
      );
      return optimiser.update({
        path: `${p}.weight`,
        param: input(p, shape),
        grad: input(`g.${p}`, shape),
        slots,
        lr: rate,
        step,
      });
    });
    let state: Record<string, NdArray> = Object.fromEntries(PARAMETERS.flatMap((p) => {
      const value = file.get(`init/${p}`);
      return [[p, value], ...optimiser.slots.map((s) => [`${s}.${p}`, zerosArray("f32", value.shape)])];
    }));
    for (let t = 1; t <= 6; t++) {
      const names = PARAMETERS.flatMap((p) => [p, ...optimiser.slots.map((s) => `${s}.${p}`)]);
      const values = await evaluate(
        built.flatMap((u) => [u.param, ...optimiser.slots.map((s) => u.slots[s]!)]),
        {
          ...state,
          ...Object.fromEntries(PARAMETERS.map((p) => [`g.${p}`, file.get(`grad/${t}/${p}`)])),
          step: { dtype: "i32", shape: [], data: Int32Array.of(t - 1) },
          lr: { dtype: "f32", shape: [], data: Float32Array.of(lr) },
        },
      );
      state = Object.fromEntries(names.map((n, i) => [n, values[i]!]));
      for (const p of PARAMETERS) {
        near(`${label} ${t} ${p}`, state[p]!, file.get(`${label}/${t}/${p}`), TOLERANCE);
      }
    }
    return state;
  };

  test("AdamW, six steps and its memory", async () => {
    const optimiser = adamw({ betas: [0.9, 0.98], eps: 1e-8, weightDecay: 0.05, decay: () => true });
    const state = await run(optimiser, 0.01, "adamw");
    for (const p of PARAMETERS) {
      near(`m ${p}`, state[`m.${p}`]!, file.get(`adamw/state/exp_avg/${p}`), TOLERANCE);
      near(`v ${p}`, state[`v.${p}`]!, file.get(`adamw/state/exp_avg_sq/${p}`), TOLERANCE);
    }
  });

  test("gradient descent with momentum, six steps", async () => {
    await run(sgd({ momentum: 0.9 }), 0.05, "sgd");
  });

  test("warm-up and cosine, on numbers and on the step tensor", async () => {
    const schedule = warmupCosine({ peak: 1e-3, warmup: 7, total: 50 });
    const { values } = file.meta.schedules.lr, step = input("step", [], "i32");
    for (const [t, expected] of values.entries()) {
      assert.ok(Math.abs(schedule.at(t) - expected) <= 1e-12, `step ${t}: ${schedule.at(t)}`);
      const [value] = await evaluate([schedule.of(step)], {
        step: { dtype: "i32", shape: [], data: Int32Array.of(t) },
      });
      near(`step ${t}`, value!, { shape: [], data: Float64Array.of(expected) }, { rtol: 5e-6, atol: 1e-9 });
    }
  });

  test("clipping by the common norm", async () => {
    for (const label of ["clip_big", "clip_small"]) {
      const { max_norm, norm } = file.meta.clip[label]!;
      const given = file.under(`${label}/before/`), names = Object.keys(given);
      assert.ok(names.length > 0, `inputs of ${label}`);
      const gs = names.map((n) => input(n, given[n]!.shape));
      const total = globalNorm(gs), factor = clipFactor(total, max_norm);
      const values = await evaluate([total, ...gs.map((g) => mul(g, factor))], given);
      near(label, values[0]!, { shape: [], data: Float64Array.of(norm) }, TOLERANCE);
      names.forEach((n, i) =>
        near(`${label} ${n}`, values[i + 1]!, file.get(`${label}/after/${n}`), TOLERANCE)
      );
    }
  });
  test.run();
};
