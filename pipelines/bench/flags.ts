/** Settings of benchmarks from a command line. */
import { Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import member from "../deno.json" with { type: "json" };
import { BenchError } from "./fault.ts";
import { stepDevices } from "./step_device.ts";

/** Version of this library, as results name it. */
export const PRODUCT_VERSION: string = member.version;

/** The flag that says what computes: Deno's own WebGPU by default. */
export const deviceFlag = Flag.Literals("device", stepDevices).pipe(
  Flag.withDefault("deno" as const),
  Flag.withDescription("what computes"),
);

/** A flag for a number with a default. */
export const countFlag = (name: string, by: number, what: string) =>
  Flag.Int(name).pipe(Flag.withDefault(by), Flag.withDescription(what));

const refuse = (flag: string, got: string, expected: string): Effect.Effect<never, BenchError> =>
  Effect.fail(new BenchError({ op: `--${flag}`, got, expected, mend: "see --help" }));

/** A whole number above 0. */
export const countOf = (flag: string, value: number): Effect.Effect<number, BenchError> =>
  Number.isInteger(value) && value > 0
    ? Effect.succeed(value)
    : refuse(flag, String(value), "a whole number above 0");

/** Whole numbers above 0 with commas between. */
export const countsOf = (flag: string, text: string): Effect.Effect<readonly number[], BenchError> => {
  const counts = text.split(",").map((part) => part.trim());
  return counts.every((part) => /^[1-9]\d*$/.test(part))
    ? Effect.succeed(counts.map(Number))
    : refuse(flag, text, "whole numbers above 0 with commas between, such as 32,80");
};

/** Names from a list, with commas between. */
export const namesOf = <T extends string>(
  flag: string,
  text: string,
  known: readonly T[],
): Effect.Effect<readonly T[], BenchError> => {
  const names = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  const unknown = names.find((name) => !(known as readonly string[]).includes(name));
  return unknown === undefined
    ? Effect.succeed(names as readonly string[] as readonly T[])
    : refuse(flag, unknown, known.join(", "));
};
