diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
@group(0) @binding(0) var<storage, read> x0: array<vec4<f32>, 294912>;
@group(0) @binding(1) var<storage, read> x1: array<vec4<f32>, 294912>;
@group(0) @binding(2) var<storage, read_write> x2: array<f32, 1572864>;
var<workgroup> left_block: array<vec4<u32>, 544>;
var<workgroup> right_block: array<vec4<u32>, 544>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let batch = group.z;
  let tile_row = group.y * 128u;
  let tile_col = group.x * 128u;
  let subgroup = lane.x / 32u;
  let sub_row = (subgroup / 2u) * 64u;
  let sub_col = (subgroup % 2u) * 64u;
  let left_first = (subgroup / 2u) * 8u;
  let right_first = (subgroup % 2u) * 8u;
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
    for (var turn = lane.x; turn < 512u; turn += 128u) {
      let line = turn / 16u;
      let eight = turn % 16u;
      let outer = k0 + line;
      let inner = tile_row + eight * 8u;
      let step = outer;
      let start = batch * 12288u;
      let v_low = vec4<f16>(x0[(start + step * 128u + inner) >> 2u]);
      let v_high = vec4<f16>(x0[(start + step * 128u + (inner + 4u)) >> 2u]);
      let v = vec4<u32>(bitcast<vec2<u32>>(v_low), bitcast<vec2<u32>>(v_high));
      left_block[line * 17u + eight] = v;
    }
    for (var turn = lane.x; turn < 512u; turn += 128u) {
      let line = turn / 16u;
      let eight = turn % 16u;
      let outer = k0 + line;
      let inner = tile_col + eight * 8u;
      let step = outer;
      let start = batch * 12288u;
      let v_low = vec4<f16>(x1[(start + step * 128u + inner) >> 2u]);
      let v_high = vec4<f16>(x1[(start + step * 128u + (inner + 4u)) >> 2u]);
      let v = vec4<u32>(bitcast<vec2<u32>>(v_low), bitcast<vec2<u32>>(v_high));
      right_block[line * 17u + eight] = v;
    }
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 0u, 17u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 2u, 17u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 4u, 17u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 6u, 17u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 0u, 17u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 2u, 17u);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 4u, 17u);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 6u, 17u);
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
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 272u, 17u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 274u, 17u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 276u, 17u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&left_block, left_first + 278u, 17u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 272u, 17u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 274u, 17u);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 276u, 17u);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 278u, 17u);
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
