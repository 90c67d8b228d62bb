/**
 * Functions that WebAssembly lacks and that are worth a call, four lanes at a time. Logarithms follow Cephes (S.
 * Moshier, 1989): a reduced range, a short polynomial, errors around 1e-7. Angles and powers take their reductions
 * in float64. NaN passes through all of them.
 */
import { PARITY, ROTATIONS } from "@chain-of-sight/core";
import { type Dialect, exponential, madd } from "./inline.ts";
import { rowFunctions } from "./rows.ts";
import { softmaxFunctions } from "./softmax.ts";
import { set } from "./text.ts";
import { tileNamed } from "./tile.ts";

export { type Dialect, madd } from "./inline.ts";

/**
 * The constant pool: numbers that the functions read from memory, in one instruction where a constant in the code takes
 * three. It is in the memory's first page, at the same place for every module: all functions fill it, once, before the
 * first of them is written.
 */
const pool: number[] = [], pooled = new Map<string, number>();
const POOL = 1024;
let state: "empty" | "filling" | "full" = "empty";

const fill = (): void => {
  if (state !== "empty") return;
  state = "filling";
  for (const make of Object.values(functions)) [true, false].forEach((relaxed) => make({ relaxed }));
  state = "full";
};

const place = (key: string, words: () => readonly number[]): number => {
  fill();
  const known = pooled.get(key);
  if (known !== undefined) return known;
  if (state === "full") throw new Error(`the number ${key} is not in the pool`);
  const at = POOL + 4 * pool.length;
  pool.push(...words());
  pooled.set(key, at);
  return at;
};

const bits = (x: number): number => new Int32Array(Float32Array.of(x).buffer)[0]!;
const f = (x: number): string =>
  `(v128.load32_splat offset=${place(`f${x}`, () => [bits(x)])} (i32.const 0))`;
const d = (x: number): string =>
  `(v128.load64_splat offset=${
    place(`d${x}`, () => [...new Int32Array(Float64Array.of(x).buffer)])
  } (i32.const 0))`;
const n = (x: number): string => `(v128.load32_splat offset=${place(`n${x}`, () => [x | 0])} (i32.const 0))`;
const v = (name: string): string => `(local.get $${name})`;

/** Coefficients from the highest power down. */
const polynomial = (x: string, coefficients: readonly number[], dialect: Dialect): string =>
  coefficients.slice(1).reduce((sum, c) => madd(sum, x, f(c), dialect), f(coefficients[0]!));

const polynomial64 = (x: string, coefficients: readonly number[]): string =>
  coefficients.slice(1).reduce(
    (sum, c) => `(f64x2.add (f64x2.mul ${sum} ${x}) ${d(c)})`,
    d(coefficients[0]!),
  );

const joined = (low: string, high: string): string =>
  `(i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ${low} ${high})`;

const wide = (low: string, high: string): string =>
  joined(`(f32x4.demote_f64x2_zero ${low})`, `(f32x4.demote_f64x2_zero ${high})`);

const rounds = (): string => {
  const lines: string[] = [];
  for (let block = 0; block < 5; block++) {
    for (const r of ROTATIONS[block % 2]!) {
      lines.push(
        `(local.set $x (i32x4.add ${v("x")} ${v("y")}))`,
        `(local.set $y (v128.xor (v128.or (i32x4.shl ${v("y")} (i32.const ${r})) (i32x4.shr_u ${
          v("y")
        } (i32.const ${32 - r}))) ${v("x")}))`,
      );
    }
    lines.push(
      `(local.set $x (i32x4.add ${v("x")} ${v(`k${(block + 1) % 3}`)}))`,
      `(local.set $y (i32x4.add (i32x4.add ${v("y")} ${v(`k${(block + 2) % 3}`)}) ${n(block + 1)}))`,
    );
  }
  return lines.join("\n  ");
};

const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

