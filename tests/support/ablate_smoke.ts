/**
 * One ablation of the smallest size on the CPU, to be killed by tests.
 *
 *     deno run -A tests/support/ablate_smoke.ts <directory> <store> <workers> [settings as JSON]
 */
import { ablate } from "../../pipelines/ablations/ablate.ts";
import { runCommand } from "../../pipelines/cli/main.ts";
import { ablation } from "./ablations.ts";

const [out, store, workers, more = "[]"] = Deno.args as [string, string, string, string?];
const arms = ["cos-20-20", "cos-20-84"], settings = JSON.parse(more) as readonly string[];
const config = ablation("main", "smoke", { settings, arms, seeds: [1] });
const options = { config, command: "again", out, store, version: "test", backoffSeconds: 0.2 };
await runCommand(ablate(options, { device: "cpu", workers: Number(workers) }), "saves");
