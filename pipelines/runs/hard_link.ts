/** A second name for a file: what is made in one place is seen in another without being there twice. */
import * as Effect from "effect/Effect";
import { type DiskError, ifThere, onDisk, tempName } from "../base/disk.ts";
import { checkPlace, WrongFile } from "../base/own_file.ts";

const isSame = (a: Deno.FileInfo, b: Deno.FileInfo | undefined): boolean =>
  a.ino !== null && a.ino === b?.ino && a.dev === b.dev;

/**
 * Gives a file a second name, in place of what had it: lines that are added to the file are then seen under both. Where a
 * file system has no second names, or the two are on different ones, it is copied unchanged. Without the file, nothing.
 */
export const hardLink = (file: string, name: string): Effect.Effect<void, DiskError> =>
  onDisk("name", name, async () => {
    const [there, before] = await Promise.all([file, name].map((path) => ifThere(Deno.lstat(path))));
    if (there === undefined || isSame(there, before)) return;
    if (!there.isFile) throw new WrongFile("ENOTREG", `what is no regular file at ${file}`);
    [file, name].forEach(checkPlace);
    const temp = tempName(name);
    try {
      await Deno.link(file, temp).catch(() => Deno.copyFile(file, temp));
      await Deno.rename(temp, name);
    } catch (cause) {
      await Deno.remove(temp).catch(() => undefined);
      throw cause;
    }
  });
