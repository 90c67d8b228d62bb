/**
 * The loop primitives: `scan` applies one body `length` times, `scanned` is one of its results. The body is closed: it
 * reads its own stand-ins and nothing else, and equal bodies are one object, so that a graph is as small for 32 layers
 * as for 2. Users write `scan` of `transforms/scan.ts`.
 */
import { ShapeError } from "../errors.ts";
import { equals, show } from "../shape.ts";
import type { OpAttributes, Tensor } from "../tensor.ts";
import { make } from "./make.ts";
import type { OpRecord } from "./record.ts";

/** Names of the loop primitives. */
export type ScanOp = "scan" | "scanned";

/** What a body is made of. */
export interface ScanParts {
  /** Stand-ins of what each turn hands to the next. */
  readonly carries: readonly Tensor[];
  /** Stand-ins of this turn's slices of the stacked operands. */
  readonly slices: readonly Tensor[];
  /** Stand-ins of the operands that are the same in every turn. */
  readonly constants: readonly Tensor[];
  /** What the next turn is given: one for each carry, of its shape and element type. */
  readonly next: readonly Tensor[];
  /** What this turn adds to the stacked results. */
  readonly ys: readonly Tensor[];
}

/** The body of a scan: known by its id, as equal bodies are one. */
export class ScanBody implements ScanParts {
  readonly carries: readonly Tensor[];
  readonly slices: readonly Tensor[];
  readonly constants: readonly Tensor[];
  readonly next: readonly Tensor[];
  readonly ys: readonly Tensor[];
  /** A number of its own. */
  readonly id: number;

  /** Made by `bodyOf` alone. */
  constructor(parts: ScanParts, id: number) {
    this.carries = parts.carries;
    this.slices = parts.slices;
    this.constants = parts.constants;
    this.next = parts.next;
    this.ys = parts.ys;
    this.id = id;
  }

  /** Stand-ins in the order of the operands. */
  get inputs(): readonly Tensor[] {
    return [...this.carries, ...this.slices, ...this.constants];
  }

  /** Everything that a turn computes, in the order of the results. */
  get results(): readonly Tensor[] {
    return [...this.next, ...this.ys];
  }

  /** What nodes are told apart by. */
  toJSON(): number {
    return this.id;
  }
}

const known = new Map<string, WeakRef<ScanBody>>();
const forget = new FinalizationRegistry<string>((key) => {
  if (known.get(key)?.deref() === undefined) known.delete(key);
});
let bodies = 0;

/** The one body with these parts, whose stand-ins must be named by kind and place (see `closeBody`). */
export const bodyOf = (parts: ScanParts): ScanBody => {
  const ids = (ts: readonly Tensor[]): string => ts.map((t) => t.id).join(",");
  const { carries, slices, constants, next, ys } = parts;
  const key = [carries, slices, constants, next, ys].map(ids).join(";");
  const before = known.get(key)?.deref();
  if (before !== undefined) return before;
  const body = new ScanBody(parts, bodies++);
  known.set(key, new WeakRef(body));
  forget.register(body, key);
  return body;
};

const refuse = (got: string, expected: string): never => {
  throw new ShapeError({ op: "scan", got, expected, mend: "give every stand-in an operand of its form" });
};

/** The loop records. Their values and derivatives concern all results at once: the transforms treat them by name. */
export const scanRecords: { readonly [P in ScanOp]: OpRecord<P> } = {
  scan: {
    name: "scan",
    family: "scan",
    arity: -1,
    summary: "a body applied `length` times: carries go from turn to turn, slices come from stacked operands",
    infer: (args, { body, length }) => {
      const stands = body.inputs, stacked = body.carries.length;
      if (args.length !== stands.length) refuse(`${args.length} operands`, String(stands.length));
      args.forEach((a, i) => {
        const { shape, dtype } = stands[i]!;
        const slice = i >= stacked && i < stacked + body.slices.length;
        const expected = slice ? [length, ...shape] : shape;
        if (!equals(a.shape, expected) || a.dtype !== dtype) {
          refuse(`${a.dtype} ${show(a.shape)} as operand ${i}`, `${dtype} ${show(expected)}`);
        }
      });
      return { shape: [], dtype: "f32" };
    },
    reference: () => refuse("a scan evaluated by itself", "one of its results"),
    // its body's, which whoever counts adds for every turn
    flops: () => 0,
    laws: [],
  },
  scanned: {
    name: "scanned",
    family: "scan",
    arity: 1,
    summary: "one result of a scan: a carry after the last turn, or results of all turns stacked",
    infer: ([loop], { index }) => {
      const { body, length } = loop!.attributes as OpAttributes["scan"];
      const result = body.results[index];
      if (loop!.op !== "scan" || result === undefined) return refuse(`result ${index}`, "a result of a scan");
      const stacked = index >= body.next.length;
      return { shape: stacked ? [length, ...result.shape] : result.shape, dtype: result.dtype };
    },
    reference: () => refuse("a result without its scan", "both"),
    flops: () => 0,
    laws: [],
  },
};

/** A scan of a closed body over operands in the order of its stand-ins. */
export const scanOf = (operands: readonly Tensor[], attributes: OpAttributes["scan"]): Tensor<"scan"> =>
  make(scanRecords.scan, operands, attributes);

/** One result of a scan: carries first, then stacked results. */
export const scannedAt = (loop: Tensor<"scan">, index: number): Tensor =>
  make(scanRecords.scanned, [loop], { index });

/** All results of a scan. */
export const scannedAll = (loop: Tensor<"scan">): Tensor[] =>
  loop.attributes.body.results.map((_, i) => scannedAt(loop, i));
