/**
 * Metrics as TensorBoard event files: protocol buffers of `tensorflow/core/util/event.proto` and
 * `framework/summary.proto`, framed as TFRecords with masked CRC-32C (`lib/io/record_writer.h`).
 */
import type { MetricRecord } from "./metrics.ts";
import { joined } from "../base/file_bytes.ts";

// Castagnoli's polynomial, reflected
const POLYNOMIAL = 0x82f63b78;

const crcTable: Uint32Array = Uint32Array.from({ length: 256 }, (_, i) => {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C (Castagnoli) of bytes. */
export const crc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
};

/** A checksum as records hold it: rotated and moved, since checksums of checksums are weak. */
export const maskedCrc = (bytes: Uint8Array): number => {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

const numberBytes = (length: number, set: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(length);
  set(new DataView(bytes.buffer));
  return bytes;
};

/** A record: length, its checksum, the data, its checksum. */
const record = (data: Uint8Array): Uint8Array => {
  const length = numberBytes(8, (v) => v.setBigUint64(0, BigInt(data.length), true));
  const crc = (of: Uint8Array): Uint8Array => numberBytes(4, (v) => v.setUint32(0, maskedCrc(of), true));
  return joined([length, crc(length), data, crc(data)]);
};

const varint = (value: number): Uint8Array => {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
};

// wire types of protocol buffers
const VARINT = 0, EIGHT = 1, SOME = 2, FOUR = 5;
const tag = (field: number, type: number): Uint8Array => varint(field * 8 + type);
const some = (field: number, data: Uint8Array): Uint8Array =>
  joined([tag(field, SOME), varint(data.length), data]);
const text = (field: number, value: string): Uint8Array => some(field, new TextEncoder().encode(value));
const double = (field: number, value: number): Uint8Array =>
  joined([tag(field, EIGHT), numberBytes(8, (v) => v.setFloat64(0, value, true))]);
const float = (field: number, value: number): Uint8Array =>
  joined([tag(field, FOUR), numberBytes(4, (v) => v.setFloat32(0, value, true))]);

const event = (wallTime: number, step: number, content: Uint8Array): Uint8Array =>
  record(joined([double(1, wallTime), ...(step === 0 ? [] : [tag(2, VARINT), varint(step)]), content]));

const scalar = (name: string, value: number): Uint8Array => some(1, joined([text(1, name), float(2, value)]));

/** What a file of events is written by, in order. */
export interface EventWriter {
  /** The beginning of the file. */
  readonly start: Uint8Array;
  /** Events of further records: a scalar for every number of each, NaN and infinities too. */
  readonly events: (records: readonly MetricRecord[]) => Uint8Array;
}

// SessionLog.START: what a reader knows of steps from the event's own on, from older files, is void
const restart = (began: number): Uint8Array =>
  record(joined([double(1, began), some(7, joined([tag(1, VARINT), varint(1)]))]));

/**
 * Writes an event file.
 * @param began - when the training began, seconds since 1970; the seconds of steps are added to it.
 * @param again - whether it takes the place of older files, which a reader may have read.
 */
export const eventWriter = (began: number, again = false): EventWriter => {
  let now = began;
  const eventOf = ({ step, ...values }: MetricRecord): Uint8Array => {
    now += typeof values.seconds === "number" ? values.seconds : 0;
    const scalars = Object.entries(values).flatMap(([name, value]) =>
      typeof value === "number" ? [scalar(name, value)] : []
    );
    return event(now, step, some(5, joined(scalars)));
  };
  return {
    start: joined([event(began, 0, text(3, "brain.Event:2")), ...(again ? [restart(began)] : [])]),
    events: (records) => joined(records.map(eventOf)),
  };
};

/** Name of an event file: TensorBoard finds files by its first part. */
export const eventFileName = (began: number): string =>
  `events.out.tfevents.${Math.floor(began)}.chain-of-sight`;
