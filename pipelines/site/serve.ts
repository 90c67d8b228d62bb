/** Serves a site on loopback, read only. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { existing } from "../base/disk.ts";
import type { DiskError } from "../base/disk.ts";
import { SiteError } from "./fault.ts";
import { siteHeaders } from "./headers.ts";

const HOST = "127.0.0.1";

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  png: "image/png",
  safetensors: "application/octet-stream",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
};

/** What is served, and where. */
export interface ServeOptions {
  /** The folder of the site. */
  readonly folder: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
  /** Headers of every answer; those of {@link siteHeaders} by default. */
  readonly headers?: Readonly<Record<string, string>>;
}

const answer = async (
  folder: string,
  request: Request,
  headers: Readonly<Record<string, string>>,
): Promise<Response> => {
  const refuse = (status: number, why: string): Response => new Response(`${why}\n`, { status, headers });
  if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "read only");
  const path = decodeURIComponent(new URL(request.url).pathname),
    file = path.endsWith("/") ? `${path}index.html` : path;
  const type = types[file.slice(file.lastIndexOf(".") + 1)];
  if (type === undefined || file.split("/").some((part) => part.startsWith("."))) {
    return refuse(404, "no such file");
  }
  try {
    const [root, real] = await Promise.all([Deno.realPath(folder), Deno.realPath(folder + file)]);
    if (!real.startsWith(`${root}/`)) return refuse(404, "no such file");
    const { size } = await Deno.stat(real),
      sized = { ...headers, "content-type": type, "content-length": String(size) };
    if (request.method === "HEAD") return new Response(null, { headers: sized });
    return new Response((await Deno.open(real)).readable, { headers: sized });
  } catch {
    return refuse(404, "no such file");
  }
};

/** Serves a site for as long as the scope lives. Gives its address. */
export const serveSite = (
  { folder, port, headers = siteHeaders }: ServeOptions,
): Effect.Effect<string, DiskError | SiteError, Scope.Scope> =>
  Effect.gen(function* () {
    if (!(yield* existing(`${folder}/index.html`))) {
      return yield* Effect.fail(
        new SiteError({
          op: `serve ${folder}`,
          got: "a folder without index.html",
          expected: "a site",
          hint: "make one: cos export web --checkpoint RUN --out " + folder,
        }),
      );
    }
    const server = yield* Effect.acquireRelease(
      Effect.try({
        try: () =>
          Deno.serve({ hostname: HOST, port, onListen: () => {} }, (request) =>
            answer(folder, request, headers)),
        catch: (cause) =>
          new SiteError({
            op: `serve on port ${port}`,
            got: cause instanceof Error ? cause.message : String(cause),
            expected: "a free port",
            hint: "name another with --port, or 0 for any that is free",
          }),
      }),
      (serving) =>
        Effect.promise(() => serving.shutdown()),
    );
    return `http://${HOST}:${server.addr.port}/`;
  });
