/** A worker process as who started it sees it: it is started when it is needed, and again when it ended. */
import type { DeviceName } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { appendOwn } from "../base/own_file.ts";
import { type LiveLog, liveLogsText } from "../runs/live.ts";
import { planFolders } from "../tune/plan_store.ts";
import { JobError } from "./fault.ts";
import { artefactName, type Job } from "./jobs.ts";
import { lineOf, linesOf, readReply, type Reply } from "./messages.ts";

/** How workers are started. */
export interface WorkerOptions {
  /** The store. */
  readonly store: string;
  /** The device by name. */
  readonly device: DeviceName;
  /** Folder of prepared annotations and features of mixtures. */
  readonly cache: string;
  /** Version of the code. */
  readonly version: string;
  /** The file that keeps what they say. */
  readonly log: string;
  /** Programs that show trainings while they go on. */
  readonly logs: readonly LiveLog[];
  /** The program that is run instead of `worker.ts`; tests put failing ones there. */
  readonly program?: string;
}

/** A running worker. */
export interface Running {
  /** The process. */
  readonly process: Deno.ChildProcess;
  /** Its standard input. */
  readonly input: WritableStreamDefaultWriter<Uint8Array>;
  /** Name of its device, once it is ready. */
  readonly ready: Promise<string>;
  /** How it ended. */
  readonly ended: Promise<string>;
  /** Hears what it says. */
  onReply: (reply: Reply) => void;
}

/** A worker that is there, or will be when it is needed. */
export interface WorkerClient {
  /** How it is started. */
  readonly options: WorkerOptions;
  /** The worker, while it runs. */
  running: Running | undefined;
  /** Number of the next request. */
  next: number;
}

/** Folder of what was parsed and measured on this machine. */
const CACHE = "cache";

/** Lines of a worker's log that an error quotes. */
const QUOTED = 6;

/** What a worker may do: compute, read, and write into the store; it reaches no network and starts no process. */
const workerPermissions = ({ store, cache, logs }: WorkerOptions): readonly string[] => [
  "--allow-read",
  "--allow-env",
  "--allow-sys",
  "--allow-ffi", // the libraries that decode and draw images, and Dawn
  `--allow-write=${
    [store, cache, CACHE, ...planFolders(), ...logs.flatMap((log) => "store" in log ? [log.store] : [])]
      .map((path) => path.replaceAll(",", ",,")).join(",")
  }`,
  "--no-prompt",
];

const started = (options: WorkerOptions): Running => {
  const program = options.program ?? new URL("./worker.ts", import.meta.url).href;
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      ...workerPermissions(options),
      program,
      options.store,
      options.device,
      options.version,
      options.cache,
      liveLogsText(options.logs),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const announced = Promise.withResolvers<string>(), last: string[] = [];
  const running: Running = {
    process,
    input: process.stdin.getWriter(),
    ready: announced.promise,
    ended: Promise.resolve(""),
    onReply: () => {},
  };
  const note = async (line: string): Promise<void> => {
    last.push(line);
    if (last.length > QUOTED) last.shift();
    await appendOwn(options.log, `${line}\n`).catch(() => {}); // a full disk
  };
  const errors = (async () => {
    for await (const line of linesOf(process.stderr)) await note(line);
  })();
  const replies = (async () => {
    for await (const line of linesOf(process.stdout)) {
      const reply = readReply(line);
      if (E.isLeft(reply)) await note(line);
      else if (reply.right.kind === "ready") announced.resolve(reply.right.device);
      else running.onReply(reply.right);
    }
  })();
  const ended = Promise.all([process.status, errors, replies]).then(([{ code, signal }]) => {
    const how = signal === null ? `code ${code}` : `signal ${signal}`;
    return last.length === 0 ? how : `${how} after saying: ${last.join(" | ")}`;
  });
  ended.then((how) => announced.reject(new Error(how)));
  announced.promise.catch(() => {}); // whatever waits hears it
  return Object.assign(running, { ended });
};

/** Ends a worker: it saves what it is doing when its input closes. */
const stop = async ({ input, ended }: Running): Promise<void> => {
  await input.close().catch(() => {});
  await ended;
};

const runningOf = (client: WorkerClient): Running => client.running ??= started(client.options);

/** A worker for as long as the scope lives. No process is started yet. */
export const openWorkerClient = (options: WorkerOptions): Effect.Effect<WorkerClient, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync((): WorkerClient => ({ options, running: undefined, next: 0 })),
    (client) =>
      Effect.promise(async () => client.running === undefined ? undefined : await stop(client.running)),
  );

const crash = (artefact: string, how: string): JobError =>
  new JobError({
    op: `make ${artefact}`,
    got: `a worker that ended with ${how}`,
    expected: "a worker that lives",
    hint: "look at its log; a machine without free memory ends processes with SIGKILL",
    artefact,
    cause: "crash",
    again: true,
    everywhere: false,
  });

/** The name of a worker's device. A worker that cannot open one is a JobError with the end of what it said. */
export const deviceOf = (client: WorkerClient): Effect.Effect<string, JobError> =>
  Effect.tryPromise({
    try: () => runningOf(client).ready,
    catch: (cause) => {
      client.running = undefined;
      return new JobError({
        op: `start a worker on the device ${client.options.device}`,
        got: cause instanceof Error ? cause.message : String(cause),
        expected: "a worker with a device",
        hint: "choose another device; `deno task doctor` shows what is there",
        artefact: "",
        cause: "start",
        again: false,
        everywhere: true,
      });
    },
  });

/** Has a worker make an artefact. A worker whose device failed, or that ended, is replaced before the next. */
export const makeOnWorker = (
  client: WorkerClient,
  job: Job,
  onWait: (holder: string) => void,
): Effect.Effect<void, JobError> =>
  Effect.callback<void, JobError>((resume) => {
    const { experiment, hashes } = job.resolved;
    const running = runningOf(client), id = client.next++, artefact = artefactName(job);
    let over = false;
    const end = (result: Effect.Effect<void, JobError>): void => {
      if (over) return;
      over = true;
      resume(result);
    };
    running.onReply = (reply) => {
      if (reply.kind === "ready" || reply.id !== id) return;
      if (reply.kind === "waiting") onWait(reply.holder);
      else if (reply.kind === "done") end(Effect.void);
      else {
        const { tag, ...parts } = reply.fault;
        if (parts.again && client.running === running) {
          client.running = undefined; // its device is not to be trusted
          void stop(running);
        }
        end(Effect.fail(new JobError({ ...parts, artefact, cause: tag })));
      }
    };
    running.ended.then((how) => {
      if (client.running === running) client.running = undefined;
      end(Effect.fail(crash(artefact, how)));
    });
    const line = lineOf({ id, experiment, hashes, key: job.key });
    running.ready
      .then(() => running.input.write(new TextEncoder().encode(line)))
      .catch(() => {}); // it ended, which is reported above
  });
