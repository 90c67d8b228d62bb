/** Commands that make things again, as they are typed. */
import { shellLine } from "../terminal/shell_line.ts";
import type { AblationRecord } from "../engine/ablation_record.ts";

/** The store unless another is asked for. */
export const DEFAULT_STORE = "runs/store";

/** What makes an ablation, as words of a command line. */
export interface CommandParts {
  /** The command and what it compares: `ablate --family main --preset small`, or `train run.json`. */
  readonly words: readonly string[];
  /** Fields of the base that are changed. */
  readonly settings: readonly string[];
  /** Fields that are swept. */
  readonly sweep: readonly string[];
  /** Names of arms; those of the preset without. */
  readonly arms?: readonly string[] | undefined;
  /** The seeds, where words do not say them. */
  readonly seeds?: readonly number[];
  /** Device that runs it. */
  readonly device: string;
  /** The store; `runs/store` unless said. */
  readonly store?: string;
}

/** Seeds as `--seeds` takes them: a number for those from 1 on, otherwise all of them. */
const seedsText = (seeds: readonly number[]): string =>
  seeds.every((seed, i) => seed === i + 1)
    ? String(seeds.length)
    : seeds.length === 1
    ? `${seeds[0]},`
    : seeds.join(",");

/** The command that makes an ablation again. */
export const ablationCommand = (
  { words, settings, sweep, arms, seeds, device, store = DEFAULT_STORE }: CommandParts,
): string =>
  shellLine([
    "deno",
    "task",
    "cos",
    ...words,
    ...settings.flatMap((setting) => ["--set", setting]),
    ...sweep.flatMap((one) => ["--sweep", one]),
    ...(arms === undefined ? [] : ["--arms", arms.join(",")]),
    ...(seeds === undefined ? [] : ["--seeds", seedsText(seeds)]),
    "--device",
    device,
    ...(store === DEFAULT_STORE ? [] : ["--store", store]),
  ]);

/**
 * The command that makes the artefact of a stage of an arm and seed, and all that it needs. A family's is that of the
 * stage; others are made by the whole.
 */
export const stageCommand = (
  { command }: Pick<AblationRecord, "command">,
  stage: string,
  arm: string,
  seed: number,
): string =>
  command.startsWith("deno task cos ablate ") && !command.includes(" --sweep ")
    ? `${command.replace(" ablate ", ` ${stage} `).replaceAll(/ --(seeds|arms) \S+/g, "")} ${
      shellLine(["--arm", arm, "--seed", String(seed)])
    }`
    : command;
