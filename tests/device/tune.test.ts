/** Tuning: what a search keeps, what is remembered and for whom, and that tuned programs compute the same. */
import * as cs from "@chain-of-sight/core";
import {
  compatibleTables,
  compile,
  compileFor,
  type DeviceProfile,
  formOf,
  identityOf,
  identityText,
  type LoopSchedule,
  type PlainKernel,
  portableProfile,
  readTable,
  type Schedule,
  type Schedules,
  schedulesOf,
  searchSpace,
  significantlyFaster,
  type Space,
  spaceOf,
  stepsOf,
  survivors,
  theDevice,
  tune,
  type Tuned,
  type TuningTable,
  tuningTableCodec,
  webGpu,
  withEntries,
  within,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  identityHere,
  readShipped,
  readTuning,
  saveTuning,
  tablePath,
  tuned,
} from "../../pipelines/tune/store.ts";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";
import { floats, stream } from "../support/random.ts";
import { closeDevice, services, servicesAs } from "../support/webgpu.ts";

const test = suite("tuning");

const loop = (rows: number, splits: number): LoopSchedule => ({ kind: "loop", rows, splits, join: "halves" });

const sides = [1, 2, 4, 8, 16, 32, 64];

/** A space of 49 schedules with two axes. */
const space: Space = {
  standard: loop(8, 8),
  starts: [loop(64, 1)],
  axes: [
    {
      name: "rows",
      from: (s) =>
        sides.filter((r) => r !== (s as LoopSchedule).rows).map((r) => loop(r, (s as LoopSchedule).splits)),
    },
    {
      name: "splits",
      from: (s) =>
        sides.filter((c) => c !== (s as LoopSchedule).splits).map((c) => loop((s as LoopSchedule).rows, c)),
    },
  ],
};

/** A device that takes a time for each schedule, and is disturbed by up to a share of it, to one side. */
const fake = (time: (s: LoopSchedule) => number, noise: () => number, budget = Infinity) => {
  let left = budget;
  const one = (s: Schedule): number => time(s as LoopSchedule) * (1 + noise());
  return {
    seconds: (s: Schedule, repeats: number) =>
      Effect.sync(() => (left--, Math.min(...Array.from({ length: repeats }, () => one(s))))),
    paired: (a: Schedule, b: Schedule) =>
      Effect.sync(() => Array.from({ length: 9 }, () => [one(a), one(b)] as const)),
    timeLeft: Effect.sync(() => left > 0),
  };
};

property(test, "nothing slower than untuned by 5 % is ever kept, however times are spread and disturbed", [
  fc.array(fc.double({ min: 0.2, max: 5, noNaN: true }), { minLength: 49, maxLength: 49 }),
  fc.double({ min: 0, max: 0.3, noNaN: true }),
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 64, maxLength: 64 }),
  fc.integer({ min: 0, max: 200 }),
], (times, share, noise, budget) => {
  const time = (s: LoopSchedule) => times[sides.indexOf(s.rows) * 7 + sides.indexOf(s.splits)]!;
  let n = 0;
  // the same disturbance for both of a pair, as a busy machine has for a while
  const device = fake(time, () => share * noise[(n++ >> 1) % 64]!, budget);
  const found = Effect.runSync(searchSpace(space, device));
  const really = time(found.schedule as LoopSchedule) / time(space.standard as LoopSchedule);
  assert.ok(really <= 1.05, `${JSON.stringify(found)} takes ${really} of the untuned time`);
  assert.is(found.ratio === 1, found.schedule === space.standard);
});

test("the best of a smooth landscape is found, and a refused schedule never is", () => {
  const far = (x: number, best: number) => Math.abs(Math.log2(x / best));
  const time = (s: LoopSchedule) => s.rows === 64 ? Infinity : 1 + far(s.rows, 16) + far(s.splits, 2);
  const found = Effect.runSync(searchSpace(space, fake(time, () => 0)));
  assert.equal(found.schedule, loop(16, 2));
  assert.ok(found.complete && found.ratio < 0.3 && found.tried < 49, JSON.stringify(found));
  const short = Effect.runSync(searchSpace(space, fake(time, () => 0, 3)));
  assert.not(short.complete);
});

