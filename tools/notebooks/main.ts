/**
 * The notebooks' command line.
 *
 *     deno task notebooks [--only 03] [--preset smoke] [--device cpu] [--html folder]
 */
import type * as NodeServices from "@effect/platform-node/NodeServices";
import { Command } from "effect/cli";
import type * as Effect from "effect/Effect";
import { PRODUCT_VERSION } from "../../pipelines/cli/flags.ts";
import { runCommand } from "../../pipelines/cli/main.ts";
import { command } from "./command.ts";

const described = command.pipe(
  Command.withDescription("Executes the notebooks without a browser, and renders them."),
  Command.withExamples([
    { command: "deno task notebooks --preset smoke --device cpu", description: "all of them in minutes" },
    {
      command: "deno task notebooks --only 03 --preset gpu --html pages",
      description: "one of them on a GPU, rendered to pages/",
    },
  ]),
);
const program: Effect.Effect<void, unknown, NodeServices.NodeServices> = Command.run(described, {
  version: PRODUCT_VERSION,
});
await runCommand(program, "cleans up");
