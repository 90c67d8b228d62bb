/**
 * Random programs over donated state, whose results are old state, views of it, other results and updates of every
 * kind, run for several steps on a device and by the reference interpreter. Up to two programs share one state.
 */
import * as cs from "@chain-of-sight/core";
import { compile, type CompileOptions, type Device, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { property, seeds } from "../support/property.ts";
import { stream } from "../support/random.ts";

/** One program over the state. */
export interface Update {
  /** Results by name. */
  readonly outputs: Readonly<Record<string, cs.Tensor>>;
  /** Names of results and the paths of the state that they replace. */
  readonly donate: Readonly<Record<string, string>>;
}

/** Programs over one state, and the order in which they run. */
export interface StatefulProgram {
  /** The programs; the first holds all inputs. */
  readonly updates: readonly Update[];
  /** Which of them runs at each step. */
  readonly order: readonly number[];
  /** All inputs. */
  readonly inputs: readonly cs.Tensor<"input">[];
  /** Their first values. */
  readonly start: Readonly<Record<string, cs.NdArray>>;
  /** Switches of the compiler. */
  readonly options: CompileOptions;
}

/** Whole numbers below a bound, and one of several things. */
interface Dice {
  readonly int: (n: number) => number;
  readonly one: <A>(of: readonly A[]) => A;
}

const diceOf = (next: () => number): Dice => {
  const int = (n: number): number => Math.floor(next() * n);
  return { int, one: (of) => of[int(of.length)]! };
};

/** Shapes of states: many of few forms, so that they change places, and kernels of one form can be batched. */
const forms: readonly (readonly (readonly number[])[])[] = [
  [[6], [2, 3], [3, 2]],
  [[70], [70], [7, 10]],
  [[4, 4], [4, 4], [16]],
  [[24, 16], [16, 24], [384]],
  [[], [1], []],
];

const filled = (t: cs.Tensor, next: () => number): cs.NdArray => {
  const data = Array.from({ length: cs.sizeOf(t.shape) }, () => 4 * next() - 2);
  return t.dtype === "i32"
    ? cs.ndarray("i32", t.shape, Int32Array.from(data, (x) => Math.trunc(4 * x)))
    : cs.f32(t.shape, data);
};

/** The same numbers in another order or shape, as a view. */
const viewOf = (t: cs.Tensor, shape: readonly number[], { int }: Dice): cs.Tensor => {
  const turned = t.shape.length === 2 && int(2) === 0 ? cs.transpose(t) : t;
  const flat = cs.reshape([cs.sizeOf(t.shape)])(turned), n = cs.sizeOf(t.shape);
  if (n < 2 || int(3) > 0) return cs.reshape(shape)(flat);
  return cs.reshape(shape)(
    int(2) === 0
      ? cs.flip([0])(flat)
      : cs.concat([cs.sliceAxis(0, 1, n)(flat), cs.sliceAxis(0, 0, 1)(flat)], 0),
  );
};

/** A value of a form, made from `all` the tensors at hand: identities, views, maps, sums, products, loops. */
const derived = (target: cs.Tensor, all: readonly cs.Tensor[], dice: Dice): cs.Tensor => {
  const { int, one } = dice, n = cs.sizeOf(target.shape);
  const alike = all.filter((t) => t.dtype === target.dtype && cs.sizeOf(t.shape) === n);
  const same = alike.filter((t) => t.shape.join() === target.shape.join());
  const a = one(same), b = viewOf(one(alike), target.shape, dice);
  if (target.dtype === "i32") return one([a, b, cs.add(a, 1), cs.maximum(a, b), cs.sub(b, a)]);
  const floats = all.filter((t) => t.dtype === "f32"), other = one(floats);
  const size = cs.sizeOf(other.shape), at = int(size);
  const first = cs.reshape([])(cs.sliceAxis(0, at, at + 1)(cs.reshape([size])(other)));
  switch (int(14)) {
    case 0:
    case 1:
      return a;
    case 2:
      return one([
        cs.add(a, 0),
        cs.mul(a, 1),
        cs.neg(cs.neg(a)),
        cs.reshape(target.shape)(cs.reshape([n])(a)),
      ]);
    case 3:
      return b;
    case 4:
      return cs.tanh(cs.add(a, b));
    case 5:
      return cs.add(cs.mul(target, 0.5), cs.mul(a, 0.25));
    case 6:
      return cs.add(cs.mul(target, 0.5), cs.tanh(first));
    case 7:
      return cs.sub(a, cs.mul(cs.tanh(cs.sum()(cs.mul(other, other))), 0.1));
    case 8:
      return cs.add(cs.mul(a, 0.5), cs.mul(b, cs.tanh(first)));
    case 9:
      return target.shape.length === 2
        ? cs.tanh(cs.mul(cs.matmul(a)(cs.matmul(cs.transpose(b))(target)), 0.05))
        : cs.sin(cs.add(a, target));
    case 10:
      return cs.sub(a, cs.max()(a));
    case 11: {
      const [last] = cs.scan(
        (c: { readonly now: cs.Tensor; readonly before: cs.Tensor }) => [{
          now: cs.tanh(cs.add(c.now, cs.mul(c.before, 0.5))),
          before: c.now,
        }],
        { carry: { now: a, before: b }, length: 1 + int(3) },
      );
      return one([last.now, last.before]);
    }
    case 12:
      return cs.select(cs.less(cs.reshape(target.shape)(cs.iota([n])), int(n + 1)), target, a);
    default:
      return cs.mul(cs.sin(b), cs.cos(a));
  }
};

/** An update of all or some of the state. */
const updateOf = (
  states: readonly cs.Tensor<"input">[],
  inputs: readonly cs.Tensor[],
  dice: Dice,
): Update => {
  const { int, one } = dice, outputs: Record<string, cs.Tensor> = {}, donate: Record<string, string> = {};
  const pool: cs.Tensor[] = [...states, ...inputs];
  for (const s of states) {
    if (int(6) === 0) continue;
    const next = derived(s, pool, dice),
      name = int(2) === 0 ? s.attributes.path : `next ${s.attributes.path}`;
    outputs[name] = next;
    donate[name] = s.attributes.path;
    if (int(2) === 0) pool.push(next);
  }
  for (let i = int(4); i >= 0; i--) {
    const t = one([...pool, ...states]);
    outputs[`kept ${i}`] = int(3) === 0
      ? derived(t, pool, dice)
      : int(3) === 0
      ? viewOf(t, [cs.sizeOf(t.shape)], dice)
      : t;
  }
  return { outputs, donate };
};

/** An optimiser's update of many parameters: multi-tensor maps and sums, and those of each tensor by itself. */
const optimiserOf = (
  states: readonly cs.Tensor<"input">[],
  inputs: readonly cs.Tensor[],
  dice: Dice,
): Update => {
  const { int, one } = dice, outputs: Record<string, cs.Tensor> = {}, donate: Record<string, string> = {};
  const floats = states.filter((t) => t.dtype === "f32"), gradients = floats.map((p) => cs.sin(cs.mul(p, 2)));
  const together = int(4) > 0, summed = [...gradients, ...(int(2) === 0 ? floats : [])];
  const squares = together ? cs.squaredNorms(summed) : summed.map((t) => cs.sum()(cs.mul(t, t)));
  const norm = squares.reduce((a, b) => cs.add(a, b));
  const scale = cs.mul(cs.rsqrt(cs.add(norm, 1)), 0.3), update = int(3);
  const rule = (p: cs.Tensor, g: cs.Tensor): cs.Tensor[] => [
    cs.sub(update === 2 ? cs.mul(p, 0.9) : p, cs.mul(g, scale)),
  ];
  const next = together
    ? cs.foreach(floats.map((p, i) => ({ args: [p, gradients[i]!], rule: (...of) => rule(of[0]!, of[1]!) })))
    : floats.map((p, i) => rule(p, gradients[i]!));
  floats.forEach((p, i) => {
    const path = p.attributes.path;
    const q = floats.slice(i + 1).find((t) => t.shape.join() === p.shape.join());
    outputs[path] = update === 1 && q !== undefined ? q : next[i]![0]!;
    donate[path] = path;
    if (int(5) === 0) outputs[`old ${path}`] = p;
  });
  outputs.norm = norm;
  outputs.kept = one([...states, ...inputs]);
  return { outputs, donate };
};

/** A random program over state. */
export const randomState = (seed: number): StatefulProgram => {
  const next = stream(`state ${seed}`), dice = diceOf(next), { int, one } = dice;
  const many = int(3) === 0, shapes = one(forms.slice(0, many ? 4 : undefined));
  const count = many ? 9 + int(4) : 2 + int(5), integers = int(4) === 0;
  const states = Array.from(
    { length: count },
    (_, i) => cs.input(`s${i}`, one(shapes), integers && !many && int(3) > 0 ? "i32" : "f32"),
  ) as cs.Tensor<"input">[];
  const given = [cs.input("x0", shapes[0]!), cs.input("x1", one(shapes), integers ? "i32" : "f32")];
  const inputs = [...states, ...given] as cs.Tensor<"input">[];
  const make = many && int(2) === 0 ? optimiserOf : updateOf;
  const updates = [make(states, given, dice), ...(int(3) === 0 ? [updateOf(states, given, dice)] : [])];
  return {
    updates,
    order: Array.from({ length: 3 + int(2) }, () => int(updates.length)),
    inputs,
    start: Object.fromEntries(inputs.map((t) => [t.attributes.path, filled(t, next)])),
    options: one([{}, {}, { batch: false }, { fuse: false }, { simplify: false }]),
  };
};

/** What is read after a step: the results of the program that ran, those of the others, and the state. */
type Seen = Readonly<Record<string, cs.NdArray>>;

/** Every step by the reference interpreter. */
const byReference = ({ updates, order, start }: StatefulProgram): readonly Seen[] => {
  let state: Record<string, cs.NdArray> = { ...start }, kept: Record<string, cs.NdArray> = {};
  return order.map((which) => {
    const { outputs, donate } = updates[which]!, names = Object.keys(outputs);
    const values = cs.interpret(Object.values(outputs), state), before = { ...state };
    state = { ...before };
    names.forEach((name, i) => {
      const path = donate[name];
      if (path === undefined) kept = { ...kept, [`${which}: ${name}`]: values[i]! };
      else state[path] = values[i]!;
    });
    return { ...kept, ...state };
  });
};

/** Every step on a device. */
const onDevice = (program: StatefulProgram): Effect.Effect<readonly Seen[], unknown, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { updates, order, inputs, start, options } = program, device = yield* theDevice();
    const loaded: Program[] = [];
    for (const [i, update] of updates.entries()) {
      const by = i === 0 ? options : { ...options, batch: false };
      const plan = compile({ ...update, inputs }, device.profile, by);
      loaded.push(yield* device.load(plan, loaded.slice(0, 1)));
    }
    yield* loaded[0]!.write(start);
    const ran = new Set<number>(), seen: Seen[] = [];
    for (const which of order) {
      yield* loaded[which]!.run;
      ran.add(which);
      const all: Record<string, cs.NdArray> = {};
      for (const i of ran) {
        const { outputs, donate } = updates[i]!, names = Object.keys(outputs).filter((n) => !(n in donate));
        const values = yield* loaded[i]!.read(names);
        for (const name of names) all[`${i}: ${name}`] = values[name]!;
      }
      // state is read by the path of the input; a result of that name is this state
      Object.assign(all, yield* loaded[0]!.read(inputs.map((t) => t.attributes.path)));
      seen.push(all);
    }
    return seen;
  }));

