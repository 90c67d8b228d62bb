/**
 * The benchmarks' command line.
 *
 *     deno task bench [flags]
 *     deno task bench step|gpu|compile|flat|load|decode|images|mixed|ranks [flags]
 */
import type * as NodeServices from "@effect/platform-node/NodeServices";
import { Command } from "effect/cli";
import type * as Effect from "effect/Effect";
import { cacheFlag, heedCacheFlag } from "../pipelines/cli/cache_flag.ts";
import { PRODUCT_VERSION } from "../pipelines/cli/flags.ts";
import { runCommand } from "../pipelines/cli/main.ts";
import { command } from "./commands.ts";

heedCacheFlag(Deno.args);
const described = command.pipe(
  Command.withGlobalFlags([cacheFlag]),
  Command.withDescription(
    "Compares with other libraries on the same back end; below it, measures steps, memory and more.",
  ),
  Command.withExamples([
    {
      command: "deno task bench --device cpu --sizes 512,1024",
      description: "matrix products on the CPU, alongside the others",
    },
    {
      command: "deno task bench step --preset gpu --tokens 32,80,336",
      description: "whole training steps",
    },
  ]),
);
const program: Effect.Effect<void, unknown, NodeServices.NodeServices> = Command.run(described, {
  version: PRODUCT_VERSION,
});
await runCommand(program, "cleans up");
