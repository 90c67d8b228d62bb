/** What tuning remembers: schedules by form, with all that their worth depends on. Pure. */
import { isRight } from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import type { DeviceProfile } from "../device_profile.ts";
import type { Schedule, Schedules } from "../schedule/schedule.ts";

/** Raised with every change of what kernels are rendered as, since old measurements say nothing of new text. */
export const RENDERERS = 4;

/** What measurements depend on alongside the form of a kernel. */
export interface TuningIdentity {
  /** The device with its features and limits: its profile. */
  readonly device: Readonly<Record<string, unknown>>;
  /** What its driver says of itself, where that can be known. */
  readonly driver: string;
  /** The runtime that translates kernels, with its version. */
  readonly runtime: string;
  /** The renderers of kernels. */
  readonly renderers: number;
}

/** Facts about one form. */
export interface Tuned {
  /** The best schedule; the untuned one where no other was better. */
  readonly schedule: Schedule;
  /** Its time over that of the untuned one. */
  readonly ratio: number;
  /** Seconds of the untuned one. */
  readonly untuned: number;
  /** Number of schedules measured. */
  readonly tried: number;
}

/** Schedules of one device. */
export interface TuningTable {
  /** Of what they were measured. */
  readonly identity: TuningIdentity;
  /** By form. */
  readonly entries: Readonly<Record<string, Tuned>>;
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** What measurements on a device depend on. */
export const identityOf = (profile: DeviceProfile, driver: string, runtime: string): TuningIdentity => ({
  // an infinite limit has no JSON; null represents it, and undefined fields are left out
  device: plain(profile) as Readonly<Record<string, unknown>>,
  driver,
  runtime,
  renderers: RENDERERS,
});

/** Equal text for equal identities, whatever the order of fields. */
export const identityText = (identity: TuningIdentity): string => {
  const text = (value: unknown): string =>
    Array.isArray(value)
      ? `[${value.map(text).join()}]`
      : typeof value === "object" && value !== null
      ? `{${
        Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => `${k}:${text(v)}`).join()
      }}`
      : JSON.stringify(value) ?? "";
  return text(plain(identity));
};

/**
 * Whether a table of one device, driver and runtime is a fair start for another: same device, same renderers. What a
 * software device does fast depends on the processor below it, which its name does not say: only what was measured on
 * the machine itself holds there.
 */
export const compatibleTables = (a: TuningIdentity, b: TuningIdentity): boolean =>
  a.renderers === b.renderers && a.device.name === b.device.name && a.device.provider === b.device.provider &&
  a.device.software !== true && b.device.software !== true;

/** The schedules of tables that differ from the untuned ones; later tables go before earlier ones. */
export const schedulesOf = (...tables: readonly TuningTable[]): Schedules =>
  Object.fromEntries(
    Object.entries(Object.assign({}, ...tables.map((table) => table.entries)) as TuningTable["entries"])
      .filter(([, { ratio }]) => ratio < 1).map(([form, { schedule }]) => [form, schedule]),
  );

/** A table with further entries. */
export const withEntries = (table: TuningTable, entries: TuningTable["entries"]): TuningTable => ({
  ...table,
  entries: { ...table.entries, ...entries },
});

const prefetch = t.union([t.literal("none"), t.literal("registers"), t.literal("double buffer")]);

const scheduleType = t.union([
  t.strict({
    kind: t.literal("direct"),
    rows: t.Int,
    quads: t.Int,
    across: t.Int,
    down: t.Int,
    products: t.Int,
  }),
  t.strict({
    kind: t.literal("staged"),
    rows: t.Int,
    columns: t.Int,
    each: t.strict({ rows: t.Int, columns: t.Int }),
    depth: t.Int,
    sums: t.union([t.literal("f32"), t.literal("f16 in blocks")]),
    prefetch,
    interleaved: t.boolean,
    band: t.Int,
  }),
  t.strict({
    kind: t.literal("matrices"),
    rows: t.Int,
    columns: t.Int,
    each: t.strict({ rows: t.Int, columns: t.Int }),
    depth: t.Int,
    lanes: t.Int,
    unit: t.strict({ M: t.Int, N: t.Int, K: t.Int }),
    prefetch,
    band: t.Int,
  }),
  t.strict({
    kind: t.literal("attention"),
    tiles: t.union([
      t.strict({ kind: t.literal("staged"), workers: t.Int, own: t.Int, block: t.Int, together: t.Int }),
      t.strict({
        kind: t.literal("matrices"),
        rows: t.Int,
        each: t.Int,
        block: t.Int,
        lanes: t.Int,
        unit: t.strict({ M: t.Int, N: t.Int, K: t.Int }),
      }),
    ]),
  }),
  t.strict({
    kind: t.literal("loop"),
    rows: t.Int,
    splits: t.Int,
    join: t.union([t.literal("halves"), t.literal("subgroups")]),
  }),
  t.strict({ kind: t.literal("split-K"), parts: t.Int }),
]);

const tableType = t.strict({
  identity: t.strict({
    device: t.UnknownRecord,
    driver: t.string,
    runtime: t.string,
    renderers: t.Int,
  }),
  entries: t.record(
    t.string,
    t.strict({ schedule: scheduleType, ratio: t.number, untuned: t.number, tried: t.Int }),
  ),
});

/** Codec of {@link TuningTable}. */
export const tuningTableCodec = (): t.Type<TuningTable, unknown, unknown> =>
  tableType as unknown as t.Type<TuningTable, unknown, unknown>;

/** The table in a text; `undefined` for anything else. */
export const readTable = (text: string): TuningTable | undefined => {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return undefined;
  }
  const decoded = tuningTableCodec().decode(given);
  return isRight(decoded) ? decoded.right : undefined;
};