/** Runs one program on a device and holds every step to the reference. */
export const checkState = async (services: Context.Context<Device>, seed: number): Promise<void> => {
  const program = randomState(seed), expected = byReference(program);
  const actual = await Effect.runPromise(Effect.provide(onDevice(program), services));
  expected.forEach((step, i) => {
    for (const [name, value] of Object.entries(step)) {
      near(`program ${seed}, step ${i}, ${name}`, actual[i]![name]!, value, { rtol: 5e-3, atol: 1e-3 });
    }
  });
};

/** A program with state whose right values are known without any interpreter. */
interface KnownState {
  readonly name: string;
  readonly update: Update;
  readonly start: Readonly<Record<string, cs.NdArray>>;
  /** Values of what is read after each of some steps. */
  readonly expected: Readonly<Record<string, readonly (readonly number[])[]>>;
}

const knownStates = (): readonly KnownState[] => {
  const [a, b, c] = ["a", "b", "c"].map((path) => cs.input(path, [2])) as [cs.Tensor, cs.Tensor, cs.Tensor];
  const start = { a: cs.f32([2], [1, 10]), b: cs.f32([2], [1, 20]), c: cs.f32([2], [3, 30]) };
  const own = { a: "a", b: "b", c: "c" };
  return [
    {
      name: "Fibonacci",
      update: { outputs: { a: b, b: cs.add(a, b) }, donate: { a: "a", b: "b" } },
      start,
      expected: { a: [[1, 20], [2, 30], [3, 50]], b: [[2, 30], [3, 50], [5, 80]] },
    },
    {
      name: "old alongside new",
      update: { outputs: { old: a, a: cs.mul(a, 2) }, donate: { a: "a" } },
      start,
      expected: { old: [[1, 10], [2, 20]], a: [[2, 20], [4, 40]] },
    },
    {
      name: "old that only rewriting finds to be an input, and a view of it",
      update: {
        outputs: {
          a: cs.add(a, 1),
          old: cs.mul(a, 1),
          turned: cs.flip([0])(a),
          last: cs.sliceAxis(0, 1, 2)(a),
        },
        donate: { a: "a" },
      },
      start,
      expected: {
        old: [[1, 10], [2, 11]],
        turned: [[10, 1], [11, 2]],
        last: [[10], [11]],
        a: [[2, 11], [3, 12]],
      },
    },
    {
      name: "previous, current",
      update: { outputs: { a: b, b: cs.mul(b, 2) }, donate: { a: "a", b: "b" } },
      start,
      expected: { a: [[1, 20], [2, 40]], b: [[2, 40], [4, 80]] },
    },
    {
      name: "two that change places",
      update: { outputs: { a: b, b: a }, donate: { a: "a", b: "b" } },
      start,
      expected: { a: [[1, 20], [1, 10]], b: [[1, 10], [1, 20]] },
    },
    {
      name: "three that change places in a circle",
      update: { outputs: { a: b, b: c, c: a }, donate: own },
      start,
      expected: { a: [[1, 20], [3, 30]], b: [[3, 30], [1, 10]], c: [[1, 10], [1, 20]] },
    },
    {
      name: "a chain, and one input as two results",
      update: { outputs: { a: b, b: c, c: cs.add(a, c), first: a, second: a }, donate: own },
      start,
      expected: {
        a: [[1, 20], [3, 30]],
        b: [[3, 30], [4, 40]],
        c: [[4, 40], [5, 60]],
        first: [[1, 10], [1, 20]],
        second: [[1, 10], [1, 20]],
      },
    },
    {
      name: "two that become the same result, which is also kept",
      update: {
        outputs: { a: cs.add(a, b), b: cs.add(a, b), sum: cs.add(a, b) },
        donate: { a: "a", b: "b" },
      },
      start,
      expected: {
        a: [[2, 30], [4, 60]],
        b: [[2, 30], [4, 60]],
        sum: [[2, 30], [4, 60]],
      },
    },
    {
      name: "one that stays as it is, kept under another name",
      update: { outputs: { a, b: a, seen: a }, donate: { a: "a", b: "b" } },
      start,
      expected: { a: [[1, 10]], b: [[1, 10]], seen: [[1, 10]] },
    },
    {
      name: "a loop over the state",
      update: {
        outputs: {
          ...(([last]) => ({ a: last.x, b: last.y }))(cs.scan(
            (s: { readonly x: cs.Tensor; readonly y: cs.Tensor }) => [{ x: s.y, y: cs.add(s.x, s.y) }],
            { carry: { x: a, y: b }, length: 2 },
          )),
          old: b,
        },
        donate: { a: "a", b: "b" },
      },
      start,
      expected: { a: [[2, 30], [5, 80]], b: [[3, 50], [8, 130]], old: [[1, 20], [3, 50]] },
    },
  ];
};

