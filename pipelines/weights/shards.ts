/**
 * Checkpoints in several files, as Hugging Face lays them out: shards, and `<name>.safetensors.index.json` that says which
 * tensor each holds.
 */
import * as Effect from "effect/Effect";
import { type DiskError, existing, ifThere, namesIn, onDisk } from "../base/disk.ts";
import { readOwnText } from "../base/own_file.ts";
import { folderOf } from "../base/paths.ts";
import { hardLink } from "../runs/hard_link.ts";
import { MAX_HEADER_BYTES } from "./header.ts";
import { bytesOf, type TensorForm } from "./safetensors.ts";
import { isPlainName } from "./source.ts";

/** Bytes of tensors in one file, at most; a larger tensor has a file of its own. */
export const SHARD_BYTES = 5e9;

/** Types and shapes of tensors, by name. */
export type Forms = Readonly<Record<string, TensorForm>>;

/** Tensors in consecutive groups of at most some bytes. */
export const shardsOf = (forms: Forms, most: number): readonly Forms[] => {
  const shards: Record<string, TensorForm>[] = [{}];
  let room = most;
  for (const [name, form] of Object.entries(forms)) {
    const bytes = bytesOf(form);
    if (bytes > room && Object.keys(shards.at(-1)!).length > 0) {
      shards.push({});
      room = most;
    }
    shards.at(-1)![name] = form;
    room -= bytes;
  }
  return shards;
};

const digits = (n: number): string => String(n).padStart(5, "0");

/** Names of some shards. */
export const shardNames = (stem: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${stem}-${digits(i + 1)}-of-${digits(count)}.safetensors`);

/** What an index says of the shards of these names. */
export const indexOf = (
  shards: readonly Forms[],
  names: readonly string[],
): { readonly total: number; readonly weight_map: Readonly<Record<string, string>> } => ({
  total: shards.flatMap((shard) => Object.values(shard)).reduce((n, form) => n + bytesOf(form), 0),
  weight_map: Object.fromEntries(
    shards.flatMap((shard, i) => Object.keys(shard).map((name) => [name, names[i]!] as const)),
  ),
});

/** The index of a checkpoint of several files. */
export const indexPath = (checkpoint: string): string => `${checkpoint}.index.json`;

/** The file that says that a checkpoint is there: its index, else itself. An index is the newer of both or equal to it. */
export const checkpointFile = (checkpoint: string): Effect.Effect<string, DiskError> =>
  Effect.map(existing(indexPath(checkpoint)), (sharded) => sharded ? indexPath(checkpoint) : checkpoint);

const END = ".safetensors", INDEX = `${END}.index.json`;

const shardsIn = (text: string): readonly string[] => {
  const { weight_map } = JSON.parse(text) as { readonly weight_map?: Readonly<Record<string, string>> };
  return [...new Set(Object.values(weight_map ?? {}))].filter(isPlainName);
};

/** The shards that an index names; none where there is no index. */
const shardsNamed = (index: string): Effect.Effect<readonly string[], DiskError> =>
  onDisk("read", index, async () => {
    const text = await ifThere(readOwnText(index, MAX_HEADER_BYTES));
    return text === undefined ? [] : shardsIn(text);
  });

/** Gives a checkpoint a second name, in place of what had it; its shards keep theirs. Without a checkpoint, nothing. */
export const linkCheckpoint = (file: string, name: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    yield* hardLink(file, name);
    for (const shard of yield* shardsNamed(indexPath(file))) {
      yield* hardLink(`${folderOf(file)}/${shard}`, `${folderOf(name)}/${shard}`);
    }
    yield* hardLink(indexPath(file), indexPath(name));
  });

const stemOf = (checkpoint: string): string =>
  checkpoint.slice(checkpoint.lastIndexOf("/") + 1).replace(/\.safetensors$/, "");

/** The name of the shards of one saving of a checkpoint. */
export const shardStem = (checkpoint: string, saving: string): string =>
  `${stemOf(checkpoint)}-${saving.slice(0, 12)}`;

/**
 * Removes the shards of a checkpoint that no index names: those of an older one, and of a saving that did not end. Other
 * names of the checkpoint (`stem.best.safetensors`) keep theirs.
 */
export const sweepShards = (checkpoint: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const folder = folderOf(checkpoint), stem = stemOf(checkpoint), named = new Set<string>();
    const isShard = (name: string): boolean =>
      name.startsWith(`${stem}-`) &&
      /^-[0-9a-f]{12}-\d{5}-of-\d{5}\.safetensors(\.\d+\.[0-9a-f]{8}\.tmp)?$/.test(name.slice(stem.length));
    const endings = yield* Effect.forEach([END, ".tmp"], (end) =>
      Effect.map(namesIn(folder, end), (found) => found.map((name) => `${name}${end}`)));
    const shards = endings.flat().filter(isShard);
    if (shards.length === 0) {
      return;
    }
    for (const other of yield* namesIn(folder, INDEX)) {
      if (other !== stem && !other.startsWith(`${stem}.`)) {
        continue;
      }
      for (const shard of yield* shardsNamed(`${folder}/${other}${INDEX}`)) {
        named.add(shard);
      }
    }
    for (
      const shard of shards.filter((name) =>
        !named.has(name)
      )
    ) {
      yield* onDisk("remove", shard, () => Deno.remove(`${folder}/${shard}`));
    }
  });

/** Names of the checkpoints in a folder, without endings. */
export const checkpointsIn = (folder: string): Effect.Effect<readonly string[], DiskError> =>
  Effect.map(
    Effect.all([namesIn(folder, END), namesIn(folder, INDEX)]),
    ([whole, sharded]) => [...whole, ...sharded],
  );

/** Removes a checkpoint of a name, and the shards that no other name has. */
export const removeCheckpoint = (path: string, of: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    for (const file of [path, indexPath(path)]) {
      yield* onDisk("remove", file, () => ifThere(Deno.remove(file)));
    }
    yield* sweepShards(of);
  });
