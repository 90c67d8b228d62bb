/** The training with another schedule than the untuned one forced on every kernel. */
import {
  compile,
  formOf,
  type Schedules,
  spaceOf,
  stepsOf,
  theDevice,
  within,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as assert from "uvu/assert";
import { servicesAs, stepOnWebGpu } from "../support/webgpu.ts";
import { type MakeStepper, trajectorySuite } from "./suite.ts";

/** Steps under schedules that are `at` so far in the space of every kernel, as software or as a GPU. */
const forced = (at: number, software: boolean): MakeStepper => async (program) => {
  const as = { software }, { profile } = Context.get(await servicesAs(as), theDevice());
  const donate = Object.fromEntries(Object.keys(program.next).map((path) => [path, path]));
  const plan = compile({ outputs: { ...program.next, ...program.metrics }, donate }, profile);
  const schedules: Schedules = Object.fromEntries(
    stepsOf(plan).flatMap(({ kernel }) => {
      const space = spaceOf(kernel, profile);
      if (space === undefined) return [];
      const others = within(space, 1).slice(1);
      return others.length === 0 ? [] : [[formOf(kernel), others[Math.floor(at * others.length)]!]];
    }),
  );
  assert.ok(Object.keys(schedules).length > 20, `${Object.keys(schedules).length} forms`);
  return await stepOnWebGpu({ schedules }, as)(program);
};

trajectorySuite("webgpu, other schedules", forced(0.99, true));
trajectorySuite("webgpu, other schedules of GPUs", forced(0.3, false));
