/**
 * Scans as kernels: the kernels of one iteration, compiled once, and where each iteration finds and leaves its tensors. Slices
 * are parts of stacks; carries go from part to part of a stack of theirs where there is one, else between two places;
 * nothing is copied from iteration to iteration.
 */
import {
  copy,
  isGiven,
  parameterOf,
  resultAt,
  type Tensor,
  tensorBytes,
  withOrigin,
} from "@chain-of-sight/core";
import { int } from "../ir/index_expr.ts";
import { ValueBuilder } from "../ir/value.ts";
import type { Kernel, Output, RepeatKernel } from "./kernel.ts";
import { storedOperands } from "./scan_operands.ts";

/** A body compiled by itself: what an iteration runs, and where its tensors are among the places of an iteration. */
export interface Inside {
  /** The kernels of one iteration, in order. */
  readonly kernels: readonly Kernel[];
  /** The place of every tensor of an iteration. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** Its results, each a tensor of its own with memory of its own. */
  readonly results: readonly Tensor[];
  /** Places for what only lives within an iteration: bytes of the pieces of memory, and the part of one that each is. */
  readonly scratch: {
    readonly sizes: readonly number[];
    readonly partOf: ReadonlyMap<number, readonly Part[]>;
  };
}

/** A part of a tensor's memory, in bytes; all of it where no size is given. */
export interface Part {
  /** Which piece of memory. */
  readonly piece: number;
  /** Its first byte there. */
  readonly offset: number;
  /** Number of bytes. */
  readonly bytes: number;
}

/**
 * Results, each a tensor of its own that a kernel writes: what is an input, or a result twice, is copied. So whatever
 * reads an input is a kernel, and memory has one use of each version to look for.
 */
export const storedResults = (results: readonly Tensor[], of: string): Tensor[] => {
  const seen = new Set<Tensor>();
  return results.map((t, i) => {
    const copied = seen.has(t) || isGiven(t);
    seen.add(t);
    return copied ? withOrigin(t.origin, () => copy(`result ${i} of ${of}`)(t)) : t;
  });
};

/** Where an iteration finds a tensor of its own: a part of one outside, by turn. */
export interface Place {
  /** The tensor outside. */
  readonly tensor: Tensor;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes; all where undefined. */
  readonly bytes: number | undefined;
}

/** Memory of a scan alongside its operands and results: named after it, so that every scan has its own. */
const workspace = (loop: Tensor<"scan">, name: string, bytes: number): Tensor =>
  parameterOf({ of: `${name} of scan`, index: loop.id }, [Math.max(1, Math.ceil(bytes / 4))], "f32");

/** The kernel of a scan of which some results are needed. */
export const repeatKernel = (members: readonly Tensor[], inside: Inside): RepeatKernel => {
  const loop = members[0]!.args[0] as Tensor<"scan">, { body, length, reverse } = loop.attributes;
  const n = body.carries.length, m = n + body.slices.length, build = new ValueBuilder(), own: Tensor[] = [];
  const operands = storedOperands(loop);
  const mine = (name: string, bytes: number): Tensor => {
    const t = workspace(loop, name, bytes);
    own.push(t);
    return t;
  };
  const wanted = new Set(members);
  const result = (i: number, bytes: number): Tensor => {
    const t = resultAt(loop, i);
    return wanted.has(t) ? t : mine(`result ${i}`, bytes);
  };
  const places = new Map<number, (iteration: number) => readonly Place[]>();
  const put = (t: Tensor, place: (iteration: number) => Place): unknown =>
    places.set(inside.slotOf.get(t)!, (iteration) => [place(iteration)]);
  const whole = (tensor: Tensor): Place => ({ tensor, offset: 0, bytes: undefined });
  /** Slice of a stack at an iteration. */
  const slice = (stack: Tensor, bytes: number) => (iteration: number): Place =>
    length === 1 || bytes === 0
      ? whole(stack)
      : { tensor: stack, offset: (reverse ? length - 1 - iteration : iteration) * bytes, bytes };
  const stacks = body.ys.map((t, i) => slice(result(n + i, length * tensorBytes(t)), tensorBytes(t)));
  const once = new Set<Kernel>();
  /** Where the carry after an iteration is written for the next: in a stack of carries, or in one of two places by turns. */
  const between = (carry: Tensor, i: number, last: Tensor): (iteration: number) => Place => {
    const stack = body.ys.indexOf(carry), stored = inside.results[n + stack];
    const copies = (k: Kernel): boolean => k.outputs.length === 1 && k.outputs[0]!.tensor === stored;
    const copy = stack < 0 ? undefined : inside.kernels.find(copies);
    if (copy !== undefined) {
      // the first carry is copied into the stack; the others are written there
      once.add(copy);
      return (iteration) => stacks[stack]!(iteration + 1);
    }
    const other = mine(`carry ${i}`, tensorBytes(carry));
    return (iteration) => whole((length - 1 - iteration) % 2 === 0 ? last : other);
  };
  body.carries.forEach((carry, i) => {
    const last = result(i, tensorBytes(carry));
    const before = length > 1 ? between(carry, i, last) : () => whole(last);
    const written = (iteration: number): Place => iteration === length - 1 ? whole(last) : before(iteration);
    put(carry, (iteration) => iteration === 0 ? whole(operands[i]!) : written(iteration - 1));
    put(inside.results[i]!, written);
  });
  body.slices.forEach((t, i) => put(t, slice(operands[n + i]!, tensorBytes(t))));
  body.constants.forEach((t, i) => put(t, () => whole(operands[m + i]!)));
  stacks.forEach((place, i) => put(inside.results[n + i]!, place));
  const pieces = inside.scratch.sizes.map((bytes, i) => mine(`scratch ${i}`, bytes));
  for (const [slot, parts] of inside.scratch.partOf) {
    const at = parts.map(({ piece, offset, bytes }): Place => ({ tensor: pieces[piece]!, offset, bytes }));
    places.set(slot, () => at);
  }
  return {
    kind: "repeat",
    node: loop,
    length,
    inside: inside.kernels,
    once,
    slotOf: inside.slotOf,
    placesAt: (slot, iteration) => places.get(slot)!(iteration),
    operands: [...new Set(operands)],
    workspace: own,
    outputs: members.map((tensor): Output => ({
      tensor,
      value: build.literal(0, "f32"),
      at: int(0),
      perRow: false,
    })),
  };
};
