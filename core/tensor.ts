/**
 * Tensor descriptions: immutable, hash-consed nodes. Equal descriptions are the same object, so a graph is a set
 * of nodes and common sub-expressions are shared by construction.
 */
import type { DType } from "./dtype.ts";
import type { ClosedFunction } from "./ops/closed.ts";
import type { CustomRule } from "./ops/call.ts";
import type { ScanBody } from "./ops/scan.ts";
import { currentOrigin, type Origin } from "./origin.ts";
import { type Shape, show } from "./shape.ts";
import { textHash } from "./text_hash.ts";

/** What each primitive carries besides its arguments. */
export interface OpAttributes {
  /** A value given from outside under a unique path. */
  readonly input: { readonly path: string };
  /**
   * A parameter: of a closed function by its role, of a function that is being traced by the number of the trace, of a
   * compiler by what it holds. `index` tells those of one kind apart.
   */
  readonly parameter: { readonly of: string | number; readonly index: number };
  /** One number, of shape `[]`. */
  readonly constant: { readonly value: number };
  /** The index along an axis, as `i32`. */
  readonly iota: { readonly axis: number };
  /** Negation. */
  readonly neg: Empty;
  /** Absolute value. */
  readonly abs: Empty;
  /** -1, 0 or 1. */
  readonly sign: Empty;
  /** Largest integer not above. */
  readonly floor: Empty;
  /** Least integer not below. */
  readonly ceil: Empty;
  /** e to the x. */
  readonly exp: Empty;
  /** Natural logarithm. */
  readonly log: Empty;
  /** Square root. */
  readonly sqrt: Empty;
  /** 1 / square root. */
  readonly rsqrt: Empty;
  /** Sine of radians. */
  readonly sin: Empty;
  /** Cosine of radians. */
  readonly cos: Empty;
  /** Hyperbolic tangent. */
  readonly tanh: Empty;
  /** Gauss error function. */
  readonly erf: Empty;
  /** e to the x, less 1. */
  readonly expm1: Empty;
  /** Logarithm of 1 + x. */
  readonly log1p: Empty;
  /** Logistic function. */
  readonly sigmoid: Empty;
  /** Logical not. */
  readonly not: Empty;
  /** Conversion to another element type. */
  readonly cast: { readonly dtype: DType };
  /** Sum of two. */
  readonly add: Empty;
  /** Difference of two. */
  readonly sub: Empty;
  /** Product of two. */
  readonly mul: Empty;
  /** Quotient; integers truncate toward zero. */
  readonly div: Empty;
  /** Remainder with the sign of the dividend. */
  readonly mod: Empty;
  /** Power. */
  readonly pow: Empty;
  /** The greater of two. */
  readonly maximum: Empty;
  /** The lesser of two. */
  readonly minimum: Empty;
  /** Whether a < b. */
  readonly less: Empty;
  /** Whether a = b. */
  readonly equal: Empty;
  /** Logical and. */
  readonly and: Empty;
  /** Logical or. */
  readonly or: Empty;
  /** `condition ? a : b`, element by element. */
  readonly select: Empty;
  /** Sum over axes, which stay with length 1. */
  readonly sum: { readonly axes: readonly number[] };
  /** Largest over axes, which stay with length 1. */
  readonly max: { readonly axes: readonly number[] };
  /** Index of the first largest element along an axis, which stays with length 1. */
  readonly argmax: { readonly axes: readonly number[] };
  /** The same elements under another shape. */
  readonly reshape: { readonly shape: Shape };
  /** Axes in another order: result axis i is argument axis `order[i]`. */
  readonly permute: { readonly order: readonly number[] };
  /** Repetition along axes of length 1. */
  readonly expand: { readonly shape: Shape };
  /** Elements `start, start + step, ...` below `stop` along every axis. */
  readonly slice: {
    readonly start: readonly number[];
    readonly stop: readonly number[];
    readonly step: readonly number[];
  };
  /** Constant border: `low[i]` before and `high[i]` after along axis i. */
  readonly pad: { readonly low: readonly number[]; readonly high: readonly number[]; readonly value: number };
  /** Arguments one after the other along an axis. */
  readonly concat: { readonly axis: number };
  /** Reversal along axes. */
  readonly flip: { readonly axes: readonly number[] };
  /** Batched matrix product `[..., M, K] x [..., K, N]`. */
  readonly matmul: Empty;
  /** Rows of a table: `table[ids]`. */
  readonly gather: Empty;
  /** Sum of rows into a table of `rows` zeros: the transpose of gather. */
  readonly scatterAdd: { readonly rows: number };
  /** `softmax(q k^T scale) v`, and the logarithm of each query's normaliser. */
  readonly attention: { readonly causal: boolean; readonly scale: number };
  /**
   * Cotangents of attention's queries, keys and values from (q, k, v, cotangent, log normaliser, delta). Keys are dealt to
   * `splits` parts, each of which has a share of the queries' cotangent: what sums over keys is then computed side by side.
   */
  readonly attentionGrad: { readonly causal: boolean; readonly scale: number; readonly splits: number };
  /** The argument as a node of its own, with memory of its own. */
  readonly copy: { readonly name: string };
  /** The argument, as a constant to derivatives. */
  readonly stopGradient: Empty;
  /** The first argument, computed not before the second. */
  readonly after: Empty;
  /**
   * A body applied `length` times, from the last slice to the first where `reverse` says so; `recompute` makes the
   * backward pass recompute each iteration from its carries.
   */
  readonly scan: {
    readonly body: ScanBody;
    readonly length: number;
    readonly reverse: boolean;
    readonly recompute: boolean;
  };
  /**
   * A closed function applied to the arguments. `name` is a region's; `recompute` makes the backward pass compute the
   * inside again instead of keeping it; `rule` is a derivative of the user's.
   */
  readonly call: {
    readonly body: ClosedFunction;
    readonly name: string;
    readonly recompute: boolean;
    readonly rule?: CustomRule;
  };
  /** One result of a node with several; of a scan, carries first, then stacked results. */
  readonly result: { readonly index: number };
  /**
   * A function of numbers at every place of many tensors: `count` tensors of each column, one column after the other, then,
   * where there are any, `shared` f32 numbers that all places read. The body's parameters are a number of each column,
   * then the shared ones; results are `count` tensors for each of its results.
   */
  readonly foreach: { readonly body: ClosedFunction; readonly count: number; readonly shared: number };
  /** Sums of a function of each number of many tensors, `[tensors]`. */
  readonly foreachSum: { readonly body: ClosedFunction };
  /** Threefry-2x32 random bits for a key of shape [2]. */
  readonly randomBits: { readonly shape: Shape };
}

