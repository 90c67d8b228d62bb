/** Programs on disk: the same bits as those that are compiled, whatever is damaged, full or done at once. */
import * as cs from "@chain-of-sight/core";
import {
  compileFor,
  cpu,
  type DeviceService,
  explain,
  isKept,
  theDevice,
  webGpu,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { programsIn } from "../../pipelines/tune/plan_store.ts";
import { golden } from "../support/fixtures.ts";
import { batchOf, type Meta, trajectoryProgram } from "../trajectory/suite.ts";

const test = suite("programs on disk");
const root = await Deno.makeTempDir();
test.after(() => Deno.remove(root, { recursive: true }));

const file = golden<Meta>("trajectory"), program = trajectoryProgram(file, { scan: true });
const donate = Object.fromEntries(Object.keys(program.next).map((path) => [path, path]));
const source = { outputs: { ...program.next, ...program.metrics }, donate };

/** Two steps, then everything that they leave; whether the plan was kept. */
const steps = (service: DeviceService, folder: string, code = "code") =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const plans = programsIn(folder, code), device = { ...service, plans }, plan = compileFor(device, source);
    const loaded = yield* service.load(plan);
    yield* loaded.write(program.initial);
    for (const t of [0, 1]) {
      yield* loaded.write(batchOf(file, t));
      yield* loaded.run;
    }
    const values = yield* loaded.read([...Object.keys(program.next), ...Object.keys(program.metrics)]);
    const bits = Object.entries(values).map(([name, { data }]) => [name, [...data]] as const);
    return { kept: isKept(plan), bits, plan, loaded, profile: yield* loaded.profile(1) };
  })));

for (const [name, layer] of [["cpu", cpu({ threads: 2 })], ["webgpu", webGpu()]] as const) {
  test(`${name}: the bits of a compiled program, and its kernels when they are read`, async () => {
    const run = Effect.gen(function* () {
      const service = yield* theDevice(), folder = `${root}/${name}`;
      const first = yield* Effect.promise(() => steps(service, folder));
      const second = yield* Effect.promise(() => steps(service, folder));
      assert.equal([first.kept, second.kept], [false, true]);
      assert.equal(second.bits, first.bits);
      assert.equal(explain(second.plan), explain(first.plan));
      assert.equal(
        second.profile.map(({ label, count }) => `${label} ${count}`).toSorted(),
        first.profile.map(({ label, count }) => `${label} ${count}`).toSorted(),
      );
      const other = yield* Effect.promise(() => steps(service, folder, "other code"));
      assert.is(other.kept, false, "of other code");
    });
    await Effect.runPromise(Effect.scoped(Effect.provide(run, layer)));
  });
}

const kept = { plan: { slots: [] } as never, texts: { kind: "wgsl", dispatches: [] } as const };
const of = (length: number, fill = 7) => ({ ...kept, bytes: new Uint8Array(length).fill(fill) });

test("what is damaged or cut off is not there; what is written again is", () => {
  const store = programsIn(`${root}/damaged`, "code");
  store.write("a", of(100));
  assert.equal(store.read("a")?.bytes, of(100).bytes);
  const [{ name }] = [...Deno.readDirSync(`${root}/damaged`)] as [Deno.DirEntry],
    path = `${root}/damaged/${name}`;
  const whole = Deno.readFileSync(path);
  for (const broken of [whole.slice(0, 30), whole.slice(0, -1), whole.map((b, i) => i === 90 ? b ^ 1 : b)]) {
    Deno.writeFileSync(path, broken);
    assert.is(store.read("a"), undefined);
  }
  store.write("a", of(100));
  assert.ok(store.read("a") !== undefined);
});

test("the folder is bounded: those go that were used longest ago", () => {
  const store = programsIn(`${root}/bounded`, "code", 5000);
  for (const [i, key] of ["a", "b", "c"].entries()) {
    store.write(key, of(1500));
    for (const { name } of Deno.readDirSync(`${root}/bounded`)) {
      const path = `${root}/bounded/${name}`, { mtime } = Deno.statSync(path);
      if (Date.now() - mtime!.getTime() < 1e6) {
        Deno.utimeSync(path, new Date(1e9 * (i + 1)), new Date(1e9 * (i + 1)));
      }
    }
  }
  assert.ok(store.read("a") !== undefined, "used now");
  store.write("d", of(1500));
  assert.equal(["a", "b", "c", "d"].map((key) => store.read(key) !== undefined), [true, false, true, true]);
});

test("a folder that cannot be made keeps nothing and harms nothing", () => {
  Deno.writeTextFileSync(`${root}/file`, "");
  const store = programsIn(`${root}/file/programs`, "code");
  store.write("a", of(10));
  assert.is(store.read("a"), undefined);
});

test("two processes that write and read one program see all of it or nothing", async () => {
  const code = `
    import { programsIn } from "${new URL("../../pipelines/tune/plan_store.ts", import.meta.url).href}";
    const store = programsIn(Deno.args[0], "code");
    let seen = 0;
    for (let i = 0; i < 200; i++) {
      store.write("a", { plan: {}, texts: { kind: "wgsl", dispatches: [] }, bytes: new Uint8Array(50000).fill(Number(Deno.args[1])) });
      const found = store.read("a");
      if (found === undefined || !found.bytes.every((b) => b === found.bytes[0])) Deno.exit(1);
      seen++;
    }
    if (seen !== 200) Deno.exit(1);`;
  const path = `${root}/both.ts`;
  Deno.writeTextFileSync(path, code);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const codes = await Promise.all(["1", "2"].map(async (n) =>
    (await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", config, path, `${root}/both`, n],
    }).output()).code
  ));
  assert.equal(codes, [0, 0]);
  assert.is([...Deno.readDirSync(`${root}/both`)].length, 1, "no drafts are left");
});

test("equal descriptions have equal content in any order of making; others another", () => {
  const w = (n: number) => cs.sum()(cs.mul(cs.input("x", [4]), n));
  const scanned = (n: number) =>
    cs.scan((c: cs.Tensor, x: cs.Tensor) => [cs.add(c, cs.mul(x, n))], {
      carry: cs.input("c", [3]),
      xs: cs.input("xs", [5, 3]),
    })[0];
  assert.is(cs.contentOf([w(2)]), cs.contentOf([w(2)]));
  const all = [w(2), w(3), w(-0), w(0), scanned(1), scanned(2)].map((t) => cs.contentOf([t]));
  assert.is(new Set(all).size, all.length);
});

test.run();
