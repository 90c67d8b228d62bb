/** Programs on the CPU: a plan laid out in the shared memory, run by the worker threads in the order of the calls. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type NdArray, ndarray, sizeOf, type Tensor, type TreeError, zeros } from "@chain-of-sight/core";
import { largestTensors, mostExpensive, provenanceOf } from "../plan/blame.ts";
import { bytesText } from "../plan/explain.ts";
import { type MemoryPlan, without } from "../plan/memory.ts";
import type { Plan } from "../plan/plan.ts";
import type { SlotPart } from "../plan/steps.ts";
import { type PlacedPhase, renderModule, type WasmModule } from "../wasm/render.ts";
import type { Assembler } from "./assembler.ts";
import { type Arena, lines } from "./cpu_memory.ts";
import type { Job } from "./cpu_messages.ts";
import type { Pool } from "./cpu_pool.ts";
import { DeviceError, type DeviceFailure } from "./errors.ts";
import { coalescedRanges } from "./exchange.ts";
import { keepModule, keptModule } from "./plan_store.ts";
import { checkInputs, checkPart, findNames } from "./names.ts";
import { timesOf } from "../plan/profile.ts";
import type { Program } from "./program.ts";
import { type Home, placesShared, scratchShared } from "./shared.ts";
import { wait } from "./wait.ts";
import { Written } from "./written.ts";

/** Lanes beyond the end of a buffer are read, never written. */
const SLACK = 256;

/** An open CPU device. */
export interface Cpu {
  /** The memory. */
  readonly arena: Arena;
  /** The threads. */
  readonly pool: Pool;
  /** The assembler. */
  readonly assembler: Assembler;
  /** Runs one thing after the other, in the order of the calls. */
  readonly inTurn: <A>(job: () => Promise<A> | A) => Promise<A>;
  /** A number that no program had before. */
  readonly nextId: () => number;
}

/** A queue of things to do one by one. A failure concerns its caller alone. */
export const turns = (): Cpu["inTurn"] => {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const mine = last.then(job);
    last = mine.catch(() => undefined);
    return mine;
  };
};

const failed = (e: unknown): DeviceError =>
  e instanceof DeviceError
    ? e
    : new DeviceError({ fault: "lost", got: String(e), hint: "report it with the program's kernels" });

/** The kernel whose function the assembler or the machine refused, by the line or the name that it gives. */
const refusedKernel = (
  plan: Plan,
  { text, phases, kernels }: WasmModule,
  got: string,
): Partial<DeviceFailure> => {
  const line = /program\.wat:(\d+)/.exec(got)?.[1];
  const before = line === undefined ? got : text.split("\n").slice(0, Number(line)).join("\n");
  const name = [...before.matchAll(/"(k\d+)"/g)].at(-1)?.[1];
  const at = phases.findIndex((p) => p.name === name);
  return at < 0 ? {} : { kernel: phases[at]!.label, made: provenanceOf(plan, [kernels()[at]!]) };
};

/** Where everything of a program is, from the start of its block. */
interface Layout {
  readonly bytes: number;
  readonly slots: readonly number[];
  readonly buffers: readonly number[];
  readonly args: readonly number[];
  readonly shared: number;
  readonly scratch: number;
  readonly scratchBytes: number;
}

const layoutOf = (
  plan: Plan,
  phases: readonly PlacedPhase[],
  threads: number,
  memory: MemoryPlan,
  lent: ReadonlySet<number>,
): Layout => {
  let at = lines(SLACK);
  const place = (bytes: number): number => {
    const here = at;
    at += lines(bytes);
    return here;
  };
  place(8 * (phases.length + plan.memory.copies.length));
  const args = phases.map((p) => place(4 * p.tensors.length + 4));
  plan.memory.copies.forEach(() => args.push(place(16)));
  const buffers = memory.buffers.map((b, i) => lent.has(i) ? 0 : place(b.bytes));
  const slots = memory.slots.map(({ ranges: [range] }) => range ? buffers[range.buffer]! + range.offset : 0);
  const shared = place(Math.max(0, ...phases.map((p) => p.shared)));
  const scratchBytes = lines(Math.max(0, ...phases.map((p) => p.scratch)));
  const scratch = place(scratchBytes * threads);
  place(SLACK);
  return { bytes: at, slots, buffers, args, shared, scratch, scratchBytes };
};

