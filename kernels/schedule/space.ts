/**
 * The schedules among which a search chooses, for each family of kernels: where it starts, and along which axes it goes
 * on from the best so far. All of them fit the device and compute the same sums; what differs is their speed.
 */
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel, ContractionKernel, LoopKernel, PlainKernel } from "../graph/kernel.ts";
import { contractionFits, stagedTile } from "./contraction.ts";
import { stagedAttention } from "./attention.ts";
import { defaultSchedule, scheduleFits } from "./choose.ts";
import { matrixUnits } from "./matrix.ts";
import type {
  AttentionSchedule,
  ContractionSchedule,
  DirectSchedule,
  LoopSchedule,
  MatrixSchedule,
  Schedule,
  StagedSchedule,
} from "./schedule.ts";

/** A search space. */
export interface Space {
  /** What runs untuned. */
  readonly standard: Schedule;
  /** Where to start next to it: one or more of each way to compute the kernel. */
  readonly starts: readonly Schedule[];
  /** By name, what can be changed in a schedule: those that differ from the given one in that alone. */
  readonly axes: readonly Axis[];
}

/** One thing that can be changed. */
export interface Axis {
  /** Its name. */
  readonly name: string;
  /** The schedules that differ from one in this alone; none where it has no such thing. */
  readonly from: (s: Schedule) => readonly Schedule[];
}

const pairs = <A, B>(as: readonly A[], bs: readonly B[]): readonly (readonly [A, B])[] =>
  as.flatMap((a) => bs.map((b) => [a, b] as const));

type Patches<S> = Readonly<Record<string, readonly Partial<S>[]>>;

const sidesOfTiles = [32, 64, 128, 256], sidesOfWorkers = [4, 8, 16];

const PREFETCHES = (["none", "registers", "double buffer"] as const).map((prefetch) => ({ prefetch }));

const BANDS = [1, 4, 8, 16].map((band) => ({ band }));

const stagedPatches: Patches<StagedSchedule> = {
  tile: pairs(sidesOfTiles, sidesOfTiles).map(([rows, columns]) => ({ rows, columns })),
  each: pairs(sidesOfWorkers, sidesOfWorkers).map(([rows, columns]) => ({ each: { rows, columns } })),
  prefetch: PREFETCHES,
  interleaved: [false, true].map((interleaved) => ({ interleaved })),
  depth: [8, 16, 32].map((depth) => ({ depth })),
  band: BANDS,
};

const directPatches: Patches<DirectSchedule> = {
  each: pairs([4, 8], [1, 2, 4]).map(([rows, quads]) => ({ rows, quads })),
  workers: pairs([1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16]).map(([across, down]) => ({ across, down })),
  products: [1, 2, 4, 8, 16, 32, 64].map((products) => ({ products })),
};

const loopPatches: Patches<LoopSchedule> = {
  workers: pairs([1, 2, 4, 8, 16, 32, 64, 128, 256], [1, 2, 4, 8, 16, 32, 64, 128, 256])
    .map(([rows, splits]) => ({ rows, splits })),
  join: (["halves", "subgroups"] as const).map((join) => ({ join })),
};

const axesOf = <S extends Schedule>(
  kind: S["kind"],
  patches: Patches<S>,
  fits: (s: S) => boolean,
): readonly Axis[] =>
  Object.entries(patches).map(([name, values]) => ({
    name: `${kind} ${name}`,
    from: (s) =>
      s.kind !== kind ? [] : values.map((patch): S => ({ ...s as S, ...patch }))
        .filter((other) => JSON.stringify(other) !== JSON.stringify(s) && fits(other)),
  }));

/** Minimum number of and most invocations of a workgroup that are worth a try. */
const MINIMUM = 32, LIMIT = 512;

const contractionSpace = (kernel: ContractionKernel, profile: DeviceProfile): Space => {
  const { m, n } = kernel.size, standard = defaultSchedule(kernel, profile)!;
  if (standard.kind === "matrices") return matrixSpace(standard, kernel, profile);
  const fits = (s: ContractionSchedule): boolean => {
    if (s.kind === "matrices" || !contractionFits(s, kernel, profile)) return false;
    if (s.kind === "direct") {
      const { rows, quads, across, down, products } = s, workers = across * down * products;
      // no more than twice as many results as there are
      return workers <= LIMIT && workers >= MINIMUM && rows * down < 2 * Math.max(4, m) &&
        4 * quads * across < 2 * Math.max(4, n);
    }
    const workers = (s.rows / s.each.rows) * (s.columns / s.each.columns);
    return workers >= MINIMUM && workers <= LIMIT && s.rows < 2 * m && s.columns < 2 * n;
  };
  const staged = (rows: number, columns: number): StagedSchedule =>
    stagedTile(kernel, profile, rows, columns);
  const direct: DirectSchedule = {
    kind: "direct",
    rows: 4,
    quads: 1,
    across: Math.min(16, Math.max(1, 2 ** Math.ceil(Math.log2(n / 4)))),
    down: Math.min(8, Math.max(1, 2 ** Math.ceil(Math.log2(m / 4)))),
    products: 1,
  };
  const starts: readonly ContractionSchedule[] = [
    staged(64, 64),
    staged(128, 128),
    { ...staged(128, 64), prefetch: "double buffer" },
    { ...staged(64, 128), prefetch: "registers" },
    { ...staged(32, 32), each: { rows: 4, columns: 4 } },
    direct,
    ...[2, 4, 8, 16, 32].map((products) => ({ ...direct, products })),
  ];
  return {
    standard,
    starts: starts.filter(fits).filter((s) => JSON.stringify(s) !== JSON.stringify(standard)),
    axes: [...axesOf("staged", stagedPatches, fits), ...axesOf("direct", directPatches, fits)],
  };
};

