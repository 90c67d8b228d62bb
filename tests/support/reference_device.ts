/** The reference interpreter as a device, in float64: what programs, state and sharing mean without any kernel. */
import {
  equals,
  interpret,
  type NdArray,
  ndarray,
  show,
  sizeOf,
  type Tensor,
  TreeError,
  zeros,
} from "@chain-of-sight/core";
import {
  cpuProfile,
  type Device,
  type DeviceService,
  type Program,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";

/** A place for one array; the memory of a device begins as zeros. */
interface Cell {
  value: NdArray;
}

const cellsOf = new WeakMap<Program, ReadonlyMap<string, Cell>>();

const blank = ({ dtype, shape }: Tensor): Cell => ({
  value: ndarray(dtype, shape, zeros(dtype, sizeOf(shape))),
});

const load: DeviceService["load"] = (plan, beside = []) =>
  Effect.gen(function* () {
    const cells = new Map<string, Cell>(), outputs = new Map<string, NdArray>();
    for (const [path, tensor] of Object.entries(plan.inputs)) {
      const home = beside.find((program) => path in program.plan.inputs), there = home?.plan.inputs[path];
      if (there !== undefined && !(equals(there.shape, tensor.shape) && there.dtype === tensor.dtype)) {
        return yield* Effect.fail(
          new TreeError({
            op: "load",
            got: `${tensor.dtype} ${show(tensor.shape)} for the shared input ${path}`,
            expected: `${there.dtype} ${show(there.shape)}, as the other program has it`,
            mend: "rename one of them, or describe both alike",
          }),
        );
      }
      cells.set(path, (home === undefined ? undefined : cellsOf.get(home)!.get(path)) ?? blank(tensor));
    }
    const program: Program = {
      plan,
      bytes: 0,
      write: (values) =>
        Effect.sync(() => Object.entries(values).forEach(([path, value]) => cells.get(path)!.value = value)),
      run: Effect.sync(() => {
        const given = [...cells].map(([path, { value }]) => [path, value] as const);
        const values = interpret(Object.values(plan.outputs), Object.fromEntries(given));
        Object.keys(plan.outputs).forEach((name, i) => {
          const target = plan.donate[name];
          if (target === undefined) outputs.set(name, values[i]!);
          else cells.get(target)!.value = values[i]!;
        });
      }),
      read: (names) =>
        Effect.sync(() =>
          Object.fromEntries(names.map((name) => {
            const cell = cells.get(plan.donate[name] ?? name);
            return [name, (cell === undefined ? outputs.get(name) : cell.value)!];
          }))
        ),
      profile: () => Effect.succeed([]),
    };
    cellsOf.set(program, cells);
    return program;
  });

/** The services of the reference device. */
export const referenceServices: Promise<Context.Context<Device>> = Promise.resolve(
  Context.make(theDevice(), { profile: { ...cpuProfile(1), name: "reference" }, load }),
);