/** Bits of 2 / pi, behind 32 zeros: `$rest` takes 128 of them from wherever an exponent asks. */
const TWO_OVER_PI = [
  0,
  0xa2f9836e,
  0x4e441529,
  0xfc2757d1,
  0xf534ddc0,
  0xdb629599,
  0x3c439041,
  0xfe5163ab,
  0xdebbc561,
];
/** From here on the reduction in float64 is not exact enough. */
const FAR = 2 ** 20;

/** Angles in float64, the far ones by the same angle within half an iteration. */
const angles = (): string => {
  const far = (name: string, first: number): string[] =>
    [0, 1].map((l) =>
      set(
        name,
        `(f64x2.replace_lane ${l} ${v(name)} (call $rest (f32x4.extract_lane ${first + l} ${v("x")})))`,
      )
    );
  return [
    set("a", `(f64x2.promote_low_f32x4 ${v("x")})`),
    set(
      "b",
      `(f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 ${v("x")} ${
        v("x")
      }))`,
    ),
    `(if (v128.any_true (f32x4.ge (f32x4.abs ${v("x")}) ${f(FAR)})) (then`,
    ...far("a", 0),
    ...far("b", 2),
    "))",
  ].join("\n  ");
};

/** Sine and cosine share everything but the quadrant: `shift` quarters of an iteration ahead. */
const circular = (name: string, shift: number, dialect: Dialect): string =>
  `(func $${name} (param $x v128) (result v128) (local $l v128) (local $h v128) (local $q v128) (local $s v128) (local $a v128) (local $b v128)
  ${angles()}
  (local.set $l (call $quarters ${v("a")}))
  (local.set $h (call $quarters ${v("b")}))
  (local.set $q (i32x4.add ${
    joined(`(i32x4.trunc_sat_f64x2_s_zero ${v("l")})`, `(i32x4.trunc_sat_f64x2_s_zero ${v("h")})`)
  } ${n(shift)}))
  (local.set $x ${wide(`(call $angle ${v("a")} ${v("l")})`, `(call $angle ${v("b")} ${v("h")})`)})
  (local.set $s (f32x4.mul ${v("x")} ${v("x")}))
  (v128.xor
    (v128.bitselect
      (f32x4.add ${
    madd(
      polynomial(v("s"), COS, dialect),
      `(f32x4.mul ${v("s")} ${v("s")})`,
      `(f32x4.mul ${v("s")} ${f(-0.5)})`,
      dialect,
    )
  } ${f(1)})
      ${madd(`(f32x4.mul ${polynomial(v("s"), SIN, dialect)} ${v("s")})`, v("x"), v("x"), dialect)}
      (i32x4.ne (v128.and ${v("q")} ${n(1)}) ${n(0)}))
    (i32x4.shl (v128.and ${v("q")} ${n(2)}) (i32.const 30))))`;

const turnBits = (word: number): string =>
  `(i64.load32_u offset=${place("two over pi", () => TWO_OVER_PI) + 4 * word} ${v("at")})`;

