/**
 * `core` and `kernels` as one npm package of ES modules for pages and bundlers: minified scripts that need nothing else, and
 * declarations file by file.
 */
import * as Effect from "effect/Effect";
import ts from "typescript";
import member from "../../kernels/deno.json" with { type: "json" };
import workspace from "../../deno.json" with { type: "json" };
import { onDisk } from "../../pipelines/base/disk.ts";
import type { DiskError } from "../../pipelines/base/disk.ts";
import { bundle } from "../../pipelines/site/bundle.ts";
import type { SiteError } from "../../pipelines/site/fault.ts";

const root = new URL("../../", import.meta.url);

/** Name of the package. */
export const PACKAGE = "@chain-of-sight/web";

/** Modules of the package, and the sources that they are. */
const modules = {
  core: "core/mod.ts",
  kernels: "kernels/web.ts",
  cpu_worker_web: "kernels/device/cpu_worker_web.ts",
};

/** The example of its README. */
export const example = `import { f32, input, matmul, softmax } from "${PACKAGE}/core";
import { run } from "${PACKAGE}/kernels";

const x = input("x", [2, 3]), w = input("w", [3, 4]);
const { data } = await run(softmax(-1)(matmul(w)(x)), {
  x: f32([2, 3], [1, 2, 3, 3, 2, 1]),
  w: f32([3, 4], Array.from({ length: 12 }, (_, i) => i / 12)),
});
console.log(data);
`;

const readme = [
  "# Chain-of-Sight for pages",
  "",
  "A tensor language that compiles to WebGPU and WebAssembly. On the visitor's GPU where there is one, on the CPU",
  "otherwise:",
  "",
  "```ts",
  example + "```",
  "",
  "The third argument of `run` chooses the device: `webgpu`, `cpu` or `auto`. The CPU uses all threads in pages that",
  "are cross-origin isolated, and one in others.",
  "",
].join("\n");

const version = (name: keyof typeof workspace.imports): string =>
  workspace.imports[name].replace(/^npm:.*@/, "");

const manifest = {
  name: PACKAGE,
  version: member.version,
  description: "A tensor language that compiles to WebGPU and WebAssembly",
  license: member.license,
  type: "module",
  exports: Object.fromEntries(
    (["core", "kernels"] as const).map((name) => [`./${name}`, {
      types: `./types/${modules[name].replace(/\.ts$/, ".d.ts")}`,
      default: `./${name}.js`,
    }]),
  ),
  // their types are part of the declarations
  dependencies: { effect: version("effect"), "fp-ts": version("fp-ts"), "io-ts": version("io-ts") },
};

const sourcesIn = function* (folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    if (isDirectory) yield* sourcesIn(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield folder + name;
  }
};

const declarationOf = (path: string): string =>
  ts.transpileDeclaration(Deno.readTextFileSync(new URL(path, root)), {
    fileName: path,
    compilerOptions: { strict: true, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
  }).outputText
    .replace(/(from |import\()"(\.[^"]*)\.ts"/g, '$1"$2.d.ts"')
    .replaceAll('"@chain-of-sight/core"', `"${PACKAGE}/core"`);

/** Writes the package into a folder. */
export const makePackage = (folder: string): Effect.Effect<void, DiskError | SiteError> =>
  Effect.gen(function* () {
    // entries of one folder, so that modules find their workers alongside themselves
    const entries = yield* onDisk("make", folder, async () => {
      await Deno.mkdir(folder, { recursive: true });
      const temporary = await Deno.makeTempDir();
      return await Promise.all(
        Object.entries(modules).map(async ([name, source]) => {
          const file = `${temporary}/${name}.ts`, from = new URL(source, root).href;
          await Deno.writeTextFile(
            file,
            name === "cpu_worker_web" ? `import "${from}";\n` : `export * from "${from}";\n`,
          );
          return new URL(`file://${file}`);
        }),
      );
    });
    yield* bundle(entries, folder);
    yield* onDisk("write", folder, async () => {
      for (const path of [...sourcesIn("core/"), ...sourcesIn("kernels/")]) {
        const target = `${folder}/types/${path.replace(/\.ts$/, ".d.ts")}`;
        await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
        await Deno.writeTextFile(target, declarationOf(path));
      }
      for (const name of ["core", "kernels"] as const) {
        const file = `${folder}/${name}.js`, types = `./types/${modules[name].replace(/\.ts$/, ".d.ts")}`;
        await Deno.writeTextFile(file, `/* @ts-self-types="${types}" */\n${await Deno.readTextFile(file)}`);
      }
      await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest, null, 2) + "\n");
      await Deno.writeTextFile(`${folder}/README.md`, readme);
      await Deno.copyFile(new URL("LICENSE", root), `${folder}/LICENSE`);
    });
  });

if (import.meta.main) {
  const folder = Deno.args[0] ?? "dist";
  await Effect.runPromise(makePackage(folder));
  console.log(folder);
}
