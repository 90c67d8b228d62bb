/**
 * The format of a shard: some scenes, each record and each image compressed by itself, so that any of them is read
 * without the others.
 *
 *     frames    for every scene its record (JSON) and its image (RGB), zstd frames with checksums
 *     index     for every scene four u32, little-endian: offset and length of its record, of its image
 *     footer    u32 scenes, u32 first scene, u32 side, u32 offset of the index, the content's sha-256 (32 bytes),
 *               the sha-256 of all bytes before this one (32 bytes), 8 bytes of magic
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Bytes of the footer. */
export const FOOTER: number = 4 * 4 + 32 + 32 + 8;
/** Bytes of a scene in the index. */
export const ENTRY = 16;

const MAGIC = "CoSshrd1";
const OPTIONS = {
  params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
};

/** One scene as it is stored. */
export interface StoredPart {
  /** Its record as JSON. */
  readonly record: string;
  /** `side * side * 3` bytes of RGB. */
  readonly image: Uint8Array;
}

/** Text of a footer. */
export interface ShardFooter {
  /** Scenes in the shard. */
  readonly count: number;
  /** Index of the first in its split. */
  readonly first: number;
  /** Side of the images. */
  readonly side: number;
  /** Where the index begins. */
  readonly index: number;
  /** The sha-256 of records and images before compression, in order, hexadecimal. */
  readonly content: string;
}

/** A shard as bytes, and the sha-256 of its content. */
export interface EncodedShard {
  /** All bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** As {@link ShardFooter.content}. */
  readonly content: string;
}

/** Encodes scenes one after the other, so that only compressed ones are held. */
export const encodeShard = (first: number, side: number, parts: Iterable<StoredPart>): EncodedShard => {
  const content = createHash("sha256"), frames: Uint8Array[] = [], entries: number[] = [];
  let at = 0;
  const add = (data: Uint8Array): void => {
    const frame = zstdCompressSync(data, OPTIONS);
    content.update(data);
    entries.push(at, frame.length), frames.push(frame), at += frame.length;
  };
  for (const { record, image } of parts) add(new TextEncoder().encode(record)), add(image);
  const count = entries.length / 4, bytes = new Uint8Array(at + count * ENTRY + FOOTER);
  frames.reduce((p, frame) => (bytes.set(frame, p), p + frame.length), 0);
  const view = new DataView(bytes.buffer);
  entries.forEach((value, i) => view.setUint32(at + 4 * i, value, true));
  const foot = at + count * ENTRY, hash = content.digest();
  [count, first, side, at].forEach((value, i) => view.setUint32(foot + 4 * i, value, true));
  bytes.set(hash, foot + 16);
  bytes.set(createHash("sha256").update(bytes.subarray(0, foot + 48)).digest(), foot + 48);
  bytes.set(new TextEncoder().encode(MAGIC), foot + 80);
  return { bytes, content: hash.toString("hex") };
};

/** The footer, if the bytes (the last {@link FOOTER} of a file, or more) end with one. */
export const readFooter = (tail: Uint8Array): ShardFooter | undefined => {
  if (tail.length < FOOTER) return undefined;
  const foot = tail.subarray(tail.length - FOOTER);
  if (new TextDecoder().decode(foot.subarray(80)) !== MAGIC) return undefined;
  const view = new DataView(foot.buffer, foot.byteOffset),
    word = (i: number): number => view.getUint32(4 * i, true);
  const content = Buffer.from(foot.subarray(16, 48)).toString("hex");
  return { count: word(0), first: word(1), side: word(2), index: word(3), content };
};

/** Whether a whole shard is what was written: its footer, its length and its sha-256. */
export const isWhole = (bytes: Uint8Array): boolean => {
  const footer = readFooter(bytes), foot = bytes.length - FOOTER;
  if (footer === undefined || footer.index + footer.count * ENTRY !== foot) return false;
  const stored = Buffer.from(bytes.subarray(foot + 48, foot + 80));
  return createHash("sha256").update(bytes.subarray(0, foot + 48)).digest().equals(stored);
};

/** Where the frames of a scene of a shard are: offset and length of its record, of its image. */
export type FramePlace = readonly [
  recordAt: number,
  recordLength: number,
  imageAt: number,
  imageLength: number,
];

/** The place of the scene `i` of a shard, from the bytes of its index. */
export const placeIn = (index: Uint8Array, i: number): FramePlace => {
  const view = new DataView(index.buffer, index.byteOffset + i * ENTRY),
    word = (k: number) => view.getUint32(4 * k, true);
  return [word(0), word(1), word(2), word(3)];
};

/** A frame as it was before compression, of at most `most` bytes. Throws if it was changed, or is longer. */
export const unpackFrame = (frame: Uint8Array, most: number): Uint8Array => {
  const data = zstdDecompressSync(frame, { maxOutputLength: most });
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
};
