/**
 * One training on several ranks: the same bytes whatever their number, and whatever dies on the way. Trainings on MPI are of a
 * few numbers; `OPEN_MPI` makes it an error if mpirun is not there.
 */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  checkAlike,
  oneRank,
  type Ranks,
  RanksError,
  spreadTexts,
  theRanks,
} from "../../pipelines/ranks/ranks.ts";
import { addInTree, type Transport, treeSum } from "../../pipelines/ranks/reduce.ts";
import { parameter, zerosInit } from "@chain-of-sight/core";
import { type MoveGroup, shardFor } from "../../pipelines/train/shard.ts";
import { checkShares } from "../../pipelines/train/together.ts";
import { TrainingError } from "../../pipelines/train/fault.ts";
import { openMpi, ranksOf } from "../support/mpi.ts";
import { property } from "../support/property.ts";
import { contentOf } from "../support/store_content.ts";
import type { Ask } from "../support/rank_worker.ts";
import * as fc from "fast-check";

const test = suite("ranks");
const folder = await Deno.makeTempDir({ prefix: "ranks" });
test.after(() => Deno.remove(folder, { recursive: true }));

const bits = (x: Float32Array) => [...new Uint32Array(Float32Array.from(x).buffer)];

type Content = ReturnType<typeof contentOf>;

/** Ranks of one process that meet in memory, round by round. */
const inMemory = (size: number) => {
  const rounds: { readonly given: Float32Array[]; readonly whole: PromiseWithResolvers<void> }[] = [];
  return (rank: number): Transport => {
    let round = 0;
    const meet = async (x: Float32Array): Promise<readonly Float32Array[]> => {
      const { given, whole } = rounds[round++] ??= { given: [], whole: Promise.withResolvers() };
      given[rank] = x.slice();
      if (Object.keys(given).length === size) whole.resolve();
      await whole.promise;
      return given;
    };
    return {
      size,
      alltoall: async (from, to, count) =>
        (await meet(from)).forEach((x, r) => to.set(x.subarray(rank * count, (rank + 1) * count), r * count)),
      allgather: async (from, to) => (await meet(from)).forEach((x, r) => to.set(x, r * from.length)),
    };
  };
};

property(
  test,
  "sums over ranks are a balanced tree of each number, in blocks of any length, on every rank",
  [fc.constantFrom(1, 2, 4, 8), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 })],
  async (size, length, block) => {
    const all = Array.from(
      { length: size },
      (_, r) => Float32Array.from({ length }, (_, i) => Math.sin(r * 37 + i * 11) * 10 ** (i % 7)),
    );
    const whole = new Float32Array(size * length), transport = inMemory(size);
    all.forEach((x, r) => whole.set(x, r * length));
    addInTree(whole, length);
    await Promise.all(all.map((x, rank) => treeSum(transport(rank), block)(x)));
    for (const sum of all) assert.equal(bits(sum), bits(whole.subarray(0, length)));
  },
);

const sized = (size: number, more: Partial<Ranks> = {}): Ranks => ({ ...oneRank, size, ...more });
const refusal = (size: number, count: number | undefined): TrainingError | undefined => {
  const micro = count === undefined ? {} : { micro: { count, weight: "tokens" } };
  const check = Effect.provideService(checkShares({ stage: "pretrain", ...micro }), theRanks, sized(size));
  return Effect.runSync(Effect.match(check, { onFailure: (e) => e, onSuccess: () => undefined }));
};

test("parameters are dealt to ranks by size, each to one, and move in groups of a bounded size", () => {
  const sizes = [7, 5, 4, 4, 3, 1],
    specs = Object.fromEntries(sizes.map((n, i) => [`p${i}`, parameter([n], zerosInit)]));
  const part = (rank: number) =>
    shardFor({ specs, trainable: (path) => path !== "p4" }, { rank, size: 2, shards: true }, 8)!;
  const { byRank, groups } = part(0),
    shown = (of: MoveGroup) => of.map((pieces) => pieces.map(({ path }) => path).join(" "));
  assert.equal(shown(byRank), ["p0 p3", "p1 p2 p5"]);
  assert.equal(groups.map(shown), [["p0", "p1"], ["p3", "p2 p5"]]);
  assert.equal(["p0", "p1", "p4"].map(part(1).isOwn), [false, true, false]);
  assert.is(shardFor({ specs, trainable: () => true }, { rank: 0, size: 1, shards: true }), undefined);
});

test("moving averages are refused where ranks share the optimiser's memory", () => {
  const check = checkShares({ stage: "pretrain", micro: { count: 2, weight: "" }, ema: 0.9 });
  const error = Effect.runSync(
    Effect.flip(Effect.provideService(check, theRanks, sized(2, { shards: true }))),
  );
  assert.match(String(error), /--shard-optimiser.*ema/);
});

