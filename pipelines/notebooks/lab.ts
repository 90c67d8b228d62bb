/** Where notebooks run experiments: a size, a device and a folder, chosen by the environment of their kernel. */
import {
  type Device,
  type DeviceError,
  type DeviceName,
  deviceNamed,
  deviceNames,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as ManagedRuntime from "effect/ManagedRuntime";
import { presets } from "../ablations/presets.ts";
import { type PresetName, presetNamed, presetNames } from "../configs/preset.ts";
import { notice } from "../terminal/output.ts";
import type { DiskError } from "../base/disk.ts";
import { tuned } from "../tune/store.ts";
import { NotebookError } from "./fault.ts";

/** Where experiments of a notebook run. */
export interface Lab {
  /** Their size. */
  readonly preset: PresetName;
  /** Device that runs it. */
  readonly device: DeviceName;
  /** How many seeds families are run with; as many as the preset says where it is not given. */
  readonly seeds?: number;
  /** The folder that holds `runs/` and `cache/`; the process works in it. */
  readonly folder: string;
}

const chosen = <A extends string>(name: string, among: readonly A[], otherwise: A): A => {
  const said = Deno.env.get(name) ?? otherwise, found = among.find((one) => one === said);
  if (found !== undefined) return found;
  throw new NotebookError({
    op: `the environment variable ${name}`,
    got: said === "" ? "nothing" : said,
    expected: among.join(", "),
    hint: "set it to one of these, or leave it out",
    path: Deno.cwd(),
  });
};

const seedsSaid = (): number | undefined => {
  const said = Deno.env.get("COS_SEEDS");
  if (said === undefined || /^[1-9]\d*$/.test(said)) return said === undefined ? undefined : Number(said);
  throw new NotebookError({
    op: "the environment variable COS_SEEDS",
    got: said === "" ? "nothing" : said,
    expected: "a whole number above 0",
    hint: "set it to one, or leave it out",
    path: Deno.cwd(),
  });
};

const isRoot = (folder: string): boolean => {
  try {
    return "workspace" in JSON.parse(Deno.readTextFileSync(`${folder}/deno.json`));
  } catch {
    return false;
  }
};

/** The folder of the project that a folder is in; the folder itself where there is none. */
const projectOf = (folder: string): string => {
  const parts = folder.split("/");
  const above = parts.map((_, i) => parts.slice(0, parts.length - i).join("/") || "/");
  return above.find(isRoot) ?? folder;
};

/**
 * Opens the lab: `COS_PRESET` is the size (`small` unless set), `COS_DEVICE` what computes (the size's unless set),
 * `COS_SEEDS` the number of seeds (the size's unless set), `COS_FOLDER` the folder of runs and caches (the project's
 * unless set). The process works in that folder from then on, so that paths are those that the commands print. Throws
 * NotebookError for a name that there is none of, and for a number that is none.
 */
export const openLab = (): Lab => {
  const old = presetNamed(Deno.env.get("COS_PRESET") ?? "small");
  if (old?.hint !== undefined) notice(old.hint);
  const preset: PresetName = old?.name ?? chosen("COS_PRESET", presetNames, "small");
  const seeds = seedsSaid();
  const lab: Lab = {
    preset,
    device: chosen("COS_DEVICE", deviceNames, presets[preset].device),
    ...(seeds === undefined ? {} : { seeds }),
    folder: Deno.env.get("COS_FOLDER") ?? projectOf(Deno.cwd()),
  };
  Deno.chdir(lab.folder);
  return lab;
};

const runtimes = new Map<DeviceName, ManagedRuntime.ManagedRuntime<Device, DeviceError | DiskError>>();

/** Runs a program on the lab's device, which stays open for the next; a failure is thrown as it is. */
export const inLab = async <A, E>(lab: Lab, program: Effect.Effect<A, E, Device>): Promise<A> => {
  const runtime = runtimes.get(lab.device) ?? ManagedRuntime.make(tuned(deviceNamed(lab.device)));
  runtimes.set(lab.device, runtime);
  return await runtime.runPromise(program);
};
