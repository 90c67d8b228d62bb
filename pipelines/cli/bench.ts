/** The benchmarks: against other libraries, and below that those of this library alone. */
import { Command } from "effect/cli";
import { command as compile } from "./bench_compile.ts";
import { command as contest } from "./bench_contest.ts";
import { command as decode } from "./bench_decode.ts";
import { command as flat } from "./bench_flat.ts";
import { command as gpu } from "./bench_gpu.ts";
import { command as images } from "./bench_images.ts";
import { command as load } from "./bench_load.ts";
import { command as mixed } from "./bench_mixed.ts";
import { command as step } from "./bench_step.ts";

/** The command. */
export const command = contest.pipe(
  Command.withSubcommands([step, gpu, compile, flat, load, decode, images, mixed]),
);
