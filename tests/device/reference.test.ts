/** The device-generic suite on the reference itself, rounded to f32: the cases and the comparison are sound. */
import { interpret, ndarray } from "@chain-of-sight/core";
import { deviceSuite } from "./suite.ts";

deviceSuite("reference", (roots, bindings) =>
  Promise.resolve(
    interpret(roots, bindings).map((a) =>
      a.dtype === "f32" ? ndarray("f32", a.shape, Float32Array.from(a.data)) : a
    ),
  ));
