/** The gradient of queries through matrix units, of a kernel whose workgroups own keys. */
import { SCORE_PADDING } from "../schedule/attention_matrices.ts";
import type { MatrixTile } from "./attention_matrix_tile.ts";
import { range, scaleText } from "./attention_parts.ts";
import { EIGHT } from "./halves.ts";
import { when } from "./module.ts";

/**
 * Adds the score gradients of a block, times own keys, to the cotangent of its queries: subgroups share its matrices,
 * and each number of it has one lane.
 */
export const addQueries = (tile: MatrixTile): string[] => {
  const { rows, each, block, lanes, unit } = tile.s, { channels, stride, weights, weightStride } = tile.at;
  const { size: { queries, width }, node: { attributes } } = tile.w.kernel, { bindings } = tile.w;
  const subgroups = rows / each, across = channels / unit.N, count = block / unit.M * across;
  const left = `subgroup_matrix_left<f16, ${unit.K}, ${unit.M}>`,
    right = `subgroup_matrix_right<f16, ${unit.N}, ${unit.K}>`,
    sum = `subgroup_matrix_result<f32, ${unit.N}, ${unit.M}>`;
  const line = unit.N + SCORE_PADDING, lines = weightStride / EIGHT, result = tile.w.result(0);
  const at = `${tile.w.queryGradient("head")} + row * ${width}u + channel`;
  return range(Math.ceil(count / subgroups)).flatMap((iteration) => {
    const last = (iteration + 1) * subgroups >= count,
      ragged = (iteration + 1) * subgroups > count,
      mine = `subgroup + ${iteration * subgroups}u`;
    const guards = [
      ...(ragged ? [`${mine} < ${count}u`] : []),
      ...(queries % block === 0 ? [] : [`row < ${queries}u`]),
      ...(channels === width ? [] : [`channel < ${width}u`]),
    ];
    const scale = scaleText(attributes.scale);
    const added = `${bindings.load(result, at)} + ${scale} * scores[score_base + line * ${
      line / 4
    }u + column / 4u][column % 4u]`;
    return [
      "{",
      `let matrix = ${ragged ? `min(${mine}, ${count - 1}u)` : mine};`,
      `let down = (matrix / ${across}u) * ${unit.M}u;`,
      `let across = (matrix % ${across}u) * ${unit.N}u;`,
      `var dq = ${sum}();`,
      ...range(rows / unit.K).flatMap((t) => {
        const owner = Math.floor(t * unit.K / each), key = t * unit.K % each;
        const from = (owner * weights + key * weightStride) / EIGHT;
        return [
          `let a${t} = subgroupMatrixLoad<${left}, col_major>(&weights, ${from}u + down / ${EIGHT}u, ${lines}u);`,
          `let b${t} = subgroupMatrixLoad<${right}, row_major>(&kept, ${
            t * unit.K * stride / EIGHT
          }u + across / ${EIGHT}u, ${stride / EIGHT}u);`,
          `dq = subgroupMatrixMultiplyAccumulate(a${t}, b${t}, dq);`,
        ];
      }),
      `subgroupMatrixStore<row_major>(&scores, score_base, dq, ${line / 4}u);`,
      "workgroupBarrier();",
      `for (var e = subgroup_lane; e < ${unit.M * unit.N}u; e += ${lanes}u) {`,
      `let line = e / ${unit.N}u;`,
      `let column = e % ${unit.N}u;`,
      "let row = first + down + line;",
      "let channel = across + column;",
      ...when(guards, [bindings.store(result, at, added)]),
      "}",
      ...(last ? [] : ["workgroupBarrier();"]),
      "}",
    ];
  });
};
