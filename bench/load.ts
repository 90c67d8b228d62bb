/** How much memory the loading of a checkpoint takes alongside the parameters themselves, and how long. */
import { type LlamaConfig, type NdArray, sizeOf } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { type DiskError, onDisk } from "../pipelines/base/disk.ts";
import { type LoadError, openDecoder, type OpenModel } from "../pipelines/weights/huggingface/load.ts";
import type { UnsupportedError } from "../pipelines/weights/huggingface/unsupported.ts";
import { lazyTrees, readLazy } from "../pipelines/weights/lazy.ts";
import { firstWord, writeSynthetic } from "./checkpoint.ts";
import { BenchError } from "../pipelines/tune/bench_fault.ts";

/** Where parameters go: kept as arrays of the host, or let go as an upload would. */
type Destination = "host" | "stream";

/** Measurements. */
interface LoadReport {
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
    `parameters   ${mb(r.parameterBytes)} of f32, ${
      r.destination === "host" ? "kept" : "let go piece by piece"
    }`,
    `resident     ${mb(r.residentBefore)} before, ${mb(r.residentPeak)} at the peak`,
    `extra        ${mb(r.extraBytes)}`,
    `time         ${r.seconds.toFixed(1)} s`,
  ].join("\n");

const statusBytes = (field: string): number => {
  const line = Deno.readTextFileSync("/proc/self/status").split("\n").find((l) => l.startsWith(`${field}:`));
  return Number(/\d+/.exec(line ?? "")?.[0] ?? Number.NaN) * 1024;
};

/** Starts the kernel's high-water mark of this process again. */
const resetPeak = (): void => Deno.writeTextFileSync("/proc/self/clear_refs", "5");

/** The parameter with which a run of a stack begins, by the path that it has in a list; undefined within one. */
const beginning = ({ placements }: OpenModel<LlamaConfig>) => {
  const starts = new Map(
    placements.map(({ path, shape, slice }) => [
      `${path} ${(slice?.index ?? 0) * sizeOf(shape)}`,
      slice === undefined ? path : path.replace("model.layers.", `model.layers.${slice.index}.`),
    ]),
  );
  return (path: string, at: number): string | undefined => starts.get(`${path} ${at}`);
};

const begins = (path: string, data: Float32Array): boolean =>
  new Uint32Array(data.buffer, data.byteOffset, 1)[0]! === firstWord(path) * 65536;

/**
 * Writes a synthetic bf16 checkpoint of a decoder, loads it, and removes it: to the host as a list of blocks, as a stream as
 * stacked blocks, which are the largest parameters. Linux only, for its count of resident memory.
 */
export const measureLoad = (
  config: LlamaConfig,
  destination: Destination,
): Effect.Effect<LoadReport, LoadError | DiskError | UnsupportedError | BenchError> =>
  Effect.acquireUseRelease(
    onDisk("make", "a temporary folder", () => Deno.makeTempDir()),
    (folder) =>
      Effect.gen(function* () {
        yield* writeSynthetic(folder, config, 500e6);
        resetPeak();
        const residentBefore = statusBytes("VmRSS"), kept: NdArray[] = [], began = performance.now();
        let parameterBytes = 0, bad: string | undefined;
        const check = (path: string | undefined, data: Float32Array): void => {
          parameterBytes += data.byteLength;
          if (path !== undefined && !begins(path, data)) bad = path;
        };
        const opened = yield* openDecoder(folder, { scan: destination === "stream" }),
          start = beginning(opened);
        for (const [path, array] of lazyTrees.entries(opened.params)) {
          if (destination === "stream") {
            yield* array.stream((at, data) => Effect.sync(() => check(start(path, at), data)));
            continue;
          }
          const read = yield* readLazy(array);
          check(path, read.data as Float32Array);
          kept.push(read);
        }
        const seconds = (performance.now() - began) / 1000, residentPeak = statusBytes("VmHWM");
        if (bad !== undefined) {
          return yield* Effect.fail(
            new BenchError({
              op: "bench:load",
              got: `other numbers for ${bad}`,
              expected: "those that were written",
              hint: "report this",
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