test("ranks are a power of two that divides the micro-batches; others are refused, with what to do", () => {
  for (const [size, count] of [[1, undefined], [1, 3], [2, 2], [2, 6], [4, 4], [4, 12], [8, 8]] as const) {
    assert.is(refusal(size, count), undefined, `${size} ranks, ${count} micro-batches`);
  }
  assert.match(
    String(refusal(2, undefined)),
    /train pretrain on 2 ranks.*1 micro-batch a step.*--set pretrain.micro=2/,
  );
  assert.match(String(refusal(4, 6)), /6 micro-batches a step.*multiple of 4/);
  assert.match(String(refusal(3, 3)), /3 ranks, which is no power of two.*start 2 or 4 ranks/);
});

test("a rank that differs is named, with its machine and in what", () => {
  const gather = (text: string) => {
    const mine = JSON.parse(text);
    return Effect.succeed([text, text, JSON.stringify({ ...mine, device: "another", host: "node7" })]);
  };
  const check = checkAlike("train pretrain", { identity: "i", device: "CPU" });
  const error = Effect.runSync(Effect.flip(Effect.provideService(check, theRanks, sized(3, { gather }))));
  assert.instance(error, RanksError);
  assert.match(String(error), /rank 2 on node7 with another device than rank 0.*: another; expected CPU/);
});

test("each rank makes its share of some things, and all get the texts of all in their order", async () => {
  const transport = inMemory(2), made: number[][] = [[], []];
  const whole = (of: Transport) => async (x: Float32Array) => {
    const all = new Float32Array(2 * x.length);
    await of.allgather(x, all);
    return all;
  };
  const texts = await Promise.all([0, 1].map((rank) => {
    const gathered = whole(transport(rank));
    const ranks = sized(2, {
      rank,
      allgather: (x) => Effect.promise(() => gathered(x)),
      // lengths of texts
      gather: (text) =>
        Effect.promise(async () => [...await gathered(Float32Array.of(Number(text)))].map(String)),
    });
    const make = (i: number) => Effect.sync(() => (made[rank]!.push(i), [`${i}: ä`, "x".repeat(i)]));
    return Effect.runPromise(Effect.provideService(spreadTexts([0, 1, 2, 3, 4], make), theRanks, ranks));
  }));
  assert.equal(made, [[0, 2, 4], [1, 3]]);
  const expected = [0, 1, 2, 3, 4].map((i) => [`${i}: ä`, "x".repeat(i)]);
  assert.equal(texts, [expected, expected]);
});

