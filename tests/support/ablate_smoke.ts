/**
 * One ablation of the smallest size on the CPU, to be killed by tests.
 *
 *     deno run -A tests/support/ablate_smoke.ts <directory> <store> <workers> [settings as JSON]
 */
import * as E from "fp-ts/lib/Either.js";
import { ablate } from "../../pipelines/ablations/ablate.ts";
import { ablationCodec } from "../../pipelines/ablations/config.ts";
import { ablationOf } from "../../pipelines/ablations/presets.ts";
import { runCommand } from "../../pipelines/cli/main.ts";
import { override } from "../../pipelines/configs/override.ts";

const [out, store, workers, more = "[]"] = Deno.args as [string, string, string, string?];
const settings = JSON.parse(more) as readonly string[];
const config = override(ablationCodec(), "ablation")(ablationOf("main", "smoke"), settings);
if (E.isLeft(config)) throw config.left;
const options = { config: config.right, settings, out, store, version: "test", patience: 0.2 };
await runCommand(ablate(options, { device: "cpu", workers: Number(workers) }), "saves");
