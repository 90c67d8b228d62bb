/** The reference interpreter as a device, in float64: what programs, state and sharing mean without any kernel. */
import { interpret, type NdArray } from "@chain-of-sight/core";
import {
  cpuProfile,
  type Device,
  type DeviceService,
  type Program,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";

const stores = new WeakMap<Program, Map<string, NdArray>>();

const load: DeviceService["load"] = (plan, beside = []) =>
  Effect.sync(() => {
    const own = new Map<string, NdArray>(), outputs = new Map<string, NdArray>();
    const shared = beside.flatMap((p) =>
      Object.keys(p.plan.inputs).map((path) => [path, stores.get(p)!] as const)
    );
    const homes = new Map(shared);
    const home = (path: string) => homes.get(path) ?? own;
    const program: Program = {
      plan,
      write: (values) => Effect.sync(() => Object.entries(values).forEach(([p, v]) => home(p).set(p, v))),
      run: Effect.sync(() => {
        const names = Object.keys(plan.outputs), paths = Object.keys(plan.inputs);
        const given = paths.flatMap((p) => home(p).has(p) ? [[p, home(p).get(p)!] as const] : []);
        const values = interpret(Object.values(plan.outputs), Object.fromEntries(given));
        names.forEach((name, i) => {
          const target = plan.donate[name];
          if (target === undefined) outputs.set(name, values[i]!);
          else home(target).set(target, values[i]!);
        });
      }),
      read: (names) =>
        Effect.sync(() =>
          Object.fromEntries(names.map((n) => {
            const path = plan.donate[n] ?? n;
            return [n, (path in plan.inputs ? home(path).get(path) : outputs.get(n))!];
          }))
        ),
      profile: () => Effect.succeed([]),
    };
    stores.set(program, own);
    return program;
  });

/** The services of the reference device. */
export const referenceServices: Promise<Context.Context<Device>> = Promise.resolve(
  Context.make(theDevice(), { profile: { ...cpuProfile(1), name: "reference" }, load }),
);
