/** Attention through matrix units: its tiles, what they take, and which are taken untuned. */
import type { AttentionOp } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel, LoadValue } from "../graph/kernel.ts";
import { halfOperand, matrixUnits, PADDING } from "./matrix.ts";
import type { MatrixAttention, Unit } from "./schedule.ts";

/** Contents of the three kernels: operands whose rows are owned, scores, weights made of them, and results. */
export const heldBy: {
  readonly [P in AttentionOp]: Readonly<Record<"own" | "scores" | "weights" | "sums", 1 | 2>>;
} = {
  attention: { own: 1, scores: 1, weights: 1, sums: 1 },
  attentionGrad: { own: 2, scores: 2, weights: 2, sums: 2 },
};

/** Elements that a row of scores is longer than its content, so that neighbours are in different banks. */
export const SCORE_PADDING = 4;

/** How a tile is in workgroup memory; all numbers are elements. */
export interface MatrixAttentionLayout {
  /** Channels of a head, with those that fill up the last product. */
  readonly channels: number;
  /** From one line of the others to the next. */
  readonly stride: number;
  /** Channels of the own rows that are staged at once. */
  readonly chunk: number;
  /** From one row of scores to the next. */
  readonly scoreStride: number;
  /** From one row of weights to the next. */
  readonly weightStride: number;
  /** Scores of one subgroup. */
  readonly scores: number;
  /** Weights of one subgroup. */
  readonly weights: number;
  /** f16 elements of staged operands. */
  readonly staged: number;
  /** Columns of results that pass through the memory of scores at once. */
  readonly band: number;
  /** From one row of these to the next. */
  readonly bandStride: number;
}

const gcd = (a: number, b: number): number => b === 0 ? a : gcd(b, a % b);

/** What both a number of columns and a number of steps of the unit divide. */
const common = ({ N, K }: Unit): number => N * K / gcd(N, K);

/** The layout of a tile of heads of `width` channels. */
export const matrixAttentionLayout = (
  { rows, each, block, lanes, unit }: MatrixAttention,
  op: AttentionOp,
  width: number,
): MatrixAttentionLayout => {
  const held = heldBy[op], channels = Math.ceil(width / common(unit)) * common(unit);
  const stride = channels + PADDING, scoreStride = block + SCORE_PADDING, weightStride = block + PADDING;
  const others = 2 * block * stride, scores = held.scores * each * scoreStride;
  const chunks = [...Array(channels / unit.K).keys()].map((i) => (i + 1) * unit.K)
    .filter((c) => channels % c === 0 && rows * (c + PADDING) <= others);
  const chunk = chunks.at(-1) ?? unit.K;
  const bands = [...Array(channels / unit.N).keys()].map((i) => (i + 1) * unit.N)
    // lanes that share a row take vectors of it
    .filter((b) =>
      channels % b === 0 && each * (b + SCORE_PADDING) <= scores && b % (4 * lanes / each) === 0
    );
  const band = bands.at(-1) ?? 0;
  return {
    channels,
    stride,
    chunk,
    scoreStride,
    weightStride,
    scores,
    weights: held.weights * each * weightStride,
    staged: Math.max(others, rows * (chunk + PADDING)),
    band,
    bandStride: band + SCORE_PADDING,
  };
};

/** Bytes of workgroup memory of a tile. */
const bytesOf = (
  s: MatrixAttention,
  { node: { op }, size: { width }, segments }: AttentionKernel,
): number => {
  const { staged, weights, scores, stride } = matrixAttentionLayout(s, op, width),
    subgroups = s.rows / s.each;
  const numbers = op === "attention" ? s.rows + subgroups : 2 * s.block;
  const ids = segments === undefined ? 0 : s.block + 2;
  // own keys stay, for the cotangent of queries
  const kept = op === "attentionGrad" ? s.rows * stride : 0;
  return 2 * (staged + kept + subgroups * weights) + 4 * (subgroups * scores + numbers + ids);
};

