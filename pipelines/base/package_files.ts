/** Files of npm packages of art. */
import { createRequire } from "node:module";
import { DataError } from "./data_error.ts";

/** The file of a path that begins with the name of a package. Throws if the package is not there. */
export const packageFile = (path: string): string => createRequire(import.meta.url).resolve(path);

/** The error of art whose package cannot be read. */
export const packageError = (op: string, expected: string): (cause: unknown) => DataError => (cause) =>
  new DataError({
    op,
    got: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
    expected,
    hint: "run once with the npm registry reachable, so that Deno caches the package",
  });
