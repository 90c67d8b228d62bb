/** The npm package for pages: its example type-checks, and a page of WebGPU alone is small. */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bundle } from "../../pipelines/site/bundle.ts";
import { example, makePackage, PACKAGE } from "../../tools/package/make.ts";

const test = suite("package"), folder = await Deno.makeTempDir();

const compressed = async (path: string): Promise<number> => {
  const stream = (await Deno.open(path)).readable.pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
};

test("the example of ten lines type-checks against its declarations", async () => {
  await Effect.runPromise(makePackage(`${folder}/dist`));
  assert.ok(example.trim().split("\n").length <= 10);
  const { exports } = JSON.parse(await Deno.readTextFile(`${folder}/dist/package.json`));
  for (const { types, default: script } of Object.values(exports) as { types: string; default: string }[]) {
    for (const path of [types, script]) assert.ok((await Deno.stat(`${folder}/dist/${path}`)).isFile, path);
  }
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    JSON.stringify({
      imports: {
        ...imports,
        [`${PACKAGE}/core`]: "./dist/core.js",
        [`${PACKAGE}/kernels`]: "./dist/kernels.js",
      },
    }),
  );
  await Deno.writeTextFile(`${folder}/example.ts`, example);
  await Deno.writeTextFile(`${folder}/wrong.ts`, example.replace("[2, 3])", '"2, 3")'));
  const run = (args: readonly string[]) =>
    new Deno.Command(Deno.execPath(), { args: [...args], cwd: folder, stdout: "piped", stderr: "piped" })
      .output();
  const right = await run(["check", "--no-lock", "example.ts"]), text = new TextDecoder();
  assert.ok(right.success, text.decode(right.stderr));
  const wrong = await run(["check", "--no-lock", "wrong.ts"]);
  assert.match(text.decode(wrong.stderr), /TS2345/);
});

test("a page that computes on WebGPU alone has at most 150 KB of scripts, compressed", async () => {
  const root = new URL("../../", import.meta.url);
  await Deno.writeTextFile(
    `${folder}/page.ts`,
    `import { f32, input, matmul, softmax } from "${new URL("core/mod.ts", root)}";
import { browserGpu } from "${new URL("kernels/device/browser.ts", root)}";
import { runWith } from "${new URL("kernels/device/run_with.ts", root)}";
const run = runWith(() => browserGpu(), "webgpu"), x = input("x", [2, 3]);
console.log(await run(softmax(-1)(matmul(input("w", [3, 4]))(x)), { x: f32([2, 3], [1, 2, 3, 3, 2, 1]) }));
`,
  );
  await Effect.runPromise(bundle([new URL(`file://${folder}/page.ts`)], `${folder}/page`));
  let bytes = 0;
  for (const { name } of Deno.readDirSync(`${folder}/page`)) {
    bytes += await compressed(`${folder}/page/${name}`);
  }
  assert.ok(bytes > 20_000 && bytes <= 150_000, `${bytes} bytes`);
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();
