/**
 * A page about the runs of a folder, that moves while they go on. Loopback only, read only.
 *
 *     deno task cos board [--runs folder] [--port N]
 */
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import { serveBoard } from "../board/serve.ts";
import { notice, print } from "../terminal/output.ts";
import { intFlag, textFlag } from "./flags.ts";

const flags = {
  runs: textFlag("runs", "runs", "folder of the runs"),
  port: intFlag("port", 8042, "port on localhost; 0 for a free one"),
};

/** The command. */
export const command = Command.make("board", flags, ({ runs, port }) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { url } = yield* serveBoard({ folder: runs, port });
      print(url);
      notice("Ctrl-C ends it");
      yield* Effect.never;
    }),
  ));
