/** Text of a command: hidden characters are spelt out, and a closed or full terminal costs nothing but the words. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { outletOf } from "../../pipelines/terminal/output.ts";
import { progressLine } from "../../pipelines/terminal/progress.ts";
import { table } from "../../pipelines/terminal/table.ts";
import { oneLine, visible } from "../../pipelines/terminal/visible.ts";
import { property } from "../support/property.ts";

const test = suite("output");

test("escape sequences, turns of direction and half surrogates are spelt out; the rest stays as it is", () => {
  assert.is(visible("a\u001b[2J\rb\u0007"), "a\\u001b[2J\\u000db\\u0007");
  assert.is(visible("\u202egnp.exe\u2066\u009b1m\u007f"), "\\u202egnp.exe\\u2066\\u009b1m\\u007f");
  assert.is(visible("\ud800 \udc00x"), "\\ud800 \\udc00x");
  assert.is(visible("\u{e0041}"), "\\udb40\\udc41");
  for (const text of ["plain", "naïve 猫 👩‍👩‍👧 │ ─\n\tnext", "−3.5 %"]) assert.is(visible(text), text);
  assert.is(oneLine("a\nb\tc"), "a\\u000ab\\u0009c");
  assert.match(table(["name"], [["x\u001b]0;title\u0007"]]), /x\\u001b\]0;title\\u0007/);
  const progress = { step: 1, total: 2, loss: 1, done: 1, unit: "steps", elapsed: 1, from: 0 };
  assert.match(progressLine({ stage: "a\u001b[31m\nb", ...progress }, 100), /^a\\u001b\[31m\\u000ab/);
});

property(
  test,
  "JSON stays JSON of the same value",
  [fc.jsonValue(), fc.string({ unit: "binary" })],
  (value, text) => {
    const json = JSON.stringify({ value, text });
    assert.equal(JSON.parse(visible(json)), JSON.parse(json));
    // deno-lint-ignore no-control-regex
    assert.not.match(visible(text), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  },
);

test("a stream that is full or closed loses words and nothing else; a slow one gets the latest", async () => {
  for (
    const [cause, code] of [[new Deno.errors.BrokenPipe(), "EPIPE"], [
      Object.assign(new Error(), { code: "ENOSPC" }),
      "ENOSPC",
    ]] as const
  ) {
    const outlet = outletOf({ write: () => Promise.reject(cause) });
    outlet.raw("a");
    await outlet.drained();
    outlet.raw("b");
    await outlet.drained();
    assert.is(outlet.lost(), code);
  }
  let text = "", stalled = Promise.withResolvers<void>();
  const slow = outletOf({
    write: async (bytes) => {
      await stalled.promise;
      text += new TextDecoder().decode(bytes.subarray(0, 3));
      return Math.min(3, bytes.length);
    },
  }, 8);
  slow.raw("first,");
  for (let i = 0; i < 1000; i++) slow.raw(`${i},`);
  assert.is(text, "", "nobody waited");
  stalled.resolve();
  await slow.drained();
  assert.is(text, "first,998,999,");
  let busy = 3;
  const blocking = outletOf({
    write: (bytes) =>
      busy-- > 0 ? Promise.reject(new Deno.errors.WouldBlock()) : Promise.resolve(bytes.length),
  });
  blocking.raw("x");
  await blocking.drained();
  assert.is(blocking.lost(), undefined);
  stalled = Promise.withResolvers();
});

const cos = (...args: readonly string[]): string =>
  [Deno.execPath(), "run", "-A", "pipelines/cli/cos.ts", ...args].join(" ");

const shell = async (line: string) => {
  const { code, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", line] }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};

test("a reader that goes ends nothing and is no error; a full standard output is one; a full standard error is not", async () => {
  const head = await shell(`${cos("configs")} | head -1; echo "\${PIPESTATUS[0]}"`);
  assert.match(head.out, /^┌[^]*\n0\n$/);
  assert.not.match(head.err, /rror/);
  const full = await shell(`${cos("configs")} > /dev/full`);
  assert.is(full.code, 1);
  assert.match(full.err, /standard output took no more \(ENOSPC\)/);
  const closed = await shell(`${cos("configs", "--json")} 2> /dev/full`);
  assert.is(closed.code, 0);
  assert.ok(JSON.parse(closed.out));
});

test("no command writes to the terminal by itself", () => {
  const root = new URL("../../pipelines", import.meta.url).pathname, found: string[] = [];
  const walk = (folder: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) walk(path);
      else if (
        name.endsWith(".ts") &&
        /console\.(log|error|warn|info)\(|Deno\.std(out|err)\.write/.test(Deno.readTextFileSync(path))
      ) {
        found.push(path.slice(root.length + 1));
      }
    }
  };
  walk(root);
  // what runs in a process or page of its own
  const apart = ["engine/worker.ts"];
  assert.equal(found.filter((path) => !apart.includes(path)).toSorted(), []);
});

test.run();
