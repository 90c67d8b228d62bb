/** Contents of a store and the summary of an ablation, without what tells times. */
type Json = Readonly<Record<string, unknown>>;

/** A file of JSON. */
export const jsonOf = (path: string): Json => JSON.parse(Deno.readTextFileSync(path)) as Json;

/** All artefacts of a store: results, checkpoints byte by byte, losses of every step. */
export const contentOf = (store: string): ReadonlyMap<string, unknown> => {
  const content = new Map<string, unknown>();
  for (const { name } of Deno.readDirSync(store)) {
    if (name === "slurm" || name === "cache") continue; // batch jobs, and what is known of files
    const folder = `${store}/${name}`, result = jsonOf(`${folder}/result.json`);
    const numbers = Object.entries(result.numbers as Json).filter(([key]) => !/seconds/i.test(key));
    content.set(`${name}/result`, { numbers, outcomes: result.outcomes, dataHash: result.dataHash });
    for (const { name: file } of Deno.readDirSync(`${folder}/checkpoints`)) {
      content.set(`${name}/${file}`, Deno.readFileSync(`${folder}/checkpoints/${file}`));
    }
    for (const { name: file } of Deno.readDirSync(`${folder}/metrics`)) {
      const lines = Deno.readTextFileSync(`${folder}/metrics/${file}`).trim().split("\n");
      content.set(
        `${name}/${file}`,
        lines.map((line) => JSON.parse(line) as Json).map((
          row,
        ) => [row.step, row.loss, row.gradNorm, row.lr]),
      );
    }
  }
  return content;
};

/** The numbers of the summary of an ablation. */
export const numbersOf = (directory: string): unknown =>
  (jsonOf(`${directory}/summary.json`).arms as readonly Json[]).map((
    { name, scores, difference, loss, controls },
  ) => ({ name, scores, difference, loss, controls }));