/** No attributes. */
export type Empty = Readonly<Record<never, never>>;

/** Name of a primitive: a closed union, so that interpreter tables are total. */
export type OpName = keyof OpAttributes;

/** Primitives with several results, each of which a `result` node names. */
export type TupleOp = "call" | "scan" | "foreach" | "attention" | "attentionGrad";

/** Shape and element type of a result. */
export interface Form {
  /** Its shape. */
  readonly shape: Shape;
  /** Its element type. */
  readonly dtype: DType;
}

/** One description: what to compute, from what, with which result shape and element type. */
export interface Tensor<P extends OpName = OpName> {
  /** The primitive. */
  readonly op: P;
  /** The descriptions it reads. */
  readonly args: readonly Tensor[];
  /** Its attributes. */
  readonly attributes: OpAttributes[P];
  /** Shape of the result. */
  readonly shape: Shape;
  /** Element type of the result. */
  readonly dtype: DType;
  /** Of a node with several results: their forms. Its own shape and element type mean nothing. */
  readonly results: readonly Form[] | undefined;
  /** A number that grows with construction: arguments have smaller ids than their users. */
  readonly id: number;
  /**
   * A number that follows from the structure alone, whatever was described before: greater for a greater distance from
   * what is given, then by primitive. Different descriptions may share one.
   */
  readonly rank: number;
  /** Where it was first made, for messages. No part of its identity. */
  readonly origin: Origin;
}