/** The text of each function. */
const functions: Readonly<Record<string, (dialect: Dialect) => string>> = {
  ...rowFunctions,
  ...softmaxFunctions(f),
  log: (dialect) =>
    `(func $log (param $v v128) (result v128) (local $x v128) (local $e v128) (local $z v128) (local $m v128)
  (local.set $m (f32x4.lt ${v("v")} ${f(1.1754943508222875e-38)}))
  (local.set $x (v128.bitselect (f32x4.mul ${v("v")} ${f(8388608)}) ${v("v")} ${v("m")}))
  (local.set $e (i32x4.sub (i32x4.shr_u ${v("x")} (i32.const 23)) ${n(126)}))
  (local.set $e (f32x4.convert_i32x4_s (i32x4.sub ${v("e")} (v128.and ${v("m")} ${n(23)}))))
  (local.set $x (v128.or (v128.and ${v("x")} ${n(0x7fffff)}) ${f(0.5)}))
  (local.set $m (f32x4.lt ${v("x")} ${f(0.707106781186547524)}))
  (local.set $e (f32x4.sub ${v("e")} (v128.and ${v("m")} ${f(1)})))
  (local.set $x (f32x4.add (f32x4.sub ${v("x")} ${f(1)}) (v128.and ${v("m")} ${v("x")})))
  (local.set $z (f32x4.mul ${v("x")} ${v("x")}))
  (local.set $m (f32x4.mul (f32x4.mul ${
      polynomial(v("x"), [
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
      ], dialect)
    } ${v("x")}) ${v("z")}))
  (local.set $m ${madd(v("e"), f(-2.12194440e-4), v("m"), dialect)})
  (local.set $m ${madd(v("z"), f(-0.5), v("m"), dialect)})
  (local.set $x ${madd(v("e"), f(0.693359375), `(f32x4.add ${v("x")} ${v("m")})`, dialect)})
  (local.set $x (v128.bitselect ${v("x")} ${v("v")} (f32x4.lt ${v("v")} ${f(Infinity)})))
  (local.set $x (v128.bitselect ${f(-Infinity)} ${v("x")} (f32x4.eq ${v("v")} ${f(0)})))
  (v128.or ${v("x")} (f32x4.lt ${v("v")} ${f(0)})))`,
  // near 0 as f less a small number (FreeBSD's e_logf.c), so that no digits are lost
  log1p: (dialect) =>
    `(func $log1p (param $x v128) (result v128) (local $s v128) (local $z v128) (local $h v128)
  (local.set $s (f32x4.div ${v("x")} (f32x4.add ${v("x")} ${f(2)})))
  (local.set $z (f32x4.mul ${v("s")} ${v("s")}))
  (local.set $h (f32x4.mul (f32x4.mul ${v("x")} ${f(0.5)}) ${v("x")}))
  (local.set $z (f32x4.mul ${v("z")} ${
      polynomial(v("z"), [0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693], dialect)
    }))
  (local.set $z (f32x4.sub ${v("x")} (f32x4.sub ${v("h")} (f32x4.mul ${v("s")} (f32x4.add ${v("h")} ${
      v("z")
    })))))
  (v128.bitselect ${v("z")} (call $log (f32x4.add ${v("x")} ${f(1)})) (v128.and (f32x4.gt ${v("x")} ${
      f(-0.29)
    }) (f32x4.lt ${v("x")} ${f(0.41)}))))`,
  expm1: (dialect) => {
    const exp = exponential(v("x"), { number: f, spare: (name) => name, dialect });
    const near = polynomial(v("x"), [
      1 / 5040,
      1 / 720,
      1 / 120,
      1 / 24,
      1 / 6,
      1 / 2,
      1,
    ], dialect);
    return `(func $expm1 (param $x v128) (result v128) (local $t v128) (local $r v128)
  ${exp.lines.join("\n  ")}
  (v128.bitselect (f32x4.mul ${v("x")} ${near}) (f32x4.sub ${exp.result} ${f(1)}) (f32x4.lt (f32x4.abs ${
      v("x")
    }) ${f(0.35)})))`;
  },
  quarters: () =>
    `(func $quarters (param $x v128) (result v128) (f64x2.nearest (f64x2.mul ${v("x")} ${d(2 / Math.PI)})))`,
  angle: () =>
    `(func $angle (param $x v128) (param $q v128) (result v128)
  (f64x2.sub (f64x2.sub ${v("x")} (f64x2.mul ${v("q")} ${d(1.5707963267341256)})) (f64x2.mul ${v("q")} ${
      d(6.077100506506192e-11)
    })))`,
  // an angle less whole iterations, exact at any size: 128 bits of 2 / pi times the significand (Payne and Hanek 1983)
  rest: () =>
    `(func $rest (param $v f32) (result f64) (local $u i32) (local $at i32) (local $left i64) (local $m i64) (local $hi i64) (local $lo i64)
  (local.set $u (i32.and (i32.reinterpret_f32 ${v("v")}) (i32.const 0x7fffffff)))
  (if (i32.ge_u ${v("u")} (i32.const 0x7f800000)) (then (return (f64.const nan))))
  (if (f32.lt (f32.abs ${v("v")}) (f32.const ${FAR})) (then (return (f64.promote_f32 ${v("v")}))))
  (local.set $m (i64.extend_i32_u (i32.or (i32.and ${v("u")} (i32.const 0x7fffff)) (i32.const 0x800000))))
  (local.set $at (i32.sub (i32.shr_u ${v("u")} (i32.const 23)) (i32.const 120)))
  (local.set $left (i64.extend_i32_u (i32.and ${v("at")} (i32.const 31))))
  (local.set $at (i32.shl (i32.shr_u ${v("at")} (i32.const 5)) (i32.const 2)))
  (local.set $hi (i64.or (i64.shl ${turnBits(0)} (i64.const 32)) ${turnBits(1)}))
  (local.set $lo (i64.or (i64.shl ${turnBits(2)} (i64.const 32)) ${turnBits(3)}))
  (local.set $hi (i64.or (i64.shl ${v("hi")} ${v("left")}) (i64.shr_u (i64.shr_u ${
      v("lo")
    } (i64.const 1)) (i64.sub (i64.const 63) ${v("left")}))))
  (local.set $lo (i64.shr_u (i64.shl ${v("lo")} ${v("left")}) (i64.const 32)))
  (local.set $hi (i64.add (i64.mul ${v("hi")} ${v("m")}) (i64.shr_u (i64.mul ${v("lo")} ${
      v("m")
    }) (i64.const 32))))
  (f64.mul (f64.mul (f64.convert_i64_s ${v("hi")}) (f64.const ${
      Math.PI / 2 * 2 ** -62
    })) (f64.copysign (f64.const 1) (f64.promote_f32 ${v("v")}))))`,
  sin: (dialect) => circular("sin", 0, dialect),
  cos: (dialect) => circular("cos", 1, dialect),
  // log2 of positive finite numbers, two lanes: the exponent, and twice the artanh of (m - 1) / (m + 1)
  log64: () =>
    `(func $log64 (param $x v128) (result v128) (local $e v128) (local $m v128) (local $g v128) (local $s v128)
  (local.set $e (i64x2.sub (i64x2.shr_u ${v("x")} (i32.const 52)) (v128.const i64x2 1022 1022)))
  (local.set $m (v128.or (v128.and ${v("x")} (v128.const i64x2 0xfffffffffffff 0xfffffffffffff)) ${d(0.5)}))
  (local.set $g (f64x2.lt ${v("m")} ${d(Math.SQRT1_2)}))
  (local.set $e (i64x2.add ${v("e")} ${v("g")}))
  (local.set $m (f64x2.mul ${v("m")} (v128.bitselect ${d(2)} ${d(1)} ${v("g")})))
  (local.set $e (f64x2.convert_low_i32x4_s (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 ${v("e")} ${
      v("e")
    })))
  (local.set $m (f64x2.div (f64x2.sub ${v("m")} ${d(1)}) (f64x2.add ${v("m")} ${d(1)})))
  (local.set $s (f64x2.mul ${v("m")} ${v("m")}))
  (f64x2.add ${v("e")} (f64x2.mul ${v("m")} ${
      polynomial64(v("s"), [15, 13, 11, 9, 7, 5, 3, 1].map((k) => 2 * Math.LOG2E / k))
    })))`,
  // 2^x, two lanes
  exp64: () =>
    `(func $exp64 (param $x v128) (result v128) (local $n v128)
  (local.set $x (f64x2.min (f64x2.max ${v("x")} ${d(-400)}) ${d(400)}))
  (local.set $n (f64x2.nearest ${v("x")}))
  (local.set $x (f64x2.mul (f64x2.sub ${v("x")} ${v("n")}) ${d(Math.LN2)}))
  (f64x2.mul ${
      polynomial64(v("x"), [1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1])
    }
    (i64x2.shl (i64x2.add (i64x2.extend_low_i32x4_s (i32x4.trunc_sat_f64x2_s_zero ${
      v("n")
    })) (v128.const i64x2 1023 1023)) (i32.const 52))))`,
  // |a|^b by 2^(b log2 |a|) in float64; then zeros, infinities, signs and NaN
  pow: () => {
    const high = (name: string) =>
      `(f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 ${v(name)} ${
        v(name)
      }))`;
    const low = (name: string) => `(f64x2.promote_low_f32x4 ${v(name)})`;
    const part = (half: (name: string) => string) =>
      `(call $exp64 (f64x2.mul ${half("b")} (call $log64 ${half("p")})))`;
    return `(func $pow (param $a v128) (param $b v128) (result v128) (local $p v128) (local $r v128) (local $i v128) (local $o v128)
  (local.set $p (f32x4.abs ${v("a")}))
  (local.set $r ${wide(part(low), part(high))})
  (local.set $i (f32x4.eq ${v("b")} (f32x4.floor ${v("b")})))
  (local.set $o (f32x4.ne (f32x4.floor (f32x4.mul ${v("b")} ${f(0.5)})) (f32x4.mul ${v("b")} ${f(0.5)})))
  (local.set $r (v128.bitselect (v128.bitselect ${f(0)} (v128.const f32x4 inf inf inf inf) (f32x4.gt ${
      v("b")
    } ${f(0)})) ${v("r")} (f32x4.eq ${v("p")} ${f(0)})))
  (local.set $r (v128.bitselect (v128.bitselect (v128.const f32x4 inf inf inf inf) ${f(0)} (f32x4.gt ${
      v("b")
    } ${f(0)})) ${v("r")} (f32x4.eq ${v("p")} (v128.const f32x4 inf inf inf inf))))
  (local.set $r (v128.or ${v("r")} (v128.andnot (v128.and (f32x4.lt ${v("a")} ${f(0)}) (f32x4.ne ${
      v("p")
    } (v128.const f32x4 inf inf inf inf))) ${v("i")})))
  (local.set $r (v128.xor ${v("r")} (v128.and (v128.and ${v("a")} (v128.and ${v("i")} ${v("o")})) ${
      n(-2147483648)
    })))
  (local.set $r (v128.or ${v("r")} (v128.or (f32x4.ne ${v("a")} ${v("a")}) (f32x4.ne ${v("b")} ${v("b")}))))
  (local.set $o (v128.or (f32x4.eq ${v("a")} ${f(1)}) (v128.and (f32x4.eq ${v("p")} ${
      f(1)
    }) (f32x4.eq (f32x4.abs ${v("b")}) (v128.const f32x4 inf inf inf inf)))))
  (v128.bitselect ${f(1)} ${v("r")} (v128.or ${v("o")} (f32x4.eq ${v("b")} ${f(0)}))))`;
  },
  // exact remainder: quotients cut to 29 bits, so that products with b are exact in float64
  fmod: () =>
    `(func $fmod (param $x f32) (param $y f32) (result f32) (local $a f64) (local $b f64)
  (local.set $a (f64.promote_f32 (f32.abs ${v("x")})))
  (local.set $b (f64.promote_f32 (f32.abs ${v("y")})))
  (if (i32.or (i32.eqz (f64.lt ${v("a")} (f64.const inf))) (i32.eqz (f64.gt ${v("b")} (f64.const 0))))
    (then (return (f32.const nan))))
  (if (f64.eq ${v("b")} (f64.const inf)) (then (return ${v("x")})))
  (if (f64.ge ${v("a")} ${v("b")}) (then (loop $l
    (local.set $a (f64.sub ${v("a")} (f64.mul ${
      v("b")
    } (f64.trunc (f64.reinterpret_i64 (i64.and (i64.reinterpret_f64 (f64.div ${v("a")} ${
      v("b")
    })) (i64.const 0xffffffffff000000)))))))
    (br_if $l (f64.ge ${v("a")} ${v("b")})))))
  (f32.copysign (f32.demote_f64 ${v("a")}) ${v("x")}))`,
  mod: () => perLane("mod", "f32x4", (a, b) => `(call $fmod ${a} ${b})`),
  idiv: () =>
    `(func $idiv (param $a i32) (param $b i32) (result i32)
  (if (i32.eqz ${v("b")}) (then (return (i32.const 0))))
  (if (i32.eq ${v("b")} (i32.const -1)) (then (return (i32.sub (i32.const 0) ${v("a")}))))
  (i32.div_s ${v("a")} ${v("b")}))`,
  udiv: () =>
    `(func $udiv (param $a i32) (param $b i32) (result i32)
  (if (i32.eqz ${v("b")}) (then (return (i32.const 0))))
  (i32.div_u ${v("a")} ${v("b")}))`,
  irem: () =>
    `(func $irem (param $a i32) (param $b i32) (result i32)
  (if (i32.eqz ${v("b")}) (then (return (i32.const 0))))
  (i32.rem_s ${v("a")} ${v("b")}))`,
  urem: () =>
    `(func $urem (param $a i32) (param $b i32) (result i32)
  (if (i32.eqz ${v("b")}) (then (return (i32.const 0))))
  (i32.rem_u ${v("a")} ${v("b")}))`,
  idiv4: () => perLane("idiv4", "i32x4", (a, b) => `(call $idiv ${a} ${b})`),
  udiv4: () => perLane("udiv4", "i32x4", (a, b) => `(call $udiv ${a} ${b})`),
  irem4: () => perLane("irem4", "i32x4", (a, b) => `(call $irem ${a} ${b})`),
  urem4: () => perLane("urem4", "i32x4", (a, b) => `(call $urem ${a} ${b})`),
  threefry: () =>
    `(func $threefry (param $k0 v128) (param $k1 v128) (param $x v128) (result v128) (local $k2 v128) (local $y v128)
  (local.set $k2 (v128.xor (v128.xor ${v("k0")} ${v("k1")}) ${n(PARITY)}))
  (local.set $x (i32x4.add ${v("x")} ${v("k0")}))
  (local.set $y ${v("k1")})
  ${rounds()}
  ${v("x")})`,
  // an index held between two bounds, both signed
  clamp: () =>
    `(func $clamp (param $i i32) (param $low i32) (param $high i32) (result i32)
  (local.set $i (select ${v("i")} ${v("low")} (i32.gt_s ${v("i")} ${v("low")})))
  (select ${v("i")} ${v("high")} (i32.lt_s ${v("i")} ${v("high")})))`,
};

