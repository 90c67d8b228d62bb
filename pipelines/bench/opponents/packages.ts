/**
 * Libraries that only benchmarks need. They are loaded by name at run time, under a lock file of their own: in the
 * common one they would be half a gigabyte that every first command downloads.
 */

/** Versions of the packages, exact. */
export const packageVersions = {
  "onnx-proto": "8.0.1",
  "onnxruntime-web": "1.30.0",
} as const;

/** Loads a package, or an entry of it, as what the caller uses of it. */
export const load = async <T>(name: keyof typeof packageVersions, entry = ""): Promise<T> =>
  await import(`npm:${name}@${packageVersions[name]}${entry}`) as T;