/** Registers of a lane that hold own operands and results. */
const registersOf = ({ each, lanes, unit }: MatrixAttention, op: AttentionOp, width: number): number => {
  const { own, sums } = heldBy[op], channels = Math.ceil(width / common(unit)) * common(unit);
  return each * channels * (2 * own + 4 * sums) / (4 * lanes);
};

/** Maximum number of registers of a lane for matrices: beyond, some would be in memory. */
const MAX_REGISTERS = 208;

const operandsOf = ({ query, key, value, back }: AttentionKernel): readonly LoadValue[] => [
  query,
  key,
  value,
  ...(back === undefined ? [] : [back.cotangent]),
];

/** Whether tiles are well formed, right for the kernel and within the limits of the device. */
export const matrixAttentionFits = (
  s: MatrixAttention,
  kernel: AttentionKernel,
  profile: DeviceProfile,
): boolean => {
  const { rows, each, block, lanes, unit } = s, { node: { op }, size: { width } } = kernel;
  const { f16, subgroups, maxInvocations, workgroupBytes } = profile;
  const divides = (small: number, large: number): boolean =>
    Number.isInteger(small) && Number.isInteger(large) && small >= 1 && large >= 1 && large % small === 0;
  if (!f16 || subgroups === undefined || subgroups.least !== subgroups.most || lanes !== subgroups.most) {
    return false;
  }
  return matrixUnits(profile).some(({ M, N, K }) => unit.M === M && unit.N === N && unit.K === K) &&
    operandsOf(kernel).every((o) => halfOperand(o, profile)) &&
    // lanes that share a row are next to each other when halved again and again
    divides(unit.M, each) && divides(each, rows) && divides(each, lanes) &&
    Math.log2(lanes / each) % 1 === 0 &&
    divides(8 * lanes / each, block) && divides(common(unit), block) &&
    (op === "attention" || divides(unit.K, each)) &&
    rows / each * lanes <= maxInvocations && registersOf(s, op, width) <= MAX_REGISTERS &&
    matrixAttentionLayout(s, op, width).band > 0 && bytesOf(s, kernel) <= workgroupBytes;
};

/** Registers that leave a device room for many workgroups. */
const EASY_REGISTERS = 144;

/**
 * The default tiles of attention on matrix units: the most rows for a subgroup that leave registers free, four
 * subgroups where there are rows for them. Few rows, as windows have, fill products badly, but what they look at is
 * then still copied by all lanes side by side. Undefined where there are no units for the kernel's numbers, where
 * nothing fits, or where heads are narrower than half of a product.
 */
export const matrixAttention = (
  kernel: AttentionKernel,
  profile: DeviceProfile,
): MatrixAttention | undefined => {
  const { size: { queries, keys, width }, node: { op } } = kernel, unit = matrixUnits(profile)[0];
  if (unit === undefined) return undefined;
  const [lines, others] = op === "attentionGrad" ? [keys, queries] : [queries, keys];
  if (2 * width < unit.K) return undefined;
  const lanes = profile.subgroups?.most ?? 0, fewest = unit.M;
  const candidates = [32, 16, 8].filter((each) => each >= fewest && (each === fewest || each / 2 < lines))
    .flatMap((each) =>
      [4, 2, 1].filter((subgroups) => subgroups === 1 || (subgroups - 1) * each < lines)
        .flatMap((subgroups) =>
          [32, 16, 64].filter((block) => block === 16 || others > 16).map((block): MatrixAttention => ({
            kind: "matrices",
            rows: subgroups * each,
            each,
            block,
            lanes,
            unit,
          }))
        )
    );
  const fits = candidates.filter((s) => matrixAttentionFits(s, kernel, profile));
  return fits.find((s) => registersOf(s, op, width) <= EASY_REGISTERS) ?? fits.at(0);
};
