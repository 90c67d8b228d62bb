/**
 * The command line.
 *
 *     deno task cos <command> [flags]
 *     deno task cos --help
 *
 * The tasks of single commands (`deno task quickstart`) are short names of the same.
 */
import { Command } from "effect/cli";
import type * as Effect from "effect/Effect";
import type * as NodeServices from "@effect/platform-node/NodeServices";
import member from "../deno.json" with { type: "json" };
import { cacheFlag, heedCacheFlag } from "./cache_flag.ts";
import { runCommand } from "./main.ts";
import { onSignalOf, treeFor } from "./tree.ts";

const tree = await treeFor(Deno.args, "deno task cos") as Command.Command<"cos", unknown>;
heedCacheFlag(Deno.args);
const whole = tree.pipe(Command.withGlobalFlags([cacheFlag]));
const program: Effect.Effect<void, unknown, NodeServices.NodeServices> = Command.run(whole, {
  version: member.version,
});
await runCommand(program, onSignalOf(Deno.args));
