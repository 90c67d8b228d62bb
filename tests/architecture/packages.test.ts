/** The packages keep to their rules, and the checkers find every planted violation. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  impurities,
  ownDraws,
  packages,
  registryHosts,
  type Source,
  tooLong,
  wrongImports,
} from "./rules.ts";
import { scan } from "./scanner.ts";

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

const SKIPPED = new Set([".git", "node_modules", "cache", "runs", "cov", "golden"]);

const sources = (folder: string, kinds: RegExp): readonly Source[] => {
  const found: Source[] = [];
  const walk = (path: string): void => {
    for (const entry of Deno.readDirSync(`${root}/${path}`)) {
      const child = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory) {
        if (!SKIPPED.has(entry.name) || child.startsWith("pipelines/")) walk(child);
      } else if (entry.isFile && kinds.test(entry.name)) {
        found.push({ path: child, text: Deno.readTextFileSync(`${root}/${child}`) });
      }
    }
  };
  walk(folder);
  return found.toSorted((a, b) => a.path < b.path ? -1 : 1);
};

const code = sources("", /\.tsx?$/);
const inRoom = (room: string): readonly Source[] => code.filter(({ path }) => path.startsWith(`${room}/`));

const tree = suite("packages");

tree("are there to be checked", () => {
  assert.ok(inRoom("core").length > 5, `${inRoom("core").length} files of core`);
  assert.ok(code.some(({ path }) => path === "pipelines/base/hash.ts"), "pipelines/base is among them");
});

tree("core is pure", () => {
  assert.equal(inRoom("core").flatMap(impurities), []);
});

tree("imports go one way, by name", () => {
  assert.equal(packages.flatMap(inRoom).flatMap(wrongImports), []);
});

tree("tests draw from seeds that are fixed and can be repeated", () => {
  const own = new Set(["tests/support/property.ts", "tests/fuzz.ts"]);
  assert.equal(inRoom("tests").filter(({ path }) => !own.has(path)).flatMap(ownDraws), []);
});

tree("no file is longer than 500 lines", () => {
  assert.equal(code.flatMap(tooLong), []);
});

tree("no file names the host of a registry", () => {
  const all = sources("", /\.(tsx?|json|jsonc|md|ipynb|sh|ya?ml|toml|wgsl|wat|py)$|^(run|Dockerfile)$/);
  assert.ok(all.length > code.length);
  assert.equal(all.flatMap(registryHosts), []);
});

const checkers = suite("checkers");
const core = (text: string): Source => ({ path: "core/x.ts", text });

checkers("tell code from comments, strings, templates and regular expressions", () => {
  const source = [
    "// Deno.a",
    '/* Deno.b */ const a = \'Deno.c\' + "De\\"no.d";',
    "const t = `Deno.e ${Deno.f({ x: `Deno.g ${1}` })} Deno.h`;",
    'const r = /Deno.i[/"]/g.test(s) ? a / Deno.j / 2 : 1;',
    "/** Deno.k */",
  ].join("\n");
  const { code } = scan(source);
  assert.equal(code.match(/Deno\.\w/g), ["Deno.f", "Deno.j"]);
  assert.is(code.split("\n").length, 5);
  assert.is(code.length, source.length);
});

