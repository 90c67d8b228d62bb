/** Images in one block of memory that workers share: each compressed by itself, unpacked when it is wanted. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Style } from "./config.ts";

/** An image of some channels. */
export interface SpriteImage {
  /** Pixels per row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** `height * width * channels` bytes. */
  readonly data: Uint8Array;
}

/** Where an image is in the block: offset, length, width, height. */
export type PackEntry = readonly [offset: number, length: number, width: number, height: number];

/** Images by name, as they are sent to workers and kept on disk. */
export interface SpritePack {
  /** Where each is. */
  readonly entries: Readonly<Record<string, PackEntry>>;
  /** The compressed images; shared memory, so that no worker copies them. */
  readonly bytes: Uint8Array;
  /** The sha-256 of the names and the images as they were before compression, hexadecimal. */
  readonly hash: string;
}

/** Maximum number of channels of an image. */
const MAX_CHANNELS = 4;

const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/** Bytes in memory that threads can share. */
export const sharedBytes = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length));

/** Collects images, then packs them. */
export interface Packer {
  /** Adds an image under a new name. */
  readonly add: (name: string, image: SpriteImage) => void;
  /** All that were added. */
  readonly pack: () => SpritePack;
}

/** A packer without images. */
export const packerOf = (): Packer => {
  const parts: Uint8Array[] = [], entries: Record<string, PackEntry> = {}, hash = createHash("sha256");
  let at = 0;
  return {
    add: (name, { width, height, data }) => {
      const part = zstdCompressSync(data, LEVEL);
      hash.update(`${name} ${width} ${height}\n`).update(data);
      entries[name] = [at, part.length, width, height];
      parts.push(part), at += part.length;
    },
    pack: () => {
      const bytes = sharedBytes(at);
      for (let i = 0, p = 0; i < parts.length; p += parts[i]!.length, i++) bytes.set(parts[i]!, p);
      return { entries, bytes, hash: hash.digest("hex") };
    },
  };
};

/** Unpacks images of packs; the ones used last are kept, up to `room` bytes. */
export interface SpriteStore {
  /** The image of a name; undefined if no pack has it. */
  readonly get: (name: string) => SpriteImage | undefined;
}

/** A store over packs whose names do not repeat. */
export const storeOf = (packs: readonly SpritePack[], room = 64 * 2 ** 20): SpriteStore => {
  const kept = new Map<string, SpriteImage>();
  let held = 0;
  const unpack = (name: string): SpriteImage | undefined => {
    const pack = packs.find((p) => p.entries[name] !== undefined);
    if (pack === undefined) return undefined;
    const [offset, length, width, height] = pack.entries[name]!;
    const { buffer, byteOffset } = pack.bytes;
    const data = zstdDecompressSync(Buffer.from(buffer as ArrayBuffer, byteOffset + offset, length), {
      maxOutputLength: Math.max(1, width * height * MAX_CHANNELS),
    });
    return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  };
  return {
    get: (name) => {
      const image = kept.get(name) ?? unpack(name);
      if (image === undefined) return undefined;
      // A map keeps the order of insertion: what is put in again is the youngest.
      if (!kept.delete(name)) held += image.data.length;
      kept.set(name, image);
      for (const [oldest, { data }] of kept) {
        if (held <= room) break;
        kept.delete(oldest), held -= data.length;
      }
      return image;
    },
  };
};

/** Longer sides at which sprites are kept, in pixels, ascending. */
export const spriteLevels: readonly number[] = [24, 48, 96, 192];

/** The least level that need not be enlarged for a longer side of `pixels`; the largest if all are smaller. */
export const levelFor = (pixels: number): number =>
  spriteLevels.find((level) => level >= pixels) ?? spriteLevels.at(-1)!;

/** The name of a sprite at a level. */
export const spriteName = (style: Style, concept: number, level: number): string =>
  `${style}/${concept}/${level}`;

/** The name of a photo of the realism pack. */
export const photoName = (photo: number): string => `photo/${photo}`;
