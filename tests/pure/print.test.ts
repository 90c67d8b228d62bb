/** How a description prints in consoles, notebooks and texts: one line. */
import * as cs from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";

test("a tensor is one line: its type, its shape, and what it is of", () => {
  const x = cs.input("image.rows", [2, 3]), y = cs.matmul(cs.input("w", [3, 4]))(cs.exp(x));
  assert.is(String(x), "Tensor f32 [2, 3] = input image.rows");
  assert.is(String(cs.exp(x)), "Tensor f32 [2, 3] = exp(f32 [2, 3])");
  assert.match(`${y}`, /^Tensor f32 \[2, 4\] = [a-z]+\(f32 \[2, 3\], f32 \[3, 4\]\)$/i);
  assert.is(String(cs.constant(2, "i32")), "Tensor i32 [] = constant 2");
  assert.is(
    Deno.inspect({ twice: cs.mul(x, 2) }),
    "{ twice: Tensor f32 [2, 3] = mul(f32 [2, 3], f32 [2, 3]) }",
  );
});

test.run();
