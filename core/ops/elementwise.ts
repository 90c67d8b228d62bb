/** Elementwise primitives: one number in each place from the numbers in the same place. */
import { type NdArray, ndarray } from "../array.ts";
import { type DType, isFloat, referenceData, toDType } from "../dtype.ts";
import { DTypeError } from "../errors.ts";
import { broadcast, sizeOf } from "../shape.ts";
import { type Empty, is, type OpName, type Tensor } from "../tensor.ts";
import { erf as erfOf } from "../special.ts";
import { broadcastTo } from "./movement.ts";
import { expectDType, FLOATS, make, sameDType } from "./make.ts";
import type { Law, OpRecord } from "./record.ts";
import { constant, full } from "./source.ts";

/** Names of the elementwise primitives. */
export type ElementwiseOp =
  | UnaryOp
  | BinaryOp
  | "select"
  | "cast";

/** Elementwise primitives of one argument that keep its element type. */
export type UnaryOp =
  | "neg"
  | "abs"
  | "sign"
  | "floor"
  | "ceil"
  | "exp"
  | "log"
  | "sqrt"
  | "rsqrt"
  | "sin"
  | "cos"
  | "tanh"
  | "erf"
  | "expm1"
  | "log1p"
  | "sigmoid"
  | "not";

/** Elementwise primitives of two arguments. */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "mod"
  | "pow"
  | "maximum"
  | "minimum"
  | "less"
  | "equal"
  | "and"
  | "or";

/** A tensor, or a number that takes the other operand's shape and element type. */
export type Operand = Tensor | number;

const SIGNED: readonly DType[] = [...FLOATS, "i32"];
const NUMBERS: readonly DType[] = [...SIGNED, "u32"];
const ANY: readonly DType[] = [...NUMBERS, "bool"];

/** Rounds a float64 result to what an element type holds; f32 stays float64. */
const store = (dtype: DType, x: number): number => dtype === "f32" ? x : toDType(dtype, x);

const evaluate = (f: (...x: number[]) => number, args: readonly NdArray[], node: Tensor): NdArray => {
  const n = sizeOf(node.shape);
  const out = new Float64Array(n);
  const [a, b, c] = args.map((x) => x.data);
  for (let i = 0; i < n; i++) out[i] = store(node.dtype, f(a![i]!, b?.[i] ?? 0, c?.[i] ?? 0));
  return ndarray(node.dtype, node.shape, referenceData(node.dtype, out));
};

const unary = <P extends UnaryOp>(
  name: P,
  summary: string,
  f: (x: number) => number,
  vjp: (x: Tensor, y: Tensor, ct: Tensor) => Tensor | undefined,
  dtypes: readonly DType[] = FLOATS,
  laws: readonly Law[] = [],
  flops = 1,
): OpRecord<P> => ({
  name,
  family: "elementwise",
  arity: 1,
  summary,
  infer: ([x]) => (expectDType(name, x!, dtypes), { shape: x!.shape, dtype: x!.dtype }),
  reference: (args, node) => evaluate(f, args, node),
  vjp: (node, ct) => [vjp(node.args[0]!, node, ct)],
  flops: (node) => flops * sizeOf(node.shape),
  laws,
});

const binary = <P extends BinaryOp>(
  name: P,
  summary: string,
  f: (a: number, b: number) => number,
  vjp: (a: Tensor, b: Tensor, y: Tensor, ct: Tensor) => readonly [Tensor | undefined, Tensor | undefined],
  dtypes: readonly DType[] = NUMBERS,
  laws: readonly Law[] = [],
  result?: DType,
): OpRecord<P> => ({
  name,
  family: "elementwise",
  arity: 2,
  summary,
  infer: ([a, b]) => {
    sameDType(name, a!, b!);
    expectDType(name, a!, dtypes);
    return { shape: broadcast(name, a!.shape, b!.shape), dtype: result ?? a!.dtype };
  },
  reference: (args, node) => evaluate(f, args, node),
  vjp: (node, ct) => vjp(node.args[0]!, node.args[1]!, node, ct),
  flops: (node) => sizeOf(node.shape),
  laws,
});

