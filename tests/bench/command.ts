/** Commands of this repository as processes. */
import { fileURLToPath } from "node:url";

/** Actions of a process. */
export interface Ran {
  /** Its exit code. */
  readonly code: number;
  /** Its output. */
  readonly out: string;
  /** What it said alongside. */
  readonly err: string;
}

/** Runs `deno run -A` with arguments in the root. */
export const ran = async (...args: readonly string[]): Promise<Ran> => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...args],
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};