if (openMpi) {
  const worker = new URL("../support/rank_worker.ts", import.meta.url).pathname;
  const asked = (name: string, more: Partial<Ask>): string => {
    const ask: Ask = { folder: `${folder}/${name}`, micro: 4, steps: 12, every: 2, ...more };
    Deno.mkdirSync(ask.folder, { recursive: true });
    return JSON.stringify(ask);
  };
  const train = (ranks: number, name: string, more: Partial<Ask> = {}) =>
    ranksOf(ranks, [worker, asked(name, more)]);
  /** Hashes of what trainings by name, one after the other, end with. */
  const trainAll = async (ranks: number, all: Readonly<Record<string, Partial<Ask>>>) => {
    const { code, out, err } = await ranksOf(ranks, [
      worker,
      ...Object.entries(all).map(([name, more]) => asked(name, more)),
    ]);
    assert.is(code, 0, err);
    return Object.fromEntries(Object.keys(all).map((name, i) => [name, out.split("\n")[i]]));
  };
  /** Metric lines without what a process took and held. */
  const lines = (name: string) =>
    Deno.readTextFileSync(`${folder}/${name}/m.jsonl`).trimEnd().split("\n").map((line) => {
      const { seconds: _seconds, deviceBytes: _bytes, warmup: _warmup, ...numbers } = JSON.parse(line);
      return JSON.stringify(numbers);
    });

  test("1, 2 and 4 ranks give one checkpoint and the same metrics: on the CPU and WebGPU, where they share the optimiser's memory, and where a step of one is not finite", async () => {
    const skips = (rank: number) =>
      ({ steps: 6, skips: true, fault: { rank, step: 2, kind: "NaN" } }) satisfies Partial<Ask>;
    const webgpu = { micro: 2, steps: 3, every: 3, device: "webgpu" } as const;
    const alone = await trainAll(1, { whole: {}, skips: skips(0), webgpu });
    const shared = {
      ...await trainAll(2, {
        "whole.2": {},
        "skips.parts": { ...skips(1), shards: true },
        "webgpu.2": webgpu,
        "webgpu.parts": { ...webgpu, shards: true },
      }),
      ...await trainAll(4, { "whole.parts": { shards: true } }),
    };
    for (const [name, hash] of Object.entries(shared)) {
      const of = name.split(".")[0]!;
      assert.is(hash, alone[of], name);
      assert.equal(lines(name), lines(of), name);
    }
    assert.match(lines("skips").at(-1)!, '"skipped":1');
  });

  test("2, 4 and 1 ranks in turn that die of anything give the checkpoint and metrics of one process", async () => {
    // each goes on from the last checkpoint of the one before
    const ends = async (ranks: number, code: number, fault: Ask["fault"] & object, says: RegExp) => {
      const { code: got, err } = await train(ranks, "mortal", {
        fault,
        shards: fault.rank > 0,
        watchdog: fault.kind === "SIGSTOP" ? 8 : 60,
      });
      assert.is(got, code, `${fault.kind}: ${err}`);
      assert.match(err, says);
    };
    await ends(2, 137, { rank: 1, step: 3, kind: "SIGKILL" }, /^/);
    await ends(
      4,
      75,
      { rank: 2, step: 5, kind: "SIGSTOP" },
      /adding up gradients has taken 8 s: a rank hangs/,
    );
    await ends(2, 1, { rank: 1, step: 7, kind: "throws" }, /rank 1 threw/);
    await ends(2, 1, { rank: 0, step: 7, kind: "no folder" }, /c[^ ]*\.safetensors.*no such/i);
    Deno.renameSync(`${folder}/mortal.away`, `${folder}/mortal`);
    await ends(2, 1, { rank: 1, step: 9, kind: "NaN" }, /NaN at step 10.*not-finite\.rank-\d/);
    for (const rank of [0, 1]) Deno.removeSync(`${folder}/mortal/c.not-finite.rank-${rank}.safetensors`);
    await ends(4, 75, { rank: 3, step: 9, kind: "SIGUSR1" }, /^/);
    assert.equal(
      [...Deno.readDirSync(`${folder}/mortal`)].filter(({ name }) => /-of-00004/.test(name)).length,
      4,
    );
    const { code, err } = await train(1, "mortal");
    assert.is(code, 0, err);
    assert.equal(
      Deno.readFileSync(`${folder}/mortal/c.safetensors`),
      Deno.readFileSync(`${folder}/whole/c.safetensors`),
    );
    assert.equal(lines("mortal"), lines("whole"));
  });

  test("features, trainings and answers that two ranks share give the store of one process", async () => {
    const script = new URL("../support/rank_experiment.ts", import.meta.url).pathname;
    const [one, two] = await Promise.all(
      [1, 2].map((ranks) => ranksOf(ranks, [script, `${folder}/all-${ranks}`])),
    );
    assert.is(one!.code, 0, one!.err);
    assert.is(two!.code, 0, two!.err);
    const [expected, found] = [1, 2].map((ranks) => contentOf(`${folder}/all-${ranks}-store`)) as [
      Content,
      Content,
    ];
    assert.equal([...found.keys()].toSorted(), [...expected.keys()].toSorted());
    for (const [name, value] of expected) assert.equal(found.get(name), value, name);
  });

  test("ranks whose states drift apart are named before a checkpoint is written", async () => {
    const { code, err } = await train(2, "drift", { drift: true });
    assert.is(code, 1, err);
    assert.match(err, /compare the states of tiny.*rank 1 on .* with another state than rank 0/);
    assert.throws(() => Deno.statSync(`${folder}/drift/c.safetensors`), "os error 2");
  });

  test("MPI's own sum by a ring gives other bits; ours are those of the tree, and leave memory flat", async () => {
    const ring = ["coll_tuned_use_dynamic_rules", "coll_tuned_allreduce_algorithm"].flatMap((name, i) => [
      "--mca",
      name,
      ["1", "4"][i]!,
    ]);
    const script = new URL("../support/allreduce_worker.ts", import.meta.url).pathname;
    const { code, out, err } = await ranksOf(4, [script], ring);
    assert.is(code, 0, err);
    const { of, found, held: [before, after] } = JSON.parse(out) as {
      of: number;
      found: readonly (readonly [number, number])[];
      held: readonly [number, number];
    };
    // a kept buffer of 16 KiB each would be 31 MiB
    assert.ok(after - before < 24, `${before} MiB after 500 exchanges, ${after} after 2,500`);
    for (const [ours, theirs] of found) {
      assert.is(ours, of);
      assert.ok(theirs < 0.9 * of, `${theirs} of ${of}`);
    }
  });
}

test.run();
