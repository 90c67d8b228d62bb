/**
 * Files of run directories and stores, opened so that nothing else is: a link, pipe, socket or device in place of a file
 * or of a run's folder is refused by name before a byte of it is read or written, and what is too large before memory
 * grows. Links on the way to a run directory are the user's, and are followed.
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { folderOf } from "./paths.ts";

/** Folders of a run directory, which hold its files and no runs. */
export const runFolders: readonly string[] = [
  "checkpoints",
  "metrics",
  "samples",
  "figures",
  "logs",
  "images",
  "predictions",
];

/** Bytes of the largest file of JSON that is read whole. */
export const JSON_BYTES: number = 2 ** 26;

/** Bytes of the largest image that is read whole. */
export const IMAGE_BYTES: number = 2 ** 26;

/** Something that is no file that a run may have; `code` is what a DiskError says. */
export class WrongFile extends Error {
  /** The class name shown in stack traces. */
  override readonly name = "WrongFile";
  /** `ENOTREG` where it is no regular file, `EFBIG` where it is too large, `EILSEQ` where it is no text. */
  readonly code: "ENOTREG" | "EFBIG" | "EILSEQ";
  /** Its fault. */
  constructor(code: WrongFile["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const kindOf = (info: Deno.FileInfo): string =>
  info.isSymlink
    ? "a symbolic link"
    : info.isDirectory
    ? "a folder"
    : info.isFifo
    ? "a named pipe"
    : info.isSocket
    ? "a socket"
    : "a device";

const checkFolder = (path: string): void => {
  const folder = folderOf(path);
  if (!runFolders.includes(folder.slice(folder.lastIndexOf("/") + 1))) return;
  const info = Deno.lstatSync(folder);
  if (!info.isDirectory) throw new WrongFile("ENOTREG", `${kindOf(info)} at ${folder}, in place of a folder`);
};

/** Checks the folder of a file that is to be written: that of a run is no link. Throws {@link WrongFile}. */
export const checkPlace = (path: string): void => {
  try {
    checkFolder(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause; // whatever writes reports that it is not there
  }
};

const sizeText = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;

// The system refuses links, and pipes without a partner do not keep this waiting. Windows has neither flag.
const CAREFUL = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** The regular file at a path; anything else throws {@link WrongFile}. With `create`, made where nothing is. */
const checked = (path: string, create: boolean): Deno.FileInfo => {
  checkFolder(path);
  if (create) {
    try {
      closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | CAREFUL, 0o666));
    } catch (cause) {
      if ((cause as { readonly code?: string }).code !== "EEXIST") throw cause;
    }
  }
  const info = Deno.lstatSync(path);
  if (!info.isFile) throw new WrongFile("ENOTREG", `${kindOf(info)}`);
  const probe = openSync(path, constants.O_RDONLY | CAREFUL);
  try {
    const stat = fstatSync(probe);
    if (!stat.isFile() || (info.ino !== null && stat.ino !== info.ino)) {
      throw new WrongFile("ENOTREG", "a file that was replaced while it was opened");
    }
  } finally {
    closeSync(probe);
  }
  return info;
};

/** How a file is opened. */
export interface OwnOptions {
  /** Whether it is written, too, and made where there is none. */
  readonly write?: boolean;
}

/** Opens a regular file. Throws {@link WrongFile} where it is none. */
export const openOwn = (path: string, { write = false }: OwnOptions = {}): Deno.FsFile => {
  const info = checked(path, write), file = Deno.openSync(path, { read: true, write });
  const found = file.statSync();
  if (found.isFile && found.ino === info.ino && found.dev === info.dev) return file;
  file.close();
  throw new WrongFile("ENOTREG", "a file that was replaced while it was opened");
};

const bytesOf = async (file: Deno.FsFile, most: number): Promise<Uint8Array<ArrayBuffer>> => {
  const { size } = await file.stat();
  if (size > most) {
    throw new WrongFile("EFBIG", `a file of ${sizeText(size)}, where ${sizeText(most)} is the most`);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (let n: number | null = 0; at < size && n !== null; at += n ?? 0) {
    n = await file.read(bytes.subarray(at));
  }
  return bytes.subarray(0, at);
};

/** The bytes of a regular file, at most so many. Rejects with {@link WrongFile}. */
export const readOwnBytes = async (path: string, most: number): Promise<Uint8Array<ArrayBuffer>> => {
  using file = openOwn(path);
  return await bytesOf(file, most);
};

/** The text of a regular file of UTF-8, at most this many bytes. Rejects with {@link WrongFile}. */
export const readOwnText = async (path: string, most: number = JSON_BYTES): Promise<string> => {
  const bytes = await readOwnBytes(path, most);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new WrongFile("EILSEQ", "bytes that are no UTF-8");
  }
};

/** Adds text to the end of a regular file, which is made where there is none. Rejects with {@link WrongFile}. */
export const appendOwn = async (path: string, text: string): Promise<void> => {
  using file = openOwn(path, { write: true });
  await file.seek(0, Deno.SeekMode.End);
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.byteLength;) at += await file.write(bytes.subarray(at));
};