/** a^b as IEEE 754 has it: 1 to any power, and -1 to an infinite one, is 1. */
const power = (a: number, b: number): number =>
  a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b);

const none = (): undefined => undefined;
const nothing = (): readonly [undefined, undefined] => [undefined, undefined];
const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** The unary records. */
export const unaryRecords: { readonly [P in UnaryOp]: OpRecord<P> } = {
  neg: unary("neg", "-x", (x) => -x, (_x, _y, ct) => neg(ct), SIGNED, ["involution", "linear"]),
  abs: unary("abs", "|x|", Math.abs, (x, _y, ct) => mul(ct, sign(x)), SIGNED, ["idempotent"]),
  sign: unary("sign", "-1, 0 or 1", Math.sign, none, SIGNED, ["idempotent"]),
  floor: unary("floor", "largest integer not above x", Math.floor, none, FLOATS, ["idempotent"]),
  ceil: unary("ceil", "least integer not below x", Math.ceil, none, FLOATS, ["idempotent"]),
  exp: unary("exp", "e^x", Math.exp, (_x, y, ct) => mul(ct, y)),
  log: unary("log", "natural logarithm", Math.log, (x, _y, ct) => div(ct, x)),
  sqrt: unary("sqrt", "square root", Math.sqrt, (_x, y, ct) => div(mul(ct, 0.5), y)),
  // d(x^-1/2) = -1/2 x^-3/2 dx
  rsqrt: unary(
    "rsqrt",
    "1 / sqrt(x)",
    (x) => 1 / Math.sqrt(x),
    (_x, y, ct) => mul(mul(ct, -0.5), mul(y, mul(y, y))),
  ),
  sin: unary("sin", "sine", Math.sin, (x, _y, ct) => mul(ct, cos(x))),
  cos: unary("cos", "cosine", Math.cos, (x, _y, ct) => neg(mul(ct, sin(x)))),
  tanh: unary("tanh", "hyperbolic tangent", Math.tanh, (_x, y, ct) => mul(ct, sub(1, mul(y, y)))),
  expm1: unary("expm1", "e^x - 1, exact near 0", Math.expm1, (x, _y, ct) => mul(ct, exp(x))),
  log1p: unary("log1p", "log(1 + x), exact near 0", Math.log1p, (x, _y, ct) => div(ct, add(x, 1))),
  // 1 - sigmoid(x) is sigmoid(-x), which keeps its digits where sigmoid(x) rounds to 1
  sigmoid: unary(
    "sigmoid",
    "1 / (1 + e^-x)",
    (x) => 1 / (1 + Math.exp(-x)),
    (x, y, ct) => mul(ct, mul(y, sigmoid(neg(x)))),
    FLOATS,
    [],
    3,
  ),
  erf: unary(
    "erf",
    "error function",
    erfOf,
    (x, _y, ct) => mul(ct, mul(TWO_OVER_SQRT_PI, exp(neg(mul(x, x))))),
  ),
  not: unary("not", "logical not", (x) => x ? 0 : 1, none, ["bool"], ["involution"], 0),
};

