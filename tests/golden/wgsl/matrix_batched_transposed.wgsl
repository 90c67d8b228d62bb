diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
@group(0) @binding(0) var<storage, read> x0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> x2: array<f32>;
var<workgroup> left_block: array<f16, 4352>;
var<workgroup> right_block: array<f16, 4352>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let batch = group.z;
  let tile_row = group.y * 128u;
  let tile_col = group.x * 128u;
  let subgroup = lane.x / 32u;
  let sub_row = (subgroup / 2u) * 64u;
  let sub_col = (subgroup % 2u) * 64u;
  var c0_0: subgroup_matrix_result<f32, 16, 16>;
  var c0_1: subgroup_matrix_result<f32, 16, 16>;
  var c0_2: subgroup_matrix_result<f32, 16, 16>;
  var c0_3: subgroup_matrix_result<f32, 16, 16>;
  var c1_0: subgroup_matrix_result<f32, 16, 16>;
  var c1_1: subgroup_matrix_result<f32, 16, 16>;
  var c1_2: subgroup_matrix_result<f32, 16, 16>;
  var c1_3: subgroup_matrix_result<f32, 16, 16>;
  var c2_0: subgroup_matrix_result<f32, 16, 16>;
  var c2_1: subgroup_matrix_result<f32, 16, 16>;
  var c2_2: subgroup_matrix_result<f32, 16, 16>;
  var c2_3: subgroup_matrix_result<f32, 16, 16>;
  var c3_0: subgroup_matrix_result<f32, 16, 16>;
  var c3_1: subgroup_matrix_result<f32, 16, 16>;
  var c3_2: subgroup_matrix_result<f32, 16, 16>;
  var c3_3: subgroup_matrix_result<f32, 16, 16>;
  for (var k0 = 0u; k0 < 96u; k0 += 32u) {
    for (var turn = lane.x; turn < 1024u; turn += 128u) {
      let outer = turn / 32u;
      let inner = (turn % 32u) * 4u;
      let kk = k0 + outer;
      var start: u32;
      {
        let row = tile_row + inner;
        start = (batch * 12288u + row);
      }
      let v = vec4<f16>(x0[(start + kk * 128u) >> 2u]);
      let to = outer * 136u + inner;
      left_block[to + 0u] = v.x;
      left_block[to + 1u] = v.y;
      left_block[to + 2u] = v.z;
      left_block[to + 3u] = v.w;
    }
    for (var turn = lane.x; turn < 1024u; turn += 128u) {
      let outer = turn / 32u;
      let inner = (turn % 32u) * 4u;
      let kk = k0 + outer;
      var start: u32;
      {
        let col = tile_col + inner;
        start = (batch * 12288u + col);
      }
      let v = vec4<f16>(x1[(start + kk * 128u) >> 2u]);
      let to = outer * 136u + inner;
      right_block[to + 0u] = v.x;
      right_block[to + 1u] = v.y;
      right_block[to + 2u] = v.z;
      right_block[to + 3u] = v.w;
    }
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 0u + sub_row + 0u, 136u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 0u + sub_row + 16u, 136u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 0u + sub_row + 32u, 136u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 0u + sub_row + 48u, 136u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 0u + sub_col + 0u, 136u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 0u + sub_col + 16u, 136u);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 0u + sub_col + 32u, 136u);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 0u + sub_col + 48u, 136u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 2176u + sub_row + 0u, 136u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 2176u + sub_row + 16u, 136u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 2176u + sub_row + 32u, 136u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, 2176u + sub_row + 48u, 136u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 2176u + sub_col + 0u, 136u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 2176u + sub_col + 16u, 136u);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 2176u + sub_col + 32u, 136u);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, 2176u + sub_col + 48u, 136u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 0u) * 128u + tile_col + sub_col + 0u, c0_0, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 0u) * 128u + tile_col + sub_col + 16u, c0_1, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 0u) * 128u + tile_col + sub_col + 32u, c0_2, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 0u) * 128u + tile_col + sub_col + 48u, c0_3, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 16u) * 128u + tile_col + sub_col + 0u, c1_0, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 16u) * 128u + tile_col + sub_col + 16u, c1_1, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 16u) * 128u + tile_col + sub_col + 32u, c1_2, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 16u) * 128u + tile_col + sub_col + 48u, c1_3, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 32u) * 128u + tile_col + sub_col + 0u, c2_0, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 32u) * 128u + tile_col + sub_col + 16u, c2_1, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 32u) * 128u + tile_col + sub_col + 32u, c2_2, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 32u) * 128u + tile_col + sub_col + 48u, c2_3, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 48u) * 128u + tile_col + sub_col + 0u, c3_0, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 48u) * 128u + tile_col + sub_col + 16u, c3_1, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 48u) * 128u + tile_col + sub_col + 32u, c3_2, 128u);
  subgroupMatrixStore<row_major>(&x2, batch * 16384u + (tile_row + sub_row + 48u) * 128u + tile_col + sub_col + 48u, c3_3, 128u);
}
