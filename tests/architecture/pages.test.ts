/** Modules that pages import: types without Deno's, and no import of anything that a page lacks. */
import { profileOf } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = new URL("../../", import.meta.url);

const deno = async (args: readonly string[], cwd: URL = root): Promise<string> => {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
};

const packages: Readonly<Record<string, string>> = {
  "@chain-of-sight/core": "core/mod.ts",
  "@chain-of-sight/kernels": "kernels/mod.ts",
  "@chain-of-sight/kernels/portable": "kernels/portable.ts",
  "@chain-of-sight/kernels/assemble": "kernels/device/cpu_assemble.ts",
  "@chain-of-sight/kernels/thread": "kernels/device/cpu_worker_web.ts",
};

/** Specifiers that a source takes values from: statements of types alone, whole or by name, are left out. */
const valuesFrom = (source: string): readonly string[] => [
  ...[...source.matchAll(/^(?:import|export)\s+(type\s)?(?:(\{[^}]*\}|\*[^;]*?|\w+)\s+from\s+)?"([^"]+)"/gm)]
    .filter(([, type, names]) =>
      type === undefined && (names === undefined || !names.startsWith("{") ||
        names.slice(1, -1).split(",").some((name) => name.trim() !== "" && !name.trim().startsWith("type ")))
    ).map(([, , , specifier]) => specifier!),
  ...[...source.matchAll(/import\("([^"]+)"\)/g)].map(([, specifier]) => specifier!),
];

/** Modules of this repository whose values reach some entries. */
const closureOf = (entries: readonly string[]): ReadonlyMap<string, string> => {
  const found = new Map<string, string>(), waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path) || !path.endsWith(".ts")) continue;
    const source = Deno.readTextFileSync(new URL(path, root));
    found.set(path, source);
    for (const specifier of valuesFrom(source)) {
      const known = packages[specifier];
      if (known !== undefined) waiting.push(known);
      if (specifier.startsWith(".")) {
        waiting.push(new URL(specifier, new URL(path, root)).href.slice(root.href.length));
      }
    }
  }
  return found;
};

/** What a module has that no page has: an import, or the name of Deno's namespace outside comments and strings. */
const missingInPages = (source: string): readonly string[] => [
  ...[...source.matchAll(/(?:from|import)\s*\(?\s*"(node:[^"]+|webgpu|sharp|@napi-rs\/[^"]+)"/g)].map((
    [, name],
  ) => name!),
  ...source.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$|"[^"\n]*"|`[^`]*`/gm, "").match(/\bDeno\b/g) ?? [],
];

const pages = suite("pages");

pages(
  "the portable face of kernels, and every module of pipelines/web, needs neither Deno nor Node",
  () => {
    const entries = ["kernels/web.ts", "kernels/device/cpu_worker_web.ts"];
    for (const { name } of Deno.readDirSync(new URL("pipelines/web", root))) {
      if (name.endsWith(".ts")) entries.push(`pipelines/web/${name}`);
    }
    const closure = closureOf(entries);
    assert.ok(closure.size > 180, `${closure.size} modules`);
    const found = [...closure].flatMap(([path, source]) =>
      missingInPages(source).map((name) => `${path}: ${name}`)
    );
    assert.equal(found, []);
  },
);

pages("what a page lacks is found in every form", () => {
  assert.equal(missingInPages('import { Worker } from "node:worker_threads";'), ["node:worker_threads"]);
  assert.equal(missingInPages('const { create } = await import("webgpu");'), ["webgpu"]);
  assert.equal(missingInPages("const all = Deno.readDirSync(x);"), ["Deno"]);
  assert.equal(missingInPages("/** Deno's own. */ // Deno\nconst a = 'x';\n// Deno here\n"), ["Deno"]);
  assert.equal(missingInPages('/** Deno\'s own. */\nconst name = "Deno";'), []);
});

pages("the portable face of kernels type-checks with the types of a page alone", async () => {
  const folder = await Deno.makeTempDir(),
    { imports, compilerOptions } = JSON.parse(
      await Deno.readTextFile(new URL("deno.json", root)),
    );
  const at = (path: string): string => new URL(path, root).pathname;
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    JSON.stringify({
      imports: { ...imports, "@chain-of-sight/core": at("core/mod.ts") },
      compilerOptions: { ...compilerOptions, lib: ["dom", "dom.iterable", "dom.asynciterable", "esnext"] },
    }),
  );
  await Deno.writeTextFile(
    `${folder}/page.ts`,
    `import { run } from "${new URL("kernels/web.ts", root)}";\ndocument.title = String(run);\n`,
  );
  await deno(["check", "--quiet", "--config", `${folder}/deno.json`, `${folder}/page.ts`]);
  await Deno.remove(folder, { recursive: true });
});

pages("a software adapter of a browser, which has no description, is known by its architecture", () => {
  const profile = (info: Partial<GPUAdapterInfo>) =>
    profileOf({
      provider: { name: "browser", gpu: undefined, more: [], hint: "" },
      adapter: { info: { vendor: "", description: "", device: "", ...info } } as GPUAdapter,
      device: { limits: {} } as GPUDevice,
      features: [],
    });
  const software = profile({ vendor: "google", architecture: "swiftshader" });
  assert.equal([software.software, software.name], [true, "google swiftshader"]);
  const gpu = profile({ vendor: "apple", architecture: "metal-3" });
  assert.equal([gpu.software, gpu.name], [false, "apple metal-3"]);
  assert.is(profile({ vendor: "x", architecture: "", isFallbackAdapter: true }).software, true);
});

pages.run();
