/**
 * Which accesses are proved in range: those of whole training steps and of random programs, but none of a text that was
 * made wrong. Proved texts are run on whatever memory may hold, and stay in range.
 */
import * as cs from "@chain-of-sight/core";
import type { Tensor } from "@chain-of-sight/core";
import {
  compile,
  type DeviceError,
  type DeviceName,
  deviceNamed,
  type DeviceProfile,
  dispatchesOf,
  evaluate,
  type KernelDispatch,
  outsideOf,
  type Plan,
  portableProfile,
  theDevice,
  unproved,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { presets } from "../../pipelines/tune/presets.ts";
import { stepWork } from "../../pipelines/tune/step_work.ts";
import { precisions } from "../../pipelines/train/precision.ts";
import { randomLoop, randomProgram } from "../laws/programs.ts";
import { dawnServices, endWithTests, swiftShader } from "../support/dawn.ts";
import { near } from "../support/near.ts";
import { property, seeds } from "../support/property.ts";
import { floats } from "../support/random.ts";
import { wander } from "../support/wanderer.ts";

const test = suite("accesses in range");

const LANES = 8, subgroups = { least: LANES, most: LANES };

const gpu: DeviceProfile = {
  ...portableProfile,
  provider: "dawn",
  f16: true,
  halfSums: true,
  maxBindings: 16,
  maxBindingBytes: 2 ** 31 - 4,
  maxBufferBytes: 2 ** 32 - 256,
  workgroupBytes: 49152,
  maxInvocations: 1024,
  subgroups: { least: 32, most: 32 },
  matrices: [{ M: 16, N: 16, K: 16, componentType: "f16", resultComponentType: "f32" }],
};

const profiles: Readonly<Record<string, DeviceProfile>> = {
  "any device": portableProfile,
  "a software device": { ...portableProfile, software: true, subgroups, f16: true },
  "a GPU with matrix units": gpu,
  "a device of small buffers": {
    ...portableProfile,
    maxBindings: 32,
    maxBindingBytes: 4096,
    maxBufferBytes: 16384,
  },
};

const all = (plan: Plan, profile: DeviceProfile) =>
  unproved(plan, profile).map((u) => `${u.label}: ${u.access}`);

const x = cs.input("x", [24, 40]), ids = cs.input("ids", [3], "i32");
const heads = (name: string, n: number, width: number) => cs.input(name, [2, 2, n, width]);

/** Attention of ragged lengths with all its gradients. */
const attention = (
  causal: boolean,
  queries: number,
  keys: number,
  dtype: cs.DType = "f32",
  segments?: Tensor,
): Tensor[] => {
  const given = [heads("q", queries, 16), heads("k", keys, 16), heads("v", keys, 16)];
  const [q, k, v] = given.map(cs.cast(dtype)) as [Tensor, Tensor, Tensor];
  const y = cs.attention(q, k, v, { causal, ...(segments === undefined ? {} : { segments }) });
  return [y, ...cs.pullback([y], [cs.onesLike(y)], given)];
};

const described: Readonly<Record<string, readonly Tensor[]>> = {
  map: [cs.tanh(x)],
  "views of views": [cs.add(cs.transpose(cs.reshape([24, 40])(cs.transpose(x))), 1)],
  softmax: [cs.softmax(-1)(x)],
  argmax: [cs.argmax(-1)(x)],
  "slice, reversed": [cs.mul(cs.flip([0])(cs.slice([3, 5], [20, 40])(x)), 2)],
  "padding on both sides": [cs.mul(cs.pad([2, 3], [1, 0])(x), 2)],
  "concatenation": [cs.concat([x, cs.tanh(x), cs.slice([0, 0], [5, 40])(x)], 0)],
  "rows by data, and their gradient": [
    cs.gather(x)(ids),
    ...cs.pullback([cs.gather(x)(ids)], [cs.onesLike(cs.gather(x)(ids))], [x]),
  ],
  "small product": [cs.matmul(cs.transpose(x))(x)],
  "ragged product": [cs.matmul(cs.input("w", [7, 5]))(cs.input("v", [3, 7]))],
  "large product": [cs.matmul(cs.input("w", [64, 128]))(cs.input("v", [128, 64]))],
  "large ragged product": [cs.matmul(cs.input("w", [131, 257]))(cs.input("v", [301, 131]))],
  "large product of f16": [
    cs.matmul(cs.cast("f16")(cs.input("w", [131, 257])))(cs.cast("f16")(cs.input("v", [301, 131]))),
  ],
  "batched product": [cs.matmul(cs.input("w", [96, 33, 40]))(cs.input("v", [96, 50, 33]))],
  "product with padding behind": [
    cs.add(
      cs.matmul(cs.input("w", [64, 100]))(cs.input("v", [100, 64])),
      cs.pad([80, 0], [0, 0])(cs.input("b", [20, 100])),
    ),
  ],
  "attention": attention(false, 67, 45),
  "attention, causal": attention(true, 70, 70),
  "attention, causal, more keys": attention(true, 33, 75),
  "attention, causal, fewer keys": attention(true, 75, 33),
  "attention of f16, causal": attention(true, 70, 70, "f16"),
  "attention of packed rows": attention(false, 70, 70, "f32", cs.input("segments", [2, 70], "i32")),
  "attention of packed rows, causal": attention(true, 75, 75, "f32", cs.input("segments", [2, 75], "i32")),
  "attention of packed f16, causal": attention(true, 75, 75, "f16", cs.input("segments", [2, 75], "i32")),
  "random numbers": [cs.uniform([33, 7])(cs.input("key", [2], "u32"))],
  "a long sum": [cs.sum()(cs.input("long", [100_003]))],
};

for (const [where, profile] of Object.entries(profiles)) {
  for (const [name, roots] of Object.entries(described)) {
    if (!profile.f16 && name.includes("f16")) continue;
    const tight = profile.maxBindingBytes < 2 ** 20;
    if (tight && /large|batched|long/.test(name)) continue;
    test(`proved on ${where}: ${name}`, () => {
      const plan = compile({ outputs: Object.fromEntries(roots.map((r, i) => [`y${i}`, r])) }, profile);
      assert.equal(all(plan, profile), []);
    });
  }
}

const steps: readonly (readonly [keyof typeof presets, number])[] = [
  ["smoke", 32],
  ["smoke", 336],
  ["small", 336],
  ["gpu", 80],
  ["full", 32],
  ["full", 336],
];
for (const [preset, tokens] of steps) {
  for (const precision of precisions) {
    test(`proved: the ${precision} training step ${preset} with ${tokens} tokens`, () => {
      const { source } = stepWork(presets[preset], tokens, { precision });
      assert.equal(all(compile(source, gpu), gpu), []);
    });
  }
}

/** The dispatches of some roots, and the bytes of their buffers. */
const launches = (roots: readonly Tensor[], profile: DeviceProfile) => {
  const plan = compile({ outputs: Object.fromEntries(roots.map((r, i) => [`y${i}`, r])) }, profile);
  const bytes = (d: KernelDispatch) =>
    d.bindings.map(({ slot, window, part }) => part?.bytes ?? plan.memory.slots[slot]!.ranges[window]!.bytes);
  return dispatchesOf(plan, profile).map((d) => ({ ...d, bytes: bytes(d) }));
};
type Launch = ReturnType<typeof launches>[number];

const outside = (d: Launch, code: string, profile: DeviceProfile) =>
  outsideOf({ ...d, code }, d.bytes, profile.subgroups);

/** Places of a text that are indexed, each moved by the greatest length of an array. */
const widened = (code: string): readonly string[] => {
  const main = code.indexOf("fn main("), out: string[] = [];
  for (const found of code.slice(main).matchAll(/\b(x\d+|s\d+|\w+_block\w*)\[/g)) {
    const from = main + found.index + found[0].length;
    let depth = 1, to = from;
    while (depth > 0) depth += { "[": 1, "]": -1 }[code[to++]!] ?? 0;
    out.push(`${code.slice(0, from)}(${code.slice(from, to - 1)}) + 16777216u${code.slice(to - 1)}`);
  }
  return out;
};

for (
  const name of ["softmax", "large ragged product", "attention, causal", "rows by data, and their gradient"]
) {
  test(`no access escapes: ${name}, each moved out of its array`, () => {
    for (const [, profile] of Object.entries(profiles).slice(0, 2)) {
      let tried = 0;
      for (const d of launches(described[name]!, profile)) {
        for (const code of widened(d.code).slice(0, 60)) {
          assert.ok(outside(d, code, profile).length > 0, code);
          tried++;
        }
      }
      assert.ok(tried > 0);
    }
  });
}

/** Kernels of which a line, once taken out, leaves an access outside: what names it, and the access. */
const guarded: readonly (readonly [string, readonly Tensor[], RegExp, string, RegExp])[] = [
  ["rows beyond the last", [cs.tanh(cs.input("r", [1000]))], /if \(row >= 1000u\) \{ return; \}/, "", /row/],
  [
    "an id from memory",
    described["rows by data, and their gradient"]!.slice(0, 1),
    /min\((.+), 959u\)/,
    "$1",
    /./,
  ],
  ["padding", described["padding on both sides"]!, /min\((.+), 959u\)/, "$1", /./],
  [
    "ragged rows of a product",
    [cs.matmul(cs.input("w", [7, 8]))(cs.input("v", [6, 7]))],
    /min\((row0 \+ 3u), 5u\)/,
    "$1",
    /./,
  ],
  ["steps beyond the sum", described["large ragged product"]!, /min\((\(kk \+ 0u\)), 130u\)/, "$1", /kk/],
  [
    "keys beyond the last",
    described["attention, causal"]!.slice(0, 1),
    /min\(first \+ at, 69u\)/,
    "first + at",
    /k_at/,
  ],
];
for (const [what, roots, line, instead, place] of guarded) {
  test(`a guard that is taken out is missed: ${what}`, () => {
    const d = launches(roots, portableProfile).find((one) => line.test(one.code))!;
    assert.ok(d !== undefined, `no kernel has ${line}`);
    assert.equal(outside(d, d.code, portableProfile), []);
    const found = outside(d, d.code.replace(line, instead), portableProfile);
    assert.ok(found.some((o) => place.test(o.at)), JSON.stringify(found));
  });
}

/** Numbers of texts changed and guards dropped, at random: right or wrong, as it comes. */
const spoilt = (code: string, pick: (n: number) => number): string => {
  const main = code.indexOf("fn main("), head = code.slice(0, main), body = code.slice(main);
  const numbers = [...body.matchAll(/\b\d+u\b/g)],
    guards = [...body.matchAll(/if \([^{}]*\) \{ return; \}/g)];
  const clamps = [...body.matchAll(/\bmin\(([^(),]+|\([^()]*\)), (\d+u)\)/g)];
  const put = (found: RegExpMatchArray, text: string) =>
    head + body.slice(0, found.index) + text + body.slice(found.index! + found[0].length);
  const kind = pick(3);
  if (kind === 0 && guards.length > 0) return put(guards[pick(guards.length)]!, "");
  if (kind === 1 && clamps.length > 0) {
    const clamp = clamps[pick(clamps.length)]!;
    return put(clamp, clamp[1]!);
  }
  if (numbers.length === 0) return code;
  const found = numbers[pick(numbers.length)]!, n = Number.parseInt(found[0]);
  return put(found, `${[n + 1, n * 2, Math.max(1, n - 1), n + 7][pick(4)]}u`);
};

const RUNS = 40;
let proved = 0, refused = 0, wrong = 0;

property(
  test,
  "what is proved of random programs holds on whatever memory may hold, also where texts were spoilt",
  [
    seeds(),
    fc.constantFrom(...Object.keys(profiles)),
    fc.boolean(),
    fc.infiniteStream(fc.nat(2 ** 20)),
  ],
  (seed, where, loop, numbers) => {
    const pick = (n: number): number => numbers.next().value! % n, profile = profiles[where]!;
    const { roots } = loop ? { roots: randomLoop(seed).rootsBy(cs.scan) } : randomProgram(seed);
    const inputs = cs.topological(roots).filter((t) => t.op === "input");
    const loss = roots.at(-1)!;
    const some = [...roots, ...(loop ? [] : cs.pullback([loss], [cs.onesLike(loss)], inputs))];
    for (const d of launches(some, profile)) {
      assert.equal(outside(d, d.code, profile), [], d.code);
      for (const code of [d.code, spoilt(d.code, pick), spoilt(d.code, pick)]) {
        const isProved = outside(d, code, profile).length === 0;
        const run = { ...d, lanes: profile.subgroups?.least ?? 8, seed, most: 3 };
        const found = code === d.code || isProved || pick(4) === 0 ? wander(code, run) : [];
        if (isProved) assert.equal(found, [], code);
        if (isProved) proved++;
        else refused++;
        if (found.length > 0) wrong++;
      }
    }
  },
  { runs: RUNS, counts: "programs" },
);

test("random programs are proved, refused and wrong, each often enough", () => {
  assert.ok(
    proved > RUNS && refused > RUNS / 4 && wrong > 0,
    `${proved} proved, ${refused} refused, ${wrong} wrong`,
  );
});

test("an unchecked device takes the proved, a whole training step too, and refuses the others by name", async () => {
  const { load, profile } = Context.get(
    await dawnServices({}, { backend: "null", unchecked: true }),
    theDevice(),
  );
  assert.is(profile.clamped, false);
  const on = (plan: Plan) => Effect.scoped(Effect.asVoid(load(plan)));
  await Effect.runPromise(on(compile({ outputs: { y: cs.gather(x)(ids) } }, profile)));
  await Effect.runPromise(on(compile(stepWork(presets.smoke, 32).source, profile)));
  // a plan whose buffer is shorter than its kernel believes
  const plan = compile({ outputs: { y: cs.softmax(-1)(x) } }, profile), { memory } = plan;
  const slot = memory.slotOf.get(plan.inputs.x!)!;
  const slots = memory.slots.map((s) =>
    s.id === slot ? { ...s, ranges: s.ranges.map((r) => ({ ...r, bytes: r.bytes - 16 })) } : s
  );
  const e = await Effect.runPromise(
    Effect.flip(on({ ...plan, memory: { ...memory, slots } })),
  ) as DeviceError;
  assert.is(e.fault, "refused");
  assert.match(e.got, /accesses not proved in range.*read of input, element .*, of 956/);
  assert.ok(e.made!.some((m) => m.ops.length > 0));
});

const onDriver = swiftShader === undefined ? () => {} : test;

onDriver("without checks the numbers are the same", async () => {
  const table = floats("t", [24, 40]), one = cs.i32([3], [23, -1, 23]);
  for (const name of ["rows by data, and their gradient", "padding on both sides", "attention, causal"]) {
    const roots = described[name]!, inputs = cs.topological(roots).filter((t) => cs.is("input", t));
    const bindings = Object.fromEntries(
      inputs.map((t) => {
        const { path } = t.attributes;
        return [path, path === "x" ? table : path === "ids" ? one : floats(path, t.shape)];
      }),
    );
    const services = await dawnServices({}, { unchecked: true });
    const actual = await Effect.runPromise(Effect.provide(evaluate(roots, bindings), services));
    cs.interpret(roots, bindings).forEach((e, i) =>
      near(`${name} ${i}`, actual[i]!, e, { rtol: 2e-4, atol: 1e-5 })
    );
  }
});

test("only dawn has a switch for its checks", async () => {
  const open = (name: DeviceName) =>
    Effect.runPromise(
      Effect.flip(
        Effect.provide(
          Effect.flatMap(theDevice(), () => Effect.void),
          deviceNamed(name, { unchecked: true }),
        ),
      ),
    );
  for (const name of ["cpu", "webgpu", "auto"] as const) {
    const e = await open(name) as DeviceError;
    assert.is(e.fault, "refused");
    assert.match(e.message, new RegExp(`device ${name} without bounds checks; .*--device dawn`));
  }
});

test.run();
endWithTests();
