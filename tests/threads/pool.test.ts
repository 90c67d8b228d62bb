/** Pools of threads: a reply answers its own request only, whatever is interrupted, fails or ends in between. */
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSquares } from "../../pipelines/images/squares.ts";
import { rngOf } from "../../pipelines/base/rng.ts";
import { openPool } from "../../pipelines/threads/pool.ts";
import type { Order } from "../support/pool_worker.ts";

const test = suite("pools of threads");
class Fault extends Error {}
const script = new URL("../support/pool_worker.ts", import.meta.url);
interface Echo {
  readonly value: number;
  readonly setup: number;
}
const opened = (size: number, setup?: Order) =>
  openPool<Order, Echo, Fault>({
    script,
    size,
    ...(setup === undefined ? {} : { setup }),
    fault: (got) => new Fault(got),
  });
const run = <A, E>(effect: Effect.Effect<A, E, never>): Promise<A> => Effect.runPromise(effect);

test("a request that is interrupted never answers the next one", () =>
  run(Effect.scoped(Effect.gen(function* () {
    const ask = yield* opened(1, { value: -7, does: "echo" });
    for (const does of ["wait", "busy", "spin"] as const) {
      const fiber = yield* Effect.forkChild(ask({ value: 1, does, ms: 200 }));
      yield* Effect.sleep("20 millis");
      yield* Fiber.interrupt(fiber);
      // the thread that takes its place is set up as well
      assert.equal(yield* ask({ value: 2, does: "echo" }), { value: 2, setup: -7 }, does);
    }
  }))));

test("a thread that fails or ends fails its own request alone, and is replaced", () =>
  run(Effect.scoped(Effect.gen(function* () {
    const ask = yield* opened(2);
    const other = yield* Effect.forkChild(ask({ value: 5, does: "wait", ms: 300 }));
    yield* Effect.sleep("20 millis");
    for (const [does, said] of [["throw", "no 1"], ["exit", "ended"], ["fail late", "outside"]] as const) {
      const error = yield* Effect.flip(ask({ value: 1, does }));
      assert.instance(error, Fault);
      assert.match(error.message, said);
      assert.is((yield* ask({ value: 2, does: "echo" })).value, 2);
    }
    assert.is((yield* Fiber.join(other)).value, 5);
    const unsent = yield* Effect.flip(ask({ value: (() => 1) as unknown as number, does: "echo" }));
    assert.match(unsent.message, "cannot be sent");
    assert.is((yield* ask({ value: 3, does: "echo" })).value, 3);
  }))));

test("a setup that fails fails the request, and is tried again with the next", () =>
  run(Effect.scoped(Effect.gen(function* () {
    const ask = yield* opened(1, { value: -1, does: "exit" });
    for (let i = 0; i < 2; i++) {
      assert.match((yield* Effect.flip(ask({ value: 1, does: "echo" }))).message, "ended");
    }
  }))));

test("many requests, interrupted at any moment: every answer is that of its request", () =>
  run(Effect.scoped(Effect.gen(function* () {
    const ask = yield* opened(3), rng = rngOf(11, "races");
    let answered = 0, interrupted = 0, failed = 0;
    const orders = Array.from({ length: 60 }, (_, value) => {
      const does = rng.pick(["echo", "echo", "wait", "busy", "throw", "exit"] as const);
      return {
        order: { value, does, ms: rng.below(12) },
        patience: rng.below(4) === 0 ? rng.below(15) : undefined,
      };
    });
    yield* Effect.forEach(
      orders,
      ({ order, patience }) =>
        (patience === undefined ? Effect.asSome(ask(order)) : Effect.timeoutOption(ask(order), patience))
          .pipe(
            Effect.map((got) => {
              if (got._tag === "None") return void interrupted++;
              answered++;
              assert.is(got.value.value, order.value);
              assert.not.ok(order.does === "throw" || order.does === "exit");
            }),
            Effect.catch((error) => {
              assert.instance(error, Fault);
              failed++;
              assert.ok(order.does === "throw" || order.does === "exit", error.message);
              return Effect.void;
            }),
          ),
      { concurrency: 8, discard: true },
    );
    assert.is(answered + interrupted + failed, orders.length);
    assert.ok(answered > 20 && failed > 8 && interrupted > 2, `${answered}, ${failed}, ${interrupted}`);
  }))));

test("an image is decoded as asked after another decode was interrupted", async () => {
  const png = async (background: string) =>
    new Uint8Array(
      await sharp({ create: { width: 3000, height: 3000, channels: 3, background } }).png().toBuffer(),
    );
  const red = await png("#ff0000"), blue = await png("#0000ff");
  await run(Effect.scoped(Effect.gen(function* () {
    const decode = yield* openSquares({ side: 14, workers: 1 });
    yield* decode({ file: "red.png", bytes: red });
    for (const wait of [5, 20, 60]) {
      const fiber = yield* Effect.forkChild(decode({ file: "red.png", bytes: red }));
      yield* Effect.sleep(wait);
      yield* Fiber.interrupt(fiber);
      const got = yield* decode({ file: "blue.png", bytes: blue });
      assert.equal([...got.subarray(0, 3)], [0, 0, 255]);
    }
  })));
});

test.run();
