diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
fn tanh_of(x: f32) -> f32 { return select(tanh(x), sign(x), abs(x) > 9f); }
@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read> x2: array<f32>;
@group(0) @binding(3) var<storage, read_write> x3: array<f32>;
var<workgroup> left_block: array<f16, 2560>;
var<workgroup> right_block: array<f16, 2560>;
var<workgroup> results: array<f32, 2048>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let batch = group.z;
  let tile_row = group.y * 64u;
  let tile_col = group.x * 64u;
  let subgroup = lane.x / 32u;
  let sub_row = (subgroup / 2u) * 32u;
  let sub_col = (subgroup % 2u) * 32u;
  var c0_0: subgroup_matrix_result<f32, 16, 16>;
  var c0_1: subgroup_matrix_result<f32, 16, 16>;
  var c1_0: subgroup_matrix_result<f32, 16, 16>;
  var c1_1: subgroup_matrix_result<f32, 16, 16>;
  for (var k0 = 0u; k0 < 50u; k0 += 32u) {
    for (var turn = lane.x; turn < 512u; turn += 128u) {
      let outer = turn / 8u;
      let inner = (turn % 8u) * 4u;
      let kk = k0 + inner;
      var start: u32;
      {
        let row = min(tile_row + outer, 129u);
        start = row * 50u;
      }
      let v = vec4<f16>(select(0h, f16(x0[start + min(kk + 0u, 49u)]), kk + 0u < 50u), select(0h, f16(x0[start + min(kk + 1u, 49u)]), kk + 1u < 50u), select(0h, f16(x0[start + min(kk + 2u, 49u)]), kk + 2u < 50u), select(0h, f16(x0[start + min(kk + 3u, 49u)]), kk + 3u < 50u));
      let to = outer * 40u + inner;
      left_block[to + 0u] = v.x;
      left_block[to + 1u] = v.y;
      left_block[to + 2u] = v.z;
      left_block[to + 3u] = v.w;
    }
    for (var turn = lane.x; turn < 512u; turn += 128u) {
      let outer = turn / 8u;
      let inner = (turn % 8u) * 4u;
      let kk = k0 + inner;
      var start: u32;
      {
        let col = min(tile_col + outer, 99u);
        start = col * 50u;
      }
      let v = vec4<f16>(select(0h, f16(x1[start + min(kk + 0u, 49u)]), kk + 0u < 50u), select(0h, f16(x1[start + min(kk + 1u, 49u)]), kk + 1u < 50u), select(0h, f16(x1[start + min(kk + 2u, 49u)]), kk + 2u < 50u), select(0h, f16(x1[start + min(kk + 3u, 49u)]), kk + 3u < 50u));
      let to = outer * 40u + inner;
      right_block[to + 0u] = v.x;
      right_block[to + 1u] = v.y;
      right_block[to + 2u] = v.z;
      right_block[to + 3u] = v.w;
    }
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, (sub_row + 0u) * 40u + 0u, 40u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, (sub_row + 16u) * 40u + 0u, 40u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, (sub_col + 0u) * 40u + 0u, 40u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, (sub_col + 16u) * 40u + 0u, 40u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, (sub_row + 0u) * 40u + 16u, 40u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, (sub_row + 16u) * 40u + 16u, 40u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, (sub_col + 0u) * 40u + 16u, 40u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, (sub_col + 16u) * 40u + 16u, 40u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&results, subgroup * 512u + 0u, c0_0, 32u);
  subgroupMatrixStore<row_major>(&results, subgroup * 512u + 16u, c0_1, 32u);
  workgroupBarrier();
  for (var e = lane.x % 32u; e < 512u; e += 32u) {
    let row = tile_row + sub_row + 0u + e / 32u;
    let col = tile_col + sub_col + 0u + e % 32u;
    let acc = results[subgroup * 512u + e];
    if (row < 130u && col < 100u) {
      let b0 = x2[col];
      let b1 = (acc + b0);
      let b2 = (b1 * 0.20000000298023224f);
      let b3 = tanh_of(b2);
      x3[(col + row * 100u)] = b3;
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 512u + 0u, c1_0, 32u);
  subgroupMatrixStore<row_major>(&results, subgroup * 512u + 16u, c1_1, 32u);
  workgroupBarrier();
  for (var e = lane.x % 32u; e < 512u; e += 32u) {
    let row = tile_row + sub_row + 16u + e / 32u;
    let col = tile_col + sub_col + 0u + e % 32u;
    let acc = results[subgroup * 512u + e];
    if (row < 130u && col < 100u) {
      let b0 = x2[col];
      let b1 = (acc + b0);
      let b2 = (b1 * 0.20000000298023224f);
      let b3 = tanh_of(b2);
      x3[(col + row * 100u)] = b3;
    }
  }
  workgroupBarrier();
}
