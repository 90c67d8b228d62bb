/** Storage of the operands of scans: views of the same bytes take no memory of their own. */
import { is, type OpAttributes, type Tensor } from "@chain-of-sight/core";

/** Whether a tensor is the first slices of its argument along axis 0. */
const isStart = (t: Tensor): boolean =>
  is("slice", t) && t.attributes.start.every((s) => s === 0) && t.attributes.step.every((s) => s === 1) &&
  t.shape.every((n, d) => d === 0 || n === t.args[0]!.shape[d]);

/** The tensor in whose memory an operand begins. Turns read a stack slice by slice, so that more may follow it there. */
export const storedIn = (x: Tensor, stack: boolean): Tensor =>
  is("reshape", x) || (stack && isStart(x)) ? storedIn(x.args[0]!, stack) : x;

/** Whether an operand of a scan is read slice by slice. */
export const isStack = ({ body: { carries, slices }, length }: OpAttributes["scan"], i: number): boolean =>
  i >= carries.length && i < carries.length + slices.length && length > 1;

/** The tensors in whose memory the operands of a scan begin. */
export const storedOperands = ({ args, attributes }: Tensor<"scan">): readonly Tensor[] =>
  args.map((x, i) => storedIn(x, isStack(attributes, i)));
