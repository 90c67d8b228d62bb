/** How much memory the loading of a checkpoint takes beside the parameters themselves, and how long. */
import type { NdArray } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { type DiskError, onDisk } from "../base/disk.ts";
import { type LoadError, openDecoder, streamCheckpoint } from "../weights/huggingface/load.ts";
import type { UnsupportedError } from "../weights/huggingface/unsupported.ts";
import { decoderOf, firstWord, writeSynthetic } from "./checkpoint.ts";
import { BenchError } from "./fault.ts";

/** Where parameters go: kept as arrays of the host, or let go as an upload would. */
type Destination = "host" | "stream";

/** What was measured. */
export interface LoadReport {
  /** Bytes of the checkpoint on disk. */
  readonly fileBytes: number;
  /** Its files. */
  readonly shards: number;
  /** Bytes of all parameters as f32. */
  readonly parameterBytes: number;
  /** Where they went. */
  readonly destination: Destination;
  /** Resident bytes before. */
  readonly residentBefore: number;
  /** Most resident bytes while loading, as the kernel counted them. */
  readonly residentPeak: number;
  /** The peak less what was there before and what was kept. */
  readonly extraBytes: number;
  /** Seconds from the open of config.json to the last parameter. */
  readonly seconds: number;
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** The report for people. */
export const loadText = (r: LoadReport): string =>
  [
    `checkpoint   ${mb(r.fileBytes)} of bf16 in ${r.shards} shards`,
    `parameters   ${mb(r.parameterBytes)} of f32, ${r.destination === "host" ? "kept" : "let go one by one"}`,
    `resident     ${mb(r.residentBefore)} before, ${mb(r.residentPeak)} at the peak`,
    `extra        ${mb(r.extraBytes)}`,
    `time         ${r.seconds.toFixed(1)} s`,
  ].join("\n");

const statusBytes = (field: string): number => {
  const line = Deno.readTextFileSync("/proc/self/status").split("\n").find((l) => l.startsWith(`${field}:`));
  return Number(/\d+/.exec(line ?? "")?.[0] ?? Number.NaN) * 1024;
};

/** Starts the kernel's high-water mark of this process anew. */
const resetPeak = (): void => Deno.writeTextFileSync("/proc/self/clear_refs", "5");

const wrong = (path: string, array: NdArray): boolean =>
  new Uint32Array(array.data.buffer, array.data.byteOffset, 1)[0]! !== firstWord(path) * 65536;

/** Writes a synthetic bf16 checkpoint, loads it, and removes it. Linux only, for its count of resident memory. */
export const measureLoad = (
  bytes: number,
  destination: Destination,
): Effect.Effect<LoadReport, LoadError | DiskError | UnsupportedError | BenchError> =>
  Effect.acquireUseRelease(
    onDisk("make", "a temporary folder", () => Deno.makeTempDir()),
    (folder) =>
      Effect.gen(function* () {
        yield* writeSynthetic(folder, decoderOf(bytes), 500e6);
        resetPeak();
        const residentBefore = statusBytes("VmRSS"), kept: NdArray[] = [], began = performance.now();
        let parameterBytes = 0, bad: string | undefined;
        const opened = yield* openDecoder(folder);
        yield* streamCheckpoint(opened, (path, array) =>
          Effect.sync(() => {
            parameterBytes += array.data.byteLength;
            if (wrong(path, array)) bad = path;
            if (destination === "host") kept.push(array);
          }), { reuse: destination === "stream" });
        const seconds = (performance.now() - began) / 1000, residentPeak = statusBytes("VmHWM");
        if (bad !== undefined) {
          return yield* Effect.fail(
            new BenchError({
              op: "bench:load",
              got: `other numbers for ${bad}`,
              expected: "those that were written",
              mend: "report this",
            }),
          );
        }
        const held = kept.reduce((n, { data }) => n + data.byteLength, 0);
        return {
          fileBytes: opened.placements.reduce((n, { from }) => n + from.bytes, 0),
          shards: new Set(opened.placements.map(({ from }) => from.file)).size,
          parameterBytes,
          destination,
          residentBefore,
          residentPeak,
          extraBytes: residentPeak - residentBefore - held,
          seconds,
        };
      }),
    (folder) => Effect.promise(() => Deno.remove(folder, { recursive: true })),
  );
