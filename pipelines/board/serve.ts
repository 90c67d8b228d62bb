/** The board's server: loopback only, read only; what changes is sent as it changes. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { stripTypeScriptTypes } from "node:module";
import { onDisk } from "../base/disk.ts";
import { TaggedFault } from "../base/fault.ts";
import { IMAGE_BYTES, readOwnBytes } from "../base/own_file.ts";
import { textOfHtml } from "../report/html.ts";
import { notice } from "../terminal/output.ts";
import { boardPage, boardStyle, partsOf } from "./page.ts";
import { type BoardQuery, drawnBy } from "./query.ts";
import { type Route, routeOf, securityHeaders } from "./request.ts";
import type { RunView } from "./run_view.ts";
import { newMemory, type Scan, scanRuns } from "./scan.ts";

/** A port that is taken, or a folder that is none. */
export class BoardError extends TaggedFault("BoardError") {}

/** Media types by ending; files of other kinds are not given out. */
const types: Readonly<Record<string, string>> = { png: "image/png", svg: "image/svg+xml" };

/** A file to be given out. */
interface BoardFile {
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its media type. */
  readonly type: string;
}

/** Reads an image by the parts of its path below the folder; nothing where there is none that may be given out. */
const imageAt = async (
  root: string,
  segments: readonly string[],
): Promise<BoardFile | undefined> => {
  const type = types[segments.at(-1)!.split(".").at(-1)!.toLowerCase()];
  if (type === undefined) return undefined;
  try {
    const [folder, file] = await Promise.all([
      Deno.realPath(root),
      Deno.realPath(`${root}/${segments.join("/")}`),
    ]);
    const inside = file.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
    return inside && (await Deno.stat(file)).isFile
      ? { bytes: await readOwnBytes(file, IMAGE_BYTES), type }
      : undefined;
  } catch {
    return undefined; // none there, or not to be read
  }
};

/** What is served, and where. */
interface BoardOptions {
  /** The folder of the runs. */
  readonly folder: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
  /** Milliseconds between two looks at the folder while somebody watches. */
  readonly every?: number;
}

/** A board that is being served. */
interface ServedBoard {
  /** Its address. */
  readonly url: string;
}

const HOST = "127.0.0.1";

/** Milliseconds after which a silent connection is shown to be alive. */
const KEEP_ALIVE = 15_000;

/** Maximum number of messages that wait for a reader before it gets no more. */
const WAITING = 8;

const answer = (status: number, type: string, body: BodyInit | null): Response =>
  new Response(body, { status, headers: { ...securityHeaders, "content-type": type } });

const plain = (status: number, text: string): Response =>
  answer(status, "text/plain; charset=utf-8", `${text}\n`);

type Look = () => Promise<Scan>;

// Looks that come close together share one.
const sharedLook = (folder: string, fresh: number): Look => {
  const memory = newMemory();
  let at = -Infinity, now: Promise<Scan> | undefined;
  return () => {
    if (now === undefined || performance.now() - at >= fresh) {
      at = performance.now();
      now = scanRuns(folder, memory);
    }
    return now;
  };
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });

const eventsOf = (
  look: Look,
  query: BoardQuery,
  every: number,
  signal: AbortSignal,
): ReadableStream<Uint8Array> => {
  const text = new TextEncoder(), gone = new AbortController();
  const ended = AbortSignal.any([signal, gone.signal]);
  return new ReadableStream<Uint8Array>({
    start: async (controller) => {
      const sent = new Map<string, string>(), stamps = new Map<string, string>();
      let lastSent = performance.now();
      const send = (lines: string): void => {
        if (ended.aborted) return;
        controller.enqueue(text.encode(lines));
        lastSent = performance.now();
      };
      send(": here\n\n");
      let before: Scan | undefined;
      while (!ended.aborted) {
        const scan = await look(), { runs, faults } = scan;
        // who reads slower than runs change gets the latest once there is room, not all that there was
        if (scan !== before && controller.desiredSize! > 0) {
          const drawn = drawnBy(query, runs), all = `${stampOf(runs)} ${JSON.stringify(faults)}`;
          // what is drawn of an ablation is drawn of its artefacts
          const own = drawn.some(({ record }) => record !== undefined) ? all : stampOf(drawn);
          for (const [id, part] of Object.entries(partsOf(query, scan))) {
            const stamp = id === "runs" ? all : own;
            if (stamps.get(id) === stamp) continue;
            stamps.set(id, stamp);
            const html = textOfHtml(part());
            if (sent.get(id) !== html) send(`data: ${JSON.stringify({ id, html })}\n\n`);
            sent.set(id, html);
          }
          before = scan;
        }
        if (performance.now() - lastSent > KEEP_ALIVE) send(": still here\n\n");
        await pause(every, ended);
      }
      if (!gone.signal.aborted) controller.close();
    },
    cancel: () => gone.abort(),
  }, { highWaterMark: WAITING });
};

