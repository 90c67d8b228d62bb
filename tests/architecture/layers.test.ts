/** Folders of `pipelines/` import values only from themselves and from the folders before them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { layers } from "../../pipelines/layers.ts";

const root = new URL("../../pipelines/", import.meta.url);
const order = Object.keys(layers);

/** An import that goes up: a file, and the file that it takes values from. */
type Upward = string;

/** Imports and re-exports of values: a statement of types alone, whole or by name, is none. */
const valueImports = (source: string): readonly string[] =>
  [...source.matchAll(/^(?:import|export)\s+(type\s)?(?:(\{[^}]*\}|\*[^;]*?|\w+)\s+from\s+)?"(\.[^"]+)"/gm)]
    .filter(([, type, names]) =>
      type === undefined &&
      (names === undefined || !names.startsWith("{") ||
        names.slice(1, -1).split(",").map((name) => name.trim()).some((name) =>
          name !== "" && !name.startsWith("type ")
        ))
    )
    .map(([, , , path]) => path!);

const folderOf = (path: string): string => path.includes("/") ? path.slice(0, path.indexOf("/")) : "";

/** The imports of one file, by path inside `pipelines/`, that go up the order. */
const upward = (path: string, source: string): readonly Upward[] => {
  const own = order.indexOf(folderOf(path));
  return valueImports(source).flatMap((specifier) => {
    const { href } = new URL(specifier, new URL(path, root));
    if (!href.startsWith(root.href) || href.endsWith(".json")) return [];
    const target = href.slice(root.href.length), folder = folderOf(target);
    return folder !== "" && order.indexOf(folder) <= own ? [] : [`${path} -> ${target}`];
  });
};

const files = (folder: string): readonly string[] =>
  [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) =>
    isDirectory ? files(`${folder}${name}/`) : name.endsWith(".ts") ? [`${folder}${name}`] : []
  );

const folders = suite("layers");

folders("every folder has a place in the order", () => {
  const found = [...Deno.readDirSync(root)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  assert.equal(found.toSorted(), order.toSorted());
});

folders("values are imported from lower folders only", () => {
  const inFolders = files("").filter((path) => path.includes("/"));
  assert.ok(inFolders.length > 300, `${inFolders.length} files`);
  assert.equal(
    inFolders.flatMap((path) => upward(path, Deno.readTextFileSync(new URL(path, root)))).toSorted(),
    [],
  );
});

folders("an import that goes up is found in every form, and types are free", () => {
  const goesUp = (line: string) => upward("runs/x.ts", line).length === 1;
  assert.ok(goesUp('import { a } from "../train/a.ts";'));
  assert.ok(goesUp('import { type A,\n  b,\n} from "../train/a.ts";'));
  assert.ok(goesUp('import * as a from "../train/a.ts";'));
  assert.ok(goesUp('import "../train/a.ts";'));
  assert.ok(goesUp('export * from "../train/a.ts";'));
  assert.ok(goesUp('import { all } from "../mod.ts";'));
  assert.not(goesUp('import type { A } from "../train/a.ts";'));
  assert.not(goesUp('import { type A } from "../train/a.ts";'));
  assert.not(goesUp('import { a } from "../base/a.ts";'));
  assert.not(goesUp('import { a } from "./a.ts";'));
  assert.not(goesUp('import config from "../../deno.json" with { type: "json" };'));
});

folders.run();
