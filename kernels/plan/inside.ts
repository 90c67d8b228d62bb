/** Compiles the body of a scan: the kernels of one iteration, and a plan of the memory that lives within it. */
import type { ScanBody, Tensor } from "@chain-of-sight/core";
import type { Kernel } from "../graph/kernel.ts";
import { type Inside, type Part, storedResults } from "../graph/repeat.ts";
import { unpadded } from "../graph/scan_layout.ts";
import { type MemoryLimits, planMemory, windowBytesOf } from "./memory.ts";

/** Compiles bodies with the compiler of whole programs; equal bodies once. */
export const scanBodyCompiler = (
  compile: (outputs: readonly Tensor[]) => readonly Kernel[],
  limits: MemoryLimits,
): (body: ScanBody) => Inside => {
  const known = new Map<ScanBody, Inside>(), most = windowBytesOf(limits);
  const make = (body: ScanBody): Inside => {
    const results = storedResults(body.results.map(unpadded), "scan"), kernels = compile(results);
    const needs = {
      kernels,
      inputs: body.parameters,
      outputs: results,
      donated: new Map(),
      packs: [],
      tables: new Map(),
    };
    // a piece is bound as one wherever it is outside
    const { slots, slotOf, buffers } = planMemory(needs, { maxBindingBytes: most, maxBufferBytes: most });
    const sizes: number[] = [],
      pieceOf = new Map<number, number>(),
      partOf = new Map<number, readonly Part[]>();
    buffers.forEach(({ bytes, role }, i) => {
      if (role === "scratch") pieceOf.set(i, sizes.push(bytes) - 1);
    });
    for (const { id, role, ranges } of slots) {
      if (role !== "scratch") continue;
      partOf.set(
        id,
        ranges.map(({ buffer, offset, bytes }) => ({ piece: pieceOf.get(buffer)!, offset, bytes })),
      );
    }
    return { kernels, slotOf, results, scratch: { sizes, partOf } };
  };
  return (body) => {
    const inside = known.get(body) ?? make(body);
    known.set(body, inside);
    return inside;
  };
};
