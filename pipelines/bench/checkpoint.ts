/** Synthetic checkpoints: format-correct decoders of any size, written piece by piece. */
import { type LlamaConfig, sizeOf } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { fromEither } from "../base/bridge.ts";
import { atomicWrite, type DiskError } from "../base/disk.ts";
import { writeJson } from "../runs/run_directory.ts";
import { decoderArchitecture } from "../weights/huggingface/decoders.ts";
import type { UnsupportedError } from "../weights/huggingface/unsupported.ts";
import { type Named, namesOf } from "../weights/table.ts";

/** A decoder of TinyLlama's width with as many blocks as make the given number of bytes in bf16. */
export const decoderOf = (bytes: number): LlamaConfig => {
  const config = { vocabulary: 32000, width: 2048, heads: 32, kvHeads: 4, ff: 5632, tied: false };
  const outside = 2 * config.vocabulary * config.width;
  const block = config.width * (2 * config.width + 2 * 256 + 3 * config.ff + 2);
  return { ...config, layers: Math.max(1, Math.round((bytes / 2 - outside) / block)) };
};

const bytesOf = ({ shape }: Named): number => 2 * sizeOf(shape);

const header = (tensors: readonly Named[]): Uint8Array => {
  let at = 0;
  const entries = tensors.map((named) => {
    const data_offsets = [at, at += bytesOf(named)];
    return [named.name, { dtype: "BF16", shape: named.shape, data_offsets }];
  });
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const out = new Uint8Array(8 + text.byteLength);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  out.set(text, 8);
  return out;
};

/** The bf16 number with which a parameter of the given path begins, as a word. */
export const firstWord = (path: string): number =>
  0x3c00 + [...path].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 256, 7);

const PIECE = 2 ** 22;

const shard = function* (tensors: readonly Named[]): Iterable<Uint8Array> {
  yield header(tensors);
  const words = new Uint16Array(PIECE / 2);
  for (const named of tensors) {
    const first = firstWord(named.path);
    for (let i = 0; i < words.length; i++) words[i] = first + (i & 63);
    for (let left = bytesOf(named); left > 0; left -= PIECE) {
      yield new Uint8Array(words.buffer, 0, Math.min(left, PIECE));
    }
  }
};

/** Writes a decoder of bf16 numbers in shards of at most `shardBytes`. */
export const writeSynthetic = (
  folder: string,
  config: LlamaConfig,
  shardBytes: number,
): Effect.Effect<void, DiskError | UnsupportedError> =>
  Effect.gen(function* () {
    const shards: Named[][] = [];
    let room = 0;
    for (
      const named of namesOf(
        decoderArchitecture("llama").names(config),
        decoderArchitecture("llama").specs(config),
      )
    ) {
      if (shards.length === 0 || bytesOf(named) > room) {
        shards.push([]);
        room = shardBytes;
      }
      shards.at(-1)!.push(named);
      room -= bytesOf(named);
    }
    const file = (i: number) => `model-${i + 1}-of-${shards.length}.safetensors`;
    for (const [i, some] of shards.entries()) yield* atomicWrite(`${folder}/${file(i)}`, shard(some));
    yield* writeJson(`${folder}/model.safetensors.index.json`, {
      weight_map: Object.fromEntries(shards.flatMap((some, i) => some.map(({ name }) => [name, file(i)]))),
    });
    yield* writeJson(`${folder}/config.json`, yield* fromEither(decoderArchitecture("llama").write(config)));
  });
