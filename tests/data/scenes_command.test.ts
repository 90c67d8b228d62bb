/** `deno task cos data scenes`: a folder, a sheet and a card, and the same hash when it is asked again. */
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("../..", import.meta.url)), temp = await Deno.makeTempDir();

const scenes = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "pipelines/cli/cos.ts", "data", "scenes", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout).trim(), err: text.decode(stderr) };
};

test("makes a folder, a sheet and a card, then finds them done", async () => {
  const args = ["--config", "default", "--count", "12", "--out", `${temp}/set`, "--cache", `${temp}/cache`];
  const made = await scenes(...args, "--sheet", `${temp}/sheet.png`, "--card", `${temp}/card.md`);
  assert.is(made.code, 0, made.err);
  assert.match(made.out, /^[0-9a-f]{64}$/);
  assert.match(made.err, "12 of 12 scenes");
  const card = await Deno.readTextFile(`${temp}/card.md`),
    json = JSON.parse(await Deno.readTextFile(`${temp}/card.json`));
  assert.ok(
    card.includes(made.out) && card.includes(`data scenes --config default --count 12 --out ${temp}/set`),
  );
  assert.is(json.hash, made.out);
  assert.equal([...(await Deno.readFile(`${temp}/sheet.png`)).subarray(1, 4)], [
    ...new TextEncoder().encode("PNG"),
  ]);
  const again = await scenes(...args);
  assert.equal([again.code, again.out], [0, made.out]);
});

test("no scenes are no set", async () => {
  const none = await scenes("--config", "default", "--count", "-3", "--out", `${temp}/none`);
  assert.is(none.code, 1);
  assert.match(none.err, /-3[^]*a whole number above 0/);
});

test("another plan for the same folder is an error", async () => {
  const other = await scenes("--config", "default", "--count", "13", "--out", `${temp}/set`);
  assert.is(other.code, 1);
  assert.match(other.err, "begun with another plan");
});

test("a split that the configuration has not is an error", async () => {
  const args = ["--config", "default", "--count", "1", "--out", `${temp}/none`, "--split", "held-out-styles"];
  const wrong = await scenes(...args);
  assert.is(wrong.code, 1);
  assert.match(wrong.err, "held-out-styles");
});

test.after(() => Deno.remove(temp, { recursive: true }));
test.run();
