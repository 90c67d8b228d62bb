/** Pieces of files, and of bytes. */

/** Pieces of bytes as one. */
export const joined = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/** The bytes of a file from an offset on; fewer where it ends before. */
export const bytesAt = async (file: Deno.FsFile, from: number, length: number): Promise<Uint8Array> => {
  const out = new Uint8Array(length);
  await file.seek(from, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const got = await file.read(out.subarray(at));
    if (got === null) return out.subarray(0, at);
    at += got;
  }
  return out;
};
