/**
 * The kernel of `deno jupyter`, spoken to over ZeroMQ: started, watched, and made to hand over every output.
 *
 * `status: idle` does not end the outputs of a cell: its value may be broadcast later. So a second request follows that
 * writes a mark by each of the ways that outputs take (stdout, stderr, broadcasts); each way keeps its order, so that
 * what comes before the marks is all that the cell has said. Only displays that take their time come later still:
 * for outputs that a cell declares, the kernel is listened to for a grace time.
 */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as Option from "effect/Option";
import * as Queue from "effect/Queue";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import { type DiskError, onDisk } from "../../pipelines/base/disk.ts";
import { KernelError } from "./fault.ts";
import type { Output } from "./notebook.ts";
import { collect, errorOf, noOutputs } from "./outputs.ts";
import { framesOf, type Message, messageOf } from "./wire.ts";
import { connect, type Socket, type SocketType } from "./zmtp.ts";

/** How a kernel is started and watched. */
export interface KernelOptions {
  /** The folder that it runs in: imports and `deno.json` are looked for from there. */
  readonly folder: string;
  /** Environment alongside that of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Program and arguments; the file with ports and key comes last. `deno jupyter --kernel --conn` if absent. */
  readonly command?: readonly [string, ...string[]];
  /** Milliseconds without an answer to the heartbeat after which it counts as dead; 30 000 if absent. */
  readonly patience?: number;
  /** Milliseconds to listen for a declared output after a cell has ended; 3000 if absent. */
  readonly grace?: number;
}

/** Actions of a cell. */
export interface Ran {
  /** Its outputs; what it threw is the last of them. */
  readonly outputs: readonly Output[];
  /** Number of the execution. */
  readonly count: number | null;
}

/** A running kernel. */
export interface Kernel {
  /** Runs code. */
  readonly execute: ExecuteCode;
}

/**
 * Runs code. `complete` says of outputs whether all declared ones are there. Fails with KernelError where the kernel
 * dies or does not answer.
 * @internal
 */
export type ExecuteCode = (
  code: string,
  complete?: (outputs: readonly Output[]) => boolean,
) => Effect.Effect<Ran, KernelError>;

/** What every kernel runs first: errors outside of any cell would end its session without a word. */
const PRELUDE = `
for (const kind of ["error", "unhandledrejection"]) {
  globalThis.addEventListener(kind, (event) => {
    event.preventDefault();
    const error = event.error ?? event.reason;
    Deno.jupyter.broadcast("error", {
      ename: error?.name ?? "Error",
      evalue: "outside of any await: " + (error?.message ?? String(error)),
      traceback: String(error?.stack ?? error).split("\\n"),
    });
  });
}
{
  const parent = Deno.ppid;
  Deno.unrefTimer(setInterval(() => Deno.ppid === parent || Deno.exit(0), 1000));
}
undefined;`;

const marks = (mark: string): string =>
  `console.log("${mark}"); console.error("${mark}");
await Deno.jupyter.broadcast("display_data", { data: { "text/plain": "${mark}" }, metadata: {}, transient: {} });`;

/** A message without a mark in it, and whether there was one; undefined where the mark was all. */
const withoutMark = (
  message: Message,
  mark: string,
): { readonly marked: boolean; readonly rest: Message | undefined } => {
  const { type, content } = message;
  if (type === "stream" && typeof content.text === "string" && content.text.includes(mark)) {
    const text = content.text.replace(`${mark}\n`, "");
    return { marked: true, rest: text === "" ? undefined : { ...message, content: { ...content, text } } };
  }
  const data = type === "display_data" ? content.data as Readonly<Record<string, unknown>> : undefined;
  return data?.["text/plain"] === mark ? { marked: true, rest: undefined } : { marked: false, rest: message };
};

const startError = (got: string): KernelError =>
  new KernelError({
    op: "a kernel",
    got,
    expected: "deno jupyter to start",
    hint: "check that `deno jupyter --kernel` runs here",
    reason: "start",
  });

const diedOf = (how: string): KernelError =>
  new KernelError({
    op: "the kernel",
    got: `its end with ${how}`,
    expected: "it to run to the end of the notebook",
    hint: "look for Deno.exit, memory, or a crash of a native module in the cell",
    reason: "died",
  });

