/** A family of arms as a notebook runs it: its summary, and figures kept next to it. */
import * as Effect from "effect/Effect";
import { ablateHere } from "../ablations/ablate.ts";
import { ablationOf, seedsUpTo } from "../ablations/ablation.ts";
import { ablationCommand, DEFAULT_STORE } from "../ablations/commands.ts";
import type { FamilyName } from "../ablations/config.ts";
import { lossFigure } from "../ablations/figures.ts";
import { lastOf } from "../ablations/table.ts";
import type { AblationSummary } from "../ablations/summary_types.ts";
import { fromEither } from "../base/bridge.ts";
import member from "../deno.json" with { type: "json" };
import type { Figure } from "../figures/plot.ts";
import { writeFigures } from "../report/write.ts";
import type { ProgressSink } from "../terminal/progress.ts";
import { inLab, type Lab } from "./lab.ts";
import { withRuns } from "./display.ts";

/** A family that was run. */
export interface Study {
  /** Its findings. */
  readonly summary: AblationSummary;
  /** Its directory. */
  readonly directory: string;
  /** Losses of every arm by stage. */
  readonly losses: Figure;
}

/** Figures kept in a folder, with the runs that they come from. */
export interface Keeping {
  /** The folder of figures. */
  readonly folder: string;
  /** Directories in the store. */
  readonly runs: readonly string[];
}

/** Progress is for terminals; a cell shows what was found. */
const quiet: ProgressSink = {
  isTerminal: () => false,
  width: () => 100,
  write: () => {},
  now: () => performance.now() / 1000,
};

/**
 * Runs a family at the lab's size, in this process. What earlier notebooks or commands made is taken from the store, and
 * what was interrupted goes on. Rejects with the error of {@link ablateHere}.
 */
export const study = async (lab: Lab, family: FamilyName): Promise<Study> =>
  await inLab(
    lab,
    Effect.gen(function* () {
      const asked = lab.seeds === undefined ? {} : { seeds: seedsUpTo(lab.seeds) };
      const config = yield* fromEither(ablationOf(family, lab.preset, asked));
      const command = ablationCommand({
        words: ["ablate", "--family", family, "--preset", lab.preset],
        settings: [],
        sweep: [],
        seeds: config.seeds,
        device: lab.device,
        store: DEFAULT_STORE,
      });
      const options = { config, command, version: member.version, sink: quiet };
      const { summary, directory } = yield* ablateHere(options);
      return { summary, directory, losses: yield* lossFigure(summary, DEFAULT_STORE) };
    }),
  );

/** The evaluations that the scores of a summary come from, as directories in the store. */
export const runsOf = ({ arms }: AblationSummary): readonly string[] =>
  arms.flatMap(({ seeds }) => seeds.map(({ origin }) => lastOf(origin).artefact));

/** Where a study keeps its figures. */
export const keepingOf = ({ summary, directory }: Study): Keeping => ({
  folder: `${directory}/figures`,
  runs: runsOf(summary),
});

/** Saves a figure as SVG and PNG, and gives it back with the runs behind it. */
export const keep = async ({ folder, runs }: Keeping, name: string, figure: Figure): Promise<Figure> => {
  const shown = withRuns(figure, runs);
  await Effect.runPromise(writeFigures(folder, { figures: [{ name, figure: shown }] }));
  return shown;
};
