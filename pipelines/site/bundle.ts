/** The scripts of a site: TypeScript of `pipelines/web` as ES modules for browsers, by `deno bundle`. */
import * as Effect from "effect/Effect";
import { SiteError } from "./fault.ts";

const PAGES = [
  "ask.ts",
  "look.ts",
  "train.ts",
  "worker.ts",
  "train_worker.ts",
  "contest_worker.ts",
  "compute.ts",
] as const;

/** Bundles entry modules into a folder, shared parts in chunks of their own. */
export const bundle = (entries: readonly URL[], folder: string): Effect.Effect<void, SiteError> =>
  Effect.tryPromise({
    try: async () => {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...[
            "bundle",
            "--quiet",
            "--platform",
            "browser",
            "--minify",
            "--code-splitting",
            "--outdir",
            folder,
          ],
          ...entries.map(({ href }) => href),
        ],
        stdout: "null",
        stderr: "piped",
      }).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join(" "));
    },
    catch: (cause) =>
      new SiteError({
        op: `bundle into ${folder}`,
        got: cause instanceof Error ? cause.message : String(cause),
        expected: "scripts of pipelines/web as ES modules",
        hint:
          "run it with the permission --allow-run, and once with network: deno bundle loads esbuild from npm",
      }),
  });

/** Writes the scripts of a site: pages and workers under `assets`, the service worker alongside the pages. */
export const bundlePages = (site: string): Effect.Effect<void, SiteError> => {
  const entry = (name: string): URL => new URL(`../web/${name}`, import.meta.url);
  return Effect.andThen(bundle(PAGES.map(entry), `${site}/assets`), bundle([entry("isolation.ts")], site));
};
