/** Nested transforms mean what they mean by themselves, on the reference. */
import * as cs from "@chain-of-sight/core";
import { test } from "uvu";
import { near } from "../support/near.ts";
import { property, seeds } from "../support/property.ts";
import { nestedProgram } from "./nested.ts";

property(test, "nested transforms against plain functions", [seeds()], (seed) => {
  const { roots, plain, bindings } = nestedProgram(seed);
  const expected = cs.interpret(plain, bindings);
  const check = (form: string, values: readonly cs.NdArray[]): void =>
    values.forEach((v, i) => near(`${form} ${i}`, v, expected[i]!, { rtol: 1e-7, atol: 1e-9 }));
  check("described", cs.interpret(roots, bindings));
  check("simplified", cs.interpret(cs.simplify(roots), bindings));
}, { runs: 200, counts: "nested transforms" });

test.run();