/** The binary records. */
export const binaryRecords: { readonly [P in BinaryOp]: OpRecord<P> } = {
  add: binary("add", "a + b", (a, b) => a + b, (_a, _b, _y, ct) => [ct, ct], NUMBERS, [
    "commutative",
    "associative",
  ]),
  sub: binary("sub", "a - b", (a, b) => a - b, (_a, _b, _y, ct) => [ct, neg(ct)]),
  mul: {
    ...binary("mul", "a b", (a, b) => a * b, (a, b, _y, ct) => [mul(ct, b), mul(ct, a)], NUMBERS, [
      "commutative",
      "associative",
    ]),
    // 32-bit integer products wrap, which float64 cannot hold exactly
    reference: (args, node) =>
      evaluate(isFloat(node.dtype) ? (a, b) => a! * b! : (a, b) => Math.imul(a!, b!), args, node),
  },
  div: binary("div", "a / b; integers truncate", (a, b) => a / b, (_a, b, y, ct) => {
    const da = div(ct, b);
    return [da, neg(mul(da, y))];
  }),
  // a mod b = a - trunc(a / b) b
  mod: binary(
    "mod",
    "remainder, sign of a",
    (a, b) => a % b,
    (a, b, y, ct) => [ct, isFloat(y.dtype) ? mul(ct, div(sub(y, a), b)) : undefined],
  ),
  // d(a^b) = b a^(b-1) da + a^b log(a) db, the latter 0 where a <= 0
  pow: binary("pow", "a^b", power, (a, b, y, ct) => [
    mul(ct, select(equal(b, 0), zerosLike(a), mul(b, pow(a, sub(b, 1))))),
    mul(ct, select(less(0, a), mul(y, log(select(less(0, a), a, 1))), zerosLike(a))),
  ], FLOATS),
  // ties share the gradient equally
  maximum: binary(
    "maximum",
    "the greater",
    (a, b) => Math.max(a, b),
    (a, b, _y, ct) => halves(less(b, a), less(a, b), ct),
    NUMBERS,
    [
      "commutative",
      "associative",
      "idempotent",
    ],
  ),
  minimum: binary(
    "minimum",
    "the lesser",
    (a, b) => Math.min(a, b),
    (a, b, _y, ct) => halves(less(a, b), less(b, a), ct),
    NUMBERS,
    [
      "commutative",
      "associative",
      "idempotent",
    ],
  ),
  less: binary("less", "a < b", (a, b) => a < b ? 1 : 0, nothing, NUMBERS, [], "bool"),
  equal: binary("equal", "a = b", (a, b) => a === b ? 1 : 0, nothing, ANY, ["commutative"], "bool"),
  and: binary(
    "and",
    "a and b",
    (a, b) => a && b ? 1 : 0,
    nothing,
    ["bool"],
    ["commutative", "associative"],
    "bool",
  ),
  or: binary(
    "or",
    "a or b",
    (a, b) => a || b ? 1 : 0,
    nothing,
    ["bool"],
    ["commutative", "associative"],
    "bool",
  ),
};

const halves = (first: Tensor, second: Tensor, ct: Tensor): readonly [Tensor, Tensor] => {
  const zero = zerosLike(ct), half = mul(ct, 0.5);
  return [select(first, ct, select(second, zero, half)), select(second, ct, select(first, zero, half))];
};

/** Selection by condition. */
export const selectRecord: OpRecord<"select"> = {
  name: "select",
  family: "elementwise",
  arity: 3,
  summary: "condition ? a : b",
  infer: ([c, a, b]) => {
    expectDType("select", c!, ["bool"]);
    sameDType("select", a!, b!);
    return {
      shape: broadcast("select", c!.shape, broadcast("select", a!.shape, b!.shape)),
      dtype: a!.dtype,
    };
  },
  reference: (args, node) => evaluate((c, a, b) => c! ? a! : b!, args, node),
  vjp: (node, ct) => {
    const c = node.args[0]!, zero = zerosLike(ct);
    return [undefined, select(c, ct, zero), select(c, zero, ct)];
  },
  flops: () => 0,
  laws: [],
};

/**
 * Conversion of element type: to an integer truncates toward zero and saturates, integers of the other sign included,
 * to bool is `x != 0`, from integers to f32 and from any to f16 rounds to the nearest.
 */
