/** Parameters: their start, their names, and what is refused. */
import {
  bindingsOf,
  chainOfSightSpecs,
  compoundScaling,
  countParameters,
  decoderMaps,
  fit,
  grow,
  initialise,
  isNdArray,
  layoutOf,
  linearSpecs,
  llamaSpecs,
  loraSpecs,
  onesInit,
  parameter,
  type ParameterSpec,
  placeholders,
  tensors,
  type Tree,
  TreeError,
  truncatedNormal,
  uniformInit,
  vitSpecs,
  zerosInit,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";

const normal = parameter([100, 101], truncatedNormal(0.02));

test("the same key gives the same numbers, another name or key others", () => {
  const [a, b, c] = [
    initialise([1, 2], { w: normal }),
    initialise([1, 2], { w: normal }),
    initialise([1, 3], { w: normal }),
  ];
  assert.equal(a.w.data, b.w.data);
  assert.not.equal(a.w.data, c.w.data);
  const two = initialise([1, 2], { before: normal, w: normal });
  assert.equal(two.w.data, a.w.data, "a further parameter changes no other");
  assert.not.equal(two.before.data, a.w.data);
});

test("a truncated normal has its mean and deviation, and its cut", () => {
  const data = Array.from(initialise([7, 8], { w: normal }).w.data), n = data.length;
  const mean = data.reduce((s, x) => s + x, 0) / n;
  const deviation = Math.sqrt(data.reduce((s, x) => s + (x - mean) ** 2, 0) / n);
  assert.ok(Math.abs(mean) < 4 * 0.02 / Math.sqrt(n), `mean ${mean}`);
  assert.ok(Math.abs(deviation / 0.02 - 1) < 0.03, `deviation ${deviation}`);
  const cut = initialise([7, 8], { w: parameter([999], truncatedNormal(1, 0.5)) }).w.data;
  assert.ok(cut.every((x) => Math.abs(x) <= 0.5));
});

test("zeros, ones and uniform", () => {
  const { z, o, u } = initialise([0, 0], {
    z: parameter([3], zerosInit),
    o: parameter([3], onesInit),
    u: parameter([999], uniformInit(-1, 3)),
  });
  assert.equal([...z.data, ...o.data], [0, 0, 0, 1, 1, 1]);
  const mean = Array.from(u.data).reduce((s, x) => s + x, 0) / 999;
  assert.ok(u.data.every((x) => x >= -1 && x < 3) && Math.abs(mean - 1) < 0.2, `mean ${mean}`);
});

test("placeholders and bindings meet by path", () => {
  const specs = { ln: { weight: parameter([4], onesInit) }, list: [parameter([], zerosInit, "i32")] };
  const names = tensors.leaves(placeholders("p", specs)).map((t) => (t.attributes as { path: string }).path);
  assert.equal(names, ["p.ln.weight", "p.list.0"]);
  assert.equal(Object.keys(bindingsOf("p", initialise([0, 1], specs))), names);
  assert.ok(isNdArray(initialise([0, 1], specs).ln.weight));
});

test("fit refuses a missing or misshapen parameter by name", () => {
  const specs = { a: linearSpecs({ from: 2, to: 3 }) };
  assert.ok(fit("model", specs, placeholders("p", specs)).a.weight);
  assert.throws(
    () => fit("model", specs, {}),
    (e: Error) => e instanceof TreeError && /a\.weight/.test(e.message),
  );
  assert.throws(
    () => fit("model", specs, placeholders("p", { a: linearSpecs({ from: 3, to: 3 }) })),
    /\[3, 3\] for f32 \[3, 2\]/,
  );
});

test("fitting keeps what accompanies a parameter, and nothing else that the model does not name", () => {
  const specs = { a: { weight: normal }, list: [{ b: { weight: normal } }] };
  const given = placeholders("", {
    a: { weight: normal, lora_A: normal },
    list: [{ b: { weight: normal, lora_B: normal } }],
    other: { weight: normal },
    top: normal,
  });
  const fitted = fit("test", specs, given) as unknown as typeof given;
  assert.equal(tensors.entries(fitted).map(([path]) => path), [
    "a.weight",
    "a.lora_A",
    "list.0.b.weight",
    "list.0.b.lora_B",
  ]);
  assert.is(fitted.a.lora_A, given.a.lora_A);
  assert.ok(Array.isArray(fitted.list));
});

test("the trainable parameters of CoS-7B's fine-tuning are 532,374,528", () => {
  const { layout } = grow(compoundScaling())(layoutOf(224, 14, [16, 4], [16, 4]));
  const vit = vitSpecs({ resolution: 448, patch: 14, width: 1024, layers: 23, heads: 16 });
  const bridge = chainOfSightSpecs({ layout, width: 1024, to: 4096, heads: 16 });
  const decoder = llamaSpecs({
    vocabulary: 32000,
    width: 4096,
    layers: 32,
    heads: 32,
    ff: 11008,
  });
  const lora = loraSpecs(decoder as Tree<ParameterSpec>, { rank: 64, alpha: 64, when: decoderMaps });
  assert.is(
    countParameters(vit as Tree<ParameterSpec>) + countParameters(bridge as Tree<ParameterSpec>) +
      countParameters(lora),
    532_374_528,
  );
});

test.run();
