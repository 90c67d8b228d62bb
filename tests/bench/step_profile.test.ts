/** The profile of a step: alongside its time, as text, JSON and an image. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type StepRun } from "../../bench/step_report.ts";
import type { StepProfile } from "../../bench/step_profile.ts";
import { ran } from "./command.ts";

const test = suite("bench:step --profile");

const small = ["--preset", "smoke", "--tokens", "32", "--windows", "1", "--steps", "1"];

test("times every kernel of the step against the peak rates of the device", async () => {
  const folder = await Deno.makeTempDir(), file = `${folder}/profile.svg`;
  const { code, out, err } = await ran(
    "bench/main.ts",
    "step",
    ...small,
    "--svg",
    file,
    "--json",
  );
  const svg = await Deno.readTextFile(file).finally(() => Deno.remove(folder, { recursive: true }));
  assert.is(code, 0, err);
  const run: StepRun = JSON.parse(out) as StepRun;
  const [found] = (JSON.parse(out) as { readonly profiles: readonly StepProfile[] }).profiles;
  const { roofline, profile } = found!;
  assert.ok(roofline.flops > 1e6 && roofline.bytes > 1e6);
  const kernels = profile.reduce((n, p) => n + p.count, 0);
  assert.ok(kernels > profile.length && kernels <= run.results[0]!.dispatches, `${kernels} kernels`);
  const winnable = profile.map((p) => p.winnable);
  assert.equal(winnable, winnable.toSorted((a, b) => b - a), "what could be won most of comes first");
  assert.ok(profile.some((p) => p.label.startsWith("matmul")) && profile.every((p) => p.seconds >= 0));
  assert.match(svg, /smoke, 32 visual tokens, f32/);
  assert.match(svg, /further forms/);
});

test.run();
