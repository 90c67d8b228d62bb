/** What a proof of range sees in a text: pairs of bodies, one in range and one a little beyond. */
import { outsideOf, parseModule, UnknownText } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("proofs of range");

/** A kernel of 4 x 2 workgroups of 16 workers on a buffer of 100 numbers, one of 100 integers, and 40 shared ones. */
const text = (body: string, more = ""): string =>
  [
    "@group(0) @binding(0) var<storage, read_write> x: array<f32>;",
    "@group(0) @binding(1) var<storage, read> n: array<i32>;",
    "@group(0) @binding(2) var<storage, read> q: array<vec4<f16>>;",
    "var<workgroup> s: array<f32, 40>;",
    more,
    "@compute @workgroup_size(16, 1)",
    "fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {",
    body,
    "}",
  ].join("\n");

const places = (body: string, more?: string): readonly string[] =>
  outsideOf({ code: text(body, more), workgroups: [4, 2, 1] }, [400, 400, 96], { least: 8, most: 8 })
    .map((o) => `${o.write ? "write" : "read"} ${o.array}[${o.at}]`);

const half = "if (i >= 100u) { return; }";
const pairs: readonly (readonly [what: string, inside: string, beyond: string])[] = [
  ["workers", "x[group.x * 16u + lane.x] = 1f;", "x[group.x * 32u + lane.x] = 1f;"],
  [
    "a guard that returns",
    `let i = group.x * 32u + lane.x; ${half} x[i] = 1f;`,
    `let i = group.x * 32u + lane.x; x[i] = 1f; ${half}`,
  ],
  [
    "a guard of rows and columns",
    "let row = group.y * 16u + lane.x; let col = group.x * 4u; if (row < 20u && col < 5u) { x[row * 5u + col] = 1f; }",
    "let row = group.y * 16u + lane.x; let col = group.x * 4u; if (row < 20u || col < 5u) { x[row * 5u + col] = 1f; }",
  ],
  ["a clamp", "x[min(u32(n[lane.x]), 99u)] = 1f;", "x[min(u32(n[lane.x]), 100u)] = 1f;"],
  ["a place below 0", "x[min(lane.x - 3u, 99u)] = 1f;", "x[lane.x - 3u] = 1f;"],
  [
    "a guard of what was counted below 0",
    "let i = lane.x - 3u; if (i < 5u) { x[i] = 1f; }",
    "let i = lane.x - 3u; if (i != 0u) { x[i] = 1f; }",
  ],
  [
    "a guard of a number from memory",
    "let i = n[lane.x]; if (i < 0i || i >= 10i) { return; } x[u32(i) * 10u + 9u] = 1f;",
    "let i = n[lane.x]; if (i < -1i || i >= 10i) { return; } x[u32(i) * 10u + 9u] = 1f;",
  ],
  [
    "a number that is read twice is two",
    "let i = n[0]; if (i >= 0i && i < 100i) { x[u32(i)] = 1f; }",
    "if (n[0] >= 0i && n[0] < 100i) { x[u32(n[0])] = 1f; }",
  ],
  [
    "a loop with steps",
    "for (var k = 0u; k < 97u; k += 4u) { x[k + 3u] = 1f; }",
    "for (var k = 0u; k < 98u; k += 4u) { x[k + 4u] = 1f; }",
  ],
  [
    "a loop to a bound of its own",
    "let end = min(100u, lane.x * 8u + 1u); for (var k = lane.x; k < end; k++) { x[k] = 1f; }",
    "let end = max(100u, lane.x * 8u + 1u); for (var k = lane.x; k < end; k++) { x[k] = 1f; }",
  ],
  [
    "a loop that changes its own variable",
    "for (var k = 0u; k < 50u; k++) { x[k * 2u] = 1f; }",
    "for (var k = 0u; k < 50u; k++) { k = k + 1u; x[k * 2u] = 1f; }",
  ],
  [
    "a loop that is left",
    "var k = lane.x; loop { if (k >= 100u) { break; } x[k] = 1f; k += 16u; }",
    "var k = lane.x; loop { x[k] = 1f; if (k >= 100u) { break; } k += 16u; }",
  ],
  [
    "whole blocks alone",
    "for (var k = 0u; k < lane.x / 4u * 4u; k += 4u) { x[k + 3u] = 1f; s[k] = 0f; }",
    "for (var k = 0u; k < lane.x * 7u; k += 4u) { x[k] = 1f; }",
  ],
  [
    "branches that meet again under the same condition",
    "var p = 0u; if (lane.x < 8u) { p = 92u; } else { p = 84u; } if (lane.x < 8u) { x[p + lane.x] = 1f; } else { x[p + lane.x] = 1f; }",
    "var p = 0u; if (lane.x < 8u) { p = 92u; } else { p = 85u; } if (lane.x < 8u) { x[p + lane.x] = 1f; } else { x[p + lane.x] = 1f; }",
  ],
  [
    "a choice",
    "x[select(lane.x * 7u, 0u, lane.x > 14u)] = 1f;",
    "x[select(lane.x * 7u, 0u, lane.x > 15u)] = 1f;",
  ],
  [
    "quotients and remainders",
    "let i = group.x * 16u + lane.x; x[(i / 8u) * 12u + i % 8u] = 1f;",
    "let i = group.x * 16u + lane.x; x[(i / 8u) * 14u + i % 8u] = 1f;",
  ],
  ["vectors of memory", "let v = q[lane.x % 12u];", "let v = q[lane.x % 13u];"],
  ["workgroup memory", "s[lane.x * 2u + 9u] = 1f;", "s[lane.x * 2u + 10u] = 1f;"],
  [
    "a right side of and",
    "if (lane.x < 10u && s[lane.x * 4u] > 0f) { x[0] = 1f; }",
    "if (s[lane.x * 4u] > 0f && lane.x < 10u) { x[0] = 1f; }",
  ],
  [
    "what a loop does at its end",
    "for (var k = lane.x; k < 100u; k = u32(n[k])) { x[k] = 1f; }",
    "for (var k = lane.x; k < 101u; k = u32(n[k])) { x[0] = 1f; }",
  ],
];
for (const [what, inside, beyond] of pairs) {
  test(what, () => {
    assert.equal(places(inside), []);
    assert.ok(places(beyond).length > 0, beyond);
  });
}