const described = (t: Tensor): string => {
  if (is("input", t)) return `input ${t.attributes.path}`;
  if (is("constant", t)) return `constant ${t.attributes.value}`;
  return `${t.op}(${t.args.map(({ dtype, shape }) => `${dtype} ${show(shape)}`).join(", ")})`;
};

/** Consoles and notebooks of Deno and Node print what this method of a value returns. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

class Node<P extends OpName> implements Tensor<P> {
  readonly op: P;
  readonly args: readonly Tensor[];
  readonly attributes: OpAttributes[P];
  readonly shape: Shape;
  readonly dtype: DType;
  readonly results: readonly Form[] | undefined;
  readonly id: number;
  readonly rank: number;
  readonly origin: Origin;
  constructor(
    op: P,
    args: readonly Tensor[],
    attributes: OpAttributes[P],
    shape: Shape,
    dtype: DType,
    results: readonly Form[] | undefined,
    id: number,
    rank: number,
    origin: Origin,
  ) {
    this.op = op;
    this.args = args;
    this.attributes = attributes;
    this.shape = shape;
    this.dtype = dtype;
    this.results = results;
    this.id = id;
    this.rank = rank;
    this.origin = origin;
  }
  toString(): string {
    return `Tensor ${this.dtype} ${show(this.shape)} = ${described(this as unknown as Tensor)}`;
  }
  [INSPECT](): string {
    return this.toString();
  }
}

const interned = new Map<string, WeakRef<Node<OpName>>>();
const forget = new FinalizationRegistry<string>((key) => {
  if (interned.get(key)?.deref() === undefined) interned.delete(key);
});
let count = 0;

/** Numbers that JSON has no word for keep theirs. */
const plain = (_: string, v: unknown): unknown =>
  typeof v === "number" && (!Number.isFinite(v) || Object.is(v, -0))
    ? Object.is(v, -0) ? "-0" : String(v)
    : v;

/** Attributes as text that is the same in whatever order they were written. */
const attributesText = (attributes: object): string => {
  const names = Object.keys(attributes);
  if (names.length === 0) return "";
  const values = attributes as Readonly<Record<string, unknown>>;
  return names.length === 1
    ? JSON.stringify(values, plain)
    : JSON.stringify(names.sort().map((name) => [name, values[name]]), plain);
};

/** Attributes as text that is the same in every process: functions by their structure, traces without their number. */
const structureText = <P extends OpName>(op: P, attributes: OpAttributes[P], text: string): string => {
  if (op === "parameter") return String((attributes as OpAttributes["parameter"]).index);
  if (!("body" in attributes)) return text;
  const { body, ...rest } = attributes as OpAttributes["scan" | "call" | "foreach" | "foreachSum"];
  const rule = "rule" in rest ? rest.rule : undefined;
  const functions = [body, ...(rule === undefined ? [] : [rule.forward, rule.backward])];
  return `${functions.map(({ rank }) => rank)}${attributesText({ ...rest, rule: rule?.gives })}`;
};

const OP_BITS = 2 ** 8, HASH_BITS = 2 ** 26, HEIGHT = OP_BITS * HASH_BITS;

/** Distance from what is given, then the primitive, then a hash of the structure, in 53 bits. */
const rankOf = (op: OpName, args: readonly Tensor[], structure: string): number => {
  const height = args.reduce((most, { rank }) => Math.max(most, Math.floor(rank / HEIGHT) + 1), 0);
  const hash = textHash(`${op}(${args.map(({ rank }) => rank)})${structure}`);
  return HEIGHT * Math.min(height, 2 ** 19 - 1) + HASH_BITS * (textHash(op) % OP_BITS) + (hash >>> 6);
};

