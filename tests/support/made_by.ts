/** Code of no kind, for tests that only plan. */
import { jobKinds, type MadeBy } from "../../pipelines/engine/jobs.ts";

/** A device by name, with the same code for all stages. */
export const madeBy = (device: string, code = "0123456789abcdef"): MadeBy => ({
  device,
  code: Object.fromEntries(jobKinds.map((stage) => [stage, code])) as MadeBy["code"],
});
