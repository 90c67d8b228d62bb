/**
 * Processes that train one model together, as a service: rank 0 leads, alone by default. Nothing here knows what moves the
 * bytes; `mpi.ts` is one way.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { TaggedFault } from "../base/fault.ts";

/** Ranks that cannot work together, or that lost each other. */
export class RanksError extends TaggedFault("RanksError")<{
  /** The rank that says so. */
  readonly rank: number;
}> {}

/** What ranks can do together: every rank calls the same in the same order, and waits for the others. */
export interface Ranks {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /** How many share this machine. */
  readonly local: number;
  /** Whether each keeps the optimiser's memory of its own part of the parameters alone. */
  readonly shards: boolean;
  /** Replaces f32 numbers by their sums over all ranks, added in the order of a balanced tree. */
  readonly sum: (bytes: Uint8Array<ArrayBufferLike>) => Effect.Effect<void, RanksError>;
  /** The sum of this rank's part of f32 numbers, of as many equal parts as ranks, added as those of `sum`. */
  readonly partSum: (numbers: Float32Array) => Effect.Effect<Float32Array, RanksError>;
  /** The f32 numbers of all ranks, one rank's after the other's, of equal length. */
  readonly allgather: (numbers: Float32Array) => Effect.Effect<Float32Array, RanksError>;
  /** Replaces bytes by those of rank 0. */
  readonly broadcast: (bytes: Uint8Array<ArrayBufferLike>) => Effect.Effect<void, RanksError>;
  /** The texts of all ranks, in their order; each of at most {@link TEXT_BYTES} bytes. */
  readonly gather: (text: string) => Effect.Effect<readonly string[], RanksError>;
  /** Tells the text of rank 0 to all, however long they wait for it; the others' own texts are not read. */
  readonly announce: (text: string) => Effect.Effect<string, RanksError>;
}

/** Maximum number of bytes of a text that ranks gather. */
export const TEXT_BYTES = 1024;

/** One process by itself. */
export const oneRank: Ranks = {
  rank: 0,
  size: 1,
  local: 1,
  shards: false,
  sum: () => Effect.void,
  partSum: Effect.succeed,
  allgather: Effect.succeed,
  broadcast: () => Effect.void,
  gather: (text) => Effect.succeed([text]),
  announce: Effect.succeed,
};

/** The ranks that this process is one of; it is alone unless another service is provided. */
export const theRanks: Context.Reference<Ranks> = Context.Reference<Ranks>("chain-of-sight/Ranks", {
  defaultValue: () => oneRank,
});

/** Does something on rank 0 alone, such as what changes files that all ranks share. */
export const onLead = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<void, E, R> =>
  Effect.flatMap(theRanks, ({ rank }) => rank === 0 ? Effect.asVoid(effect) : Effect.void);

/** Whether rank 0 has found something: what it decides, all do. */
export const leadHas = (found: boolean): Effect.Effect<boolean, RanksError> =>
  Effect.flatMap(theRanks, ({ gather }) => Effect.map(gather(String(found)), ([first]) => first === "true"));

/** Something that this process computes by itself, whatever ranks there are. */
export const alone = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, theRanks, oneRank);

/** The texts of all ranks, in their order, however long they are. */
const gatherTexts = (text: string): Effect.Effect<readonly string[], RanksError> =>
  Effect.gen(function* () {
    const { gather, allgather } = yield* theRanks, bytes = new TextEncoder().encode(text);
    const lengths = (yield* gather(String(bytes.length))).map(Number);
    const words = Math.ceil(Math.max(...lengths) / 4), mine = new Float32Array(words);
    new Uint8Array(mine.buffer).set(bytes);
    const all = new Uint8Array((yield* allgather(mine)).buffer);
    return lengths.map((length, r) =>
      new TextDecoder().decode(all.subarray(4 * words * r, 4 * words * r + length))
    );
  });

/**
 * The texts that each of some things gives, in their order: every rank makes each `size`th of them, and all get those of all.
 */
export const spreadTexts = <T, E, R>(
  things: readonly T[],
  make: (thing: T) => Effect.Effect<readonly string[], E, R>,
): Effect.Effect<readonly (readonly string[])[], E | RanksError, R> =>
  Effect.gen(function* () {
    const { rank, size } = yield* theRanks;
    const mine = yield* Effect.forEach(things.filter((_, i) => i % size === rank), make);
    if (size === 1) return mine;
    const all = (yield* gatherTexts(JSON.stringify(mine))).map((text) =>
      JSON.parse(text) as readonly (readonly string[])[]
    );
    return things.map((_, i) => all[i % size]![Math.floor(i / size)]!);
  });

/**
 * Refuses ranks that are not alike: `mine` holds by name what must be equal, and the error names the first rank that differs
 * from rank 0, its machine, and in what. Every rank fails alike.
 */
export const checkAlike = (
  op: string,
  mine: Readonly<Record<string, string>>,
): Effect.Effect<void, RanksError> =>
  Effect.gen(function* () {
    const { rank, size, gather } = yield* theRanks;
    if (size === 1) return;
    const all = (yield* gather(JSON.stringify({ ...mine, host: Deno.hostname() }))).map((text) =>
      JSON.parse(text) as Readonly<Record<string, string>>
    );
    const first = all[0]!;
    for (const [other, theirs] of all.entries()) {
      const name = Object.keys(mine).find((key) => theirs[key] !== first[key]);
      if (name === undefined) continue;
      return yield* Effect.fail(
        new RanksError({
          op,
          got: `rank ${other} on ${theirs.host} with another ${name} than rank 0 on ${first.host}: ${
            theirs[name]
          }`,
          expected: String(first[name]),
          hint: "run the same version on the same kind of machine for every rank",
          rank,
        }),
      );
    }
  });