test("equal times keep what is untuned; comparisons decide by hand", () => {
  assert.equal(Effect.runSync(searchSpace(space, fake(() => 1, () => 0))).schedule, space.standard);
  assert.ok(significantlyFaster([0.9, 0.9, 0.9, 0.9, 0.96]));
  assert.not.ok(significantlyFaster([0.98, 0.98, 0.98, 0.98, 0.98]), "not by enough");
  assert.not.ok(significantlyFaster([0.5, 0.5, 0.5, 1.2, 1.2]), "not always");
  assert.ok(significantlyFaster([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 1.3]), "one may be disturbed");
  assert.not.ok(
    significantlyFaster([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 1.01, 1.01]),
    "seven of nine may be chance",
  );
  assert.not.ok(significantlyFaster([0.5, 0.5, 0.5, 0.5]), "too few");
  assert.not.ok(significantlyFaster([0.5, 0.5, 0.5, 0.5, NaN]));
  assert.equal(survivors([["a", 3], ["b", 1], ["c", Infinity], ["d", 1.2]]), ["b", "d"]);
  assert.equal(survivors([["a", 3], ["b", 1]]), ["b"]);
  assert.equal(survivors([["a", Infinity]]), []);
});

test("a schedule slower by 5 % is hardly ever kept where both sides are disturbed apart, a faster one mostly is", () => {
  const random = stream("comparisons"), TRIALS = 20_000;
  // the sum of twelve is as good as normal
  const normal = () => Array.from({ length: 12 }, random).reduce((a, b) => a + b, -6);
  const kept = (really: number) =>
    Array.from({ length: TRIALS }, () =>
      significantlyFaster(
        Array.from({ length: 9 }, () => really * Math.exp(0.1 * normal()) / Math.exp(0.1 * normal())),
      )).filter((x) => x).length / TRIALS;
  assert.ok(kept(1.05) < 0.002, `slower by 5 %: ${kept(1.05)}`);
  assert.ok(kept(1.1) < 0.0005, `slower by 10 %: ${kept(1.1)}`);
  assert.ok(kept(0.75) > 0.9, `faster by a quarter: ${kept(0.75)}`);
});

const entry = (schedule: Schedule, ratio: number): Tuned => ({ schedule, ratio, untuned: 1e-3, tried: 7 });

test("what is measured holds for one device, driver, runtime and renderer alone", () => {
  const here = identityOf(portableProfile, "driver 1", "Deno 1");
  const others = [
    identityOf({ ...portableProfile, name: "other" }, "driver 1", "Deno 1"),
    identityOf({ ...portableProfile, maxInvocations: 1024 }, "driver 1", "Deno 1"),
    identityOf({ ...portableProfile, subgroups: { least: 32, most: 32 } }, "driver 1", "Deno 1"),
    identityOf(portableProfile, "driver 2", "Deno 1"),
    identityOf(portableProfile, "driver 1", "Deno 2"),
    { ...here, renderers: here.renderers + 1 },
  ];
  assert.is(new Set([here, ...others].map(identityText)).size, 7);
  assert.is(new Set([here, ...others].map((i) => tablePath(i))).size, 7);
  assert.equal(others.map((o) => compatibleTables(o, here)), [false, true, true, true, true, false]);
  const soft = identityOf({ ...portableProfile, software: true }, "driver 1", "Deno 1");
  assert.not.ok(compatibleTables(soft, soft), "another machine may have another processor");
});

const profile: DeviceProfile = Context.get(await services, theDevice()).profile;

/** Other folders than the user's. */
const inFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await Deno.makeTempDir();
  await use(folder).finally(() => Deno.remove(folder, { recursive: true }));
};