// What runs must differ in for a part of the page to be drawn again.
const stampOf = (runs: readonly RunView[]): string =>
  JSON.stringify(runs.map((run) => [
    run.id,
    run.label,
    run.status,
    run.manifest.stages,
    run.scores,
    run.sheets,
    Object.entries(run.series).map(([stage, series]) => [stage, series.bytes, series.count]),
  ]));

const respond = async (
  route: Route,
  { folder, every = 1000 }: BoardOptions,
  look: Look,
  signal: AbortSignal,
): Promise<Response> => {
  switch (route.kind) {
    case "page":
      return answer(200, "text/html; charset=utf-8", boardPage(folder, route.query, await look()));
    case "events":
      return answer(200, "text/event-stream", eventsOf(look, route.query, every, signal));
    case "script":
      return answer(200, "text/javascript; charset=utf-8", await script());
    case "style":
      return answer(200, "text/css; charset=utf-8", boardStyle);
    case "file": {
      const image = await imageAt(folder, route.segments);
      return image === undefined ? plain(404, "no such image") : answer(200, image.type, image.bytes);
    }
    case "refused":
      return plain(route.status, route.why);
  }
};

let stripped: Promise<string> | undefined;

/** The script of the page, its types taken off: nothing is bundled, and nothing fetched. */
const script = (): Promise<string> =>
  stripped ??= Deno.readTextFile(new URL("./client/live.ts", import.meta.url)).then((text) =>
    stripTypeScriptTypes(text)
  );

/** The address of a request; nothing where its `Host` makes it none. */
const addressOf = (request: Request): URL | undefined => {
  try {
    return new URL(request.url);
  } catch {
    return undefined;
  }
};

const listen = (options: BoardOptions, stop: AbortController): Promise<Deno.HttpServer<Deno.NetAddr>> => {
  const look = sharedLook(options.folder, (options.every ?? 1000) / 2);
  return new Promise((resolve) => {
    const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
      {
        hostname: HOST,
        port: options.port,
        onListen: () => setTimeout(() => resolve(server)),
        onError: (cause) => {
          notice(String(cause));
          return plain(500, "the board could not read that");
        },
      },
      (request) =>
        respond(
          routeOf(request.method, addressOf(request), request.headers.get("host")),
          options,
          look,
          stop.signal,
        ),
    );
  });
};

/** Serves the board of a folder for as long as the scope lives. */
export const serveBoard = (
  options: BoardOptions,
): Effect.Effect<ServedBoard, BoardError, Scope.Scope> =>
  Effect.gen(function* () {
    const { folder, port } = options;
    yield* onDisk("look into", folder, async () => {
      for await (const _ of Deno.readDir(folder)) break;
    }).pipe(Effect.mapError(({ got }) =>
      new BoardError({
        op: `board of ${folder}`,
        got,
        expected: "the folder of runs",
        hint: "name it with --runs, or make a run first: deno task cos quickstart",
      })
    ));
    const stop = new AbortController();
    const server = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => listen(options, stop),
        catch: (cause) =>
          new BoardError({
            op: `board on port ${port}`,
            got: cause instanceof Error ? cause.message : String(cause),
            expected: "a free port",
            hint: "name another with --port, or 0 for any that is free",
          }),
      }),
      (server) =>
        Effect.promise(() => {
          stop.abort();
          return server.shutdown();
        }),
    );
    return { url: `http://${HOST}:${server.addr.port}/` };
  });
