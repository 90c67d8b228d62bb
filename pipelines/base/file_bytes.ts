/** Pieces of files. */

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
