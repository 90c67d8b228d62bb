/**
 * The commands by name. A command's module is loaded when its name is among the words of the command line, or
 * when all are asked for; until then the name and the line of the help are in for it.
 */
import { Command } from "effect/cli";
import type { OnSignal } from "./main.ts";

/** A command of whatever flags, errors and services. */
export type AnyCommand = Command.Command.Any;

/** A command that is not loaded yet. */
export interface Entry {
  /** Its name. */
  readonly name: string;
  /** Its effect, in a line. */
  readonly about: string;
  /** Command lines that show how it is used, without the words before its name, and what each does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Its module. */
  readonly load: () => Promise<{ readonly command: AnyCommand }>;
  /** How it takes a signal; nothing is to be done unless said. */
  readonly onSignal?: OnSignal;
}

/** Commands that belong together, as the help lists them. */
export interface Group {
  /** Heading. */
  readonly group: string;
  /** The commands. */
  readonly entries: readonly Entry[];
}

const stage = (name: "pretrain" | "expand" | "finetune" | "evaluate", about: string): Entry => ({
  name,
  about,
  examples: [["--family main --preset small --arm cos-20-84", "and what it needs, if that is not there"]],
  load: async () => {
    const { stageCommand } = await import("./stage.ts");
    return { command: stageCommand(name) };
  },
  onSignal: "saves",
});

/** Every command. */
export const groups: readonly Group[] = [
  {
    group: "Experiments",
    entries: [
      {
        name: "quickstart",
        about:
          "Pre-trains, expands, fine-tunes and evaluates Chain-of-Sight and its baselines, and compares them.",
        examples: [
          ["", "the whole experiment at the size of this machine"],
          ["--preset smoke --set pretrain.steps=8", "the smallest size, with one field changed"],
        ],
        load: () => import("./quickstart.ts"),
        onSignal: "saves",
      },
      {
        name: "ablate",
        about:
          "Runs a family of arms with several seeds: tables with confidence intervals, figures and an HTML report.",
        examples: [
          ["--list", "which families and presets there are"],
          ["--family main --preset small", "the paper's main comparison on two cores"],
          [
            "--family bridges --preset gpu --seeds 5 --set pretrain.steps=3000",
            "one field changed, five seeds",
          ],
        ],
        load: () => import("./ablate.ts"),
        onSignal: "saves",
      },
      stage("pretrain", "Pre-trains one arm with few visual tokens."),
      stage("expand", "Splits the windows of a pre-trained arm: few tokens become many."),
      stage("finetune", "Fine-tunes one arm with many visual tokens."),
      stage("evaluate", "Evaluates a fine-tuned arm and its controls on held-out scenes."),
      {
        name: "train",
        about: "Trains on annotation files and images of your own, and scores the answers by official rules.",
        examples: [
          ["run.json --check", "what becomes of every record, before anything is trained"],
          ["run.json --out runs/mine", "pre-training, expansion, fine-tuning, scores"],
        ],
        load: () => import("./train.ts"),
        onSignal: "saves",
      },
      {
        name: "language",
        about: "Trains the small decoder on scenes described in words.",
        examples: [["--steps 2000 --out runs/language", "makes weights like the shipped ones"]],
        load: () => import("./language.ts"),
        onSignal: "saves",
      },
      {
        name: "vision",
        about: "Trains the small vision encoder on drawn scenes.",
        examples: [["--steps 2000 --out runs/vision", "makes weights like the shipped ones"]],
        load: () => import("./vision.ts"),
        onSignal: "saves",
      },
    ],
  },
  {
    group: "Models",
    entries: [
      {
        name: "ask",
        about: "Answers a question about an image with a trained model.",
        examples: [[
          '--checkpoint runs/quickstart-small-1 --image photo.jpg --question "is there a cow"',
          "an answer, token by token",
        ]],
        load: () => import("./ask.ts"),
      },
      {
        name: "web",
        about: "Serves the exported site of a trained model on localhost; the model runs in the browser.",
        examples: [["--site site", "what cos export web wrote"]],
        load: () => import("./web.ts"),
      },
      {
        name: "configs",
        about: "Lists the configurations of the paper's tables, of the baselines and of the controls.",
        examples: [["", "all of them in a table"], ["cos-80-1296", "one in full"]],
        load: () => import("./configs.ts"),
      },
      {
        name: "plan",
        about:
          "Estimates parameters, FLOPs, memory and time of both stages of a configuration, without weights or a device.",
        examples: [["cos-80-1296", "what CoS-7B costs on an H100"]],
        load: () => import("./plan.ts"),
      },
    ],
  },
  {
    group: "Data and scores",
    entries: [
      {
        name: "data",
        about:
          "Validates annotation files and shows samples of their records; `data scenes` generates datasets of scenes.",
        examples: [
          ['refcoco "refs(unc).p" instances.json --split testA', "counts, refusals and a sample"],
          ["scenes --count 1000 --out scenes", "scenes with records, a data card and a contact sheet"],
        ],
        load: () => import("./data.ts"),
      },
      {
        name: "score",
        about: "Scores predictions by the rules of a benchmark's official script.",
        examples: [
          [
            "--benchmark vqav2 --source official --annotations questions.json,annotations.json " +
            "--predictions results.json --format official",
            "VQA accuracy of a result file",
          ],
          ["--run runs/mine", "the kept predictions of a run, by the rules of today"],
        ],
        load: () => import("./score.ts"),
      },
    ],
  },
  {
    group: "Results",
    entries: [
      {
        name: "report",
        about: "Writes tables, figures and an HTML report for a run or an ablation.",
        examples: [[
          "runs/quickstart-small-1",
          "writes report.html there, one file that needs nothing else",
        ]],
        load: () => import("./report.ts"),
      },
      {
        name: "results",
        about:
          "Reports which claims of the paper are reproduced by the recorded ablations; `results keep` adds a record.",
        examples: [
          ["", "writes RESULTS.md and the pages of records from the folder results"],
          ["keep runs/main-gpu --note 'one H100'", "adds the small record of an ablation"],
        ],
        load: () => import("./results.ts"),
      },
      {
        name: "runs",
        about: "Lists runs, queries them by configuration and scores, and compares two of them.",
        examples: [
          ["list", "the latest first"],
          ["query pretrain.steps=240 'scores.presenceF1>0.7'", "by configuration and score"],
          ["diff runs/a runs/b", "configuration, data, code, device, stages and scores"],
        ],
        load: () => import("./runs.ts"),
      },
      {
        name: "store",
        about: "Says what the store of artefacts holds, and removes what no run needs.",
        examples: [
          ["du", "by kind and by run"],
          ["prune --dry-run", "what no run needs any more"],
        ],
        load: () => import("./store.ts"),
      },
      {
        name: "export",
        about: "Exports runs to Hugging Face, CSV, Parquet, TensorBoard or HTML.",
        examples: [
          [
            "runs/quickstart-small-1 --format huggingface --out model",
            "decoder, tokenizer, encoder and bridge",
          ],
          ["runs --format tensorboard --out events", "every training below a folder"],
          [
            "web --out site",
            "pages that ask the shipped model in a browser, for any static host",
          ],
        ],
        load: () => import("./export.ts"),
      },
      {
        name: "board",
        about: "Serves a live dashboard of running and finished runs on localhost: curves, stages, answers.",
        examples: [["", "the folder runs, at http://127.0.0.1:8042/"], [
          "--runs /data/runs --port 0",
          "another",
        ]],
        load: () => import("./board.ts"),
      },
    ],
  },
  {
    group: "Machine",
    entries: [
      {
        name: "doctor",
        about: "Reports the devices of this machine, their measured peak rates, and missing requirements.",
        examples: [["", "every device, measured"], ["--no-measure --json", "the same as data, at once"]],
        load: () => import("./doctor.ts"),
      },
      {
        name: "tune",
        about: "Autotunes kernel schedules on this machine's device, and stores them.",
        examples: [["--preset full --tokens 80,336 --budget 600", "ten minutes for one step"]],
        load: () => import("./tune.ts"),
      },
    ],
  },
];

