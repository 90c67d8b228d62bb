/** Modules that pages import: types without Deno's, and no import of anything that a page lacks. */
import { profileOf } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = new URL("../../", import.meta.url);

interface Module {
  readonly specifier: string;
  readonly local?: string;
  readonly dependencies?: readonly { readonly specifier: string }[];
}

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

/** Modules of this repository in the closure of a file, types left out. */
const closureOf = async (entry: string): Promise<readonly Module[]> => {
  const { modules } = JSON.parse(await deno(["info", "--json", entry])) as { readonly modules: Module[] };
  return modules.filter(({ specifier }) => specifier.startsWith(root.href));
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
  "the portable face of kernels needs neither Deno nor Node",
  async () => {
    const entries = ["kernels/web.ts", "kernels/device/cpu_worker_web.ts"];
    const list = `${await Deno.makeTempDir()}/all.ts`;
    await Deno.writeTextFile(list, entries.map((path) => `import "${new URL(path, root)}";`).join("\n"));
    const closure = await closureOf(list);
    assert.ok(closure.length > 120, `${closure.length} modules`);
    const found = closure.filter(({ specifier }) => specifier.endsWith(".ts")).flatMap(({ specifier }) =>
      missingInPages(Deno.readTextFileSync(new URL(specifier))).map((name) =>
        `${specifier.slice(root.href.length)}: ${name}`
      )
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
      provider: { name: "browser", gpu: undefined, more: [], mend: "" },
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