/** Addresses from the first to before the second. */
type Span = readonly [number, number];

/** What a phase reads and writes. */
interface Touches {
  readonly reads: readonly Span[];
  readonly writes: readonly Span[];
}

const meet = (some: readonly Span[], others: readonly Span[]): boolean =>
  some.some(([from, to]) => others.some(([start, end]) => from < end && start < to));

/** For each phase, whether it must wait for those before it since the last wait. */
export const barriers = (phases: readonly Touches[]): boolean[] => {
  let reads: Span[] = [], writes: Span[] = [];
  return phases.map((p) => {
    const clash = meet(p.writes, reads) || meet(p.writes, writes) || meet(p.reads, writes);
    if (clash) [reads, writes] = [[], []];
    reads.push(...p.reads);
    writes.push(...p.writes);
    return clash;
  });
};

const homes = new WeakMap<Program, Home<number, number>>();

/**
 * Puts a plan on the device, alongside programs whose inputs of the same path it shares, and whose temporaries are where
 * its own do. Its own memory is given back with the scope, which that of the others must outlive.
 */
export const loadCpuProgram = (
  cpu: Cpu,
  plan: Plan,
  alongside: readonly Program[] = [],
): Effect.Effect<Program, DeviceError | TreeError, Scope.Scope> =>
  Effect.gen(function* () {
    const around = alongside.flatMap((program) => homes.get(program) ?? []);
    const shared = yield* placesShared(plan, around, {
      shift: (at, by) => at + by,
      same: (a, b) => a === b,
    });
    const { dialect } = cpu.assembler, known = keptModule(plan, dialect);
    const rendered = known ?? (yield* Effect.try({
      try: () => renderModule(plan, dialect),
      catch: (e) =>
        new DeviceError({
          fault: "rejected kernel",
          got: e instanceof Error ? e.message : String(e),
          hint: "report the description that was compiled",
        }),
    }));
    const { phases, kernels } = rendered;
    const assembled = known ?? (yield* cpu.assembler.assemble(rendered.text).pipe(
      Effect.mapError((e) =>
        new DeviceError({
          fault: e.fault,
          got: e.got,
          hint: e.hint,
          ...refusedKernel(plan, rendered, e.got),
        })
      ),
    ));
    const module = yield* Effect.tryPromise({
      try: async () => "module" in assembled ? assembled.module : await WebAssembly.compile(assembled.bytes),
      catch: failed,
    });
    if (known === undefined) keepModule(plan, rendered, dialect, assembled.bytes);
    const placed = without(plan.memory, new Set(shared.keys()));
    const lent = scratchShared(placed.buffers, around);
    const layout = layoutOf(
      plan,
      phases,
      cpu.pool.threads,
      placed,
      new Set(lent.keys()),
    );
    const elsewhere = new Map(shared);
    for (const { id: slot, ranges: [range] } of placed.slots) {
      const at = range && lent.get(range.buffer);
      if (at !== undefined && !shared.has(slot)) elsewhere.set(slot, at + range!.offset);
    }
    const id = cpu.nextId();
    const base = yield* Effect.acquireRelease(
      Effect.suspend(() => {
        const at = cpu.arena.take(layout.bytes);
        return at !== undefined ? Effect.succeed(at) : Effect.fail(
          new DeviceError({
            fault: "out of memory",
            got: `a program of ${bytesText(layout.bytes)} with ${bytesText(cpu.arena.used())} in use`,
            hint: "this device holds 4 GiB in all: use a smaller batch or model; the largest tensors are",
            made: largestTensors(plan),
          }),
        );
      }),
      (at) =>
        Effect.promise(() =>
          cpu.inTurn(() => {
            cpu.pool.drop(id);
            cpu.arena.give(at);
          })
        ),
    );
    const memory = () => cpu.arena.memory.buffer;
    const slotAt = (slot: number): number => elsewhere.get(slot) ?? base + layout.slots[slot]!;
    const slotOf = (t: Tensor): number => plan.memory.slotOf.get(t)!;
    const counters = lines(SLACK),
      span = (slot: number): Span => [
        slotAt(slot),
        slotAt(slot) + plan.memory.slots[slot]!.bytes,
      ];
    const partSpan = ({ slot, offset, bytes }: SlotPart): Span => [
      slotAt(slot) + offset,
      slotAt(slot) + offset + bytes,
    ];
    const touched: Touches[] = phases.map((phase) => ({
      reads: phase.tensors.map(partSpan),
      writes: [
        ...phase.writes.map(partSpan),
        ...(phase.shared > 0 ? [[base + layout.shared, base + layout.shared + phase.shared] as const] : []),
      ],
    }));
    for (const c of plan.memory.copies) touched.push({ reads: [span(c.from)], writes: [span(c.to)] });
    const waits = barriers(touched);
    const job = (i: number, label: string, name: string, units: number, chunk: number): Job => ({
      label,
      name,
      args: base + layout.args[i]!,
      units,
      chunk,
      counter: base + counters + 8 * i,
      barrier: waits[i]!,
    });
    const jobs = [
      ...phases.map(({ label, name, units, chunk }, i) => job(i, label, name, units, chunk)),
      ...plan.memory.copies.map((_, i) => job(phases.length + i, "copy", "copy", 1, 1)),
    ];

    yield* Effect.tryPromise({
      try: () =>
        cpu.inTurn(() => {
          new Uint8Array(memory(), base, layout.bytes).fill(0);
          const words = new Uint32Array(memory());
          phases.forEach(({ tensors }, i) => {
            const at = (base + layout.args[i]!) / 4;
            tensors.forEach((part, n) => words[at + n] = partSpan(part)[0]);
            words[at + tensors.length] = base + layout.shared;
          });
          for (const [t, table] of plan.memory.tables) words.set(table, slotAt(slotOf(t)) / 4);
          plan.memory.copies.forEach((c, i) => {
            const at = (base + layout.args[phases.length + i]!) / 4;
            words.set([slotAt(c.to), slotAt(c.from), c.bytes], at);
          });
          return cpu.pool.load({
            kind: "load",
            id,
            module,
            jobs,
            scratch: base + layout.scratch,
            scratchBytes: layout.scratchBytes,
          }, (job) => {
            if (job === undefined) return { made: mostExpensive(plan) };
            const kernel = kernels()[job];
            return {
              kernel: jobs[job]!.label,
              ...(kernel === undefined ? {} : { made: provenanceOf(plan, [kernel]) }),
            };
          });
        }),
      catch: failed,
    });

    const written = new Written(plan, around.map((home) => home.written));
    const write: Program["write"] = (values) =>
      Effect.gen(function* () {
        yield* checkInputs(plan, values);
        // in the order of the calls: a run that is requested before this is done comes after it
        written.wrote(Object.keys(values));
        yield* wait({
          try: () =>
            cpu.inTurn(() => {
              for (const [path, value] of Object.entries(values)) {
                upload(memory(), slotAt(slotOf(plan.inputs[path]!)), value);
              }
            }),
          catch: failed,
        });
      });

    const writePart: Program["writePart"] = (path, at, value) =>
      Effect.gen(function* () {
        yield* checkPart(plan, path, at, value);
        yield* written.beforePart(path, at);
        written.wrotePart(path, at + value.data.length);
        yield* wait({
          try: () => cpu.inTurn(() => upload(memory(), slotAt(slotOf(plan.inputs[path]!)) + 4 * at, value)),
          catch: failed,
        });
      });

    // the step itself goes on (a thread that fails in it fails what comes after) while the caller prepares the next; whatever comes after waits for its turn
    const submit = wait({
      try: async () => {
        const started = cpu.inTurn(() => {
          cpu.pool.check();
          clear();
          return { finished: cpu.pool.run(id).catch(() => undefined) };
        });
        const finished = cpu.inTurn(async () => (await started.catch(() => undefined))?.finished);
        await started;
        void finished;
      },
      catch: failed,
    });
    const run: Program["run"] = Effect.flatMap(written.beforeRun(), () => {
      written.ran();
      return submit;
    });

    const clear = (): Int32Array => new Int32Array(memory(), base + counters, 2 * jobs.length).fill(0);
    const profile: Program["profile"] = (repeats = 3) =>
      wait({
        try: () =>
          cpu.inTurn(async () => {
            const all: (readonly number[])[] = [];
            for (let i = 0; i <= repeats; i++) {
              clear();
              const times = await cpu.pool.profile(id);
              // the first run warms up
              if (i > 0) all.push(times.map((ms) => ms / 1000));
            }
            return timesOf(plan, jobs.map((_, i) => kernels()[i]), all);
          }),
        catch: failed,
      });

    const read: Program["read"] = (names) =>
      Effect.gen(function* () {
        const found = yield* findNames(plan, names);
        yield* written.beforeRead(names);
        return yield* wait({
          try: () =>
            cpu.inTurn(() => {
              cpu.pool.check();
              return Object.fromEntries(found.map(({ name, tensor, slot }) => {
                return [name, download(memory(), slotAt(slot), tensor)];
              }));
            }),
          catch: failed,
        });
      });

    const exchange: Program["exchange"] = (names, use) =>
      Effect.gen(function* () {
        const found = yield* findNames(plan, names);
        yield* written.beforeRead(names);
        const all = coalescedRanges(
          found.map(({ slot }) => ({ at: slotAt(slot), bytes: plan.memory.slots[slot]!.bytes })),
        );
        // the iteration is over when the bytes were used: what is asked meanwhile comes after it
        yield* Effect.acquireUseRelease(
          wait({
            try: () =>
              new Promise<() => void>((resolve, reject) => {
                cpu.inTurn(() => {
                  cpu.pool.check();
                  return new Promise<void>((end) => resolve(end));
                }).catch(reject);
              }),
            catch: failed,
          }),
          () =>
            Effect.forEach(all, ({ at, bytes }) => use(new Uint8Array(memory(), at, bytes)), {
              discard: true,
            }),
          (end) => Effect.sync(end),
        );
      });

    const bytes = placed.buffers.reduce((n, b, i) => lent.has(i) ? n : n + b.bytes, 0);
    const program: Program = { plan, bytes, write, writePart, run, read, exchange, profile };
    homes.set(program, {
      plan,
      written,
      places: plan.memory.slots.map(({ id: slot }) => slotAt(slot)),
      scratch: placed.buffers.flatMap(({ bytes, role }, i) =>
        role === "scratch" && !lent.has(i) ? [{ bytes, at: base + layout.buffers[i]! }] : []
      ),
    });
    return program;
  });

const upload = (memory: ArrayBufferLike, at: number, value: NdArray): void => {
  const n = value.data.length;
  const to = value.dtype === "f32"
    ? new Float32Array(memory, at, n)
    : value.dtype === "i32"
    ? new Int32Array(memory, at, n)
    : new Uint32Array(memory, at, n);
  to.set(value.data);
};

const download = (memory: ArrayBufferLike, at: number, t: Tensor): NdArray => {
  const n = sizeOf(t.shape);
  if (t.dtype === "bool") return ndarray("bool", t.shape, Uint8Array.from(new Uint32Array(memory, at, n)));
  const out = zeros(t.dtype, n);
  new Uint8Array(out.buffer).set(new Uint8Array(memory, at, 4 * n));
  return ndarray(t.dtype, t.shape, out);
};
