/** Where measured schedules are kept: a file for each device, driver and runtime, and files that come with the library. */
import {
  compatibleTables,
  type Device,
  type DeviceError,
  type DeviceProfile,
  identityOf,
  identityText,
  readTable,
  schedulesOf,
  theDevice,
  type TuningIdentity,
  type TuningTable,
  tuningTableCodec,
  withEntries,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { atomicWrite, type DiskError, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { sha256 } from "../base/hash.ts";
import { planStore } from "./plan_store.ts";

/** The folder of what was measured here. */
export const TUNING_FOLDER = "cache/schedules";

/** The folder of what comes with the library. */
export const shippedFolder = (): string => new URL("./shipped", import.meta.url).pathname;

const textIf = async (path: string): Promise<string | undefined> =>
  await Deno.readTextFile(path).catch((cause) => {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) return undefined;
    throw cause;
  });

/** The first line that NVIDIA's kernel module says of itself; other drivers name their version with the adapter. */
const driver = (): Promise<string> =>
  textIf("/proc/driver/nvidia/version").then((text) => text?.split("\n")[0]?.trim() ?? "", () => "");

/** What measurements on this machine's device depend on. */
export const identityHere = (profile: DeviceProfile): Effect.Effect<TuningIdentity> =>
  Effect.map(
    Effect.promise(driver),
    (said) => identityOf(profile, said, `Deno ${Deno.version.deno} ${Deno.build.os}-${Deno.build.arch}`),
  );

/** The file of an identity. */
export const tablePath = (identity: TuningIdentity, folder: string = TUNING_FOLDER): string => {
  const name = String(identity.device.name).toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "").slice(0, 40);
  return `${folder}/${name}-${sha256(identityText(identity)).slice(0, 16)}.json`;
};

/**
 * Measurements for an identity; an empty table where nothing was, or where the file is another's or damaged: it
 * is then measured again, since schedules change times and never results.
 */
export const readTuning = (
  identity: TuningIdentity,
  folder: string = TUNING_FOLDER,
): Effect.Effect<TuningTable, DiskError> => {
  const path = tablePath(identity, folder);
  return Effect.map(onDisk("read", path, () => textIf(path)), (text) => {
    const table = text === undefined ? undefined : readTable(text);
    return table !== undefined && identityText(table.identity) === identityText(identity)
      ? table
      : { identity, entries: {} };
  });
};

/** Adds entries to the file of a table's identity, with what other processes wrote there meanwhile. */
export const saveTuning = (
  table: TuningTable,
  folder: string = TUNING_FOLDER,
): Effect.Effect<string, DiskError> =>
  Effect.gen(function* () {
    const path = tablePath(table.identity, folder);
    yield* onDisk("create", folderOf(path), () => Deno.mkdir(folderOf(path), { recursive: true }));
    const merged = withEntries(yield* readTuning(table.identity, folder), table.entries);
    const text = JSON.stringify(tuningTableCodec().encode(merged), null, 2);
    yield* atomicWrite(path, [new TextEncoder().encode(`${text}\n`)]);
    return path;
  });

/** Tables that come with the library for a device like this one, whatever its driver. */
export const readShipped = (
  identity: TuningIdentity,
  folder: string = shippedFolder(),
): Effect.Effect<readonly TuningTable[], DiskError> =>
  onDisk("read", folder, async () => {
    const found: TuningTable[] = [];
    const names = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
    for (const { name } of names.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
      const table = name.endsWith(".json") ? readTable(await textIf(`${folder}/${name}`) ?? "") : undefined;
      if (table !== undefined && compatibleTables(table.identity, identity)) found.push(table);
    }
    return found;
  });

/** Folders of tables other than the usual ones. */
export interface TuningFolders {
  /** Measurements here. */
  readonly measured?: string;
  /** What comes with the library. */
  readonly shipped?: string;
}

/**
 * A device with the schedules that are known for it: shipped ones, then those measured here (the CPU has none), and with
 * the programs that were compiled for it before.
 */
export const tuned = (
  device: Layer.Layer<Device, DeviceError>,
  { measured, shipped }: TuningFolders = {},
): Layer.Layer<Device, DeviceError | DiskError> =>
  Layer.effect(
    theDevice(),
    Effect.gen(function* () {
      const opened = yield* theDevice(), plans = planStore();
      const service = plans === undefined ? opened : { ...opened, plans };
      if (service.profile.provider === "cpu") return service;
      const identity = yield* identityHere(service.profile);
      const tables = [...yield* readShipped(identity, shipped), yield* readTuning(identity, measured)];
      const schedules = schedulesOf(...tables);
      return Object.keys(schedules).length === 0 ? service : { ...service, schedules };
    }),
  ).pipe(Layer.provide(device));
