/** Jobs of an ablation as batch jobs: a job that only one other needs is made by the same task, right before it. Pure. */
import { artefactName, type Job } from "../engine/jobs.ts";

/** What one batch job makes. */
export interface Chain {
  /** Name of the last artefact, by which the batch job is found again. */
  readonly name: string;
  /** The jobs, each after those that it needs. */
  readonly jobs: readonly Job[];
  /** Names of the chains that must end well before. */
  readonly after: readonly string[];
}

/**
 * The chains of a graph without what is done, each after those that it needs. Outside of a chain only its last job is needed,
 * so chains never wait for each other.
 */
export const chainsOf = (jobs: readonly Job[], done: ReadonlySet<string>): readonly Chain[] => {
  const users = new Map<string, number>(), open = new Map<string, readonly Job[]>();
  for (const { key } of jobs.flatMap(({ needs }) => needs)) users.set(key, (users.get(key) ?? 0) + 1);
  for (const job of jobs) {
    const before = job.needs.find(({ key }) => users.get(key) === 1 && open.has(key));
    open.set(job.key, [...(before === undefined ? [] : open.get(before.key)!), job]);
    if (before !== undefined) open.delete(before.key);
  }
  const names = new Map<string, string>();
  return [...open.values()].flatMap((whole) => {
    const name = artefactName(whole.at(-1)!), left = whole.filter(({ key }) => !done.has(key));
    if (left.length === 0) return [];
    left.forEach(({ key }) => names.set(key, name));
    const after = left.flatMap(({ needs }) => needs.flatMap(({ key }) => names.get(key) ?? []));
    return [{ name, jobs: left, after: [...new Set(after)].filter((other) => other !== name) }];
  });
};
