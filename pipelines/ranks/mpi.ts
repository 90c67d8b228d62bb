/**
 * Ranks over Open MPI, by its C functions. Those that wait run in threads of their own, and a watchdog ends all ranks where
 * the others do not answer: one that hangs would leave the rest waiting for ever.
 */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { MAY_HELP_AGAIN } from "../base/signals.ts";
import { notice } from "../terminal/output.ts";
import { type Ranks, RanksError, TEXT_BYTES } from "./ranks.ts";
import { partSum, type Transport, treeSum } from "./reduce.ts";

const P = "pointer", B = "buffer", I = "i32";

/** Open MPI's library, by the name that versions 2 to 5 have. */
const LIBRARY = "libmpi.so.40";

const symbols = {
  MPI_Init_thread: { parameters: [P, P, I, B], result: I },
  MPI_Comm_rank: { parameters: [P, B], result: I },
  MPI_Comm_size: { parameters: [P, B], result: I },
  MPI_Comm_set_errhandler: { parameters: [P, P], result: I },
  MPI_Allgather: { parameters: [B, I, P, B, I, P, P], result: I, nonblocking: true },
  MPI_Alltoall: { parameters: [B, I, P, B, I, P, P], result: I, nonblocking: true },
  MPI_Bcast: { parameters: [B, I, P, I, P], result: I, nonblocking: true },
  MPI_Ibcast: { parameters: [B, I, P, I, P, B], result: I },
  MPI_Test: { parameters: [B, B, P], result: I },
  MPI_Abort: { parameters: [P, I], result: I },
  MPI_Finalize: { parameters: [], result: I, nonblocking: true },
  // data: their addresses are what the functions take
  ompi_mpi_comm_world: { type: P },
  ompi_mpi_float: { type: P },
  ompi_mpi_byte: { type: P },
  ompi_mpi_errors_return: { type: P },
} as const satisfies Deno.ForeignLibraryInterface;

/** MPI_THREAD_MULTIPLE: functions are called by threads other than the one that began. */
const MULTIPLE = 3;

/** Maximum number of bytes of one broadcast: MPI counts in 32 bits. */
const PIECE = 2 ** 28;

/** Seconds that ranks wait for each other between windows of steps, where rank 0 may validate or save. */
const TIMEOUT = 3600;

/** Milliseconds between two looks for an announcement. */
const IDLE = 5;

/** The number of a process among those of mpirun or srun, as these tell it; undefined outside of them. */
export const startedAsRank = (): boolean =>
  Deno.env.has("OMPI_COMM_WORLD_RANK") || (Deno.env.has("PMIX_RANK") && Deno.env.has("SLURM_PROCID"));

/** Ranks on this machine, as the launcher tells it. */
const localSize = (size: number): number =>
  Number(
    Deno.env.get("OMPI_COMM_WORLD_LOCAL_SIZE") ?? Deno.env.get("SLURM_TASKS_PER_NODE")?.match(/^\d+/)?.[0] ??
      size,
  );

const opened = (): Effect.Effect<Deno.DynamicLibrary<typeof symbols>["symbols"], RanksError> =>
  Effect.try({
    try: () => Deno.dlopen(LIBRARY, symbols).symbols,
    catch: (cause) =>
      new RanksError({
        op: "start ranks",
        got: cause instanceof Error ? cause.message : String(cause),
        expected: `Open MPI's library ${LIBRARY}, and the permission to call it`,
        hint: "install Debian's package openmpi-bin or your system's Open MPI, and run Deno with --allow-ffi",
        rank: 0,
      }),
  });

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBufferLike>): BufferSource =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/**
 * The ranks that mpirun or srun started this process among, for as long as the scope lives. `watchdog` is how many seconds
 * a rank waits for the others before it ends all.
 */
