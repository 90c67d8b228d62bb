/** Renders contractions as WebAssembly text. */
import type { ContractionKernel } from "../graph/kernel.ts";
import { Func, type Phase } from "./function.ts";
import { laneLoop, numberLoop } from "./loops.ts";
import type { Dialect } from "./math.ts";
import { madd } from "./math.ts";
import { Scope } from "./scope.ts";
import { get, i32, set } from "./text.ts";

/** Renders a contraction kernel. */
export const renderContraction = (kernel: ContractionKernel, dialect: Dialect): Phase[] => {
  const { batch, m, n, k } = kernel.size, func = new Func(), { locals } = func;
  const top = new Scope({ locals, buffer: func.buffer, result: () => get("acc") });
  const unit = top.loop(["unit", "batch", "row"]);
  locals.declare("batch", "i32");
  locals.declare("row", "i32");
  locals.declare("acc", "v128");
  unit.lines.push(
    set("batch", `(i32.div_u ${get("unit")} ${i32(m)})`),
    set("row", `(i32.rem_u ${get("unit")} ${i32(m)})`),
  );
  laneLoop(unit, locals, { name: "col", from: i32(0), to: n, length: n, copies: 1 }, (scope) => {
    const sum = locals.fresh("v", "v128");
    scope.lines.push(set(sum, "(v128.const i32x4 0 0 0 0)"));
    numberLoop(scope, locals, "k", k, (inner) => {
      const a = inner.value(kernel.left), b = inner.value(kernel.right);
      inner.lines.push(set(sum, madd(a, b, get(sum), dialect)));
    });
    scope.lines.push(set("acc", get(sum)));
    const texts = kernel.outputs.map((o) => scope.value(o.value));
    kernel.outputs.forEach((o, i) => scope.store(o.tensor, o.at, texts[i]!));
  });
  return [{
    label: `matmul ${batch}x${m}x${n}x${k}`,
    text: func.text(top.lines, unit.lines),
    tensors: func.tensors(),
    writes: kernel.outputs.map((o) => o.tensor),
    shared: 0,
    scratch: 0,
    units: batch * m,
    chunk: 1,
  }];
};
