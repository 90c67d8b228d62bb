/**
 * Prepares scans for devices that bind memory at multiples of some bytes: slices of stacks are padded to such
 * multiples, and operands are kept apart from each other, as one iteration may read what the iteration before wrote.
 */
import {
  bytesOf,
  copy,
  is,
  isGiven,
  mapBody,
  pad,
  parametersLike,
  recordOf,
  remade,
  reshape,
  resultAt,
  scanWith,
  sizeOf,
  sliceAxis,
  substitute,
  type Tensor,
  topological,
} from "@chain-of-sight/core";

import { isStack, storedIn } from "./scan_operands.ts";

/** Marks a padded result of a body: nobody reads the border, so that it need not be written. */
const BORDER = "border that nobody reads";

/** What of a padded result of a body is to be stored: it is at the start of its slice. */
export const unpadded = (t: Tensor): Tensor => {
  if (!is("copy", t) || t.attributes.name !== BORDER) return t;
  const flat = t.args[0]!.args[0]!;
  return is("reshape", flat) ? flat.args[0]! : flat;
};

interface Padding {
  /** Elements of a slice. */
  readonly size: number;
  /** Elements of a padded slice. */
  readonly padded: number;
}

/** How a slice is to be padded, if it is. */
const paddingOf = (slice: Tensor, length: number, alignment: number): Padding | undefined => {
  const size = sizeOf(slice.shape), each = alignment / bytesOf(slice.dtype);
  return length === 1 || size % each === 0 ? undefined : { size, padded: Math.ceil(size / each) * each };
};

/** The outputs with every scan's slices at multiples of `alignment` bytes, and its operands distinct. */
export const layOutScans = (outputs: readonly Tensor[], alignment: number): Tensor[] => {
  const order = topological(outputs);
  if (alignment <= 4 || !order.some((t) => is("scan", t))) return [...outputs];
  const becomes = new Map<Tensor, Tensor>(), stacks = new Map<Tensor, Tensor>();
  for (const t of order) {
    const args = t.args.map((a) => becomes.get(a)!), node = remade(recordOf(t.op), t, args);
    if (is("scan", node)) becomes.set(t, aligned(node, alignment, stacks));
    else if (is("result", t) && is("scan", t.args[0]!)) {
      const stack = resultAt(args[0] as Tensor<"scan">, t.attributes.index),
        { body, length } = t.args[0].attributes;
      const own = body.results[t.attributes.index]!;
      const padding = t.attributes.index < body.next.length ? undefined : paddingOf(own, length, alignment);
      const seen = padding === undefined ? stack : reshape(t.shape)(sliceAxis(1, 0, padding.size)(stack));
      if (padding !== undefined) stacks.set(seen, stack);
      becomes.set(t, seen);
    } else becomes.set(t, node);
  }
  return outputs.map((t) => becomes.get(t)!);
};

/** Whether the slices of all scans are at multiples of `alignment` bytes. */
export const isLaidOut = (roots: readonly Tensor[], alignment: number): boolean =>
  alignment <= 4 ||
  topological(roots).filter((t) => is("scan", t)).every(({ attributes: { body, length } }) =>
    body.slices.every((slice) => paddingOf(slice, length, alignment) === undefined) &&
    isLaidOut(body.results, alignment)
  );

/** A scan whose slices are padded; `stacks` holds what other scans have padded already. */
const aligned = (
  given: Tensor<"scan">,
  alignment: number,
  stacks: ReadonlyMap<Tensor, Tensor>,
): Tensor<"scan"> => {
  const loop = mapBody(given, (results) => layOutScans(results, alignment));
  const { body, length } = loop.attributes, n = body.carries.length;
  const operands = [...loop.args], by = new Map<Tensor, Tensor>();
  const slices = body.slices.map((slice, i) => {
    const padding = paddingOf(slice, length, alignment), x = loop.args[n + i]!;
    if (padding === undefined) return slice;
    const { size, padded } = padding;
    operands[n + i] = stacks.get(x) ?? pad([0, 0], [0, padded - size])(reshape([length, size])(x));
    const [whole] = parametersLike([{ shape: [padded], dtype: slice.dtype }]) as [Tensor];
    by.set(slice, reshape(slice.shape)(sliceAxis(0, 0, size)(whole)));
    return whole;
  });
  const ys = body.ys.map((y) => {
    const padding = paddingOf(y, length, alignment);
    if (padding === undefined) return y;
    const bordered = pad([0], [padding.padded - padding.size])(reshape([padding.size])(y));
    return copy(BORDER)(bordered);
  });
  const results = substitute([...body.next, ...ys], by), seen = new Set<Tensor>();
  const distinct = operands.map((x, i) => {
    // one use of each buffer in a kernel: nothing may be read under two names, and what is given from outside should
    // not be where carries are; a sum may have no memory of its own
    const stored = storedIn(x, isStack(loop.attributes, i));
    const copied = seen.has(stored) || (i < n && isGiven(stored)) || is("sum", stored);
    seen.add(stored);
    return copied ? copy(`operand ${i} of scan`)(x) : x;
  });
  return scanWith(
    {
      carries: body.carries,
      slices,
      constants: body.constants,
      next: results.slice(0, n),
      ys: results.slice(n),
    },
    distinct,
    loop.attributes,
  );
};
