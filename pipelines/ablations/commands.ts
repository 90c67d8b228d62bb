/** Commands that make things again, as they are typed. */
import { shellLine } from "../terminal/shell_line.ts";
import type { AblationRecord } from "./summary_types.ts";

/** What was asked for, as flags of `ablate` and of the commands of single stages. */
export interface AblationFlags extends Pick<AblationRecord, "settings" | "store" | "deviceName"> {
  /** The family. */
  readonly family: string;
  /** The preset. */
  readonly preset: string;
}

const flagsOf = ({ family, preset, settings, deviceName, store }: AblationFlags): readonly string[] => [
  "--family",
  family,
  "--preset",
  preset,
  ...settings.flatMap((setting) => ["--set", setting]),
  "--device",
  deviceName,
  ...(store === DEFAULT_STORE ? [] : ["--store", store]),
];

/** The store unless another is asked for. */
export const DEFAULT_STORE = "runs/store";

/** The command that makes an ablation. */
export const ablateCommand = (asked: AblationFlags, seeds: readonly number[]): string => {
  const counted = seeds.every((seed, i) => seed === i + 1);
  const flags = counted
    ? [...flagsOf(asked), "--seeds", String(seeds.length)]
    : [...flagsOf(asked), "--set", `seeds=${JSON.stringify(seeds)}`];
  return shellLine(["deno", "task", "cos", "ablate", ...flags]);
};

/** The command that makes the artefact of one stage of one arm and seed, and all that it needs. */
export const stageCommand = (
  asked: AblationFlags,
  stage: "pretrain" | "expand" | "finetune" | "evaluate",
  arm: string,
  seed: number,
): string =>
  shellLine(["deno", "task", "cos", stage, ...flagsOf(asked), "--arm", arm, "--seed", String(seed)]);