const silentFor = (patience: number): KernelError =>
  new KernelError({
    op: "the kernel",
    got: `no answer to its heartbeat for ${patience / 1000} s`,
    expected: "an answer whatever a cell computes",
    hint: "look for a stopped process or a machine without memory",
    reason: "silent",
  });

interface Connection {
  readonly ports: readonly number[];
  readonly key: string;
  readonly file: string;
}

/** Five free ports and a key, in a file that only this user can read. */
const connection: Effect.Effect<Connection, DiskError, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    onDisk("create", "a temporary folder", () => Deno.makeTempDir({ prefix: "kernel-" })),
    (path) => Effect.promise(() => Deno.remove(path, { recursive: true }).catch(() => undefined)),
  );
  const held = Array.from({ length: 5 }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = held.map((listener) => (listener.addr as Deno.NetAddr).port);
  held.forEach((listener) => listener.close());
  const key = crypto.randomUUID(), file = `${folder}/connection.json`;
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
  const said = {
    transport: "tcp",
    ip: "127.0.0.1",
    signature_scheme: "hmac-sha256",
    kernel_name: "deno",
    key,
    shell_port,
    iopub_port,
    stdin_port,
    control_port,
    hb_port,
  };
  yield* onDisk("write", file, () => Deno.writeTextFile(file, JSON.stringify(said), { mode: 0o600 }));
  return { ports, key, file };
});

/** Output of a process, at its end; of much, the last. */
const tailOf = async (stream: ReadableStream<Uint8Array>, most = 2000): Promise<string> => {
  let tail = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) tail = (tail + text).slice(-most);
  return tail.replace(/^.*"deno jupyter" is unstable.*\n/, "").trim();
};

/** Connects as soon as the kernel listens. */
const connected = (type: SocketType, port: number): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise(() => connect(type, port)).pipe(
      Effect.retry(Schedule.spaced("20 millis")),
      Effect.orDie,
    ),
    (socket) => Effect.sync(socket.close),
    { interruptible: true },
  );

const lostOf = (how: string): KernelError =>
  new KernelError({
    op: "the kernel",
    got: `the end of a connection: ${how}`,
    expected: "messages until the notebook has ended",
    hint: "run it again; look for a program that ends connections of this machine",
    reason: "protocol",
  });

/** Milliseconds in which a kernel that ended is known to have ended, which says more than the end of a connection. */
const KNOWN_DEAD = 1000;

/** Reads a socket to its end, which is an error; `take` gets each message, and `refuse` what is none. */
const readAll = (
  socket: AsyncIterable<readonly Uint8Array[]>,
  key: string,
  take: (message: Message) => void,
  refuse: (error: KernelError) => void,
): void => {
  const read = async (): Promise<void> => {
    for await (const frames of socket) {
      const message = messageOf(key, frames);
      E.isRight(message) ? take(message.right) : refuse(message.left);
    }
  };
  const ended = (how: unknown): void => {
    Deno.unrefTimer(setTimeout(() => refuse(lostOf(String(how))), KNOWN_DEAD));
  };
  read().then(() => ended("it was closed"), ended);
};