test("tables are written whole, read back, joined, and passed over when damaged", async () =>
  await inFolder(async (folder) => {
    const identity = identityOf(profile, "", "Deno 1");
    const schedules = [
      ...within(
        spaceOf(kernelsOf(source(), profile)[0]!, { ...profile, software: false, workgroupBytes: 49152 })!,
        1,
      ),
      { kind: "split-K", parts: 4 } as const,
    ];
    const table: TuningTable = {
      identity,
      entries: Object.fromEntries(schedules.map((s, i) => [`form ${i}`, entry(s, 0.5)])),
    };
    assert.ok(schedules.some((s) => s.kind === "staged") && schedules.some((s) => s.kind === "direct"));
    assert.equal(readTable(JSON.stringify(tuningTableCodec().encode(table))), table);
    const path = await Effect.runPromise(saveTuning(table, folder));
    assert.equal(await Effect.runPromise(readTuning(identity, folder)), table);
    const more = { identity, entries: { "form 0": entry(loop(1, 1), 1), other: entry(loop(2, 1), 0.9) } };
    await Effect.runPromise(saveTuning(more, folder));
    const both = await Effect.runPromise(readTuning(identity, folder));
    assert.equal(both, withEntries(table, more.entries));
    const known = schedulesOf(both);
    assert.not.ok("form 0" in known, "what is untuned needs no entry");
    assert.equal(known.other, loop(2, 1));
    assert.equal([...Deno.readDirSync(folder)].length, 1, "no temporary files are left");
    for (const text of ["", "{", "[]", Deno.readTextFileSync(path).replace('"splits"', '"s"')]) {
      Deno.writeTextFileSync(path, text);
      assert.equal((await Effect.runPromise(readTuning(identity, folder))).entries, {});
    }
  }));

test("files that come with the library hold for their device whatever its driver, and nowhere else", async () =>
  await inFolder(async (folder) => {
    const card = { ...profile, software: false }, there = identityOf(card, "another driver", "Deno 0");
    const table = (identity: TuningTable["identity"], form: string): string =>
      JSON.stringify({ identity, entries: { [form]: entry(loop(1, 1), 0.5) } });
    Deno.writeTextFileSync(`${folder}/a.json`, table(there, "theirs"));
    Deno.writeTextFileSync(
      `${folder}/b.json`,
      table(identityOf({ ...card, name: "other" }, "", ""), "others"),
    );
    Deno.writeTextFileSync(`${folder}/c.json`, "no table");
    Deno.writeTextFileSync(`${folder}/README.md`, "about");
    const here = identityOf(card, "", "Deno 1"),
      found = await Effect.runPromise(readShipped(here, folder));
    assert.equal(found.map((t) => Object.keys(t.entries)), [["theirs"]]);
    const measured = { identity: here, entries: { theirs: entry(loop(2, 1), 0.7) } };
    assert.equal(
      schedulesOf(...found, measured),
      { theirs: loop(2, 1) },
      "what was measured here goes first",
    );
    assert.equal(await Effect.runPromise(readShipped(identityOf(profile, "", "Deno 1"), folder)), []);
    assert.equal(await Effect.runPromise(readShipped(here, `${folder}/none`)), []);
    assert.equal(
      (await Effect.runPromise(readShipped(here))).every((t) => compatibleTables(t.identity, here)),
      true,
    );
  }));

const source = () => {
  const x = cs.input("x", [70, 48]), w = cs.input("w", [60, 48]);
  return { outputs: { y: cs.softmax(-1)(cs.gelu(cs.linear({ weight: w })(x))) } };
};

const bindings = { x: floats("x", [70, 48]), w: floats("w", [60, 48]) };

const kernelsOf = (
  s: { readonly outputs: Readonly<Record<string, cs.Tensor>> },
  p: DeviceProfile,
): readonly PlainKernel[] => stepsOf(compile(s, p)).map((step) => step.kernel);

test("a device is tuned for real, within a budget, and computes the same with what was found", async () =>
  await inFolder(async (folder) => {
    const identity = identityOf(profile, "", "test"), seen: string[] = [];
    const report = await Effect.runPromise(Effect.provide(
      tune(source(), {
        budget: 6,
        known: { identity, entries: {} },
        onTuned: (form) => seen.push(form),
      }),
      await services,
    ));
    const forms = kernelsOf(source(), profile).map(formOf);
    assert.equal(Object.keys(report.entries), seen);
    assert.ok(seen.every((form) => forms.includes(form)) && seen.length + report.left === forms.length);
    for (const { ratio, tried, untuned } of Object.values(report.entries)) {
      assert.ok(ratio <= 1 && tried >= 1 && untuned > 0);
    }
    const again = await Effect.runPromise(Effect.provide(
      tune(source(), { budget: 1e-3, known: { identity, entries: report.entries } }),
      await services,
    ));
    assert.equal(again.entries, {}, "what is known is not measured again");
    // whatever won, force another schedule on every kernel through the file
    const entries = Object.fromEntries(
      Object.entries(otherSchedules(source(), profile))
        .map(([form, s]) => [form, entry(s, 0.5)]),
    );
    const found = await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const service = yield* theDevice(), { schedules } = service;
        const program = yield* service.load(compileFor(service, source()));
        yield* program.write(bindings);
        yield* program.run;
        return { schedules, y: (yield* program.read(["y"])).y! };
      })).pipe(
        Effect.provide(tuned(webGpu(), { measured: await writeHere(folder, entries), shipped: folder })),
      ),
    );
    assert.equal(Object.keys(found.schedules ?? {}).toSorted(), Object.keys(entries).toSorted());
    near("y", found.y, cs.interpret([source().outputs.y], bindings)[0]!, { rtol: 1e-5, atol: 1e-6 });
  }));

