/**
 * The documentation as a site of static files, built without network.
 *
 *     deno task docs [--out runs/docs] [--notebooks runs/notebooks] [--no-api]
 */
import type * as NodeServices from "@effect/platform-node/NodeServices";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { fileURLToPath } from "node:url";
import { onDisk } from "../../pipelines/base/disk.ts";
import { PRODUCT_VERSION, textFlag } from "../../pipelines/cli/flags.ts";
import { runCommand } from "../../pipelines/cli/main.ts";
import { print } from "../../pipelines/terminal/output.ts";
import { buildSite, DocsError } from "./build.ts";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** The API by `deno doc`. */
const apiPages = (out: string): Effect.Effect<void, DocsError | Error> =>
  Effect.gen(function* () {
    const { success, stderr } = yield* onDisk("document", out, () =>
      new Deno.Command(Deno.execPath(), {
        cwd: root,
        args: [
          "doc",
          "--html",
          "--name=chain-of-sight",
          `--output=${out}`,
          "core/mod.ts",
          "kernels/mod.ts",
          "pipelines/mod.ts",
        ],
        stdout: "null",
      }).output());
    if (success) return;
    return yield* Effect.fail(
      new DocsError({
        op: "deno doc",
        got: new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "a failure",
        expected: "the documentation of three packages",
        hint: "run deno doc --lint core/mod.ts kernels/mod.ts pipelines/mod.ts",
      }),
    );
  });

const command = Command.make(
  "docs",
  {
    out: textFlag("out", "runs/docs", "folder of the site"),
    notebooks: textFlag(
      "notebooks",
      "notebooks",
      "folder of notebooks; executed copies, as deno task notebooks writes, show outputs",
    ),
    api: Flag.Boolean("api").pipe(
      Flag.withDefault(true),
      Flag.withDescription("include the API of every package"),
    ),
  },
  ({ out, notebooks, api }) =>
    Effect.gen(function* () {
      if (api) yield* apiPages(`${Deno.cwd()}/${out}/api`.replace(`${Deno.cwd()}//`, "/"));
      const count = yield* buildSite({ root, out, notebooks, api });
      print(`${count} pages: ${out}/index.html`);
    }),
).pipe(
  Command.withDescription("Builds the documentation as a site of static files, and checks its links."),
  Command.withExamples([
    { command: "deno task docs --notebooks runs/notebooks", description: "with executed notebooks" },
  ]),
);

const program: Effect.Effect<void, unknown, NodeServices.NodeServices> = Command.run(command, {
  version: PRODUCT_VERSION,
});
await runCommand(program, "nothing");