export const openMpi = (watchdog: number): Effect.Effect<Ranks, RanksError, Scope.Scope> =>
  Effect.gen(function* () {
    const mpi = yield* opened(), world = mpi.ompi_mpi_comm_world, word = new Int32Array(1);
    const failure = (op: string, code: number): RanksError =>
      new RanksError({
        op,
        got: `MPI's error ${code}`,
        expected: "all ranks to answer",
        hint: "look for the first rank that ended: the same command goes on from the last checkpoint",
        rank,
      });
    const now = (op: string, code: number): Effect.Effect<void, RanksError> =>
      code === 0 ? Effect.void : Effect.fail(failure(op, code));
    let rank = 0;
    yield* now("start MPI", mpi.MPI_Init_thread(null, null, MULTIPLE, word));
    yield* now("start MPI", mpi.MPI_Comm_set_errhandler(world, mpi.ompi_mpi_errors_return));
    yield* now("start MPI", mpi.MPI_Comm_rank(world, word));
    rank = word[0]!;
    yield* now("start MPI", mpi.MPI_Comm_size(world, word));
    const size = word[0]!;

    const within = <A>(op: string, seconds: number, call: () => Promise<A>): Promise<A> => {
      const timer = setTimeout(() => {
        notice(`rank ${rank} on ${Deno.hostname()}: ${op} has taken ${seconds} s: a rank hangs, ending all`);
        mpi.MPI_Abort(world, MAY_HELP_AGAIN);
      }, seconds * 1000);
      return call().finally(() => clearTimeout(timer));
    };
    const watched = (
      op: string,
      call: () => Promise<number>,
      seconds: number = watchdog,
    ): Effect.Effect<void, RanksError> =>
      Effect.flatMap(Effect.promise(() => within(op, seconds, call)), (code) => now(op, code));
    const checked = async (op: string, code: Promise<number>): Promise<void> => {
      const got = await code;
      if (got !== 0) throw failure(op, got);
    };
    const transport: Transport = {
      size,
      alltoall: (from, to, n) =>
        checked(
          "move gradients",
          mpi.MPI_Alltoall(bytesOf(from), n, mpi.ompi_mpi_float, bytesOf(to), n, mpi.ompi_mpi_float, world),
        ),
      allgather: (from, to) =>
        checked(
          "move sums of gradients",
          mpi.MPI_Allgather(
            ...[bytesOf(from), from.length, mpi.ompi_mpi_float] as const,
            ...[bytesOf(to), from.length, mpi.ompi_mpi_float, world] as const,
          ),
        ),
    };
    const sum = treeSum(transport);
    const moved = <A>(op: string, call: () => Promise<A>): Effect.Effect<A, RanksError> =>
      Effect.tryPromise({
        try: () => within(op, watchdog, call),
        catch: (cause) => cause instanceof RanksError ? cause : failure(op, -1),
      });
    const broadcast = (bytes: Uint8Array<ArrayBufferLike>): Effect.Effect<void, RanksError> =>
      Effect.gen(function* () {
        for (let at = 0; at < bytes.length; at += PIECE) {
          const part = bytes.subarray(at, at + PIECE);
          yield* watched(
            "hand on the state of rank 0",
            () => mpi.MPI_Bcast(bytesOf(part), part.length, mpi.ompi_mpi_byte, 0, world),
          );
        }
      });
    const gather = (text: string): Effect.Effect<readonly string[], RanksError> =>
      Effect.gen(function* () {
        const mine = new Uint8Array(TEXT_BYTES), all = new Uint8Array(TEXT_BYTES * size);
        const { written } = new TextEncoder().encodeInto(text, mine);
        if (written === TEXT_BYTES) return yield* Effect.die(new Error(`a text of ${text.length} to gather`));
        yield* watched("agree with the others", () =>
          mpi.MPI_Allgather(
            ...[mine, TEXT_BYTES, mpi.ompi_mpi_byte] as const,
            ...[all, TEXT_BYTES, mpi.ompi_mpi_byte, world] as const,
          ), TIMEOUT);
        return Array.from({ length: size }, (_, i) => {
          const one = all.subarray(i * TEXT_BYTES, (i + 1) * TEXT_BYTES);
          return new TextDecoder().decode(one.subarray(0, one.indexOf(0)));
        });
      });
    const announce = (text: string): Effect.Effect<string, RanksError> =>
      Effect.gen(function* () {
        const bytes = new TextEncoder().encode(text), length = Int32Array.of(bytes.length);
        // whatever waits for long looks now and then: a call that waits would keep a core busy
        const request = new BigUint64Array(1), done = new Int32Array(1);
        yield* now(
          "hear rank 0",
          mpi.MPI_Ibcast(bytesOf(length), 4, mpi.ompi_mpi_byte, 0, world, bytesOf(request)),
        );
        for (;;) {
          yield* now("hear rank 0", mpi.MPI_Test(bytesOf(request), bytesOf(done), null));
          if (done[0] !== 0) break;
          yield* Effect.sleep(IDLE);
        }
        const whole = rank === 0 ? bytes : new Uint8Array(length[0]!);
        yield* broadcast(whole);
        return new TextDecoder().decode(whole);
      });
    yield* Effect.addFinalizer((exit) =>
      // a rank that fails ends without a farewell, by which the launcher knows to end the others
      exit._tag === "Failure" ? Effect.void : Effect.ignore(watched("say farewell", () => mpi.MPI_Finalize()))
    );
    return {
      rank,
      size,
      local: localSize(size),
      shards: false,
      sum: ({ buffer, byteOffset, byteLength }) =>
        moved(
          "adding up gradients",
          () => sum(new Float32Array(buffer as ArrayBuffer, byteOffset, byteLength / 4)),
        ),
      partSum: (numbers) => moved("adding up gradients", () => partSum(transport, numbers)),
      allgather: (numbers) =>
        moved("gathering parameters", async () => {
          const all = new Float32Array(numbers.length * size);
          await transport.allgather(numbers, all);
          return all;
        }),
      broadcast,
      gather,
      announce,
    };
  });
