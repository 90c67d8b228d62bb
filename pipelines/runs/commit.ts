/** The commit of the library's checkout, read from git's own files: no process is started for it. */

const ROOT = new URL("../../", import.meta.url);

const textAt = (path: string | URL): string | undefined => {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return undefined; // none there, or not to be read
  }
};

const HASH = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/** The folder of git's files; of a further work tree what its file `.git` names. */
const gitFolder = (root: string): string => {
  const link = /^gitdir: (.+)$/.exec(textAt(`${root}.git`) ?? "")?.[1];
  return link === undefined ? `${root}.git` : link.startsWith("/") ? link : `${root}${link}`;
};

/** The commit that a checkout is at, as hexadecimal digits; "unknown" where it is none. */
export const commitOf = (root: string): string => {
  const folder = gitFolder(root), head = textAt(`${folder}/HEAD`) ?? "";
  const ref = /^ref: (.+)$/.exec(head)?.[1];
  if (ref === undefined) return HASH.test(head) ? head : "unknown";
  const shared = textAt(`${folder}/commondir`);
  const common = shared === undefined ? folder : shared.startsWith("/") ? shared : `${folder}/${shared}`;
  const packed = (textAt(`${common}/packed-refs`) ?? "").split("\n").find((line) => line.endsWith(` ${ref}`));
  const found = textAt(`${folder}/${ref}`) ?? textAt(`${common}/${ref}`) ?? packed?.split(" ")[0] ?? "";
  return HASH.test(found) ? found : "unknown";
};

/** The commit of this library. */
export const libraryCommit = (): string =>
  ROOT.protocol === "file:" ? commitOf(decodeURIComponent(ROOT.pathname)) : "unknown";