export const castRecord: OpRecord<"cast"> = {
  name: "cast",
  family: "elementwise",
  arity: 1,
  summary: "conversion of element type",
  infer: ([x], { dtype }) => ({ shape: x!.shape, dtype }),
  reference: (args, node) =>
    evaluate(
      (x) =>
        node.dtype === "i32"
          ? Math.max(-2147483648, Math.min(2147483647, Math.trunc(x!) || 0))
          : node.dtype === "u32"
          ? Math.max(0, Math.min(4294967295, Math.trunc(x!) || 0))
          : node.dtype === "f32" && !isFloat(args[0]!.dtype)
          ? Math.fround(x!)
          : x!,
      args,
      node,
    ),
  vjp: (node, ct) => {
    const { dtype } = node.args[0]!;
    return [isFloat(dtype) && isFloat(node.dtype) ? cast(dtype)(ct) : undefined];
  },
  flops: () => 0,
  laws: ["idempotent"],
};

const un = <P extends UnaryOp>(name: P) => (x: Tensor): Tensor<P> =>
  make(unaryRecords[name] as OpRecord<P>, [x], {} as never);

/** Wraps numbers so that they take the dtype of the tensors alongside them, and broadcasts all to one shape. */
const together = (op: string, operands: readonly Operand[], like: Tensor): Tensor[] => {
  const ts = operands.map((x) => typeof x === "number" ? constant(x, like.dtype, op) : x);
  const shape = ts.reduce<readonly number[]>((s, t) => broadcast(op, s, t.shape), []);
  return ts.map((t) => broadcastTo(shape)(t));
};

const anchor = (op: string, ...xs: readonly Operand[]): Tensor => {
  const t = xs.find((x): x is Tensor => typeof x !== "number");
  if (t !== undefined) return t;
  throw new DTypeError({
    op,
    got: "numbers only",
    expected: "at least one tensor",
    hint: "wrap one with constant()",
  });
};

const bin = <P extends BinaryOp>(name: P) => (a: Operand, b: Operand): Tensor<P> => {
  const record = binaryRecords[name] as OpRecord<P>;
  const like = anchor(name, a, b);
  const wrap = (x: Operand) => typeof x === "number" ? constant(x, like.dtype, name) : x;
  const [p, q] = [wrap(a), wrap(b)];
  record.infer([p, q], {} as never);
  return make(record, together(name, [p, q], like), {} as Empty as never);
};

/** -x. */
export const neg: (x: Tensor) => Tensor = un("neg");
/** |x|. */
export const abs: (x: Tensor) => Tensor = un("abs");
/** -1, 0 or 1. */
export const sign: (x: Tensor) => Tensor = un("sign");
/** Largest integer not above x. */
export const floor: (x: Tensor) => Tensor = un("floor");
/** Least integer not below x. */
export const ceil: (x: Tensor) => Tensor = un("ceil");
/** e^x. */
export const exp: (x: Tensor) => Tensor = un("exp");
/** Natural logarithm; that of a sigmoid keeps its digits where the sigmoid itself would round to 0. */
export const log = (x: Tensor): Tensor => {
  if (x.op === "sigmoid") return logSigmoid(x.args[0]!);
  // 1 - sigmoid(x) is sigmoid(-x)
  const [one, of] = x.op === "sub" ? x.args : [];
  if (of?.op === "sigmoid" && isOne(one!)) return logSigmoid(neg(of.args[0]!));
  return make(unaryRecords.log, [x], {});
};

const isOne = (t: Tensor): boolean =>
  is("constant", t)
    ? t.attributes.value === 1
    : (t.op === "expand" || t.op === "reshape") && isOne(t.args[0]!);
