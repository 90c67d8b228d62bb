/**
 * The loop primitive: `scan` applies one closed body `length` times. Equal bodies are one object, so that a graph is as
 * small for 32 layers as for 2. Users write `scan` of `transforms/scan.ts`.
 */
import { ShapeError } from "../errors.ts";
import { equals, show } from "../shape.ts";
import type { OpAttributes, Tensor } from "../tensor.ts";
import { ClosedFunction, idsOf, oneFunction } from "./closed.ts";
import { make } from "./make.ts";
import type { TupleRecord } from "./record.ts";

/** Configuration of a body. */
export interface ScanParts {
  /** Parameters for what each iteration hands to the next. */
  readonly carries: readonly Tensor[];
  /** Parameters for this turn's slices of the stacked operands. */
  readonly slices: readonly Tensor[];
  /** Parameters for the operands that are the same in every iteration. */
  readonly constants: readonly Tensor[];
  /** Inputs of the next iteration: one for each carry, of its shape and element type. */
  readonly next: readonly Tensor[];
  /** What this turn adds to the stacked results. */
  readonly ys: readonly Tensor[];
}

/** The body of a scan: a closed function whose parameters have roles. */
export class ScanBody extends ClosedFunction implements ScanParts {
  readonly carries: readonly Tensor[];
  readonly slices: readonly Tensor[];
  readonly constants: readonly Tensor[];
  readonly next: readonly Tensor[];
  readonly ys: readonly Tensor[];

  /** Made by `bodyOf` alone. */
  constructor({ carries, slices, constants, next, ys }: ScanParts, id: number) {
    super([...carries, ...slices, ...constants], [...next, ...ys], id);
    this.carries = carries;
    this.slices = slices;
    this.constants = constants;
    this.next = next;
    this.ys = ys;
  }
}

/** The one body with these parts, whose parameters are numbered by role (see `closeBody`). */
export const bodyOf = (parts: ScanParts): ScanBody => {
  const { carries, slices, constants, next, ys } = parts;
  return oneFunction(
    `scan ${[carries, slices, constants, next, ys].map(idsOf).join(";")}`,
    [...next, ...ys],
    [...carries, ...slices, ...constants],
    (id) => new ScanBody(parts, id),
  );
};

const refuse = (got: string, expected: string): never => {
  throw new ShapeError({ op: "scan", got, expected, hint: "give every parameter an operand of its form" });
};

/** The record of the loop. Its values and derivatives concern all results at once: the transforms treat it by name. */
export const scanRecord: TupleRecord<"scan"> = {
  name: "scan",
  family: "scan",
  arity: -1,
  summary:
    "a body applied `length` times: carries go from iteration to iteration, slices come from stacked operands",
  infer: (args, { body, length }) => {
    const { parameters } = body, stacked = body.carries.length;
    if (args.length !== parameters.length) refuse(`${args.length} operands`, String(parameters.length));
    args.forEach((a, i) => {
      const { shape, dtype } = parameters[i]!;
      const slice = i >= stacked && i < stacked + body.slices.length;
      const expected = slice ? [length, ...shape] : shape;
      if (!equals(a.shape, expected) || a.dtype !== dtype) {
        refuse(`${a.dtype} ${show(a.shape)} as operand ${i}`, `${dtype} ${show(expected)}`);
      }
    });
    return body.results.map(({ shape, dtype }, i) => ({
      shape: i < body.next.length ? shape : [length, ...shape],
      dtype,
    }));
  },
  // its body's, which whatever counts adds for every iteration
  flops: () => 0,
  laws: [],
};

/** A scan of a closed body over operands in the order of its parameters. */
export const scanOf = (operands: readonly Tensor[], attributes: OpAttributes["scan"]): Tensor<"scan"> =>
  make(scanRecord, operands, attributes);
