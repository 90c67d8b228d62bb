/** All files below a folder, unchanged. */

/** A file's content and when it was last written. */
export type FileState = readonly [hash: string, written: number];

/** Every file below a folder by its path there, links by what they lead to. */
export const filesBelow = async (
  folder: string,
  inside = "",
): Promise<Readonly<Record<string, FileState>>> => {
  const found: Record<string, FileState> = {};
  for (const entry of Deno.readDirSync(`${folder}/${inside}`)) {
    const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
    if (entry.isDirectory) {
      Object.assign(found, await filesBelow(folder, path));
      continue;
    }
    const bytes = Deno.readFileSync(`${folder}/${path}`);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    found[path] = [hash, Deno.lstatSync(`${folder}/${path}`).mtime!.getTime()];
  }
  return found;
};
