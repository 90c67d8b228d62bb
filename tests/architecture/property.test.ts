/** Properties: the suite draws the same every time, and a failure says how to repeat it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type FuzzEvent, type FuzzRequest, repeatCommand, seedOf } from "../support/property.ts";

const properties = suite("properties");

const root = new URL("../../", import.meta.url);

/** Runs a planted test file; gives its exit code, what it printed, and its events where it is asked for some. */
const planted = async (body: string, request?: Omit<FuzzRequest, "report">) => {
  const folder = await Deno.makeTempDir(),
    file = `${folder}/tests/deep/x.test.ts`,
    report = `${folder}/report`;
  await Deno.mkdir(`${folder}/tests/deep`, { recursive: true });
  await Deno.writeTextFile(report, "");
  await Deno.writeTextFile(
    file,
    `import fc from "fast-check";
     import { suite, test } from "uvu";
     import * as assert from "uvu/assert";
     import { property, seeds } from "${new URL("tests/support/property.ts", root).href}";
     ${body}`,
  );
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", "deno.json", "--preload", new URL("tests/turn.ts", root).href, file],
      cwd: root,
      env: {
        NO_COLOR: "1",
        ...(request === undefined ? {} : { FUZZ: JSON.stringify({ ...request, report }) }),
      },
    }).output();
    const lines = (await Deno.readTextFile(report)).split("\n").filter((line) => line !== "");
    return {
      code,
      text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr),
      events: lines.map((line) => JSON.parse(line) as FuzzEvent),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

const request = { only: "", without: [], seed: 5 } as const;

const large = `property(test, "small's", [fc.integer({ min: 0 })], (n) => assert.ok(n < 1000)); test.run();`;

properties("have a seed that follows from the name", () => {
  assert.is(seedOf("sums commute"), seedOf("sums commute"));
  assert.is.not(seedOf("sums commute"), seedOf("sums commutes"));
});

properties("draw the same inputs every time, and print nothing", async () => {
  const body = `const all: number[] = [];
    property(test, "a", [seeds(), fc.nat()], (a, b) => { all.push(a, b); }, { runs: 7 });
    test("b", () => console.log("drawn", JSON.stringify(all))); test.run();`;
  const [one, two] = [await planted(body), await planted(body)];
  const drawn = (text: string) => JSON.parse(/drawn (.*)/.exec(text)![1]!) as number[];
  assert.is(drawn(one.text).length, 14);
  assert.equal(drawn(one.text), drawn(two.text));
  assert.is(one.code, 0);
  assert.not.match(one.text, /fuzz|seed/);
});

properties("say the counterexample, its seed, its path, and the command that repeats it", async () => {
  const { code, text } = await planted(large);
  assert.is(code, 1);
  assert.match(text, /counterexample: \[1000\]/);
  const seed = seedOf("small's");
  const [, path] = new RegExp(`seed ${seed}, path ([\\d:]+)`).exec(text)!;
  assert.ok(text.includes(`repeat it: ${repeatCommand("deep/x: small's", seed, path)}`), text);
  assert.is(
    repeatCommand("deep/x: small's", 3, "1:2"),
    `deno task fuzz --only 'deep/x: small'\\''s' --seed 3 --path 1:2`,
  );
  const again = await planted(large, { ...request, only: "deep/x: small's", seed, path: path! });
  assert.match(again.text, /counterexample: \[1000\]/);
  assert.equal(again.events.map(({ kind }) => kind), ["start", "failed"]);
});

properties("fail where they give false, wait for promises, and try the examples first", async () => {
  const { code, text } = await planted(`
    property(test, "false", [fc.nat()], () => false);
    property(test, "later", [fc.nat()], async () => { await 0; throw new Error("too late"); });
    property(test, "example", [fc.constant(1), fc.constant("a")], (n) => n < 2, { examples: [[1, "a"], [2, "b"]] });
    property(test, "none", [fc.nat()], () => fc.pre(false));
    property(test, "good", [fc.nat()], () => true, { examples: [[1]], runs: 9, counts: "numbers" });
    test.run();`);
  assert.is(code, 1);
  for (
    const said of ["the property gave false", "too late", 'fixed example 2 of 2: [2,"b"]', "preconditions"]
  ) {
    assert.ok(text.includes(said), text);
  }
  assert.match(text, /Total: +5\n +Passed: +1/);
  assert.match(text, /^fuzz deep\/x: good: 10 numbers$/m);
});

properties("of one name are refused", async () => {
  const one = `property(test, "a", [fc.nat()], () => true);`;
  const { code, text } = await planted(`${one} ${one} test.run();`);
  assert.is(code, 1);
  assert.match(text, /two properties are called "deep\/x: a"/);
});

properties("alone run in deno task fuzz, with fresh seeds for as long as it says", async () => {
  const { code, text, events } = await planted(
    `const plain = suite("plain"); plain("x", () => console.log("PLAIN")); plain.run();
     const some = suite("some"); some("y", () => console.log("PLAIN"));
     some.before(() => console.log("BEFORE"));
     property(some, "one", [fc.nat()], () => true, { examples: [[0]] });
     property(some, "two", [fc.nat()], (n) => n !== 3);
     property(some, "left out", [fc.nat()], () => true);
     property(some, "other", [fc.nat()], () => true);
     some.run(); test.run();`,
    { ...request, without: ["deep/x: left out"], only: "o", seconds: 0.2 },
  );
  assert.is(code, 1);
  assert.not.match(text, /PLAIN/);
  assert.match(text, /BEFORE/);
  const of = (name: string, kind: string) => events.filter((e) => e.name === name && e.kind === kind);
  assert.ok(of("deep/x: one", "passed").length > 1);
  assert.is(
    new Set(of("deep/x: one", "start").map(({ seed }) => seed)).size,
    of("deep/x: one", "start").length,
  );
  assert.is(of("deep/x: two", "failed").length, 1);
  assert.is(of("deep/x: left out", "start").length, 0);
  assert.ok(of("deep/x: other", "passed").length > 1);
});

properties.run();