test("attention of packed rows is measured on whole rows: padding would leave it nothing to do", async () => {
  const device = Context.get(await servicesAs({ software: false }), theDevice());
  const [q, ids] = [cs.input("q", [2, 1, 48, 8]), cs.input("ids", [2, 48], "i32")];
  const y = cs.attention(q, q, q, { causal: true, segments: ids }), given: cs.NdArray[] = [];
  const watched: typeof device = {
    ...device,
    load: (plan, alongside) =>
      Effect.map(device.load(plan, alongside), (program) => ({
        ...program,
        write: (arrays) => {
          if (plan.kernels[0]!.kind === "attention") given.push(...Object.values(arrays));
          return program.write(arrays);
        },
      })),
  };
  // all but attention is known already
  const others = kernelsOf({ outputs: { y } }, device.profile).filter(({ kind }) => kind !== "attention");
  const entries = Object.fromEntries(others.map((kernel) => [formOf(kernel), entry(loop(8, 8), 1)]));
  const known = { identity: identityOf(device.profile, "", "test"), entries };
  await Effect.runPromise(
    Effect.provideService(tune({ outputs: { y } }, { budget: 1, known }), theDevice(), watched),
  );
  const tables = given.filter(({ dtype }) => dtype === "i32");
  assert.ok(tables.length > 0);
  for (const { data, shape } of tables) {
    assert.equal(shape, [2, 3, 48]);
    assert.equal([0, 1, 2, 3, 4, 5].map((line) => data[48 * line + 7]), [1, 0, 48, 1, 0, 48]);
  }
});

test("schedules that the device would cut short are no candidates, and end no tuning", async () => {
  const y = cs.sum({ axes: [-1] })(cs.input("x", [3, 100000])), identity = identityOf(profile, "", "test");
  // one worker for each of these rows takes more iterations than the device gives it
  const limited: DeviceProfile = { ...profile, maxSumLength: Infinity, maxIterations: 65535 };
  const report = await Effect.runPromise(Effect.provide(
    tune({ outputs: { y } }, { budget: 5, known: { identity, entries: {} } }),
    await servicesAs({ maxSumLength: Infinity, maxIterations: 65535 }),
  ));
  const kernel = kernelsOf({ outputs: { y } }, limited)[0]!;
  assert.ok(within(spaceOf(kernel, limited)!, 1).some((s) => s.kind === "loop" && s.splits === 1));
  const found = report.entries[formOf(kernel)];
  assert.ok(
    found === undefined ? report.left === 1 : found.schedule.kind === "loop" && found.schedule.splits > 1,
  );
});

/** For every kernel of a program a schedule that is not the untuned one. */
const otherSchedules = (
  s: { readonly outputs: Readonly<Record<string, cs.Tensor>> },
  p: DeviceProfile,
): Schedules =>
  Object.fromEntries(
    kernelsOf(s, p).flatMap((kernel) => {
      const other = (space: Space | undefined) => space === undefined ? undefined : within(space, 1).at(-1);
      const found = other(spaceOf(kernel, p));
      return found === undefined ? [] : [[formOf(kernel), found]];
    }),
  );

const writeHere = async (folder: string, entries: TuningTable["entries"]): Promise<string> => {
  const identity = await Effect.runPromise(identityHere(profile));
  await Effect.runPromise(saveTuning({ identity, entries }, folder));
  return folder;
};

test.after(closeDevice);
test.run();
