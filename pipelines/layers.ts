/**
 * The order of the folders of `pipelines/`: the values of a folder are imported from itself and from the folders above it in this
 * list, never from one below. `tests/architecture/layers.test.ts` holds the code to it.
 */

/** The folders, lowest first, and what each holds. */
export const layers: Readonly<Record<string, string>> = {
  base: "Either to Effect, errors, disk, hashes, random numbers, statistics, codecs of numbers",
  threads: "one pool of worker threads",
  terminal: "tables, progress bars and what is printed",
  ranks: "processes that train together: Open MPI, and the order of their sums",
  slurm: "batch jobs: scripts, the queue, following",
  runs: "run directories: manifests, metrics, locks, queries, exports",
  images: "decoding, resizing, CLIP's preprocessing, images in memory",
  records: "questions, answers and boxes: the types that data and benchmarks share",
  text: "tokenizers, templates, conversations as rows of tokens with label masks",
  weights: "safetensors, checkpoints, Hugging Face layouts, adapters",
  vision: "the shipped vision encoder",
  decoder: "the shipped decoder and its encoding",
  scenes: "the drawn world: records, painters, vocabulary, questions, shards",
  formats: "annotation files as records, or the field that is wrong",
  mixtures: "records, images and rows as the example of every step",
  eval: "benchmarks: prompts, readers, scorers, controls, submissions",
  configs: "named configurations of the paper and of its baselines",
  figures: "charts",
  train: "the trainer, features of frozen encoders, programs by shape",
  tune: "steps of named sizes, and schedules found for them on a device",
  plan: "cost and memory of a configuration",
  generate: "answers from a model, token by token",
  stages: "vision, pre-training, expansion, fine-tuning, evaluation",
  engine: "experiments as jobs by content in a store, run here, by workers, or one after the other",
  ablations: "families of arms, their summaries and figures",
  ask: "questions to a trained model, attention maps, export",
  web: "pages that run in a browser: modules without Deno or Node",
  site: "a trained model as a site of static files, and its server",
  report: "reports and results",
  board: "runs in a browser",
  notebooks: "what the notebooks call",
  doctor: "what a machine can do",
  cli: "commands",
};
