/**
 * The content of files, sha-256 of their bytes, without reading again what did not change.
 *
 * A hash is kept with the file's size, times of modification and of status change, inode and device. Whatever writes to
 * a file or replaces it sets the time of status change, which programs cannot set back as they can the time of
 * modification. That time is kept in seconds, so a hash is kept only if the file had not changed for two seconds when it
 * was read: any later change then has another time.
 */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { createHash } from "node:crypto";
import { decodeEither } from "../base/bridge.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { writeJson } from "../runs/run_directory.ts";

const printType = t.type({ path: t.string, state: t.string, content: t.string });
const printsType = t.readonlyArray(printType);
type Print = t.TypeOf<typeof printType>;

/** How long a file must have been unchanged for its hash to be kept, milliseconds. */
const SETTLED = 2000;

/** The sha-256 of a file, read by pieces. */
export const fileHash = (path: string): Effect.Effect<string, DiskError> =>
  onDisk("read", path, async () => {
    const hash = createHash("sha256");
    if (!(await Deno.stat(path)).isFile) throw new Error("a folder, a pipe or a device instead of a file");
    using file = await Deno.open(path);
    const piece = new Uint8Array(1 << 20);
    for (;;) {
      const got = await file.read(piece);
      if (got === null) return hash.digest("hex");
      hash.update(piece.subarray(0, got));
    }
  });

/** All that changes with the bytes of a file; nothing if it changed a moment ago, or the system does not say. */
const stateOf = ({ size, mtime, ctime, ino, dev }: Deno.FileInfo, now: number): string | undefined =>
  mtime === null || ctime === null || ino === null || now - ctime.getTime() < SETTLED
    ? undefined
    : [size, mtime.getTime(), ctime.getTime(), ino, dev].join(" ");

/**
 * The contents of files, in order; those that did not change since they were last read are taken from `cache`, a file.
 * A damaged cache counts as empty.
 */
export const fileContents = (
  paths: readonly string[],
  cache: string,
): Effect.Effect<readonly string[], DiskError> =>
  Effect.gen(function* () {
    const before = yield* onDisk("read", cache, () => Deno.readTextFile(cache)).pipe(
      Effect.map((text) =>
        E.getOrElse((): readonly Print[] => [])(decodeEither(printsType, cache)(JSON.parse(text)))
      ),
      Effect.catchCause(() => Effect.succeed<readonly Print[]>([])),
    );
    const known = new Map(before.map((print) => [print.path, print]));
    let fresh = 0;
    const prints = yield* Effect.forEach(paths, (path) =>
      Effect.gen(function* () {
        const state = stateOf(yield* onDisk("look at", path, () => Deno.stat(path)), Date.now());
        const print = known.get(path);
        if (state !== undefined && print?.state === state) return print;
        fresh++;
        return { path, state: state ?? "", content: yield* fileHash(path) };
      }));
    if (fresh > 0) yield* writeJson(cache, prints.filter(({ state }) => state !== ""));
    return prints.map(({ content }) => content);
  });
