/**
 * The source of a piece of code with all that it imports, as a hash: what it computes is kept under that hash, and made
 * again once the code is another. Comments, types and layout do not count, nor does what only shows and keeps results.
 */
import { parse, type Token } from "acorn";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { stripTypeScriptTypes } from "node:module";
import config from "../../deno.json" with { type: "json" };
import { hashOf, sha256 } from "../base/hash.ts";

/** Folders whose code decides no number. */
const OUTSIDE: readonly string[] = ["pipelines/terminal/", "pipelines/runs/"];

/** The folder of the library. */
const ROOT = new URL("../../", import.meta.url);

const members: Readonly<Record<string, string>> = {
  "@chain-of-sight/core": "core/mod.ts",
  "@chain-of-sight/kernels": "kernels/mod.ts",
  "@chain-of-sight/kernels/portable": "kernels/portable.ts",
  "@chain-of-sight/kernels/web": "kernels/web.ts",
};

const imports: Readonly<Record<string, string>> = config.imports;

const countedType = t.type({
  /** Hash of the code of a file, or of its bytes where it is none. */
  hash: t.string,
  /** Inputs of it imports or, as it says it. */
  uses: t.readonlyArray(t.string),
});

/** A file as it counts. */
export type CountedFile = t.TypeOf<typeof countedType>;

const memoryType = t.type({ by: t.string, files: t.record(t.string, countedType) });

/** What parses; another may print code in another way. */
const BY = `Deno ${Deno.version.deno}, ${imports.acorn}`;

/** Files by the sha-256 of their text, so that each is parsed once on a machine and not in every process. */
export type SourceMemory = Map<string, CountedFile>;

/** The memory in a text that {@link memoryText} gave; an empty one where it is anything else. */
export const memoryOf = (text: string): SourceMemory => {
  try {
    const read = memoryType.decode(JSON.parse(text));
    return new Map(E.isRight(read) && read.right.by === BY ? Object.entries(read.right.files) : []);
  } catch {
    return new Map();
  }
};

/** A memory as text. */
export const memoryText = (memory: SourceMemory): string =>
  `${JSON.stringify({ by: BY, files: Object.fromEntries(memory) })}\n`;

// acorn's tokens have a value; its types leave that out
type Valued = Token & { readonly value?: unknown };

const isText = (token: Valued | undefined): token is Token & { readonly value: string } =>
  token?.type.label === "string";

/** What code imports, and the files next to it that it names by `new URL("...", import.meta.url)`. */
const usesIn = (tokens: readonly Valued[]): readonly string[] =>
  tokens.flatMap((token, i) => {
    const word = token.type.keyword ?? token.value, next = tokens[i + 1], after = tokens[i + 2];
    const named = word === "from" || word === "import"
      ? isText(next) ? next : next?.type.label === "(" && isText(after) ? after : undefined
      : word === "URL" && next?.type.label === "(" && isText(after) &&
          tokens[i + 4]?.type.keyword === "import"
      ? after
      : undefined;
    return named === undefined ? [] : [named.value];
  });

/** Code as it counts: comments, types and layout do not. Throws a SyntaxError for what is none. */
export const countedCode = (text: string): CountedFile => {
  // Deno's types know of no other mode yet
  const transform = { mode: "transform" as "strip" };
  const tokens: Valued[] = [], code = stripTypeScriptTypes(text, transform);
  parse(code, { ecmaVersion: "latest", sourceType: "module", onToken: tokens });
  return {
    hash: sha256(tokens.map(({ start, end }) => code.slice(start, end)).join("\n")),
    uses: usesIn(tokens),
  };
};

const counted = (path: string, memory: SourceMemory): CountedFile => {
  const bytes = Deno.readFileSync(new URL(path, ROOT)), key = sha256(bytes);
  if (!path.endsWith(".ts")) return { hash: key, uses: [] };
  const found = memory.get(key) ?? countedCode(new TextDecoder().decode(bytes));
  memory.set(key, found);
  return found;
};

/** The version of a package by what the code calls it; nothing for what comes with Deno. */
const packageOf = (use: string): string | undefined => {
  if (use.startsWith("npm:")) return use;
  const name = Object.keys(imports).find((key) => key.endsWith("/") ? use.startsWith(key) : use === key);
  return name === undefined ? undefined : imports[name];
};

const pathOf = (use: string, from: string): string | undefined =>
  use.startsWith(".") ? new URL(use, new URL(from, "file:///")).pathname.slice(1) : members[use];

/** Hash by file of the library, and the packages, that some files need. Throws what reading throws. */
export const closureOf = (
  roots: readonly string[],
  memory: SourceMemory,
): Readonly<Record<string, string>> => {
  const found = new Map<string, string>(), open = [...roots];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path) || OUTSIDE.some((folder) => path!.startsWith(folder))) continue;
    const { hash, uses } = counted(path, memory);
    found.set(path, hash);
    for (const use of uses) {
      const other = pathOf(use, path), version = packageOf(use);
      if (other !== undefined) open.push(other);
      else if (version !== undefined) found.set(version, "");
    }
  }
  return Object.fromEntries([...found].toSorted(([a], [b]) => a < b ? -1 : 1));
};

/**
 * The hash of some files of the library with all that they import, and of others by themselves. Where the library was
 * not loaded from files its version represents them. Throws what reading throws.
 */
export const sourcesOf = (
  roots: readonly string[],
  alone: readonly string[],
  memory: SourceMemory,
): string => {
  const files = ROOT.protocol === "file:"
    ? [closureOf(roots, memory), alone.map((path) => counted(path, memory).hash)]
    : config.version;
  return hashOf(files).slice(0, 16);
};
