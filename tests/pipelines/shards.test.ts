/** Checkpoints in shards: the layout of Hugging Face, whole or not at all, under several names. */
import { f32, i32, type NdArray } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { denoDisk, withDisk } from "../../pipelines/base/disk.ts";
import { inMemory, load, open, saveFrom } from "../../pipelines/weights/checkpoint.ts";
import { readLazy } from "../../pipelines/weights/lazy.ts";
import { linkCheckpoint, removeCheckpoint } from "../../pipelines/weights/shards.ts";
import { openSource } from "../../pipelines/weights/source.ts";
import { inFolder } from "../support/checkpoint.ts";

const test = suite("checkpoints in shards");
const run = Effect.runPromise;

const state = (step: number): Readonly<Record<string, NdArray>> => ({
  "state.params.a": f32([4, 4], Array.from({ length: 16 }, (_, i) => i + step)),
  "state.params.b": f32([3], [step, 2, 3]),
  "state.opt.m.a": f32([4, 4], Array(16).fill(step / 8)),
  "state.step": i32([], [step]),
});

/** Saves a state with at most 80 bytes of tensors in a file. */
const save = (path: string, step: number, shardBytes = 80) =>
  Effect.flatMap(
    inMemory(path, state(step)),
    (stored) => saveFrom(path, stored, { identity: "x", step: `${step}` }, shardBytes),
  );

const names = (folder: string): readonly string[] =>
  [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();

const holds = async (path: string, step: number): Promise<void> => {
  const { tensors, metadata } = await run(load(path));
  assert.equal({ ...tensors }, state(step));
  assert.equal(metadata, { identity: "x", step: `${step}` });
};

test("what is larger than a file may be becomes shards and an index, which other readers of that layout take", () =>
  inFolder(async (folder) => {
    const path = `${folder}/c.safetensors`;
    await run(save(path, 1));
    const shards = names(folder).slice(0, -1), index = names(folder).at(-1)!;
    assert.is(index, "c.safetensors.index.json");
    assert.is(shards.length, 2);
    shards.forEach((name, i) =>
      assert.match(name, new RegExp(`^c-[0-9a-f]{12}-0000${i + 1}-of-00002\\.safetensors$`))
    );
    const { metadata, weight_map } = JSON.parse(Deno.readTextFileSync(`${folder}/${index}`));
    assert.is(metadata.total_size, 64 + 12 + 64 + 4);
    assert.equal(Object.keys(weight_map).toSorted(), Object.keys(state(1)).toSorted());
    await holds(path, 1);
    assert.equal(
      (await run(openSource(folder, "c"))).tensors.map(({ name }) => name).toSorted(),
      Object.keys(state(1)).toSorted(),
    );
    const { arrays } = await run(Effect.scoped(open(path)));
    assert.equal((await run(readLazy(arrays["state.params.a"]!))).data, state(1)["state.params.a"]!.data);
    await run(save(path, 1, 1e9));
    assert.equal(names(folder), ["c.safetensors"], "one file again where it is small enough");
    await holds(path, 1);
  }));

test("a failure at any moment leaves the checkpoint before, and the next saving removes what is left over", () =>
  inFolder(async (folder) => {
    const path = `${folder}/c.safetensors`;
    await run(save(path, 1));
    const before = names(folder);
    for (let at = 0; at < 3; at++) {
      let renamed = 0;
      const failing = {
        ...denoDisk,
        rename: (from: string, to: string) =>
          renamed++ === at ? Promise.reject(new Error("power cut")) : denoDisk.rename(from, to),
      };
      const error = await run(Effect.flip(withDisk(failing, save(path, 2))));
      assert.match(error.message, /power cut/);
      assert.is(names(folder).length, before.length + at, `${at} shards of the new one`);
      await holds(path, 1);
    }
    await run(save(path, 3));
    assert.is(names(folder).length, before.length);
    await holds(path, 3);
  }));

test("other names of a checkpoint keep its shards until the last of them is removed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/c.safetensors`, best = `${folder}/c.best.safetensors`, other = `${folder}/run`;
    Deno.mkdirSync(other);
    await run(save(path, 1));
    await run(linkCheckpoint(path, best));
    await run(linkCheckpoint(path, `${other}/arm.safetensors`));
    await run(save(path, 2));
    await holds(path, 2);
    await holds(best, 1);
    await holds(`${other}/arm.safetensors`, 1);
    assert.is(names(folder).length, 2 + 4 + 1);
    await run(removeCheckpoint(best, path));
    assert.is(names(folder).length, 1 + 2 + 1);
    await holds(path, 2);
  }));

test("changed bits, lost shards, other metadata and a shard of another step are refused", () =>
  inFolder(async (folder) => {
    const path = `${folder}/c.safetensors`, index = `${path}.index.json`;
    await run(save(path, 2));
    const old = names(folder)[0]!, oldBytes = Deno.readFileSync(`${folder}/${old}`);
    await run(save(path, 1));
    const shard = `${folder}/${names(folder)[0]!}`,
      bytes = Deno.readFileSync(shard),
      text = Deno.readTextFileSync(index);
    const refused = async (pattern: RegExp): Promise<void> => {
      assert.match((await run(Effect.flip(load(path)))).message, pattern);
      Deno.writeFileSync(shard, bytes);
      Deno.writeTextFileSync(index, text);
      await holds(path, 1);
    };
    const flipped = bytes.slice();
    flipped[flipped.length - 1]! ^= 1;
    Deno.writeFileSync(shard, flipped);
    await refused(/sha-256/);
    Deno.writeFileSync(shard, oldBytes);
    await refused(/metadata and shards with sha-256/);
    Deno.writeTextFileSync(index, text.replace('"step": "1"', '"step": "2"'));
    await refused(/metadata and shards with sha-256/);
    Deno.writeTextFileSync(index, text.replace(/"c-/, '"../c-'));
    await refused(/alongside the index/);
    Deno.removeSync(shard);
    await refused(/no such file/);
  }));

test.run();
