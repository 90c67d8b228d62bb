/**
 * Memory of a program as bytes of the host between two runs: what several processes add up or hand on. On the CPU they are
 * the memory itself; on WebGPU they are read, handed over in pieces, and written back.
 */
import type { TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { DeviceError } from "./errors.ts";
import { healthy } from "./health.ts";
import { findNames } from "./names.ts";
import type { BufferRange, OnDevice } from "./transfer.ts";
import { wait } from "./wait.ts";

/**
 * Reads and changes bytes in place, in the element types of what is there; f32 has four bytes each.
 * @internal
 */
export type UseBytes<E, R> = (bytes: Uint8Array<ArrayBufferLike>) => Effect.Effect<void, E, R>;

/**
 * Hands the memory of inputs, or of results that replace them, to `use`, piece by piece: the same pieces in the same order for
 * equal plans. Waits for what was submitted; a later run reads what `use` left there.
 * @internal
 */
export type Exchange = <E, R>(
  names: readonly string[],
  use: UseBytes<E, R>,
) => Effect.Effect<void, DeviceError | TreeError | E, R>;

/** Bytes from a place on. */
export interface ByteRange {
  /** Where they begin. */
  readonly at: number;
  /** How many. */
  readonly bytes: number;
}

/** The stretches that some places fill, in their order in memory: places that touch are one, those there twice are once. */
export const coalescedRanges = (places: readonly ByteRange[]): readonly ByteRange[] => {
  const all: ByteRange[] = [];
  for (const { at, bytes } of places.toSorted((a, b) => a.at - b.at)) {
    const last = all.at(-1);
    if (last === undefined || last.at + last.bytes < at) all.push({ at, bytes });
    else all[all.length - 1] = { at: last.at, bytes: Math.max(last.bytes, at + bytes - last.at) };
  }
  return all;
};

/** Bytes of WebGPU's pieces. */
const PIECE = 2 ** 26;

/** Ranges of buffers as pieces of at most `size` bytes, each as the ranges that it is made of. */
export const piecesOf = (
  ranges: readonly BufferRange[],
  size: number,
): readonly (readonly BufferRange[])[] => {
  const pieces: BufferRange[][] = [];
  let room = 0;
  for (const range of ranges) {
    for (let from = 0; from < range.size;) {
      if (room === 0) {
        pieces.push([]);
        room = size;
      }
      const bytes = Math.min(room, range.size - from);
      pieces.at(-1)!.push({ buffer: range.buffer, offset: range.offset + from, size: bytes });
      from += bytes;
      room -= bytes;
    }
  }
  return pieces;
};

/** The ranges that some slots fill, buffer by buffer. */
const rangesOf = (places: OnDevice["places"], slots: readonly number[]): readonly BufferRange[] => {
  const ranges = slots.flatMap((slot) => places[slot]!);
  return [...new Set(ranges.map(({ buffer }) => buffer))].flatMap((buffer) =>
    coalescedRanges(
      ranges.filter((range) => range.buffer === buffer).map(({ offset, size }) => ({
        at: offset,
        bytes: size,
      })),
    ).map(({ at, bytes }) => ({ buffer, offset: at, size: bytes }))
  );
};

/** Exchange of a plan on WebGPU. Its staging buffer is kept as long as the scope lives. */
export const exchangeOf = (on: OnDevice): Effect.Effect<Exchange, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync((): { staging?: GPUBuffer; host?: Uint8Array<ArrayBuffer> } => ({})),
      (kept) => Effect.sync(() => kept.staging?.destroy()),
    ),
    (kept): Exchange => (names, use) =>
      Effect.gen(function* () {
        const { device, plan, places, health, written } = on;
        const found = yield* findNames(plan, names);
        yield* written.beforeRead(names);
        const pieces = piecesOf(rangesOf(places, found.map(({ slot }) => slot)), PIECE);
        const most = Math.max(...pieces.map((piece) => piece.reduce((n, { size }) => n + size, 0)));
        if (kept.staging === undefined || kept.staging.size < most) {
          kept.staging?.destroy();
          kept.staging = device.createBuffer({
            size: most,
            usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
          });
          kept.host = new Uint8Array(most);
        }
        const staging = kept.staging, host = kept.host!;
        for (const piece of pieces) {
          const encoder = device.createCommandEncoder();
          let total = 0;
          for (const { buffer, offset, size } of piece) {
            encoder.copyBufferToBuffer(buffer, offset, staging, total, size);
            total += size;
          }
          device.queue.submit([encoder.finish()]);
          yield* wait({
            try: () => staging.mapAsync(GPUMapMode.READ, 0, total),
            catch: (e) => health.lost(String(e)),
          });
          const bytes = host.subarray(0, total);
          bytes.set(new Uint8Array(staging.getMappedRange(0, total)));
          staging.unmap();
          yield* healthy(health);
          yield* use(bytes);
          let at = 0;
          for (const { buffer, offset, size } of piece) {
            device.queue.writeBuffer(buffer, offset, bytes, at, size);
            at += size;
          }
        }
        yield* healthy(health);
      }),
  );
