/**
 * One rank that sums numbers by MPI_Allreduce and by our tree; rank 0 prints how many of the bits of each are those of the
 * tree, and the MiB that it holds after 500 and 2,500 sums.
 */
import * as Effect from "effect/Effect";
import { openMpi } from "../../pipelines/ranks/mpi.ts";
import { addInTree } from "../../pipelines/ranks/reduce.ts";
import { rngOf } from "../../pipelines/base/rng.ts";

const P = "pointer", B = "buffer", I = "i32", N = 1 << 14;
const mpi = Deno.dlopen("libmpi.so.40", {
  MPI_Allreduce: { parameters: [P, B, I, P, P, P], result: I },
  ompi_mpi_comm_world: { type: P },
  ompi_mpi_float: { type: P },
  ompi_mpi_op_sum: { type: P },
}).symbols;

const equal = (a: Float32Array, b: Float32Array): number => a.filter((v, i) => Object.is(v, b[i])).length;

await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
  const { rank, size, sum, gather } = yield* openMpi(30);
  const numbersOf = (rank: number) => {
    const rng = rngOf("allreduce", rank);
    return Float32Array.from({ length: N }, () => rng.range(-1, 1));
  };
  const all = new Float32Array(N * size);
  for (let r = 0; r < size; r++) all.set(numbersOf(r), r * N);
  addInTree(all, N);
  const tree = all.subarray(0, N), ours = numbersOf(rank), theirs = numbersOf(rank);
  yield* sum(new Uint8Array(ours.buffer));
  const inPlace = Deno.UnsafePointer.create(1n);
  mpi.MPI_Allreduce(inPlace, theirs, N, mpi.ompi_mpi_float, mpi.ompi_mpi_op_sum, mpi.ompi_mpi_comm_world);
  const found = yield* gather(JSON.stringify([equal(ours, tree), equal(theirs, tree)]));
  // memory after some exchanges, and after five times as many
  const few = new Uint8Array(16_384), held: number[] = [];
  for (let i = 1; i <= 2500; i++) {
    yield* sum(few);
    if (i === 500 || i === 2500) held.push(Deno.memoryUsage().rss / 2 ** 20);
  }
  if (rank === 0) console.log(JSON.stringify({ of: N, found: found.map((text) => JSON.parse(text)), held }));
})));
Deno.exit(0);
