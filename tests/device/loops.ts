/** Cases of loops for the device-generic suite: values, gradients, second derivatives and vectorised forms. */
import * as cs from "@chain-of-sight/core";
import type { Tensor, Tree } from "@chain-of-sight/core";
import { loopPrograms, numbersOf, paramsOf, weighed } from "../support/loops.ts";
import type { DeviceCase } from "./cases.ts";

const leaves = (tree: unknown): Tensor[] => cs.tensors.leaves(tree as Tree<Tensor>);

/** Cases of `scan`. */
export const loopCases: readonly DeviceCase[] = loopPrograms.flatMap((program) => {
  const params = paramsOf(program), bindings = numbersOf(program);
  const results = (p: typeof params) => program.of(cs.scan)(p);
  const scalar = (p: typeof params): Tensor => weighed(results(p));
  const made = (what: string, roots: readonly Tensor[]): DeviceCase => ({
    name: `loop, ${what}: ${program.name}`,
    ops: ["scan", "result"],
    roots,
    bindings,
    exact: false,
    loose: true,
  });
  const { value, grad } = cs.valueAndGrad(scalar)(params);
  const many = Object.fromEntries(
    Object.entries(params).map(([name, x]) => [name, cs.stack([x, cs.neg(x)])]),
  );
  return [
    made("values and gradient", [...results(params), value, ...leaves(grad)]),
    made("second derivative", leaves(cs.hessianVectorProduct(scalar)(params, params))),
    made(
      "vectorised gradient",
      leaves(cs.vmap((p: typeof params) => cs.grad(scalar)(p) as Tree<Tensor>)(many)),
    ),
  ];
});
