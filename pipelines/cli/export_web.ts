/**
 * A trained model as pages that run in a browser.
 *
 *     deno task cos export web [--checkpoint <run>] [--arm NAME] [--out folder] [--json]
 */
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { shippedModel } from "../ask/shipped.ts";
import { exportCheckpoint } from "../site/export.ts";
import { ownFolder } from "../base/disk.ts";
import { jsonFlag, optionalText, printResult, textFlag } from "./flags.ts";

const flags = {
  checkpoint: optionalText(
    "checkpoint",
    "directory of a quickstart, an ablation or a fine-tuning, or a checkpoint in one; the shipped model by default",
  ),
  arm: optionalText("arm", "arm of the run; default: its first Chain-of-Sight arm"),
  out: textFlag("out", "site", "folder that is written"),
  json: jsonFlag,
};

/** The command below `export`. */
export const exportWeb = Command.make(
  "web",
  flags,
  ({ checkpoint, arm, out, json }) =>
    Effect.scoped(Effect.gen(function* () {
      yield* ownFolder(out, ["index.html"]);
      const site = yield* exportCheckpoint(
        Option.getOrElse(checkpoint, () => shippedModel),
        Option.getOrUndefined(arm),
        out,
      );
      const megabytes = (site.weightBytes / 1e6).toFixed(1);
      printResult(
        json,
        site,
        () =>
          `${site.folder}: ${site.files.length} files, weights of ${megabytes} MB\n` +
          `look at it with: cos web --site ${site.folder}`,
      );
    })),
);