const loopSpace = (kernel: LoopKernel, profile: DeviceProfile): Space => {
  const fits = (s: LoopSchedule): boolean =>
    scheduleFits(s, kernel, profile) && s.rows * s.splits >= MINIMUM &&
    s.rows < 2 * Math.max(MINIMUM, kernel.rows) &&
    (kernel.reductions.length > 0 || s.splits === 1 || kernel.columns > 1);
  return { standard: defaultSchedule(kernel, profile)!, starts: [], axes: axesOf("loop", loopPatches, fits) };
};

const attentionPatches = (profile: DeviceProfile): Patches<AttentionSchedule> => ({
  staged: pairs(pairs([32, 64, 128], [1, 2]), pairs([8, 16, 32, 64], [2, 4, 8]))
    .map(([[workers, own], [block, together]]) => ({
      tiles: { kind: "staged", workers, own, block, together },
    })),
  matrices: matrixUnits(profile).flatMap((unit) =>
    pairs(pairs([8, 16, 32], [1, 2, 4, 8]), [16, 32, 64, 128]).map(([[each, subgroups], block]) => ({
      tiles: {
        kind: "matrices",
        rows: each * subgroups,
        each,
        block,
        lanes: profile.subgroups?.most ?? 0,
        unit,
      },
    }))
  ),
});

const attentionSpace = (kernel: AttentionKernel, profile: DeviceProfile): Space => {
  const standard = defaultSchedule(kernel, profile) as AttentionSchedule;
  // no more than twice as many lines as there are
  const { keys, queries } = kernel.size, longest = 2 * Math.max(32, keys, queries);
  const fits = (s: AttentionSchedule): boolean =>
    scheduleFits(s, kernel, profile) &&
    (s.tiles.kind !== "matrices" || s.tiles.rows < longest && s.tiles.block < longest);
  return {
    standard,
    starts: standard.tiles.kind === "matrices"
      ? [{ kind: "attention", tiles: stagedAttention(kernel, profile) }]
      : [],
    axes: axesOf("attention", attentionPatches(profile), fits),
  };
};

const matrixSpace = (
  standard: MatrixSchedule,
  kernel: ContractionKernel,
  profile: DeviceProfile,
): Space => {
  const { m, n } = kernel.size;
  const fits = (s: MatrixSchedule): boolean =>
    scheduleFits(s, kernel, profile) && s.rows < 2 * m && s.columns < 2 * n;
  const patches: Patches<MatrixSchedule> = {
    tile: pairs(pairs([32, 64, 128, 256], [32, 64, 128, 256]), pairs([32, 64], [32, 64]))
      .map(([[rows, columns], [r, c]]) => ({ rows, columns, each: { rows: r, columns: c } })),
    depth: [16, 32, 64].map((depth) => ({ depth })),
    unit: matrixUnits(profile).map((unit) => ({ unit })),
    prefetch: PREFETCHES,
    band: BANDS,
  };
  return { standard, starts: [], axes: axesOf("matrices", patches, fits) };
};

/** The space of a kernel; `undefined` for families that have one way alone. */
export const spaceOf = (kernel: PlainKernel, profile: DeviceProfile): Space | undefined => {
  switch (kernel.kind) {
    case "contraction":
      return contractionSpace(kernel, profile);
    case "loop":
      return loopSpace(kernel, profile);
    case "attention":
      return attentionSpace(kernel, profile);
    case "scatter":
      return undefined;
  }
};

/** Every schedule within some changes of the starts of a space. */
export const within = ({ standard, starts, axes }: Space, changes: number): readonly Schedule[] => {
  const found = new Map([standard, ...starts].map((s) => [JSON.stringify(s), s] as const));
  let last = [...found.values()];
  for (let i = 0; i < changes; i++) {
    const next = last.flatMap((s) => axes.flatMap((axis) => axis.from(s)))
      .filter((s) => !found.has(JSON.stringify(s)));
    last = [...new Map(next.map((s) => [JSON.stringify(s), s] as const)).values()];
    last.forEach((s) => found.set(JSON.stringify(s), s));
  }
  return [...found.values()];
};