/** Every command in one list. */
export const entries: readonly Entry[] = groups.flatMap((group) => group.entries);

const described = (command: AnyCommand, { about, examples }: Entry, before: string): AnyCommand =>
  (command as Command.Command<string, unknown>).pipe(
    Command.withDescription(about),
    Command.withExamples(examples.map(([line, description]) => ({
      command: [before, command.name, line].filter((part) => part !== "").join(" "),
      description,
    }))),
  );

const wanted = (args: readonly string[]): (entry: Entry) => boolean =>
  args.some((arg) => arg.startsWith("--completions")) ? () => true : ({ name }) => args.includes(name);

/**
 * The tree of commands for a command line: the modules of those it names are loaded, the others are names.
 * @param before - what people type before the name of a command, such as `deno task cos`.
 */
export const treeFor = async (args: readonly string[], before: string): Promise<AnyCommand> => {
  const loads = wanted(args);
  const made = async (entry: Entry): Promise<AnyCommand> =>
    described(loads(entry) ? (await entry.load()).command : Command.make(entry.name), entry, before);
  const listed = await Promise.all(groups.map(async ({ group, entries }) => ({
    group,
    commands: await Promise.all(entries.map(made)),
  })));
  return Command.make("cos").pipe(
    Command.withDescription(
      "Chain-of-Sight: pre-training of vision-language models on few visual tokens, and everything around it.",
    ),
    Command.withSubcommands(listed),
  );
};

/** How the command of a command line takes a signal. */
export const onSignalOf = (args: readonly string[]): OnSignal =>
  entries.find(({ name, onSignal }) => onSignal !== undefined && args.includes(name))?.onSignal ?? "nothing";
