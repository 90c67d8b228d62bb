/** Synthetic checkpoints: format-correct decoders of any size, whose files are holes but for the ends of each tensor. */
import { type LlamaConfig, sizeOf } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { fromEither } from "../pipelines/base/bridge.ts";
import { type DiskError, onDisk, writeAll } from "../pipelines/base/disk.ts";
import { writeJson } from "../pipelines/runs/run_directory.ts";
import { decoderArchitecture } from "../pipelines/weights/huggingface/decoders.ts";
import type { UnsupportedError } from "../pipelines/weights/huggingface/unsupported.ts";
import { type Named, namesOf } from "../pipelines/weights/table.ts";

/** A decoder of TinyLlama's width with as many blocks as make the given number of bytes in bf16. */
export const decoderOf = (bytes: number): LlamaConfig => {
  const config = { vocabulary: 32000, width: 2048, heads: 32, kvHeads: 4, ff: 5632, tied: false };
  const outside = 2 * config.vocabulary * config.width;
  const block = config.width * (2 * config.width + 2 * 256 + 3 * config.ff + 2);
  return { ...config, layers: Math.max(1, Math.round((bytes / 2 - outside) / block)) };
};

/** LLaMA 2 of 7 billion parameters (Touvron et al. 2023), 13.5 GB in bf16. */
export const llama7b: LlamaConfig = {
  vocabulary: 32000,
  width: 4096,
  layers: 32,
  heads: 32,
  ff: 11008,
  positions: 4096,
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

/** Numbers at either end of a tensor that are written; those between are holes, which read as 0. */
const END = 64;

const wordsFrom = (path: string, begin: number, end: number): Uint8Array => {
  const words = Uint16Array.from({ length: end - begin }, (_, i) => firstWord(path) + ((begin + i) & 63));
  return new Uint8Array(words.buffer);
};

const writeShard = async (path: string, tensors: readonly Named[]): Promise<void> => {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const lead = header(tensors);
  await writeAll(file, lead);
  let at = lead.byteLength;
  for (const named of tensors) {
    const count = bytesOf(named) / 2;
    for (const [begin, end] of [[0, Math.min(END, count)], [Math.max(0, count - END), count]] as const) {
      await file.seek(at + 2 * begin, Deno.SeekMode.Start);
      await writeAll(file, wordsFrom(named.path, begin, end));
    }
    at += 2 * count;
  }
  await file.truncate(at);
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
    for (const [i, some] of shards.entries()) {
      const path = `${folder}/${file(i)}`;
      yield* onDisk("write", path, () => writeShard(path, some));
    }
    yield* writeJson(`${folder}/model.safetensors.index.json`, {
      weight_map: Object.fromEntries(shards.flatMap((some, i) => some.map(({ name }) => [name, file(i)]))),
    });
    yield* writeJson(`${folder}/config.json`, yield* fromEither(decoderArchitecture("llama").write(config)));
  });
