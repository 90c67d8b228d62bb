/** The wire to a kernel: frames of any size arrive as they were sent, and only signed messages are read. */
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { framesOf, messageOf } from "../../tools/notebooks/wire.ts";
import { connect, frameOf, greeting, ready } from "../../tools/notebooks/zmtp.ts";
import { property } from "../support/property.ts";

const test = suite("wire");
const bytes = (frames: readonly string[]): readonly Uint8Array[] =>
  frames.map((frame) => new TextEncoder().encode(frame));

/** The other side of one connection: says its greeting and READY, then sends back what comes, cut into small pieces. */
const echo = (listener: Deno.TcpListener): Promise<void> =>
  listener.accept().then(async (conn) => {
    await conn.write(greeting());
    await conn.write(ready("DEALER", ""));
    const buffer = new Uint8Array(1 << 16);
    let skip = 64 + ready("DEALER", "").length; // the client's own greeting and READY
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      const said = buffer.slice(Math.min(skip, n), n);
      skip -= Math.min(skip, n);
      for (let at = 0; at < said.length;) at += await conn.write(said.subarray(at, at + 1000));
    }
    conn.close();
  });

const sizes = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(254, 255, 256, 65536, 70000));
const lengths = fc.array(sizes, { minLength: 1, maxLength: 6 });
property(
  test,
  "messages of any frames come back as they went",
  [fc.array(lengths, { minLength: 1, maxLength: 6 })],
  async (all) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), echoing = echo(listener);
    const socket = await connect("DEALER", (listener.addr as Deno.NetAddr).port);
    const messages = socket.messages[Symbol.asyncIterator]();
    for (const one of all) {
      const sent = one.map((n, i) => Uint8Array.from({ length: n }, (_, k) => (k * 7 + i) & 255));
      await socket.send(sent);
      const { value } = await messages.next();
      assert.equal(value!.map((frame: Uint8Array) => [...frame]), sent.map((frame) => [...frame]));
    }
    socket.close();
    await echoing;
    listener.close();
  },
  { runs: 10 },
);

test("nobody who listens, and one who hangs up, are errors", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr as Deno.NetAddr;
  const hangsUp = listener.accept().then((conn) => conn.close());
  assert.match(await connect("SUB", port).then(() => "connected", String), /closed|reset|broken/i);
  await hangsUp;
  listener.close();
  assert.match(await connect("SUB", port).then(() => "connected", String), /refused/i);
});

test("frames know their length in one byte or eight", () => {
  assert.equal([...frameOf(new Uint8Array(2), 1)], [1, 2, 0, 0]);
  assert.equal([...frameOf(new Uint8Array(256)).subarray(0, 9)], [2, 0, 0, 0, 0, 0, 0, 1, 0]);
  assert.is(greeting().length, 64);
});

test("a message is read back, and one that was changed or signed with another key is refused", () => {
  const request = {
    id: "1",
    session: "s",
    date: "2024-01-01T00:00:00Z",
    type: "execute_request",
    content: { code: "π" },
  };
  const frames = framesOf("key", request);
  const read = messageOf("key", bytes(["identity", ...frames]));
  assert.ok(E.isRight(read));
  assert.equal(E.isRight(read) && read.right, {
    type: "execute_request",
    parent: "",
    content: { code: "π" },
  });
  for (let i = 1; i < frames.length; i++) {
    const changed = frames.map((frame, k) => k === i ? `${frame} ` : frame);
    assert.ok(E.isLeft(messageOf("key", bytes(changed))), `frame ${i}`);
  }
  assert.ok(E.isLeft(messageOf("another", bytes(frames))));
  assert.ok(E.isLeft(messageOf("key", bytes(frames.slice(0, 4)))));
  assert.ok(E.isLeft(messageOf("key", [])));
});

test.run();
