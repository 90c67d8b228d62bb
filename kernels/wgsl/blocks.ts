/**
 * The loop over blocks of the summed index that staged kernels share: blocks are read, put into workgroup memory and
 * multiplied, with or without a prefetch of the next one. Buffers that take turns are written out one after the other: an
 * index that chooses the buffer would be checked at every access.
 */
import type { StagedSchedule } from "../schedule/schedule.ts";

/** Statements for one block; `at` is its first step, `buffer` one of two. */
export interface BlockSteps {
  /** What comes before each block, `steps` after the last time. */
  readonly within?: (steps: number) => readonly string[];
  /** Reads a block into registers. */
  readonly read: (at: string) => readonly string[];
  /** Puts it into workgroup memory. */
  readonly put: (buffer: number) => readonly string[];
  /** Reads a block and puts it into the first buffer at once; by default one after the other. */
  readonly copy?: (at: string) => readonly string[];
  /** Multiplies the block in a buffer. */
  readonly multiply: (buffer: number) => readonly string[];
}

const barrier = "workgroupBarrier();";

/** The loop over the blocks of `k` steps. */
export const overBlocks = (
  k: number,
  { depth, prefetch }: Pick<StagedSchedule, "depth" | "prefetch">,
  { within = () => [], read, put, copy, multiply }: BlockSteps,
): string[] => {
  const blocks = Math.ceil(k / depth),
    head = (steps: number, end: number): string[] => [
      `for (var k0 = 0u; k0 < ${end}u; k0 += ${steps}u) {`,
      ...within(steps),
    ];
  const ahead = (steps: number): string[] => [
    `if (k0 + ${steps}u < ${k}u) {`,
    ...read(`(k0 + ${steps}u)`),
    "}",
  ];
  switch (prefetch) {
    case "none":
      return [
        ...head(depth, k),
        ...(copy?.("k0") ?? [...read("k0"), ...put(0)]),
        barrier,
        ...multiply(0),
        barrier,
        "}",
      ];
    case "registers":
      return [
        ...read("0u"),
        ...head(depth, k),
        ...put(0),
        barrier,
        ...ahead(depth),
        ...multiply(0),
        barrier,
        "}",
      ];
    case "double buffer":
      return [
        ...read("0u"),
        ...put(0),
        barrier,
        ...(blocks === 1 ? [] : [
          ...head(2 * depth, Math.floor(blocks / 2) * 2 * depth),
          ...read(`(k0 + ${depth}u)`),
          ...multiply(0),
          ...put(1),
          barrier,
          ...ahead(2 * depth),
          ...multiply(1),
          ...put(0),
          barrier,
          "}",
        ]),
        ...(blocks % 2 === 1 ? multiply(0) : []),
      ];
  }
};

/** The buffers of a schedule. */
export const buffersOf = ({ prefetch }: Pick<StagedSchedule, "prefetch">): readonly number[] =>
  prefetch === "double buffer" ? [0, 1] : [0];
