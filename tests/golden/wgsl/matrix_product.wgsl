diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
@group(0) @binding(0) var<storage, read> x0: array<vec4<f32>, 4096>;
@group(0) @binding(1) var<storage, read> x1: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<storage, read_write> x2: array<f32, 65536>;
var<workgroup> left_block: array<vec4<u32>, 320>;
var<workgroup> right_block: array<vec4<u32>, 288>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let batch = group.z;
  let tile_row = group.y * 64u;
  let tile_col = group.x * 64u;
  let subgroup = lane.x / 32u;
  let sub_row = (subgroup / 2u) * 32u;
  let sub_col = (subgroup % 2u) * 32u;
  let left_first = (subgroup / 2u) * 160u;
  let right_first = (subgroup % 2u) * 4u;
  var c0_0: subgroup_matrix_result<f32, 16, 16>;
  var c0_1: subgroup_matrix_result<f32, 16, 16>;
  var c1_0: subgroup_matrix_result<f32, 16, 16>;
  var c1_1: subgroup_matrix_result<f32, 16, 16>;
  for (var k0 = 0u; k0 < 64u; k0 += 32u) {
    for (var turn = lane.x; turn < 256u; turn += 128u) {
      let line = turn / 4u;
      let eight = turn % 4u;
      let outer = tile_row + line;
      let inner = k0 + eight * 8u;
      let row = outer;
      let start = row * 64u;
      let v_low = vec4<f16>(x0[(start + inner) >> 2u]);
      let v_high = vec4<f16>(x0[(start + (inner + 4u)) >> 2u]);
      let v = vec4<u32>(bitcast<vec2<u32>>(v_low), bitcast<vec2<u32>>(v_high));
      left_block[line * 5u + eight] = v;
    }
    for (var turn = lane.x; turn < 256u; turn += 128u) {
      let line = turn / 8u;
      let eight = turn % 8u;
      let outer = k0 + line;
      let inner = tile_col + eight * 8u;
      let step = outer;
      let start = 0u;
      let v_low = vec4<f16>(x1[(start + step * 256u + inner) >> 2u]);
      let v_high = vec4<f16>(x1[(start + step * 256u + (inner + 4u)) >> 2u]);
      let v = vec4<u32>(bitcast<vec2<u32>>(v_low), bitcast<vec2<u32>>(v_high));
      right_block[line * 9u + eight] = v;
    }
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 0u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 80u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 0u, 9u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 2u, 9u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 2u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 82u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 144u, 9u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_block, right_first + 146u, 9u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&x2, 0u + (tile_row + sub_row + 0u) * 256u + tile_col + sub_col + 0u, c0_0, 256u);
  subgroupMatrixStore<row_major>(&x2, 0u + (tile_row + sub_row + 0u) * 256u + tile_col + sub_col + 16u, c0_1, 256u);
  subgroupMatrixStore<row_major>(&x2, 0u + (tile_row + sub_row + 16u) * 256u + tile_col + sub_col + 0u, c1_0, 256u);
  subgroupMatrixStore<row_major>(&x2, 0u + (tile_row + sub_row + 16u) * 256u + tile_col + sub_col + 16u, c1_1, 256u);
}