/** The suite for one device; it runs at once. */
export const donationSuite = (
  name: string,
  services: Promise<Context.Context<Device>>,
  runs: number,
): void => {
  const test = suite(`donated state on ${name}`);
  for (const { name, update, start, expected } of knownStates()) {
    for (const options of [{}, { fuse: false }, { simplify: false }] satisfies CompileOptions[]) {
      test(`${name}, ${JSON.stringify(options)}`, async () => {
        const steps = Math.max(...Object.values(expected).map((s) => s.length)),
          names = Object.keys(expected);
        const got = await Effect.runPromise(Effect.provide(
          Effect.scoped(Effect.gen(function* () {
            const device = yield* theDevice(), inputs = Object.keys(start).map((path) => cs.input(path, [2]));
            const program = yield* device.load(compile({ ...update, inputs }, device.profile, options));
            yield* program.write(start);
            const seen: Seen[] = [];
            for (let i = 0; i < steps; i++) {
              yield* program.run;
              seen.push(yield* program.read(names));
            }
            return seen;
          })),
          await services,
        ));
        for (const path of names) {
          expected[path]!.forEach((value, i) =>
            assert.equal([...got[i]![path]!.data], value, `${path}, step ${i}`)
          );
        }
      });
    }
  }
  property(test, `random programs, step by step as the reference, on ${name}`, [seeds()], async (seed) => {
    await checkState(await services, seed);
  }, { runs, counts: "programs" });
  test.run();
};
