/**
 * The client's side of ZMTP 3.0 (https://rfc.zeromq.org/spec/23) without security, over TCP: as much of ZeroMQ as talks
 * to a kernel. The native bindings of npm crash and hang in Deno when sockets close.
 */
import { joined } from "../../pipelines/base/file_bytes.ts";

/** Kinds of sockets that a client of a kernel has. */
export type SocketType = "DEALER" | "REQ" | "SUB";

/** A connected socket. */
export interface Socket {
  /** Sends one message of several frames. */
  readonly send: (frames: readonly (string | Uint8Array)[]) => Promise<void>;
  /** Messages that come in, until the socket is closed or the other side goes. */
  readonly messages: AsyncIterable<readonly Uint8Array[]>;
  /** Closes it; reading ends. */
  readonly close: () => void;
}

const MORE = 1, LONG = 2, COMMAND = 4;
const encoder = new TextEncoder();
const bytesOf = (frame: string | Uint8Array): Uint8Array =>
  typeof frame === "string" ? encoder.encode(frame) : frame;

const u32 = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);

/** One frame: its flags, its size in one byte or eight, its bytes. */
export const frameOf = (body: Uint8Array, flags = 0): Uint8Array<ArrayBuffer> =>
  body.length < 256
    ? joined([Uint8Array.of(flags, body.length), body])
    : joined([Uint8Array.of(flags | LONG), u32(Math.floor(body.length / 2 ** 32)), u32(body.length), body]);

const short = (text: string): Uint8Array => joined([Uint8Array.of(text.length), encoder.encode(text)]);

const property = (name: string, value: string): Uint8Array =>
  joined([short(name), u32(value.length), encoder.encode(value)]);

/** What either side says first: signature, version 3.0, the mechanism NULL. */
export const greeting = (): Uint8Array<ArrayBuffer> => {
  const said = new Uint8Array(64);
  said.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]);
  said.set(encoder.encode("NULL"), 12);
  return said;
};

/** The command that ends the handshake. */
export const ready = (type: SocketType, identity: string): Uint8Array<ArrayBuffer> =>
  frameOf(
    joined([short("READY"), property("Socket-Type", type), property("Identity", identity)]),
    COMMAND,
  );

/** Gives out as many bytes as are asked for, as they come. */
const exactly = (conn: Deno.TcpConn): (n: number) => Promise<Uint8Array> => {
  const chunk = new Uint8Array(65536);
  let held: Uint8Array = new Uint8Array(0);
  return async (n) => {
    const parts = [held];
    for (let have = held.length; have < n;) {
      const count = await conn.read(chunk);
      if (count === null) throw new Deno.errors.UnexpectedEof("the kernel closed a socket");
      parts.push(chunk.slice(0, count));
      have += count;
    }
    const all = parts.length === 1 ? held : joined(parts);
    held = all.subarray(n);
    return all.subarray(0, n);
  };
};

type Frame = { readonly flags: number; readonly body: Uint8Array };

const nextFrame = async (read: (n: number) => Promise<Uint8Array>): Promise<Frame> => {
  const flags = (await read(1))[0]!, size = await read(flags & LONG ? 8 : 1);
  return { flags, body: await read(size.reduce((n, byte) => n * 256 + byte, 0)) };
};

async function* messagesOf(read: (n: number) => Promise<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  let frames: Uint8Array[] = [];
  for (;;) {
    const { flags, body } = await nextFrame(read);
    if (flags & COMMAND) continue;
    frames.push(body);
    if (flags & MORE) continue;
    yield frames;
    frames = [];
  }
}

/** Connects to a port of this machine; a SUB socket gets every message. Rejects where nobody listens. */
export const connect = async (type: SocketType, port: number, identity = ""): Promise<Socket> => {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  };
  try {
    conn.setNoDelay();
    const read = exactly(conn);
    await write(greeting());
    await read(64);
    await write(ready(type, identity));
    for (let done = false; !done;) done = ((await nextFrame(read)).flags & COMMAND) !== 0;
    if (type === "SUB") await write(frameOf(Uint8Array.of(1)));
    let last = Promise.resolve();
    return {
      messages: messagesOf(read),
      // one message after the other, also where nobody waits for the one before
      send: (frames) =>
        last = last.catch(() => undefined).then(() =>
          write(joined(frames.map((frame, i) => frameOf(bytesOf(frame), i < frames.length - 1 ? MORE : 0))))
        ),
      close: () => {
        try {
          conn.close();
        } catch { /* the other side was first */ }
      },
    };
  } catch (cause) {
    conn.close();
    throw cause;
  }
};
