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
import { checkInputs, checkPart } from "../../kernels/device/names.ts";
import { Written } from "../../kernels/device/written.ts";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";

/** A place for one array; the memory of a device begins as zeros, of which nobody sees any before it is written. */
interface Cell {
  value: NdArray;
}

const homes = new WeakMap<
  Program,
  { readonly cells: ReadonlyMap<string, Cell>; readonly written: Written }
>();

const blank = ({ dtype, shape }: Tensor): Cell => ({
  value: ndarray(dtype, shape, zeros(dtype, sizeOf(shape))),
});

const load: DeviceService["load"] = (plan, alongside = []) =>
  Effect.gen(function* () {
    const cells = new Map<string, Cell>(), outputs = new Map<string, NdArray>();
    for (const [path, tensor] of Object.entries(plan.inputs)) {
      const home = alongside.find((program) => path in program.plan.inputs), there = home?.plan.inputs[path];
      if (there !== undefined && !(equals(there.shape, tensor.shape) && there.dtype === tensor.dtype)) {
        return yield* Effect.fail(
          new TreeError({
            op: "load",
            got: `${tensor.dtype} ${show(tensor.shape)} for the shared input ${path}`,
            expected: `${there.dtype} ${show(there.shape)}, as the other program has it`,
            hint: "rename one of them, or describe both alike",
          }),
        );
      }
      cells.set(path, (home === undefined ? undefined : homes.get(home)!.cells.get(path)) ?? blank(tensor));
    }
    const written = new Written(plan, alongside.map((program) => homes.get(program)!.written));
    const program: Program = {
      plan,
      bytes: 0,
      write: (values) =>
        Effect.map(checkInputs(plan, values), () => {
          Object.entries(values).forEach(([path, value]) => cells.get(path)!.value = value);
          written.wrote(Object.keys(values));
        }),
      writePart: (path, at, value) =>
        Effect.gen(function* () {
          yield* checkPart(plan, path, at, value);
          yield* written.beforePart(path, at);
          const cell = cells.get(path)!, tensor = plan.inputs[path]!;
          if (at === 0) cell.value = blank(tensor).value;
          (cell.value.data as Float32Array).set(value.data, at);
          written.wrotePart(path, at + value.data.length);
        }),
      run: Effect.map(written.beforeRun(), () => {
        const given = [...cells].map(([path, { value }]) => [path, value] as const);
        const values = interpret(Object.values(plan.outputs), Object.fromEntries(given));
        Object.keys(plan.outputs).forEach((name, i) => {
          const target = plan.donate[name];
          if (target === undefined) outputs.set(name, values[i]!);
          else cells.get(target)!.value = values[i]!;
        });
        written.ran();
      }),
      read: (names) =>
        Effect.map(written.beforeRead(names), () =>
          Object.fromEntries(names.map((name) => {
            const kept = name in plan.donate ? undefined : outputs.get(name);
            return [name, kept ?? cells.get(plan.donate[name] ?? name)!.value];
          }))),
      exchange: (names, use) =>
        Effect.flatMap(written.beforeRead(names), () =>
          Effect.forEach(names, (name) => {
            const { data } = cells.get(plan.donate[name] ?? name)!.value, words = Float32Array.from(data);
            return Effect.map(use(new Uint8Array(words.buffer)), () => (data as Float32Array).set(words));
          }, { discard: true })),
      profile: () => Effect.succeed([]),
    };
    homes.set(program, { cells, written });
    return program;
  });

/** The services of the reference device. */
export const referenceServices: Promise<Context.Context<Device>> = Promise.resolve(
  Context.make(theDevice(), { profile: { ...cpuProfile, name: "reference" }, load }),
);
