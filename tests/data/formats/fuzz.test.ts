/** Ten thousand damaged annotation files: nothing crashes, nothing is dropped in silence, every refusal has a place. */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FormatError, type Verdict } from "../../../pipelines/formats/format.ts";
import { type AnyRecord, type Policy, verdictsOf } from "../../../pipelines/formats/read.ts";
import { bytesSource } from "../../../pipelines/formats/source.ts";
import { type Rng, rngOf } from "../../../pipelines/base/rng.ts";
import { property, seeds } from "../../support/property.ts";
import { loadSamples, type Sample, type SampleFile } from "./samples.ts";

const FILES = 10_000;
const samples = await loadSamples();
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin1 = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

const strange: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e308,
  2 ** 53,
  0,
  "",
  " ",
  "x",
  "\ud800",
  "<image>",
  [],
  {},
  [null],
  [[[[]]]],
  { __proto__: 1 },
  "y".repeat(300),
];

/** A value with one of its parts, at any depth, changed, removed, doubled or renamed. */
const mutatedJson = (value: unknown, rng: Rng): unknown => {
  if (typeof value !== "object" || value === null || rng.chance(0.12)) return rng.pick(strange);
  if (Array.isArray(value)) {
    if (value.length === 0) return [rng.pick(strange)];
    const at = rng.below(value.length);
    const kind = rng.below(8);
    if (kind === 0) return value.toSpliced(at, 1);
    if (kind === 1) return value.toSpliced(at, 0, value[at]);
    if (kind === 2) return value.toReversed();
    return value.with(at, mutatedJson(value[at], rng));
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return { x: rng.pick(strange) };
  const at = rng.below(entries.length), [key, item] = entries[at]!, kind = rng.below(8);
  if (kind === 0) return Object.fromEntries(entries.toSpliced(at, 1));
  if (kind === 1) return Object.fromEntries(entries.with(at, [rng.pick(["x", "", "__proto__"]), item]));
  return Object.fromEntries(entries.with(at, [key, mutatedJson(item, rng)]));
};

const mutatedBytes = (bytes: Uint8Array, rng: Rng): Uint8Array => {
  const out = [...bytes];
  for (let n = rng.between(1, 3); n > 0; n--) {
    const at = rng.below(out.length + 1);
    switch (rng.below(6)) {
      case 0:
        out.splice(at, rng.between(1, 8));
        break;
      case 1:
        out.splice(at, 0, ...out.slice(at, at + rng.between(1, 16)));
        break;
      case 2:
        out.length = at;
        break;
      case 3:
        out.splice(at, 0, rng.pick([34, 44, 58, 91, 92, 93, 123, 125, 10, 9, 0, 255, 0xed]));
        break;
      case 4:
        if (at < out.length) out[at] = out[at]! ^ (1 << rng.below(8));
        break;
      default:
        if (at < out.length) out[at] = rng.below(256);
    }
  }
  return Uint8Array.from(out);
};

const mutated = (file: SampleFile, rng: Rng): Uint8Array => {
  const structure = file.form === "json" || file.form === "lines";
  if (!structure || rng.chance(0.5)) return mutatedBytes(file.bytes, rng);
  const text = new TextDecoder().decode(file.bytes);
  if (file.form === "json") return encode(JSON.stringify(mutatedJson(JSON.parse(text), rng)) ?? "");
  const lines = text.trimEnd().split("\n"), at = rng.below(lines.length);
  return encode(lines.with(at, JSON.stringify(mutatedJson(JSON.parse(lines[at]!), rng)) ?? "").join("\n"));
};

const nonBlank = (bytes: Uint8Array): number =>
  latin1(bytes).split("\n").filter((line) => !/^[ \t]*$/.test(line.replace(/\r$/, ""))).length;

/**
 * How many entries a whole file has, found without the reader; undefined where only the reader can tell: tables with
 * quotes, archives, and JSON that is none.
 */
const entriesIn = ({ format }: Sample, file: SampleFile, bytes: Uint8Array): number | undefined => {
  if (file.form === "lines" || (file.form === "text" && format.name !== "mmbench")) return nonBlank(bytes);
  if (file.form !== "json") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  const sections: Readonly<Record<string, readonly string[]>> = {
    "coco-captions": ["images", "annotations"],
    nocaps: ["images", "annotations"],
    karpathy: ["images"],
    textcaps: ["data"],
    textvqa: ["data"],
    seed: ["questions"],
    refcoco: ["images", "annotations"],
    vqav2: [/annotations/.test(file.name) ? "annotations" : "questions"],
    okvqa: [/annotations/.test(file.name) ? "annotations" : "questions"],
  };
  const names = sections[format.name];
  if (Array.isArray(value)) return value.length;
  // what does not begin as a list is read as lines
  if (format.name === "llava") return nonBlank(bytes);
  if (names === undefined) {
    return typeof value === "object" && value !== null ? Object.keys(value).length : undefined;
  }
  const held = value as Readonly<Record<string, unknown>>;
  return names.reduce(
    (n, name) => n + (Array.isArray(held?.[name]) ? (held[name] as unknown[]).length : 0),
    0,
  );
};

interface SampleScore {
  readonly verdicts: readonly Verdict<AnyRecord>[];
  readonly error?: FormatError;
}

const read = async (
  { format, files }: Sample,
  contents: readonly Uint8Array[],
  policy: Policy,
  chunk: number,
): Promise<SampleScore> => {
  const verdicts: Verdict<AnyRecord>[] = [];
  try {
    const sources = contents.map((bytes, i) => bytesSource(files[i]!.name, bytes, chunk));
    for await (const some of verdictsOf(format, sources, { policy })) verdicts.push(...some);
    return { verdicts };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { verdicts, error };
  }
};

const tally = { taken: 0, refused: 0, broken: 0, counted: 0 };

const check = async (sample: Sample, seed: number): Promise<void> => {
  const rng = rngOf(seed, sample.format.name), { files } = sample;
  const which = rng.below(files.length);
  const contents = files.map((file, i) => i === which ? mutated(file, rng) : file.bytes);
  const chunk = rng.pick([1, 16, 1 << 16]);
  const skip = await read(sample, contents, "skip", chunk),
    stop = await read(sample, contents, "stop", chunk);
  const refusals = skip.verdicts.filter((v) => v.verdict === "refused");
  for (const { place, fields } of refusals) {
    assert.ok(files.some((f) => f.name === place.file));
    assert.ok(place.record.length > 0);
    assert.ok(fields.length > 0 && fields.every((f) => f.path !== "" && f.expected !== ""));
  }
  if (skip.error === undefined) {
    const counts = files.map((file, i) => entriesIn(sample, file, contents[i]!));
    for (const [i, count] of counts.entries()) {
      const own = skip.verdicts.filter((v) => v.place.file === files[i]!.name);
      if (count !== undefined) {
        tally.counted++;
        assert.is(own.length, count, `${files[i]!.name}: verdicts and entries`);
      } else if (files[i]!.form === "json") {
        assert.ok(
          own.some((v) => v.verdict === "refused"),
          `${files[i]!.name} is not JSON, and nothing was said`,
        );
      }
    }
  } else {
    tally.broken++;
    assert.ok(files.some((f) => f.name === skip.error!.file), skip.error.message);
    assert.is(skip.error.record, "(file)");
  }
  tally.taken += skip.verdicts.length - refusals.length;
  tally.refused += refusals.length;
  // with the policy stop, the first refusal is the error, and nothing else differs
  const first = refusals[0];
  if (first !== undefined) {
    assert.equal([stop.error?.file, stop.error?.record], [first.place.file, first.place.record]);
    assert.ok(stop.verdicts.every((v) => v.verdict !== "refused"));
  } else assert.equal(stop.error?.message, skip.error?.message);
};

property(
  test,
  "damaged files of every format",
  [fc.nat(samples.length - 1), seeds()],
  (which, seed) => check(samples[which]!, seed),
  { runs: FILES, counts: "files" },
);

test("the damage is neither harmless nor total", () => {
  assert.ok(tally.taken > FILES / 2, JSON.stringify(tally));
  assert.ok(tally.refused > FILES / 8, JSON.stringify(tally));
  assert.ok(tally.broken > FILES / 8 && tally.broken < FILES / 1.5, JSON.stringify(tally));
  assert.ok(tally.counted > FILES / 3, JSON.stringify(tally));
});

test.run();
