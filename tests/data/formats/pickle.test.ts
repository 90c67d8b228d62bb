/** The reader of pickles against what Python wrote, and against pickles that would run code. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FormatError } from "../../../pipelines/formats/format.ts";
import { type Pickled, PickleFault, plainValue, unpickle } from "../../../pipelines/formats/pickle.ts";
import { verdictsOf } from "../../../pipelines/formats/read.ts";
import { bytesSource } from "../../../pipelines/formats/source.ts";
import { formatNamed, loadSamples, pythonTwoPickle } from "./samples.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const base64 = (text: string): Uint8Array => bytes(atob(text));

/** `pickle.dumps(value, protocol)` of CPython 3.11; the byte string is left out where old protocols call code for it. */
const byPython: readonly string[] = [
  "KGRwMApWYQpwMQoobHAyCk5hSTAxCmFJMDAKYUkxCmFJMjU1CmFJNjU1MzUKYUktNQphTDIxNDc0ODM2NDhMCmFMMTA5OTUxMTYyNzc3NkwKYUwtMTE4MDU5MTYyMDcxNzQxMTMwMzQyNEwKYUYxLjUKYUYtMC4yNQphKHRhKEkxCnRwMwphKEkxCkkyCnRwNAphKEkxCkkyCkkzCnRwNQphKEkxCkkyCkkzCkk0CnRwNgphTmFWelx1MjBhY1xVMDAwMWY2MDAKcDEyCmFWbGluZVx1MDAwYWJyZWFrXHUwMDVjdQpwMTMKYXNWZQpwMTQKKGRwMTUKcy4=",
  "gAN9cQAoWAEAAABhcQFdcQIoToiJSwFL/03//0r7////igUAAACAAIoGAAAAAAABigkAAAAAAAAAAMBHP/gAAAAAAABHv9AAAAAAAAApSwGFcQNLAUsChnEESwFLAksDh3EFKEsBSwJLA0sEdHEGQwJ4eXEHWAgAAAB64oKs8J+YgHEIWAwAAABsaW5lCmJyZWFrXHVxCWVYAQAAAGVxCn1xC3Uu",
  "gASViwAAAAAAAAB9lCiMAWGUXZQoToiJSwFL/03//0r7////igUAAACAAIoGAAAAAAABigkAAAAAAAAAAMBHP/gAAAAAAABHv9AAAAAAAAApSwGFlEsBSwKGlEsBSwJLA4eUKEsBSwJLA0sEdJRDAnh5lIwIeuKCrPCfmICUjAxsaW5lCmJyZWFrXHWUZYwBZZR9lHUu",
];

test("values of Python, old and new protocols", () => {
  for (const [i, pickled] of byPython.entries()) {
    const value = unpickle(base64(pickled)) as Map<Pickled, Pickled>;
    assert.equal([...value.keys()], ["a", "e"]);
    assert.equal(value.get("a"), [
      null,
      true,
      false,
      1,
      255,
      65535,
      -5,
      2 ** 31,
      2 ** 40,
      -(2n ** 70n),
      1.5,
      -0.25,
      [],
      [1],
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
      i === 0 ? null : bytes("xy"),
      "z€😀",
      "line\nbreak\\u",
    ]);
    assert.equal(value.get("e"), new Map());
  }
});

test("byte strings of Python 2", () => {
  const text = (repr: string) => unpickle(bytes(`S${repr}\np0\n.`));
  assert.is(text("'it\\'s \\n\\x41\\\\ \\303'"), "it's \nA\\ Ã");
  assert.is(text('"it\'s"'), "it's");
  assert.is(unpickle(bytes("U\x03ab\xe9q\x00.")), "abé");
  assert.throws(() => text("open('x')"), /a text in quotes/);
});

test("what would run code is refused by name, and nothing of it is run", () => {
  const attacks: readonly (readonly [string, string])[] = [
    ["cos\nsystem\n(S'true'\ntR.", "GLOBAL"],
    ["(S'true'\nios\nsystem\n.", "INST"],
    ["\x80\x04\x8c\x02os\x8c\x06system\x93.", "STACK_GLOBAL"],
    ["(lR.", "REDUCE"],
    ["}}b.", "BUILD"],
    ["(}o.", "OBJ"],
    ["}}\x81.", "NEWOBJ"],
    ["Pid\n.", "PERSID"],
    ["}Q.", "BINPERSID"],
    ["\x82\x01.", "EXT1"],
  ];
  for (const [pickled, name] of attacks) {
    assert.throws(() => unpickle(bytes(pickled)), (e: unknown) => {
      assert.instance(e, PickleFault);
      return (e as PickleFault).got === `${name}, which names or runs code`;
    });
  }
});

test("broken pickles are refused with a place", () => {
  for (
    const pickled of [
      "",
      "I1\n",
      "]",
      ".",
      "a.",
      "(K\x01K\x02K\x03d.",
      "h\x05.",
      "]]a]].",
      "X\xff\xff\xff\xff.",
      "\x8d\xff\xff\xff\xff\xff\xff\xff\xffx.",
      "\x80\x05].",
      "I1e9\n.",
      "Fx\n.",
      "X\x01\x00\x00\x00\xff.",
      "K\x01s.",
      "]K\x01K\x02s.",
      "1.",
      "\x8b\xff\xff\xff\x7f.",
      `I${"9".repeat(2000)}\n.`,
      "\xfe.",
      "hasOwnProperty.",
    ]
  ) {
    assert.throws(() => unpickle(bytes(pickled)), (e: unknown) => {
      assert.instance(e, PickleFault, pickled);
      return true;
    });
  }
});

test("values that hold themselves, or double again and again, are no plain data", () => {
  const own = unpickle(bytes("]q\x00h\x00a."));
  assert.is(plainValue(own, 1000), undefined);
  const doubled = unpickle(bytes(`]q\x000${"(h\x00h\x00lq\x000".repeat(24)}h\x00.`));
  assert.is(plainValue(doubled, 10_000), undefined);
  assert.is(plainValue(unpickle(bytes("}K\x01K\x02s.")), 100), undefined);
  const proto = plainValue(unpickle(bytes("}U\x09__proto__K\x02s.")), 100) as object;
  assert.ok(Object.hasOwn(proto, "__proto__"));
  assert.is(Object.getPrototypeOf(proto), Object.prototype);
});

test("expressions that hold themselves are refused alone; a pickle that would run code as a file", async () => {
  const refcoco = (await loadSamples()).find((s) => s.format.name === "refcoco")!;
  const read = async (pickled: string) => {
    const sources = [
      bytesSource("refs.p", bytes(pickled)),
      bytesSource("instances.json", refcoco.files[1]!.bytes),
    ];
    const out = [];
    for await (const some of verdictsOf(formatNamed("refcoco"), sources, { policy: "skip" })) {
      out.push(...some);
    }
    return out.filter((v) => v.place.file === "refs.p").map((v) => v.verdict);
  };
  const good = pythonTwoPickle({
    ref_id: 0,
    ann_id: 44,
    image_id: 9,
    split: "val",
    sentences: [{ sent_id: 2, sent: "bowl" }],
  }).slice(0, -1);
  assert.equal(await read(`](l2a${good}a.`.replace("](l2a", "]q\xff]q\xfeh\xfeaa")), ["refused", "taken"]);
  try {
    await read("cos\nsystem\n(S'true'\ntR.");
    assert.unreachable();
  } catch (error) {
    assert.instance(error, FormatError);
    assert.match((error as FormatError).message, "GLOBAL, which names or runs code at byte 0");
  }
});

test.run();
