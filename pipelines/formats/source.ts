/** Files as readers see them: bytes in order, or a part of them. */
import { bytesAt } from "../base/file_bytes.ts";
import { brokenFile } from "./format.ts";
import { joined } from "../base/file_bytes.ts";

/** A file to be read. */
export interface FileSource {
  /** Its path, shown in errors. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** All bytes in order. */
  readonly chunks: () => AsyncIterable<Uint8Array>;
  /** The bytes from one offset to before another. */
  readonly slice: (from: number, to: number) => Promise<Uint8Array>;
}

/** Bytes of one read. */
const CHUNK = 1 << 18;

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  for (;;) {
    const chunk = new Uint8Array(CHUNK), count = await file.read(chunk);
    if (count === null) return;
    yield chunk.subarray(0, count);
  }
}

const sliceOf = async (path: string, from: number, to: number): Promise<Uint8Array> => {
  using file = await Deno.open(path);
  const out = await bytesAt(file, from, to - from);
  if (out.length < to - from) {
    throw brokenFile(path, `its end at byte ${from + out.length}`, `bytes up to ${to}`);
  }
  return out;
};

/** A file on disk. Rejects with Deno's errors. */
export const fileSource = async (path: string): Promise<FileSource> => {
  const { size, isFile } = await Deno.stat(path);
  if (!isFile) throw new Error("a folder, a pipe or a device instead of a file");
  return {
    name: path,
    size,
    chunks: () => chunksOf(path),
    slice: (from, to) => sliceOf(path, from, to),
  };
};

/** Bytes at hand as a file; `chunk` bytes are given at a time. */
export const bytesSource = (name: string, bytes: Uint8Array, chunk = CHUNK): FileSource => ({
  name,
  size: bytes.length,
  chunks: async function* () {
    for (let at = 0; at < bytes.length; at += chunk) {
      yield await Promise.resolve(bytes.subarray(at, at + chunk));
    }
  },
  slice: (from, to) => Promise.resolve(bytes.slice(from, to)),
});

/** All bytes of a file that must be read whole; refuses those larger than `most`. */
export const wholeFile = async (source: FileSource, most: number): Promise<Uint8Array> => {
  if (source.size > most) {
    throw brokenFile(source.name, `${source.size} bytes`, `at most ${most}`, "split the file");
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of source.chunks()) parts.push(chunk);
  return joined(parts);
};
