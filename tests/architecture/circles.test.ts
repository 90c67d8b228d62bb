/** The compiler has no circles: its files form layers, but for pairs of types that are defined together. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { scan } from "./scanner.ts";

const test = suite("circles of the compiler");
const root = new URL("../../kernels/", import.meta.url);

/** Pairs of files whose types refer to each other. */
const pairs = [
  ["graph/kernel.ts", "graph/repeat.ts"],
  ["ir/index_expr.ts", "ir/value.ts"],
  ["plan/arrange.ts", "plan/memory.ts"],
];

const filesOf = (folder: URL, at = ""): string[] =>
  [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory
      ? filesOf(new URL(`${entry.name}/`, folder), `${at}${entry.name}/`)
      : /^(mod|portable)\.ts$|\.json$|\.md$/.test(entry.name)
      ? []
      : [`${at}${entry.name}`]
  );

/** The files of each file's imports, those of types included. */
const importsOf = (files: readonly string[]): ReadonlyMap<string, readonly string[]> =>
  new Map(files.map((path) => {
    const here = new URL(path, root);
    const found = scan(Deno.readTextFileSync(here)).imports.filter((to) => to.startsWith("."))
      .map((to) => new URL(to, here).href.slice(root.href.length));
    return [path, found];
  }));

/** Groups of files that reach each other. */
const circlesOf = (imports: ReadonlyMap<string, readonly string[]>): string[][] => {
  const reach = (from: string): ReadonlySet<string> => {
    const seen = new Set<string>(), stack = [...imports.get(from) ?? []];
    while (stack.length > 0) {
      const next = stack.pop()!;
      if (!seen.has(next)) stack.push(...(seen.add(next), imports.get(next) ?? []));
    }
    return seen;
  };
  const reached = new Map([...imports.keys()].map((path) => [path, reach(path)]));
  const circles = [...reached].filter(([path, all]) => all.has(path))
    .map(([path, all]) => [...all].filter((other) => reached.get(other)!.has(path)).toSorted());
  return [...new Map(circles.map((c) => [c.join(), c])).values()].toSorted((a, b) => a[0]! < b[0]! ? -1 : 1);
};

test("files of kernels/ form no circle but the pairs that are named", () => {
  const imports = importsOf(filesOf(root));
  assert.ok(imports.size > 100 && imports.get("plan/plan.ts")!.includes("plan/passes.ts"));
  assert.equal(circlesOf(imports), pairs);
});

test("a circle is found", () => {
  const imports = new Map([["a", ["b"]], ["b", ["c"]], ["c", ["a", "d"]], ["d", []]]);
  assert.equal(circlesOf(imports), [["a", "b", "c"]]);
});

test.run();