checkers("find what is imported, in every form", () => {
  const source = [
    'import { a } from "./a.ts";',
    "import type {\n  B,\n} from './b.ts';",
    'import "./c.ts";',
    'export * from "./d.ts";',
    'const e = import("./e.ts");',
    'const no = "from \\"./f.ts\\""; // import "./g.ts"',
    'type H = import("./h.ts").H;',
  ].join("\n");
  assert.equal(scan(source).imports, ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./h.ts"]);
});

checkers("catch planted impurities in core, each by its line", () => {
  for (
    const planted of [
      "Deno.cwd()",
      "type D = GPUDevice",
      "navigator.gpu",
      "Promise.resolve()",
      "const f = async () => 1",
      "Date.now()",
      "new Date()",
      "performance.now()",
      "Math.random()",
      "crypto.randomUUID()",
      "fetch('x')",
      "console.log(1)",
      "setTimeout(f)",
      "`${Math.random()}`",
      'import * as Effect from "effect/Effect"',
      'import { Effect } from "effect"',
      'import { Effect } from "npm:effect@4.1.0"',
      'import { readFileSync } from "node:fs"',
    ]
  ) {
    const found = impurities(core(`const ok = 1;\n${planted};\n`));
    assert.is(found.length, 1, `${planted}: ${found.join()}`);
    assert.match(found[0]!, /^core\/x\.ts(:2)? /);
  }
});

checkers("let pure code be", () => {
  const pure = [
    "// Math.random and Promise are not used; await nothing",
    'const a = "Deno.cwd()" + `fetch(x) ${b}`;',
    "const undenoted = x.navigator, denoted = node.Promise, fetcher = prefetch(1);",
    'import { pipe } from "fp-ts/lib/function.js";',
    "const side_effect = { effects: 1, GPUS: 2 }.effects;",
  ].join("\n").replace("GPUS", "gpus");
  assert.equal(impurities(core(pure)), []);
});

checkers("catch imports that go outwards or by path", () => {
  const wrong = (path: string, specifier: string): number =>
    wrongImports({ path, text: `import { x } from "${specifier}";` }).length;
  assert.is(wrong("core/x.ts", "@chain-of-sight/kernels"), 1);
  assert.is(wrong("core/x.ts", "@chain-of-sight/pipelines"), 1);
  assert.is(wrong("core/x.ts", "@chain-of-sight/core"), 1);
  assert.is(wrong("core/nn/x.ts", "../../kernels/mod.ts"), 1);
  assert.is(wrong("core/x.ts", "../mod.ts"), 1);
  assert.is(wrong("core/x.ts", "../../elsewhere.ts"), 1);
  assert.is(wrong("core/x.ts", "/core/y.ts"), 1);
  assert.is(wrong("kernels/x.ts", "@chain-of-sight/pipelines"), 1);
  assert.is(wrong("pipelines/x.ts", "../core/tensor.ts"), 1);
  assert.is(wrong("pipelines/x.ts", "@chain-of-sight/chain-of-sight"), 1);
  assert.is(wrong("core/x.ts", "../deno.json"), 1);
  assert.is(wrong("pipelines/a/x.ts", "../../kernels/deno.json"), 1);
  assert.is(wrong("pipelines/a/x.ts", "../../deno.json"), 0);
  assert.is(wrong("core/nn/x.ts", "../tensor.ts"), 0);
  assert.is(wrong("kernels/x.ts", "@chain-of-sight/core"), 0);
  assert.is(wrong("pipelines/a/x.ts", "@chain-of-sight/kernels"), 0);
  assert.is(wrong("pipelines/a/x.ts", "../b/y.ts"), 0);
  assert.is(wrong("tests/x.test.ts", "../core/tensor.ts"), 0);
});

checkers("catch draws that nobody can repeat", () => {
  const drawn = (text: string): number => ownDraws({ path: "tests/x.test.ts", text }).length;
  for (
    const planted of [
      "fc.assert(fc.property(fc.nat(), (n) => n >= 0));",
      "await fc.check(p, { seed: 1 });",
      "const [x] = fc\n  .sample(a, 1);",
      "const x = Math.random();",
      "crypto.getRandomValues(new Uint8Array(4));",
      "const id = `${crypto.randomUUID()}`;",
      'import { assert, property } from "fast-check";',
    ]
  ) {
    assert.is(drawn(planted), 1, planted);
  }
  assert.is(drawn('property(test, "a", [fc.nat()], () => true); // fc.assert, Math.random'), 0);
  assert.is(drawn('import fc from "fast-check"; import * as assert from "uvu/assert";'), 0);
});

checkers("catch long files and registry hosts", () => {
  assert.is(tooLong(core("x\n\n".repeat(500))).length, 0);
  assert.is(tooLong(core("x\n".repeat(501))).length, 1);
  const host = ["jsr", "io"].join(".");
  assert.is(registryHosts(core(`// https://${host}/x`)).length, 1);
  assert.is(registryHosts(core(`// https://not-${host}x`)).length, 0);
  assert.is(registryHosts(core(`"https://${["registry", "npmjs", "org"].join(".")}/"`)).length, 1);
});

tree.run();
checkers.run();
