/**
 * Compiled programs on disk, for the processes that come after: in `chain-of-sight/programs` of the user's cache folder
 * (`XDG_CACHE_HOME`) unless `COS_PROGRAM_CACHE` names another, a file for each program, known by a hash of all that it depends on: the code of the library, the
 * device's profile, schedules, and the description.
 */
import type { KeptProgram, PlanStore } from "@chain-of-sight/kernels";
import { sha256 } from "../base/hash.ts";

/** The environment variable that names another folder, or is `off` to leave the disk alone, as `--no-cache` does. */
const SWITCH = "COS_PROGRAM_CACHE";

/** Bytes that all files may have together; beyond it those go that were used longest ago. */
const MAX_BYTES = 256 * 2 ** 20;

/** The folder; none where it is switched off, or where the environment names no place for it. */
const folderHere = (): string | undefined => {
  const said = (name: string): string | undefined => {
    const granted = Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
    return granted ? Deno.env.get(name) || undefined : undefined;
  };
  const asked = said(SWITCH);
  if (asked !== undefined) return asked === "off" ? undefined : asked;
  const home = said("HOME"), caches = said("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  return caches === undefined ? undefined : `${caches}/chain-of-sight/programs`;
};

/** Leaves the disk alone, in this process and in those that it starts. */
export const keepNoPrograms = (): void => Deno.env.set(SWITCH, "off");

/** The folder of programs as a list, for the permissions of a process that is started; empty where there is none. */
export const planFolders = (): readonly string[] => {
  const folder = folderHere();
  return folder === undefined ? [] : [folder];
};

/** A hash of the sources of the language and the compiler; undefined where they are no files that can be read. */
const codeOf = (): string | undefined => {
  const parts: string[] = [];
  const walk = (folder: URL): void => {
    const entries = [...Deno.readDirSync(folder)].toSorted((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, isDirectory } of entries) {
      if (isDirectory) walk(new URL(`${name}/`, folder));
      else if (/\.(?:ts|json)$/.test(name)) {
        parts.push(`${name} ${sha256(Deno.readFileSync(new URL(name, folder)))}`);
      }
    }
  };
  try {
    for (const room of ["../../core/", "../../kernels/"]) walk(new URL(room, import.meta.url));
    return sha256(parts.join("\n"));
  } catch {
    return undefined;
  }
};

let code: string | undefined;

const HASH = 64;

/** A file: the hash of the rest, the length of the header, the header as JSON, and the bytes. */
const bytesOf = ({ bytes, ...header }: KeptProgram): Uint8Array => {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const rest = new Uint8Array(4 + text.length + bytes.length);
  new DataView(rest.buffer).setUint32(0, text.length);
  rest.set(text, 4);
  rest.set(bytes, 4 + text.length);
  const file = new Uint8Array(HASH + rest.length);
  file.set(new TextEncoder().encode(sha256(rest)));
  file.set(rest, HASH);
  return file;
};

/** The program of a file; undefined for one that is cut off or damaged. */
const programOf = (file: Uint8Array): KeptProgram | undefined => {
  const rest = file.slice(HASH);
  if (rest.length < 4 || new TextDecoder().decode(file.subarray(0, HASH)) !== sha256(rest)) return undefined;
  const length = new DataView(rest.buffer).getUint32(0);
  // the hash says that it is what this code wrote
  const header = JSON.parse(new TextDecoder().decode(rest.subarray(4, 4 + length))) as Omit<
    KeptProgram,
    "bytes"
  >;
  return { ...header, bytes: rest.slice(4 + length) };
};

/** Removes the files that were used longest ago until the rest fits. */
const bound = (folder: string, most: number): void => {
  const files = [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    try {
      const { size, mtime } = Deno.statSync(`${folder}/${name}`);
      return [{ path: `${folder}/${name}`, size, used: mtime?.getTime() ?? 0 }];
    } catch {
      return []; // another process has removed it
    }
  }).toSorted((a, b) => b.used - a.used);
  let sum = 0;
  for (const { path, size } of files) {
    sum += size;
    if (sum > most) Deno.removeSync(path);
  }
};

/** Does what may fail without harm: on a full or foreign disk a program is compiled again. */
const ifPossible = <A>(act: () => A): A | undefined => {
  try {
    return act();
  } catch {
    return undefined;
  }
};

/** Programs in a folder, by keys that hold `code` too. */
export const programsIn = (folder: string, code: string, most: number = MAX_BYTES): PlanStore => {
  const pathOf = (key: string): string => `${folder}/${sha256(`${code}\n${key}`)}`;
  return {
    read: (key) =>
      ifPossible(() => {
        const path = pathOf(key), found = programOf(Deno.readFileSync(path)), now = new Date();
        ifPossible(() => Deno.utimeSync(path, now, now));
        return found;
      }),
    write: (key, program) =>
      ifPossible(() => {
        Deno.mkdirSync(folder, { recursive: true });
        // a file appears whole: another process reads all of it or nothing
        const path = pathOf(key), draft = `${path}.${Deno.pid}`;
        Deno.writeFileSync(draft, bytesOf(program));
        Deno.renameSync(draft, path);
        bound(folder, most);
      }),
  };
};

let opened: PlanStore | undefined;

/** The programs of this user; undefined where they are switched off, or where their folder may not be read and written. */
export const planStore = (): PlanStore | undefined => {
  const folder = folderHere();
  if (folder === undefined) return undefined;
  const allowed = (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path: folder }).state === "granted"
  );
  if (!allowed) return undefined;
  code ??= codeOf();
  return code === undefined ? undefined : opened ??= programsIn(folder, code);
};
