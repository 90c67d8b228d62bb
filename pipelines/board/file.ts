/** The files that the board gives out: pictures below the runs folder, and nothing that a link leads to elsewhere. */

import { IMAGE_BYTES, readOwnBytes } from "../base/own_file.ts";

/** Media types by ending; files of other kinds are not given out. */
const types: Readonly<Record<string, string>> = { png: "image/png", svg: "image/svg+xml" };

/** A file to be given out. */
export interface BoardFile {
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its media type. */
  readonly type: string;
}

/** Reads a picture by the parts of its path below the folder; nothing where there is none that may be given out. */
export const pictureAt = async (
  root: string,
  segments: readonly string[],
): Promise<BoardFile | undefined> => {
  const type = types[segments.at(-1)!.split(".").at(-1)!.toLowerCase()];
  if (type === undefined) return undefined;
  try {
    const [folder, file] = await Promise.all([
      Deno.realPath(root),
      Deno.realPath(`${root}/${segments.join("/")}`),
    ]);
    const inside = file.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
    return inside && (await Deno.stat(file)).isFile
      ? { bytes: await readOwnBytes(file, IMAGE_BYTES), type }
      : undefined;
  } catch {
    return undefined; // none there, or not to be read
  }
};
