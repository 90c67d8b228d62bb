/** Functions of WGSL that kernels bring along, so that the edges and the digits of numbers do not depend on the driver. */
import { PARITY, ROTATIONS } from "@chain-of-sight/core";

const rounds = Array.from({ length: 5 }, (_, block) =>
  [
    ...ROTATIONS[block % 2]!.map((r) => `  x += y; y = ((y << ${r}u) | (y >> ${32 - r}u)) ^ x;`),
    `  x += k${(block + 1) % 3}; y += k${(block + 2) % 3} + ${block + 1}u;`,
  ].join("\n")).join("\n");

/**
 * Functions that operators call, by the word that shows they are needed; each after those that it calls. Drivers'
 * own functions may be off by 2^-11 or lose all digits near a zero; the bounds that these keep are in
 * `core/ops/rules.md`.
 */
export const helpers: Readonly<Record<string, string>> = {
  inf_bits: "var<private> inf_bits: u32 = 0x7f800000u;",
  neg_inf_bits: "var<private> neg_inf_bits: u32 = 0xff800000u;",
  nan_bits: "var<private> nan_bits: u32 = 0x7fc00000u;",
  // comparisons with NaN may be folded away: look at the bits
  is_nan: "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }",
  max_of:
    "fn max_of(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, is_nan(b)), a, is_nan(a)); }",
  min_of:
    "fn min_of(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, is_nan(b)), a, is_nan(a)); }",
  beats: "fn beats(a: f32, b: f32) -> bool { return a > b || (is_nan(a) && !is_nan(b)); }",
  // a function, as drivers refuse to round literals beyond the range
  f16_of: "fn f16_of(x: f32) -> f32 { return f32(f16(x)); }",
  // out of range saturates, NaN is 0
  i32_of: `fn i32_of(x: f32) -> i32 {
  if (is_nan(x)) { return 0i; }
  if (x >= 2147483648f) { return 2147483647i; }
  if (x <= -2147483648f) { return bitcast<i32>(0x80000000u); }
  return i32(x);
}`,
  u32_of: `fn u32_of(x: f32) -> u32 {
  if (is_nan(x) || x <= 0f) { return 0u; }
  if (x >= 4294967296f) { return 0xffffffffu; }
  return u32(x);
}`,
  sign_of: "fn sign_of(x: f32) -> f32 { return select(sign(x), x, x == 0f || is_nan(x)); }",
  // x = n ln 2 + r, a polynomial of r (Cephes' expf), and 2^n in two factors, which subnormal results need.
  // The number of the second step comes back from an integer, or drivers join the two steps into an inexact one
  exp_of: `fn exp_of(x: f32) -> f32 {
  let n = clamp(floor(fma(x, 1.44269504f, 0.5f)), -150f, 129f); let k = i32(n);
  let r = fma(f32(k), 2.12194440e-4f, fma(n, -0.693359375f, x));
  var p = fma(fma(1.9875691500e-4f, r, 1.3981999507e-3f), r, 8.3334519073e-3f);
  p = fma(fma(fma(p, r, 4.1665795894e-2f), r, 1.6666665459e-1f), r, 5.0000001201e-1f);
  p = fma(p * r, r, r) + 1f;
  let half = k / 2i;
  p = p * bitcast<f32>((half + 127i) << 23u) * bitcast<f32>((k - half + 127i) << 23u);
  p = select(select(p, bitcast<f32>(inf_bits), x > 89f), 0f, x < -104f);
  return select(p, x, is_nan(x));
}`,
  // log(1 + f) for 1 + f between the roots of 1/2 and 2, as f less a small number (FreeBSD's e_logf.c)
  log_near: `fn log_near(f: f32) -> f32 {
  let s = f / (2f + f); let z = s * s; let half = 0.5f * f * f;
  let r = z * fma(z, fma(z, fma(z, 0.24279078841f, 0.28498786688f), 0.40000972152f), 0.66666662693f);
  return f - (half - s * (half + r));
}`,
  // subnormal numbers are taken as integers, as devices may read them as 0
  log_of: `fn log_of(v: f32) -> f32 {
  let bits = bitcast<u32>(v);
  if (bits > 0x7f800000u) { return select(bitcast<f32>(nan_bits), bitcast<f32>(neg_inf_bits), bits == 0x80000000u); }
  if (bits == 0u) { return bitcast<f32>(neg_inf_bits); }
  if (bits == 0x7f800000u) { return v; }
  let small = bits < 0x800000u;
  let u = bitcast<i32>(select(bits, bitcast<u32>(f32(bits)), small)) - 0x3f3504f3i;
  let k = f32((u >> 23u) - select(0i, 149i, small));
  let f = bitcast<f32>((u & 0x7fffffi) + 0x3f3504f3i) - 1f;
  return fma(k, 0.693138122f, fma(k, 9.0580006145e-6f, log_near(f)));
}`,
  log1p_of: `fn log1p_of(x: f32) -> f32 {
  if (x > -0.29f && x < 0.41f) { return log_near(x); }
  return log_of(1f + x);
}`,
  expm1_of: `fn expm1_of(x: f32) -> f32 {
  if (!(abs(x) < 0.35f)) { return exp_of(x) - 1f; }
  var p = fma(fma(fma(1.98412698e-4f, x, 1.38888889e-3f), x, 8.33333333e-3f), x, 4.16666667e-2f);
  p = fma(fma(p, x, 1.66666667e-1f), x, 0.5f);
  return x * fma(x, p, 1f);
}`,
  sigmoid_of: "fn sigmoid_of(x: f32) -> f32 { return 1f / (1f + exp_of(-x)); }",
  // a polynomial near 0 (Cephes' tanhf), 1 - 2 / (e^2|x| + 1) beyond
  tanh_of: `fn tanh_of(x: f32) -> f32 {
  let a = abs(x); let s = x * x;
  if (a < 0.625f) {
    var p = fma(fma(-5.70498872745e-3f, s, 2.06390887954e-2f), s, -5.37397155531e-2f);
    p = fma(fma(p, s, 1.33314422036e-1f), s, -3.33332819422e-1f);
    return fma(p * s, x, x);
  }
  let y = 1f - 2f / (exp_of(a + a) + 1f);
  return select(select(y, -y, x < 0f), x, is_nan(x));
}`,
  // N. Juffa's erff: below 1 ulp; 1 - e^r never leaves [-1, 1]
  erf_of: `fn erf_of(x: f32) -> f32 {
  let t = abs(x); let s = x * x;
  if (t < 0.927734375f) {
    var p = fma(fma(-5.96761703e-4f, s, 4.99119423e-3f), s, -2.67681349e-2f);
    p = fma(fma(fma(p, s, 1.12819925e-1f), s, -3.76125336e-1f), s, 1.28379166e-1f);
    return fma(p, x, x);
  }
  let c = min(t, 4f); let d = c * c;
  var r = fma(fma(-1.72853470e-5f, c, 3.83197126e-4f), d, fma(-3.88396438e-3f, c, 2.42546219e-2f));
  r = fma(fma(fma(fma(r, c, -1.06777877e-1f), c, -6.34846687e-1f), c, -1.28717512e-1f), c, -c);
  let y = 1f - exp_of(r);
  return select(select(y, -y, x < 0f), x, is_nan(x));
}`,
  near_sin: `fn near_sin(x: f32) -> f32 {
  let s = x * x;
  return fma(fma(fma(-1.9515295891e-4f, s, 8.3321608736e-3f), s, -1.6666654611e-1f) * s, x, x);
}`,
  near_cos: `fn near_cos(x: f32) -> f32 {
  let s = x * x;
  return fma(fma(fma(2.443315711809948e-5f, s, -1.388731625493765e-3f), s, 4.166664568298827e-2f) * s, s, 1f - 0.5f * s);
}`,
  // 32 bits of 2 / pi, behind 32 zeros
  two_over_pi: `fn two_over_pi(word: u32) -> u32 {
  switch word {
    case 1u: { return 0xa2f9836eu; }
    case 2u: { return 0x4e441529u; }
    case 3u: { return 0xfc2757d1u; }
    case 4u: { return 0xf534ddc0u; }
    case 5u: { return 0xdb629599u; }
    case 6u: { return 0x3c439041u; }
    case 7u: { return 0xfe5163abu; }
    case 8u: { return 0xdebbc561u; }
    default: { return 0u; }
  }
}`,
  // the upper 32 bits of a product with a number below 2^24
  high_product: `fn high_product(w: u32, m: u32) -> u32 {
  let low = (w & 0xffffu) * (m & 0xffffu); let high = (w >> 16u) * (m & 0xffffu);
  let mid = (low >> 16u) + (high & 0xffffu) + (w & 0xffffu) * (m >> 16u);
  return (w >> 16u) * (m >> 16u) + (high >> 16u) + (mid >> 16u);
}`,
  // |x| less whole quarters of an iteration, and their number modulo 4, exact at any size: 96 bits of 2 / pi times the
  // fraction of x, in integers (Payne and Hanek 1983)
  turned: `fn turned(x: f32) -> vec2f {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  if (bits < 0x3f490fdbu) { return vec2f(bitcast<f32>(bits), 0f); }
  if (bits >= 0x7f800000u) { return vec2f(bitcast<f32>(nan_bits), 0f); }
  let m = (bits & 0x7fffffu) | 0x800000u; let at = (bits >> 23u) - 120u;
  let word = at >> 5u; let left = at & 31u; let right = 31u - left;
  let t1 = two_over_pi(word + 1u); let t2 = two_over_pi(word + 2u);
  let w0 = (two_over_pi(word) << left) | ((t1 >> 1u) >> right);
  let w1 = (t1 << left) | ((t2 >> 1u) >> right);
  let w2 = (t2 << left) | ((two_over_pi(word + 3u) >> 1u) >> right);
  let low = w1 * m + high_product(w2, m);
  let high = w0 * m + high_product(w1, m) + select(0u, 1u, low < w1 * m);
  let up = (high & 0x20000000u) != 0u; let quarter = ((high >> 30u) + select(0u, 1u, up)) & 3u;
  let f1 = select(low, 0u - low, up);
  let f0 = select(high & 0x3fffffffu, (~high & 0x3fffffffu) + select(0u, 1u, f1 == 0u), up);
  let y = (f32(f0) * 9.31322574615478515625e-10f + f32(f1) * 2.16840434497100886801e-19f) * 1.57079637f;
  return vec2f(select(y, -y, up), f32(quarter));
}`,
  sin_of: `fn sin_of(x: f32) -> f32 {
  let turn = turned(x);
  let y = select(near_sin(turn.x), near_cos(turn.x), turn.y == 1f || turn.y == 3f);
  return select(y, -y, (turn.y >= 2f) != (bitcast<i32>(x) < 0i));
}`,
  cos_of: `fn cos_of(x: f32) -> f32 {
  let turn = turned(x);
  let y = select(near_cos(turn.x), near_sin(turn.x), turn.y == 1f || turn.y == 3f);
  return select(y, -y, turn.y == 1f || turn.y == 2f);
}`,
  // exact, by long division of the significands, eight bits a step: no loop, as devices count iterations
  mod_of: `fn mod_of(a: f32, b: f32) -> f32 {
  let ua = bitcast<u32>(a) & 0x7fffffffu; let ub = bitcast<u32>(b) & 0x7fffffffu;
  if (ua >= 0x7f800000u || ub > 0x7f800000u || ub == 0u) { return bitcast<f32>(nan_bits); }
  if (ua < ub) { return a; }
  let eb = max(ub >> 23u, 1u);
  let ma = select((ua & 0x7fffffu) | 0x800000u, ua, ua < 0x800000u);
  let mb = select((ub & 0x7fffffu) | 0x800000u, ub, ub < 0x800000u);
  var d = max(ua >> 23u, 1u) - eb; var r = ma % mb;
${"  if (d >= 8u) { r = (r << 8u) % mb; d -= 8u; }\n".repeat(32)}  r = (r << d) % mb;
  let whole = bitcast<u32>(f32(r)); let normal = (whole >> 23u) + eb > 150u;
  let bits = select(r << (eb - 1u), whole + ((eb - 150u) << 23u), normal);
  return bitcast<f32>(select(bits, 0u, r == 0u) | (bitcast<u32>(a) & 0x80000000u));
}`,
  head_of: "fn head_of(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }",
  // a^b of positive finite a by 2^(b log2 a), with 12 bits more than f32 for the logarithm (FreeBSD's e_powf.c)
  pow_near: `fn pow_near(a: f32, b: f32) -> f32 {
  let given = bitcast<u32>(a); let small = given < 0x800000u;
  let bits = select(given, bitcast<u32>(f32(given)), small); let j = bits & 0x7fffffu;
  let half = j > 0x1cc471u && j < 0x5db3d7u; let up = j >= 0x5db3d7u;
  let n = f32(i32(bits >> 23u) - 127i + select(0i, 1i, up) - select(0i, 149i, small));
  let m = (j | 0x3f800000u) - select(0u, 0x800000u, up); let x = bitcast<f32>(m);
  let base = select(1f, 1.5f, half);
  let u = x - base; let v = 1f / (x + base); let s = u * v; let s_h = head_of(s);
  let t_h = bitcast<f32>((((m >> 1u) & 0xfffff000u) | 0x20000000u) + 0x400000u + select(0u, 0x200000u, half));
  let t_l = x - (t_h - base); let s_l = v * ((u - s_h * t_h) - s_h * t_l);
  let q = s * s;
  var r = fma(fma(fma(2.0697501302e-1f, q, 2.3066075146e-1f), q, 2.7272811532e-1f), q, 3.3333334327e-1f);
  r = q * q * fma(fma(r, q, 4.2857143283e-1f), q, 6.0000002384e-1f) + s_l * (s_h + s);
  let q_h = s_h * s_h; let w_h = head_of(3f + q_h + r); let w_l = r - ((w_h - 3f) - q_h);
  let y = s_h * w_h; let z = s_l * w_h + w_l * s; let p_h = head_of(y + z); let p_l = z - (p_h - y);
  let e_h = 0.9619140625f * p_h;
  let e_l = -1.1736857402e-4f * p_h + p_l * 9.6179670095e-1f + select(0f, 1.56322085e-6f, half);
  let d = select(0f, 5.84960938e-1f, half); let l_h = head_of(((e_h + e_l) + d) + n);
  let l_l = e_l - (((l_h - n) - d) - e_h);
  let b_h = head_of(b); let low = (b - b_h) * l_h + b * l_l; let high = b_h * l_h;
  if (high + low >= 128f) { return bitcast<f32>(inf_bits); }
  if (high + low < -150f) { return 0f; }
  let k = floor(high + low + 0.5f); let f = (high - k) + low;
  var p = fma(fma(fma(1.535336188e-4f, f, 1.339887440e-3f), f, 9.618437358e-3f), f, 5.550332471e-2f);
  p = fma(fma(fma(p, f, 2.402264791e-1f), f, 6.931472029e-1f), f, 1f);
  let i = i32(k); let part = i / 2i;
  return p * bitcast<f32>((part + 127i) << 23u) * bitcast<f32>((i - part + 127i) << 23u);
}`,
  // zeros, infinities, signs and NaN as IEEE 754 has them
  pow_of: `fn pow_of(a: f32, b: f32) -> f32 {
  if (b == 0f || a == 1f) { return 1f; }
  if (is_nan(a) || is_nan(b)) { return bitcast<f32>(nan_bits); }
  let p = abs(a); let inf = bitcast<f32>(inf_bits); let whole = floor(b) == b;
  var r = 1f;
  if (p == 0f) { r = select(0f, inf, b < 0f); }
  else if (p == inf) { r = select(0f, inf, b > 0f); }
  else if (abs(b) == inf) { if (p != 1f) { r = select(0f, inf, (p > 1f) == (b > 0f)); } }
  else if (a < 0f && !whole) { return bitcast<f32>(nan_bits); }
  else { r = pow_near(p, b); }
  let odd = whole && abs(b) < 16777216f && floor(b * 0.5f) * 2f != b;
  return select(r, -r, odd && bitcast<i32>(a) < 0i);
}`,
  threefry: `fn threefry(k0: u32, k1: u32, counter: u32) -> u32 {
  let k2 = k0 ^ k1 ^ ${PARITY >>> 0}u; var x = counter + k0; var y = k1;
${rounds}
  return x;
}`,
};
