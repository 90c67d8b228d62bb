/** Where the tensors of a scan's iterations are, for text that all iterations share. */
import type { RepeatKernel } from "../graph/kernel.ts";
import type { Frame } from "../plan/steps.ts";
import type { Homes } from "./module.ts";

/**
 * Homes of the tensors of a scan's iterations, so that all iterations share their kernels' text: places that are in one buffer in
 * any iteration count as lying in one buffer.
 */
export const iterationHomes = (frames: readonly Frame[], homes: Homes): ReadonlyMap<RepeatKernel, Homes> => {
  const iterations = new Map<RepeatKernel, Set<Frame>>();
  for (const f of frames) {
    if (f.scan !== undefined) iterations.set(f.scan, (iterations.get(f.scan) ?? new Set()).add(f));
  }
  return new Map([...iterations].map(([scan, of]) => [scan, homesIn(scan, [...of], homes)]));
};

const homesIn = (scan: RepeatKernel, frames: readonly Frame[], homes: Homes): Homes => {
  const above = new Map<unknown, unknown>(), places = new Set(scan.slotOf.values());
  const top = (x: unknown): unknown => {
    const up = above.get(x);
    return up === undefined || up === x ? x : top(up);
  };
  const names = new Map<number, readonly string[]>();
  for (const { partsOf } of frames) {
    for (const place of places) {
      const parts = partsOf(place), own = names.get(place) ?? parts.map((_, window) => `${place}.${window}`);
      names.set(place, own);
      parts.forEach(({ slot, offset }, window) => {
        const buffers = homes.buffersOf(slot), at = Math.floor(offset / homes.rangeBytes(slot));
        above.set(top(own[window]), top(buffers[buffers.length === 1 ? 0 : at]));
      });
    }
  }
  return {
    slotOf: scan.slotOf,
    windowBytes: homes.windowBytes,
    rangeBytes: () => homes.windowBytes,
    buffersOf: (place) => names.get(place)!.map(top),
  };
};