/** Square root. */
export const sqrt: (x: Tensor) => Tensor = un("sqrt");
/** 1 / sqrt(x). */
export const rsqrt: (x: Tensor) => Tensor = un("rsqrt");
/** Sine of radians. */
export const sin: (x: Tensor) => Tensor = un("sin");
/** Cosine of radians. */
export const cos: (x: Tensor) => Tensor = un("cos");
/** Hyperbolic tangent. */
export const tanh: (x: Tensor) => Tensor = un("tanh");
/** Gauss error function. */
export const erf: (x: Tensor) => Tensor = un("erf");
/** `e^x - 1`, accurate near 0. */
export const expm1: (x: Tensor) => Tensor = un("expm1");
/** `log(1 + x)`, accurate near 0. */
export const log1p: (x: Tensor) => Tensor = un("log1p");
/** `1 / (1 + e^-x)`. */
export const sigmoid: (x: Tensor) => Tensor = un("sigmoid");
/** `log(sigmoid(x))`, as `min(x, 0) - log(1 + e^-|x|)`: finite for every finite argument. */
export const logSigmoid = (x: Tensor): Tensor => sub(minimum(x, 0), log1p(exp(neg(abs(x)))));
/** Logical not of a bool tensor. */
export const not: (x: Tensor) => Tensor = un("not");
/** a + b, broadcast. */
export const add: (a: Operand, b: Operand) => Tensor = bin("add");
/** a - b, broadcast. */
export const sub: (a: Operand, b: Operand) => Tensor = bin("sub");
/** a b, broadcast. */
export const mul: (a: Operand, b: Operand) => Tensor = bin("mul");
/** a / b, broadcast; integers truncate toward zero. */
export const div: (a: Operand, b: Operand) => Tensor = bin("div");
/** Remainder of a / b with the sign of a. */
export const mod: (a: Operand, b: Operand) => Tensor = bin("mod");
/** a^b, broadcast. */
export const pow: (a: Operand, b: Operand) => Tensor = bin("pow");
/** The greater of a and b. */
export const maximum: (a: Operand, b: Operand) => Tensor = bin("maximum");
/** The lesser of a and b. */
export const minimum: (a: Operand, b: Operand) => Tensor = bin("minimum");
/** a < b, as bool. */
export const less: (a: Operand, b: Operand) => Tensor = bin("less");
/** a > b, as bool. */
export const greater = (a: Operand, b: Operand): Tensor => less(b, a);
/** a = b, as bool. */
export const equal: (a: Operand, b: Operand) => Tensor = bin("equal");
/** Logical and of bools. */
export const and: (a: Tensor, b: Tensor) => Tensor = bin("and");
/** Logical or of bools. */
export const or: (a: Tensor, b: Tensor) => Tensor = bin("or");
/** a <= b, as bool; false where either is NaN. */
export const lessEqual = (a: Operand, b: Operand): Tensor => or(less(a, b), equal(a, b));

/** `condition ? a : b`, broadcast. */
export const select = (condition: Tensor, a: Operand, b: Operand): Tensor => {
  const like = anchor("select", a, b);
  const wrap = (x: Operand) => typeof x === "number" ? constant(x, like.dtype, "select") : x;
  const parts = [condition, wrap(a), wrap(b)];
  selectRecord.infer(parts, {});
  return make(selectRecord, together("select", parts, like), {});
};

/** x held between two bounds; NaN passes, and at a bound the gradient is that of x. Data-last. */
export const clamp = (low: Operand, high: Operand): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const [least, most] = [low, high].map((b) => typeof b === "number" ? constant(b, x.dtype, "clamp") : b);
  return select(less(x, least!), least!, select(less(most!, x), most!, x));
};

/** Conversion to another element type; data-last. */
export const cast = (dtype: DType): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  x.dtype === dtype ? x : make(castRecord, [x], { dtype });

/** Zeros of the same shape and element type. */
export const zerosLike = (x: Tensor): Tensor => full(x.shape, 0, x.dtype);

/** Ones of the same shape and element type. */
export const onesLike = (x: Tensor): Tensor => full(x.shape, 1, x.dtype);

/** Whether a primitive is elementwise. */
export const isElementwise = (op: OpName): op is ElementwiseOp =>
  op in unaryRecords || op in binaryRecords || op === "select" || op === "cast";
