/** Code of no kind, for tests that only plan. */
import { jobStages, type MadeBy } from "../../pipelines/engine/jobs.ts";

/** A device by name, with the same code for all stages. */
export const madeBy = (device: string, code = "0123456789abcdef"): MadeBy => ({
  device,
  code: Object.fromEntries(jobStages.map((stage) => [stage, code])) as MadeBy["code"],
});
