/**
 * Times how many pictures a second become squares in Workers, beside the bare decoder.
 *
 *     deno task cos bench images [--images 96] [--workers 2] [--side 224] [--rounds 5] [--json]
 */
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import { countFlag, countOf } from "../bench/flags.ts";
import { imagesText, timeImages } from "../bench/images.ts";
import { print } from "../terminal/output.ts";
import { jsonFlag } from "./flags.ts";

const flags = {
  images: countFlag("images", 96, "pictures of one round"),
  workers: countFlag("workers", 2, "workers"),
  side: countFlag("side", 224, "side of the squares, pixels"),
  rounds: countFlag("rounds", 5, "rounds, each of which times both"),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make("images", flags, ({ json, ...given }) =>
  Effect.gen(function* () {
    const report = yield* timeImages({
      images: yield* countOf("images", given.images),
      workers: yield* countOf("workers", given.workers),
      side: yield* countOf("side", given.side),
      rounds: yield* countOf("rounds", given.rounds),
    });
    print(json ? JSON.stringify({ what: "images", ...report }, null, 2) : imagesText(report));
  })).pipe(Command.withDescription("Times how many pictures a second become squares in Workers."));
