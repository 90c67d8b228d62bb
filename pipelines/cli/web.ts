/**
 * A site of a trained model, served on this machine.
 *
 *     deno task cos web [--site folder] [--port N]
 */
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import { serveSite } from "../site/serve.ts";
import { notice, print } from "../terminal/output.ts";
import { intFlag, textFlag } from "./flags.ts";

const flags = {
  site: textFlag("site", "site", "folder of a site that cos export web wrote"),
  port: intFlag("port", 8043, "port on localhost; 0 for a free one"),
};

/** The command. */
export const command = Command.make("web", flags, ({ site, port }) =>
  Effect.scoped(Effect.gen(function* () {
    print(yield* serveSite({ folder: site, port }));
    notice("Ctrl-C ends it");
    yield* Effect.never;
  })));
