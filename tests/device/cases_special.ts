/** Cases of primitives with NaN, infinities and overflow. */
import * as cs from "@chain-of-sight/core";
import { type DeviceCase, made } from "./cases.ts";

const EXACT = { exact: true }, LOOSE = { loose: true };
const odd = cs.f32([8], [NaN, Infinity, -Infinity, 0, -0, 1, -1, 3e38]);

/** Cases with NaN, infinities and overflow. */
export const specialCases: readonly DeviceCase[] = [
  made(
    "add",
    "NaN and infinities pass through arithmetic",
    [odd],
    (x) => [cs.add(x!, 1), cs.mul(x!, 2), cs.neg(x!), cs.abs(x!)],
    EXACT,
  ),
  made("div", "division by zero", [odd], (x) => cs.div(x!, 0), EXACT),
  made("exp", "exp of infinities", [cs.f32([4], [-Infinity, Infinity, NaN, 0])], (x) => cs.exp(x!), LOOSE),
  made(
    "less",
    "comparisons with NaN are false",
    [odd],
    (x) => [cs.less(x!, 0), cs.equal(x!, x!), cs.less(0, x!)],
    EXACT,
  ),
  made(
    "select",
    "select drops what it does not choose",
    [odd],
    (x) => cs.select(cs.less(x!, 0), 1, x!),
    EXACT,
  ),
  made(
    ["maximum", "minimum"],
    "NaN wins in maximum and minimum",
    [odd],
    (x) => [cs.maximum(x!, 0.5), cs.minimum(x!, 0.5)],
    EXACT,
  ),
  made("sum", "NaN in a sum", [odd], (x) => cs.sum()(cs.reshape([2, 4])(x!)), EXACT),
  made("max", "NaN in a maximum", [odd], (x) => cs.max()(x!), EXACT),
  made(
    "gather",
    "NaN in a table stays in its row",
    [odd, cs.i32([3], [5, 0, 3])],
    (x, i) => cs.gather(x!)(i!),
    EXACT,
  ),
  made("cast", "casts of what no integer holds saturate", [
    cs.f32([5], [NaN, Infinity, -Infinity, 3e9, -3e9]),
  ], (x) => [
    cs.cast("i32")(x!),
    cs.cast("u32")(x!),
  ], EXACT),
];