const perLane = (name: string, shape: string, one: (a: string, b: string) => string): string => {
  const lane = (i: number): string =>
    one(`(${shape}.extract_lane ${i} ${v("a")})`, `(${shape}.extract_lane ${i} ${v("b")})`);
  return `(func $${name} (param $a v128) (param $b v128) (result v128)
  ${
    [1, 2, 3].reduce((x, i) => `(${shape}.replace_lane ${i} ${x} ${lane(i)})`, `(${shape}.splat ${lane(0)})`)
  })`;
};

/** The constant pool as a segment of a module: the same for every one, as modules share their memory. */
export const poolText = (): string => {
  fill();
  const bytes = [...new Uint8Array(Int32Array.from(pool).buffer)];
  return `(data (i32.const ${POOL}) "${bytes.map((b) => `\\${b.toString(16).padStart(2, "0")}`).join("")}")`;
};

/** The text of a function by its name, if it is one of ours. */
const textOf = (name: string, dialect: Dialect): string | undefined =>
  functions[name]?.(dialect) ?? tileNamed(name, (a, b, c) => madd(a, b, c, dialect));

/** The functions that a text calls, and those that they call. */
export const preludeOf = (text: string, dialect: Dialect): string[] => {
  const found = new Map<string, string>(), queue = [text];
  for (let t = queue.pop(); t !== undefined; t = queue.pop()) {
    for (const [, name] of t.matchAll(/\(call \$([a-z0-9]+) /g)) {
      const body = found.has(name!) ? undefined : textOf(name!, dialect);
      if (body === undefined) continue;
      found.set(name!, body);
      queue.push(body);
    }
  }
  return [...found.keys()].sort().map((name) => found.get(name)!);
};