/**
 * The one node with these parts. Only op constructors call it: they have checked shape and dtype. Arguments of a
 * `commutative` primitive may come in either order: the node has them in the order of their ranks. The forms of several
 * `results` follow from the other parts.
 */
export const intern = <P extends OpName>(
  op: P,
  args: readonly Tensor[],
  attributes: OpAttributes[P],
  shape: Shape,
  dtype: DType,
  commutative = false,
  results?: readonly Form[],
): Tensor<P> => {
  const read = commutative ? [...args].sort((a, b) => a.rank - b.rank || a.id - b.id) : args;
  const text = attributesText(attributes), form = `${shape.join("x")}:${dtype}`;
  const key = `${op}(${read.map((a) => a.id).join(",")})${text}${form}`;
  const known = interned.get(key)?.deref();
  if (known !== undefined) return known as unknown as Tensor<P>;
  const rank = rankOf(op, read, `${structureText(op, attributes, text)}${form}`);
  const node = new Node(op, read, attributes, shape, dtype, results, count++, rank, currentOrigin(intern));
  interned.set(key, new WeakRef(node as unknown as Node<OpName>));
  forget.register(node, key);
  return node;
};

/** Largest number of nodes on a way from what is given, or from a constant, to a node. */
export const heightOf = ({ rank }: Tensor): number => Math.floor(rank / HEIGHT);

/** Whether a value is a tensor description. */
export const isTensor = (x: unknown): x is Tensor => x instanceof Node;

/** Whether a description is of one primitive; narrows its attributes. */
export const is = <P extends OpName>(op: P, t: Tensor): t is Tensor<P> => t.op === op;

/** Whether a value comes from outside of a graph: an input, or a parameter of the function that it is part of. */
export const isGiven = (t: Tensor): t is Tensor<"input"> | Tensor<"parameter"> =>
  t.op === "input" || t.op === "parameter";

/** The arguments whose values a node reads: what `after` waits for only bounds its time. */
export const operandsOf = (t: Tensor): readonly Tensor[] => t.op === "after" ? t.args.slice(0, 1) : t.args;

/** How far to follow arguments. */
export interface Reach {
  /** Nodes whose own arguments are not followed; none by default. */
  readonly stop?: { readonly has: (t: Tensor) => boolean };
  /** The arguments to follow; all by default. */
  readonly argsOf?: (t: Tensor) => readonly Tensor[];
}

/**
 * All nodes that the roots depend on, arguments before users: in the order of a walk from the first root to the last,
 * first arguments first, so that it follows from the structure alone.
 */
export const topological = (roots: readonly Tensor[], { stop, argsOf }: Reach = {}): Tensor[] => {
  const order: Tensor[] = [],
    seen = new Set<Tensor>(),
    path: { t: Tensor; args: readonly Tensor[]; at: number }[] = [];
  const enter = (t: Tensor): void => {
    if (seen.has(t)) return;
    seen.add(t);
    const args = stop !== undefined && stop.has(t) ? [] : argsOf === undefined ? t.args : argsOf(t);
    path.push({ t, args, at: 0 });
  };
  for (const root of roots) {
    enter(root);
    while (path.length > 0) {
      const last = path.at(-1)!;
      if (last.at < last.args.length) enter(last.args[last.at++]!);
      else order.push(path.pop()!.t);
    }
  }
  return order;
};

/**
 * The same nodes by height: those that are ready at the same time together, as a program writes them, which holds fewer
 * values at one time than a walk from the roots does.
 */
export const byHeight = (roots: readonly Tensor[], reach: Reach = {}): Tensor[] =>
  topological(roots, reach).sort((a, b) => heightOf(a) - heightOf(b));
