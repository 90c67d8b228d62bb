/** Plans of one kernel alone, as tuning measures it. Pure. */
import { input, sizeOf, substitute, type Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { type ContractionKernel, type PlainKernel, readsOf } from "../graph/kernel.ts";
import { productForm, productSize, splitKSpace } from "../graph/split_k.ts";
import { planMemory } from "../plan/memory.ts";
import { compile, type Plan } from "../plan/plan.ts";
import { stepsOf } from "../plan/steps.ts";
import { scheduleFits } from "../schedule/choose.ts";
import { formOf } from "../schedule/form.ts";
import type { KernelSchedule, Schedule } from "../schedule/schedule.ts";
import { type Space, spaceOf } from "../schedule/space.ts";

/** Something that is tuned: a kernel, or a product that may become several. */
export interface Subject {
  /** Its name among schedules. */
  readonly form: string;
  /** The schedules to choose among. */
  readonly space: Space;
  /** A program that does it alone, under a schedule. */
  readonly under: (s: Schedule) => Plan;
}

const named = (tensors: readonly Tensor[], prefix: string): Readonly<Record<string, Tensor>> =>
  Object.fromEntries(tensors.map((t, i) => [`${prefix} ${i}`, t]));

/** A kernel as a program of its own, its operands as inputs. */
const aloneOf = (kernel: PlainKernel, profile: DeviceProfile): Plan => {
  const written = kernel.outputs.map((o) => o.tensor);
  const read = readsOf(kernel).filter((t) => !written.includes(t));
  const memory = planMemory({
    kernels: [kernel],
    inputs: read,
    outputs: written,
    donated: new Map(),
    packs: [],
    tables: new Map(),
  }, profile);
  return {
    kernels: [kernel],
    memory,
    inputs: named(read, "operand"),
    needed: [],
    outputs: named(written, "result"),
    donate: {},
    schedules: new Map(),
  };
};

/** A plan with other schedules: what a change gives for each kernel, or its own where that is undefined. */
const retiled = (
  plan: Plan,
  change: (kernel: PlainKernel, own: KernelSchedule | undefined) => KernelSchedule | undefined,
): Plan => {
  const kernels = new Set(stepsOf(plan).map(({ kernel }) => kernel));
  return {
    ...plan,
    schedules: new Map([...kernels].flatMap((kernel) => {
      const own = plan.schedules.get(kernel), schedule = change(kernel, own) ?? own;
      return schedule === undefined ? [] : [[kernel, schedule]];
    })),
  };
};

/** A kernel as a subject; `undefined` for families with one way alone, and for what computes nothing. */
export const kernelSubject = (kernel: PlainKernel, profile: DeviceProfile): Subject | undefined => {
  if (kernel.outputs.every((o) => sizeOf(o.tensor.shape) === 0)) return undefined;
  const space = spaceOf(kernel, profile), plan = aloneOf(kernel, profile);
  return space && {
    form: formOf(kernel),
    space,
    under: (s) => retiled(plan, (k) => scheduleFits(s, k, profile) ? s : undefined),
  };
};

/** A product as a subject: into how many parts to split its sum; `undefined` where one alone makes sense. */
export const splitKSubject = (
  { core, left, right }: ContractionKernel,
  profile: DeviceProfile,
): Subject | undefined => {
  const size = productSize(core), space = splitKSpace(size), form = productForm(size, core.dtype);
  if (space.length < 2) return undefined;
  const operand = (t: Tensor, path: string): readonly [Tensor, Tensor] => [t, input(path, t.shape, t.dtype)];
  const [y] = substitute([core], new Map([operand(left.from, "left"), operand(right.from, "right")]));
  return {
    form,
    space: { standard: space[0]!, starts: space.slice(1), axes: [] },
    under: (s) => ({ ...compile({ outputs: { y: y! } }, profile, { schedules: { [form]: s } }), needed: [] }),
  };
};
