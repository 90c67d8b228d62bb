/** Where the compiler puts tensors: within the limits, never two of them at one place at one time. */
import * as cs from "@chain-of-sight/core";
import {
  ALIGNMENT,
  compile,
  type CompileOptions,
  type Plan,
  portableProfile,
  type Range,
} from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomProgram } from "../laws/programs.ts";
import { golden } from "../support/fixtures.ts";
import { trajectoryProgram } from "../trajectory/suite.ts";

const test = suite("memory plans");

/** Small enough that windows, several buffers and packs in several parts all occur. */
const limits = { maxBindingBytes: 12_000, maxBufferBytes: 50_000 };

const planOf = (source: Parameters<typeof compile>[0], options: CompileOptions = {}): Plan =>
  compile(source, { ...portableProfile, maxBindings: 32, ...limits }, options);

const meet = (some: readonly Range[], others: readonly Range[]): boolean =>
  some.some((a) =>
    others.some((b) =>
      a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
    )
  );

/** No two temporaries that are alive at one time are at one place. */
const apart = (plan: Plan): void => {
  const { slots, slotOf } = plan.memory;
  const { born, lastRead } = plan.memory.lives, packs = new Set(slots.map((s) => s.within?.slot));
  const isPack = (t: cs.Tensor, slot: number): boolean =>
    packs.has(slot) || slots[slot]!.within !== undefined && cs.isGiven(t);
  const scratch = [...slotOf].filter(([t, s]) => slots[s]!.role === "scratch" && born.has(t) && !isPack(t, s))
    .map(([t, slot]) => ({
      slot,
      // parts of a pack may be shorter than what a tensor by itself is padded to
      ranges: slots[slot]!.ranges.map((r) => ({ ...r, bytes: Math.min(r.bytes, 4 * cs.sizeOf(t.shape)) })),
      from: born.get(t)!,
      to: Math.max(lastRead.get(t) ?? -1, born.get(t)!),
    }));
  scratch.forEach((a, i) => {
    for (const b of scratch.slice(0, i)) {
      if (a.from > b.to || b.from > a.to || a.slot === b.slot) continue;
      assert.not.ok(meet(a.ranges, b.ranges), `scratch ${a.slot} and ${b.slot}`);
    }
  });
};

/** Holds a plan to what every plan promises. */
const sound = (plan: Plan): void => {
  const { buffers, slots } = plan.memory;
  for (const { bytes } of buffers) assert.ok(bytes <= limits.maxBufferBytes, `a buffer of ${bytes} bytes`);
  for (const slot of slots) {
    assert.is(slot.ranges.reduce((n, r) => n + r.bytes, 0), slot.bytes, "ranges hold the slot");
    for (const { buffer, offset, bytes } of slot.ranges) {
      assert.ok(bytes <= limits.maxBindingBytes, `a binding of ${bytes} bytes`);
      assert.ok(offset + bytes <= buffers[buffer]!.bytes, "inside of its buffer");
      if (slot.within === undefined) assert.is(offset % ALIGNMENT, 0);
    }
  }
  const roots = slots.filter((s) => s.within === undefined && s.role !== "scratch");
  roots.forEach((a, i) => {
    for (const b of roots.slice(0, i)) assert.not.ok(meet(a.ranges, b.ranges), `slots ${a.id} and ${b.id}`);
  });
  apart(plan);
};

const trajectory = (): Parameters<typeof compile>[0] => {
  const { next, metrics } = trajectoryProgram(golden("trajectory"));
  return {
    outputs: { ...next, ...metrics },
    donate: Object.fromEntries(Object.keys(next).map((path) => [path, path])),
  };
};

test("random programs and their gradients", () => {
  for (let seed = 0; seed < 60; seed++) {
    const { roots } = randomProgram(seed), inputs = cs.topological(roots).filter((t) => t.op === "input");
    const all = [...roots, ...cs.pullback([roots.at(-1)!], [cs.onesLike(roots.at(-1)!)], inputs)];
    sound(planOf({ outputs: Object.fromEntries(all.map((t, i) => [`root ${i}`, t])) }));
  }
});

test("a training step: windows, several buffers", () => {
  for (const options of [{}, { batch: false }]) {
    const { memory, ...plan } = planOf(trajectory(), options);
    sound({ memory, ...plan });
    assert.ok(memory.slots.some((s) => s.ranges.length > 2), "a tensor in windows");
    assert.ok(memory.buffers.filter((b) => b.role === "scratch").length > 1, "scratch in several buffers");
  }
});

test("temporaries are close together: few bytes more than are alive at once", () => {
  const plan = compile(trajectory(), { ...portableProfile, maxBindings: 32 }), { memory } = plan;
  apart(plan);
  assert.equal(memory.copies, [], "all state is updated in place");
  const scratch = memory.buffers.filter((b) => b.role === "scratch").reduce((n, b) => n + b.bytes, 0);
  assert.is(memory.buffers.length, 3, "one buffer for each use");
  assert.ok(
    memory.slots.filter((s) => s.role === "scratch" && s.within !== undefined).length > 40,
    "gradients in packs",
  );
  assert.ok(scratch <= 1.15 * memory.peakScratch, `${scratch} bytes for ${memory.peakScratch}`);
});

test("inputs that change places: one waits in a temporary, the other is written in place", () => {
  const [a, b] = [cs.input("a", [3]), cs.input("b", [3])];
  const { memory } = planOf({ outputs: { first: b, second: a }, donate: { first: "a", second: "b" } });
  assert.equal(memory.copies.map(({ to }) => memory.slots[to]!.role), ["input"]);
  assert.is(memory.buffers.filter((one) => one.role === "output").length, 0);
});

test("whatever reads an input runs before its next version is written, in any order of description", () => {
  const s = cs.input("s", [64]), x = cs.input("x", [64]), shifted = cs.flip([0])(s);
  const update = cs.add(cs.mul(s, 0.5), x), read = cs.add(shifted, x);
  for (const options of [{}, { batch: false }, { fuse: false }]) {
    const { memory } = planOf({ outputs: { next: update, read, old: s }, donate: { next: "s" } }, options);
    assert.equal(memory.copies, [], JSON.stringify(options));
  }
});

test("state that is updated by products and sums is written in place", () => {
  const w = cs.input("w", [48, 32]), b = cs.input("b", [48]), x = cs.input("x", [64, 32]);
  const loss = (p: { readonly weight: cs.Tensor; readonly bias: cs.Tensor }) =>
    cs.mean()(cs.tanh(cs.linear(p)(x)));
  const gradient = cs.grad(loss)({ weight: w, bias: b });
  const outputs = {
    w: cs.sub(w, cs.mul(gradient.weight, 0.1)),
    b: cs.sub(b, cs.mul(gradient.bias, 0.1)),
  };
  for (const options of [{}, { batch: false }, { fuse: false }]) {
    const { memory } = compile({ outputs, donate: { w: "w", b: "b" } }, portableProfile, options);
    assert.equal(memory.copies, [], JSON.stringify(options));
    assert.is(memory.buffers.filter((one) => one.role === "output").length, 0);
  }
});

test.run();