/** Starts a kernel that lives as long as the scope. Fails with KernelError where it does not come to answer. */
export const openKernel = (
  options: KernelOptions,
): Effect.Effect<Kernel, KernelError | DiskError, Scope.Scope> =>
  Effect.gen(function* () {
    const { folder, env = {}, patience = 30_000, grace = 3000 } = options;
    const { ports, key, file } = yield* connection;
    const [program, ...args] = options.command ?? [Deno.execPath(), "jupyter", "--kernel", "--conn"];
    const dead = yield* Deferred.make<never, KernelError>();
    const end = (error: KernelError): void => void Deferred.doneUnsafe(dead, Effect.fail(error));
    const child = yield* Effect.acquireRelease(
      Effect.try({
        try: () =>
          new Deno.Command(program!, {
            args: [...args, file],
            cwd: folder,
            env: { NO_COLOR: "1", ...env },
            stdin: "null",
            stdout: "null",
            stderr: "piped",
          }).spawn(),
        catch: (cause) => startError(String(cause)),
      }),
      (process) =>
        Effect.promise(async () => {
          try {
            process.kill("SIGKILL");
          } catch { /* it has ended */ }
          await process.status;
        }),
    );
    const said = tailOf(child.stderr).catch(() => "");
    Promise.all([child.status, said]).then(([{ code, signal }, why]) =>
      end(diedOf(`${signal ?? `exit code ${code}`}${why === "" ? "" : `: ${why}`}`))
    );
    const alive = <A, F, R>(program: Effect.Effect<A, F, R>): Effect.Effect<A, F | KernelError, R> =>
      Effect.raceFirst(program, Deferred.await(dead));
    const shell = yield* alive(connected("DEALER", ports[0]!));
    const io = yield* alive(connected("SUB", ports[1]!));
    const heart = yield* alive(connected("REQ", ports[4]!));
    const broadcasts = yield* Queue.unbounded<Message>(), replies = yield* Queue.unbounded<Message>();
    readAll(io.messages, key, (message) => Queue.offerUnsafe(broadcasts, message), end);
    readAll(shell.messages, key, (message) => Queue.offerUnsafe(replies, message), end);

    const beats = heart.messages[Symbol.asyncIterator]();
    const beat = Effect.tryPromise(async () => {
      await heart.send(["", "beat"]);
      await beats.next();
    }).pipe(Effect.timeout(patience));
    yield* Effect.forkScoped(
      Effect.forever(Effect.andThen(beat, Effect.sleep(Math.min(1000, patience / 4)))).pipe(
        Effect.catch(() => Effect.sync(() => end(silentFor(patience)))),
      ),
    );

    const session = crypto.randomUUID();
    const request = (type: string, content: unknown): Effect.Effect<string> =>
      Effect.promise(async () => {
        const id = crypto.randomUUID(), date = new Date().toISOString();
        await shell.send([...framesOf(key, { id, session, date, type, content })]);
        return id;
      });
    const replyTo = (id: string): Effect.Effect<Message> =>
      Effect.flatMap(
        Queue.take(replies),
        (reply) => reply.parent === id ? Effect.succeed(reply) : replyTo(id),
      );
    const executeRequest = (code: string, shown: boolean): Effect.Effect<string> =>
      request("execute_request", {
        code,
        silent: !shown,
        store_history: shown,
        user_expressions: {},
        allow_stdin: false,
        stop_on_error: true,
      });

    // A kernel that has no listener yet broadcasts into the void, and may leave a first request lying: ask again.
    const listening: Effect.Effect<void> = Effect.gen(function* () {
      const id = yield* request("kernel_info_request", {});
      const idle: Effect.Effect<void> = Effect.flatMap(
        Queue.take(broadcasts),
        ({ parent, content }) => parent === id && content.execution_state === "idle" ? Effect.void : idle,
      );
      const onJobEvent = yield* Effect.timeoutOption(Effect.andThen(replyTo(id), idle), 100);
      if (Option.isNone(onJobEvent)) yield* listening;
    });

    const execute: ExecuteCode = (code, complete = () => true) =>
      Effect.gen(function* () {
        const reply = yield* Effect.flatMap(executeRequest(code, true), replyTo);
        const mark = crypto.randomUUID(), last = yield* executeRequest(marks(mark), false);
        let collected = noOutputs;
        for (let left = 3; left > 0;) {
          const { marked, rest } = withoutMark(yield* Queue.take(broadcasts), mark);
          if (marked) left--;
          if (rest !== undefined) collected = collect(collected, rest);
        }
        yield* replyTo(last);
        const thrown = errorOf(reply.content);
        const failed = (): boolean => collected.outputs.some((o) => o.output_type === "error");
        while (thrown === undefined && !failed() && !complete(collected.outputs)) {
          const late = yield* Effect.timeoutOption(Queue.take(broadcasts), grace);
          if (Option.isNone(late)) break;
          collected = collect(collected, late.value);
        }
        const { execution_count: count } = reply.content;
        return {
          outputs: thrown === undefined || failed() ? collected.outputs : [...collected.outputs, thrown],
          count: typeof count === "number" ? count : null,
        };
      }).pipe(alive);

    yield* alive(listening);
    yield* options.command === undefined ? execute(PRELUDE) : Effect.void;
    return { execute };
  });
