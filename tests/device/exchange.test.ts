/** Memory of programs handed to the host between two runs: what is written there is what the next run reads. */
import { add, f32, input, mul, TreeError } from "@chain-of-sight/core";
import { coalescedRanges, compile, type Device, piecesOf, theDevice } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuServices } from "../support/cpu.ts";
import { referenceServices } from "../support/reference_device.ts";
import { services } from "../support/webgpu.ts";

const floats = (bytes: Uint8Array<ArrayBufferLike>): Float32Array<ArrayBufferLike> =>
  new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

const exchanging = (name: string, opened: Promise<Context.Context<Device>>): void => {
  const test = suite(`exchange, ${name}`);
  const x = input("x", [5]), g = input("grad.a", [5]), h = input("grad.b", [3]), w = input("w", [5]);

  const loaded = Effect.gen(function* () {
    const device = yield* theDevice();
    const outputs = { w: add(w, g), b: mul(h, 2) };
    const update = yield* device.load(
      compile({ outputs, donate: { w: "w" }, inputs: [g, h] }, device.profile),
    );
    const gradient = yield* device.load(
      compile({
        outputs: { "grad.a": mul(x, 2), "grad.b": mul(h, 1) },
        donate: { "grad.a": "grad.a", "grad.b": "grad.b" },
        inputs: [g],
      }, device.profile),
      [update],
    );
    yield* update.write({ w: f32([5], [0, 0, 0, 0, 0]), "grad.b": f32([3], [7, 8, 9]) });
    return { update, gradient };
  });

  test("bytes that the host changes are read by the next run, and nothing else changes", async () => {
    const [seen, after] = await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const { update, gradient } = yield* loaded, seen: number[] = [];
        yield* gradient.write({ x: f32([5], [1, 2, 3, 4, 5]) });
        yield* gradient.run;
        yield* update.exchange(["grad.a", "grad.b"], (bytes) =>
          Effect.sync(() => {
            const here = floats(bytes);
            seen.push(...here.filter((v) => v !== 0));
            here.forEach((v, i) => here[i] = v * 10);
          }));
        yield* update.run;
        return [seen, yield* update.read(["w", "b"])] as const;
      })).pipe(Effect.provide(await opened)),
    );
    assert.equal(seen.toSorted((a, b) => a - b), [2, 4, 6, 7, 8, 8, 9, 10]);
    assert.equal([...after.w!.data], [20, 40, 60, 80, 100]);
    assert.equal([...after.b!.data], [140, 160, 180]);
  });

  test("what fails while it uses the bytes fails the exchange, and the device goes on", async () => {
    const [failed, later] = await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const { update } = yield* loaded;
        const failed = yield* Effect.flip(
          update.exchange(["grad.b"], () => Effect.fail("a rank is gone" as const)),
        );
        return [failed, yield* update.read(["grad.b"])] as const;
      })).pipe(Effect.provide(await opened)),
    );
    assert.is(failed, "a rank is gone");
    assert.equal([...later["grad.b"]!.data], [7, 8, 9]);
  });

  test("what holds no value is not handed over", async () => {
    const error = await Effect.runPromise(
      Effect.scoped(
        Effect.flatMap(loaded, ({ update }) => Effect.flip(update.exchange(["grad.a"], () => Effect.void))),
      ).pipe(Effect.provide(await opened)),
    );
    assert.instance(error, TreeError);
    assert.match(String(error), "grad.a");
  });

  test.run();
};

exchanging("reference", referenceServices);
exchanging("CPU", cpuServices(2));
exchanging("WebGPU", services);

const test = suite("exchange");

test("places that touch are one stretch, in the order of memory", () => {
  const at = (at: number, bytes: number) => ({ at, bytes });
  assert.equal(coalescedRanges([at(32, 16), at(0, 16), at(16, 16), at(64, 4), at(36, 4)]), [
    at(0, 48),
    at(64, 4),
  ]);
});

test("pieces hold every byte of the ranges once, in order, and none is larger than asked", () => {
  const buffer = {} as GPUBuffer, range = (offset: number, size: number) => ({ buffer, offset, size });
  const pieces = piecesOf([range(0, 40), range(100, 8), range(200, 30)], 16);
  assert.ok(pieces.every((piece) => piece.reduce((n, { size }) => n + size, 0) <= 16));
  const bytes = pieces.flat().flatMap(({ offset, size }) =>
    Array.from({ length: size }, (_, i) => offset + i)
  );
  const all = [[0, 40], [100, 8], [200, 30]] as const;
  assert.equal(bytes, all.flatMap(([from, n]) => Array.from({ length: n }, (_, i) => from + i)));
});

test("ten thousand exchanges leave memory as it was", async () => {
  const grown = await Effect.runPromise(
    Effect.scoped(Effect.gen(function* () {
      const device = yield* theDevice(), g = input("g", [1024]);
      const program = yield* device.load(compile({ outputs: { y: mul(g, 2) } }, device.profile));
      yield* program.write({ g: f32([1024], new Float32Array(1024)) });
      const exchange = program.exchange(["g"], (bytes) => Effect.sync(() => void bytes.fill(1)));
      const rounds = (count: number) => Effect.repeat(exchange, { times: count - 1 });
      yield* rounds(3000);
      const before = Deno.memoryUsage().rss;
      yield* rounds(10_000);
      return Deno.memoryUsage().rss - before;
    })).pipe(Effect.provide(await cpuServices(2))),
  );
  assert.ok(grown < 24 * 2 ** 20, `${grown} bytes`);
});

test.run();
