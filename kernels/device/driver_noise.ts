/** Silences graphics drivers on the user's terminal while adapters are requested. */

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

const linux = (): typeof Deno | undefined => globalThis.Deno?.build.os === "linux" ? Deno : undefined;

/**
 * Sets XDG_RUNTIME_DIR where it names no directory: Mesa's Wayland code prints an error for each adapter request
 * without it. Does nothing without the permission to read and set the variable.
 */
export const setRuntimeDirectory = (): void => {
  const runtime = linux();
  try {
    const now = runtime?.env.get("XDG_RUNTIME_DIR");
    if (runtime === undefined || (now !== undefined && runtime.statSync(now).isDirectory)) return;
  } catch {
    // the variable names something that does not exist, or may not be read
  }
  try {
    runtime?.env.set("XDG_RUNTIME_DIR", "/tmp");
  } catch {
    // without the permission the driver's lines stay
  }
};

const STDERR = 2, WRITE_ONLY = 1;

/**
 * The result of `request`, while standard error of the process is discarded: Dawn prints a warning with a path of its
 * own sources for every adapter that it rejects, and has no setting against it. Linux only; without the permission for
 * foreign functions nothing is discarded.
 */
export const withoutStderr = async <A>(request: () => Promise<A>): Promise<A> => {
  let restore = (): void => {};
  try {
    const libc = linux()?.dlopen("libc.so.6", SYMBOLS).symbols;
    if (libc !== undefined) {
      const saved = libc.dup(STDERR), sink = libc.open(new TextEncoder().encode("/dev/null\0"), WRITE_ONLY);
      if (saved >= 0 && sink >= 0) {
        libc.dup2(sink, STDERR);
        restore = () => void (libc.dup2(saved, STDERR), libc.close(saved), libc.close(sink));
      }
    }
  } catch {
    // the warning is printed
  }
  try {
    return await request();
  } finally {
    restore();
  }
};