test("functions are looked into where they are called, with what is given", () => {
  const put =
    "fn put(at: u32, value: f32) { switch at >> 6u { case 1u: { s[at & 31u] = value; } default: { x[at] = value; } } }";
  assert.equal(places("put(lane.x, 1f);", put), []);
  assert.equal(places("put(lane.x + 90u, 1f);", put), [], "from 90 to 105: the case of 1, in shared memory");
  assert.equal(places("put(lane.x * 12u, 1f);", put), ["write x[at]"]);
});

test("matrices count whole", () => {
  const load = (at: string, stride: number) =>
    `let a = subgroupMatrixLoad<subgroup_matrix_left<f32, 4, 8>, row_major>(&s, ${at}, ${stride}u);`;
  assert.equal(places(load("1u", 5)), []);
  assert.equal(places(load("2u", 5)), ["read s[2u]"]);
  assert.equal(places(load("0u", 6)), ["read s[0u]"]);
});

test("what is not known is refused", () => {
  const unknown = (body: string, more?: string) =>
    assert.throws(() => places(body, more), (e: unknown) => e instanceof UnknownText);
  unknown("while (true) { x[0] = 1f; }");
  unknown("for (var k = 0u; k < 4u; k++) { if (k == 2u) { continue; } }");
  unknown("switch lane.x { case 1u: { break; } default: { return; } } x[1000] = 1f;");
  unknown("var i = 0u; set(&i);", "fn set(p: ptr<function, u32>) { *p = 1000u; }");
  unknown("m[0] = mat2x2f();", "@group(0) @binding(3) var<storage, read_write> m: array<mat2x2f>;");
  assert.throws(() => parseModule("struct A { x: u32 }"), (e: unknown) => e instanceof UnknownText);
});

test.run();
