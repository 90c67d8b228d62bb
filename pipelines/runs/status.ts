/** How runs stand, for lists and the board. */
import type { Manifest } from "./manifest.ts";

/** How a run is. */
export type RunStatus = "running" | "finished" | "failed" | "stopped";

/** Every status. */
export const runStatuses: readonly RunStatus[] = ["running", "finished", "failed", "stopped"];

/** The status of a run, from its manifest and whether a living process holds its lock. */
export const statusOf = ({ stages, finished }: Manifest, held: boolean): RunStatus =>
  held
    ? "running"
    : finished !== undefined || stages.every((stage) => stage.status === "done")
    ? "finished"
    : stages.some((stage) => stage.status === "failed" && stage.error !== "interrupted")
    ? "failed"
    : "stopped";
