/** The rules of the packages, as functions from a file to what it breaks. */
import { scan } from "./scanner.ts";

/** A source file. */
export interface Source {
  /** Path from the root, with slashes. */
  readonly path: string;
  /** Its text. */
  readonly text: string;
}

/** Something that the pure package must not name, and why. */
const impure: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w$.])Deno\b/, "Deno is the outer world"],
  [/(?<![\w$.])GPU\w*/, "devices belong to kernels"],
  [/(?<![\w$.])navigator\b/, "devices belong to kernels"],
  [/(?<![\w$.])Promise\b/, "core does not wait"],
  [/(?<![\w$.])async\b/, "core does not wait"],
  [/(?<![\w$.])await\b/, "core does not wait"],
  [/(?<![\w$.])Date\s*(\.\s*now\b|\()/, "core has no clock"],
  [/(?<![\w$.])performance\s*\./, "core has no clock"],
  [/(?<![\w$.])Temporal\s*\.\s*Now\b/, "core has no clock"],
  [/(?<![\w$.])(setTimeout|setInterval|queueMicrotask)\b/, "core has no clock"],
  [/\bMath\s*\.\s*random\b/, "randomness takes a key"],
  [/(?<![\w$.])crypto\s*\./, "randomness takes a key"],
  [/(?<![\w$.])fetch\s*\(/, "core reads nothing"],
  [/(?<![\w$.])(console|process|globalThis|localStorage|Worker)\b/, "core reads and writes nothing"],
];

const lineOf = (text: string, index: number): number => text.slice(0, index).split("\n").length;

/** What a file of core does that a pure package must not. */
export const impurities = ({ path, text }: Source): readonly string[] => {
  const { code, imports } = scan(text);
  const named = impure.flatMap(([pattern, why]) => {
    const found = pattern.exec(code);
    return found === null ? [] : [`${path}:${lineOf(code, found.index)} ${found[0].trim()}: ${why}`];
  });
  const wanted = imports.filter((name) => /^(npm:\/?)?(effect|@effect)(\/|@|$)|^node:/.test(name));
  return [...named, ...wanted.map((name) => `${path} imports ${name}: core is pure`)];
};

/** The packages, from the inside out: each may import those before it. */
export const packages: readonly string[] = ["core", "kernels", "pipelines"];

const SCOPE = "@chain-of-sight/";

const resolved = (path: string, specifier: string): string => {
  const parts = path.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") {
      if (parts.length === 0 || parts.at(-1) === "..") parts.push("..");
      else parts.pop();
    } else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
};

/** Imports that go outwards, or reach into another package by path. */
export const wrongImports = ({ path, text }: Source): readonly string[] => {
  const room = path.split("/")[0]!;
  const rank = packages.indexOf(room);
  if (rank < 0) return [];
  return scan(text).imports.flatMap((specifier) => {
    if (specifier.startsWith(".")) {
      const target = resolved(path, specifier);
      // the versions of libraries, which pipelines note alongside what they make
      const versions = room === "pipelines" && target === "deno.json";
      return target.startsWith(`${room}/`) || versions
        ? []
        : [`${path} imports ${specifier}: packages import each other as ${SCOPE}name`];
    }
    if (specifier.startsWith("/") || specifier.startsWith("file:")) {
      return [`${path} imports ${specifier}: no absolute paths`];
    }
    if (!specifier.startsWith(SCOPE)) return [];
    const other = specifier.slice(SCOPE.length).split("/")[0]!;
    const at = packages.indexOf(other);
    return at >= 0 && at < rank
      ? []
      : [`${path} imports ${specifier}: imports go pipelines -> kernels -> core`];
  });
};

/** What draws a fresh seed, or draws without saying how to repeat it. */
const undetermined: readonly RegExp[] = [
  /(?<![\w$.])(?:fc|fastCheck)\s*\.\s*(?:assert|check|sample|statistics|asyncModelRun|configureGlobal)\b/,
  /(?<![\w$.])Math\s*\.\s*random\b/,
  /(?<![\w$.])crypto\s*\.\s*(?:randomUUID|getRandomValues)\b/,
];

/** Draws of a test that do not go through `tests/support/property.ts`. */
export const ownDraws = ({ path, text }: Source): readonly string[] => {
  const { code } = scan(text);
  const drawn = undetermined.flatMap((pattern) => {
    const found = pattern.exec(code);
    return found === null ? [] : [`${path}:${lineOf(code, found.index)} ${found[0]}`];
  });
  const named = /^import\s*\{[^}]*\}\s*from\s*"fast-check"/m.exec(text);
  return [...drawn, ...(named === null ? [] : [`${path} imports parts of fast-check: import it as fc`])]
    .map((found) => `${found}: draw through property or sample of tests/support/property.ts`);
};

/** Maximum number of lines of a file, blank ones not counted. */
export const MAX_LINES = 500;

/** A file that is too long. */
export const tooLong = ({ path, text }: Source): readonly string[] => {
  const lines = text.split("\n").filter((line) => line.trim() !== "").length;
  return lines <= MAX_LINES ? [] : [`${path} has ${lines} lines that are not blank; at most ${MAX_LINES}`];
};

// Put together here so that this file does not name them itself.
const hosts: readonly RegExp[] = [
  ["registry", "npmjs", "org"],
  ["registry", "yarnpkg", "com"],
  ["npm", "jsr", "io"],
  ["jsr", "io"],
  ["deno", "land"],
  ["esm", "sh"],
  ["unpkg", "com"],
  ["cdn", "jsdelivr", "net"],
  ["pypi", "org"],
  ["files", "pythonhosted", "org"],
  ["crates", "io"],
  ["proxy", "golang", "org"],
].map((parts) => new RegExp(`(?<![\\w.-])${parts.join("\\.")}(?![\\w-])`));

/** Hosts of package registries that a file names: which one serves a package is the machine's business. */
export const registryHosts = ({ path, text }: Source): readonly string[] =>
  hosts.flatMap((host) => {
    const found = host.exec(text);
    return found === null ? [] : [`${path}:${lineOf(text, found.index)} names ${found[0]}`];
  });
