/** Weights that do not fit a model, all of them in one error. */
import { TaggedFault } from "../base/fault.ts";

/** A tensor that is there but of another shape or type. */
export interface Misshapen {
  /** Its name in the file. */
  readonly name: string;
  /** Its type and shape. */
  readonly got: string;
  /** Request of the model. */
  readonly expected: string;
}

/** Every way in which a checkpoint does not fit. */
export interface Misfits {
  /** Names that the model needs and the file lacks. */
  readonly missing: readonly string[];
  /** Names in the file that the model has no place for. */
  readonly surplus: readonly string[];
  /** Tensors of another shape or type. */
  readonly misshapen: readonly Misshapen[];
}

/** Weights that do not fit a model. */
export class MisfitError extends TaggedFault("MisfitError")<Misfits> {}

/** How many tensors of each kind a message names before it counts the rest. */
const LISTED = 6;

const list = (kind: string, names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [
    `${names.length} ${kind} (${names.slice(0, LISTED).join(", ")}${
      names.length > LISTED ? ` and ${names.length - LISTED} more` : ""
    })`,
  ];

/** The error of some misfits, or `undefined` if there are none. */
export const misfit = (op: string, model: string, found: Misfits): MisfitError | undefined => {
  const { missing, surplus, misshapen } = found;
  const got = [
    ...list("missing", missing),
    ...list("surplus", surplus),
    ...list("misshapen", misshapen.map((m) => `${m.name}: ${m.got} for ${m.expected}`)),
  ].join("; ");
  return got === "" ? undefined : new MisfitError({
    op,
    got,
    expected: `the tensors of ${model}`,
    hint: "check that config.json and the weights belong together",
    ...found,
  });
};
