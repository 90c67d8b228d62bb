/** The training, computed by the reference interpreter in float64. */
import { interpret } from "@chain-of-sight/core";
import { loraSuite } from "./lora.suite.ts";
import { type MakeStepper, trajectorySuite } from "./suite.ts";

const stepper: MakeStepper = ({ next, metrics, initial }) => {
  const paths = Object.keys(next), names = Object.keys(metrics);
  const roots = [...Object.values(next), ...Object.values(metrics)];
  let state = initial;
  return Promise.resolve({
    step: (batch) => {
      const values = interpret(roots, { ...state, ...batch });
      state = Object.fromEntries(paths.map((path, i) => [path, values[i]!]));
      return Promise.resolve(
        Object.fromEntries(names.map((name, i) => [name, values[paths.length + i]!.data[0]!])),
      );
    },
    state: () => Promise.resolve(state),
  });
};

trajectorySuite("reference", stepper);
loraSuite("reference", stepper);
