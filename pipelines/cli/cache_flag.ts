/** `--no-cache`, which every command takes: nothing compiled is taken from the disk or kept there. */
import { Flag, GlobalFlag } from "effect/cli";
import { keepNoPrograms } from "../tune/plan_store.ts";

const NAME = "no-cache";

/** The flag, for the root of a tree of commands. */
export const cacheFlag: GlobalFlag.Setting<typeof NAME, boolean> = GlobalFlag.Setting(NAME)({
  flag: Flag.Boolean(NAME).pipe(
    Flag.withDefault(false),
    Flag.withDescription("compile all programs again, and keep none of them on disk"),
  ),
});

/** Where a command line has the flag, this process and those that it starts leave the disk alone. */
export const heedCacheFlag = (args: readonly string[]): void => {
  if (args.includes(`--${NAME}`)) keepNoPrograms();
};
