/** `deno task data`: what it prints, and how it ends. */
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = await Deno.makeTempDir();
const file = `${folder}/val.json`;
await Deno.writeTextFile(
  file,
  JSON.stringify({
    data: [["a"], ["a", 5], ["b"]].map((answers, question_id) => ({
      question_id,
      image_id: "i",
      question: "q?",
      answers,
      set_name: question_id === 2 ? "test" : "val",
    })),
  }),
);

const data = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "pipelines/cli/cos.ts", "data", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};

test("counts, refusals and a sample, for people and as JSON", async () => {
  const { code, out } = await data("textvqa", file, "--sample", "1");
  assert.is(code, 0);
  assert.match(out, /│ refused\s+│\s+1 │/);
  assert.match(out, "data[1] at byte");
  assert.match(out, '{"kind":"open","id":"0","image":"i","question":"q?","answers":["a"]}');
  const json = JSON.parse((await data("textvqa", file, "--json", "--split", "test")).out);
  assert.equal(
    [json.entries, json.taken, json.refused, json.leftOut, json.fields],
    [3, 1, 1, { "split val": 1 }, { "answers.*": 1 }],
  );
  assert.equal(json.sample.map((r: { id: string }) => r.id), ["2"]);
});

test("with the policy stop the first refusal is the error", async () => {
  const { code, err } = await data("textvqa", file, "--policy", "stop");
  assert.is(code, 1);
  assert.match(err, /data\[1\] at byte \d+\n {2}got: {6}answers\.1: 5\n {2}expected: answers\.1: a text/);
});

test("files of which nothing is used are an error that says what to check", async () => {
  const other = await data("llava", file);
  assert.is(other.code, 1);
  assert.match(other.err, /val\.json\n {2}got: {6}one JSON|1 entries, none of which is used/);
  const split = await data("textvqa", file, "--split", "tset", "--json");
  assert.is(split.code, 1);
  assert.is(JSON.parse(split.out).taken, 0);
  assert.match(split.err, "name a split that the files have: val, test");
});

test("damaged archives and tables name the file, the place, the cause and the remedy", async () => {
  const table = `${folder}/train.parquet`, archive = `${folder}/0.tar`, zip = `${folder}/1.tar`;
  await Deno.writeTextFile(table, "PAR1, and then no table");
  await Deno.writeFile(archive, new Uint8Array(700).fill(65));
  await Deno.writeTextFile(zip, `PK\x03\x04${" ".repeat(600)}`);
  const said: readonly (readonly [format: string, path: string, got: RegExp])[] = [
    ["parquet", table, /a file that ends with "able" instead of PAR1/],
    ["webdataset", archive, /before the end of its first member/],
    ["webdataset", zip, /a ZIP archive/],
  ];
  for (const [format, path, got] of said) {
    const { code, err } = await data(format, path);
    assert.is(code, 1);
    assert.match(err, path);
    assert.match(err, got);
    assert.match(err, /expected: .+\n {2}hint: {5}.+/);
  }
});

test("unknown formats and absent files are errors", async () => {
  assert.match((await data("textvq", file)).err, '"textvqa"');
  const absent = await data("textvqa", `${folder}/none.json`);
  assert.is(absent.code, 1);
  assert.match(absent.err, "no such file or folder");
  for (const special of [folder, "/dev/zero"]) {
    const { code, err } = await data("llava", special);
    assert.is(code, 1);
    assert.match(err, `open ${special}\n  got:      a folder, a pipe or a device`);
  }
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();
