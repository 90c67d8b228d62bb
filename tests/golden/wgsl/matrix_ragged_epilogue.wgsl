diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
var<private> inf_bits: u32 = 0x7f800000u;
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn exp_of(x: f32) -> f32 {
  let n = clamp(floor(fma(x, 1.44269504f, 0.5f)), -150f, 129f); let k = i32(n);
  let r = fma(f32(k), 2.12194440e-4f, fma(n, -0.693359375f, x));
  var p = fma(fma(1.9875691500e-4f, r, 1.3981999507e-3f), r, 8.3334519073e-3f);
  p = fma(fma(fma(p, r, 4.1665795894e-2f), r, 1.6666665459e-1f), r, 5.0000001201e-1f);
  p = fma(p * r, r, r) + 1f;
  let half = k / 2i;
  p = p * bitcast<f32>((half + 127i) << 23u) * bitcast<f32>((k - half + 127i) << 23u);
  p = select(select(p, bitcast<f32>(inf_bits), x > 89f), 0f, x < -104f);
  return select(p, x, is_nan(x));
}
fn tanh_of(x: f32) -> f32 {
  let a = abs(x); let s = x * x;
  if (a < 0.625f) {
    var p = fma(fma(-5.70498872745e-3f, s, 2.06390887954e-2f), s, -5.37397155531e-2f);
    p = fma(fma(p, s, 1.33314422036e-1f), s, -3.33332819422e-1f);
    return fma(p * s, x, x);
  }
  let y = 1f - 2f / (exp_of(a + a) + 1f);
  return select(select(y, -y, x < 0f), x, is_nan(x));
}
@group(0) @binding(0) var<storage, read> x0: array<f32, 6500>;
@group(0) @binding(1) var<storage, read> x1: array<f32, 5000>;
@group(0) @binding(2) var<storage, read> x2: array<f32, 100>;
@group(0) @binding(3) var<storage, read_write> x3: array<f32, 13000>;
var<workgroup> left_block: array<vec4<u32>, 320>;
var<workgroup> right_block: array<vec4<u32>, 320>;
var<workgroup> results: array<f32, 2048>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let batch = group.z;
  let tile_row = group.y * 64u;
  let tile_col = group.x * 64u;
  let subgroup = lane.x / 32u;
  let sub_row = (subgroup / 2u) * 32u;
  let sub_col = (subgroup % 2u) * 32u;
  let left_first = (subgroup / 2u) * 160u;
  let right_first = (subgroup % 2u) * 160u;
  var c0_0: subgroup_matrix_result<f32, 16, 16>;
  var c0_1: subgroup_matrix_result<f32, 16, 16>;
  var c1_0: subgroup_matrix_result<f32, 16, 16>;
  var c1_1: subgroup_matrix_result<f32, 16, 16>;
  for (var k0 = 0u; k0 < 50u; k0 += 32u) {
    for (var turn = lane.x; turn < 256u; turn += 128u) {
      let line = turn / 4u;
      let eight = turn % 4u;
      let outer = tile_row + line;
      let inner = k0 + eight * 8u;
      let row = min(outer, 129u);
      let start = row * 50u;
      let v_low = vec4<f16>(select(0h, f16(x0[start + min(inner, 49u)]), outer < 130u && inner < 50u), select(0h, f16(x0[start + min(inner + 1u, 49u)]), outer < 130u && inner + 1u < 50u), select(0h, f16(x0[start + min(inner + 2u, 49u)]), outer < 130u && inner + 2u < 50u), select(0h, f16(x0[start + min(inner + 3u, 49u)]), outer < 130u && inner + 3u < 50u));
      let v_high = vec4<f16>(select(0h, f16(x0[start + min(inner + 4u, 49u)]), outer < 130u && inner + 4u < 50u), select(0h, f16(x0[start + min(inner + 5u, 49u)]), outer < 130u && inner + 5u < 50u), select(0h, f16(x0[start + min(inner + 6u, 49u)]), outer < 130u && inner + 6u < 50u), select(0h, f16(x0[start + min(inner + 7u, 49u)]), outer < 130u && inner + 7u < 50u));
      let v = vec4<u32>(bitcast<vec2<u32>>(v_low), bitcast<vec2<u32>>(v_high));
      left_block[line * 5u + eight] = v;
    }
    for (var turn = lane.x; turn < 256u; turn += 128u) {
      let line = turn / 4u;
      let eight = turn % 4u;
      let outer = tile_col + line;
      let inner = k0 + eight * 8u;
      let col = min(outer, 99u);
      let start = col * 50u;
      let v_low = vec4<f16>(select(0h, f16(x1[start + min(inner, 49u)]), outer < 100u && inner < 50u), select(0h, f16(x1[start + min(inner + 1u, 49u)]), outer < 100u && inner + 1u < 50u), select(0h, f16(x1[start + min(inner + 2u, 49u)]), outer < 100u && inner + 2u < 50u), select(0h, f16(x1[start + min(inner + 3u, 49u)]), outer < 100u && inner + 3u < 50u));
      let v_high = vec4<f16>(select(0h, f16(x1[start + min(inner + 4u, 49u)]), outer < 100u && inner + 4u < 50u), select(0h, f16(x1[start + min(inner + 5u, 49u)]), outer < 100u && inner + 5u < 50u), select(0h, f16(x1[start + min(inner + 6u, 49u)]), outer < 100u && inner + 6u < 50u), select(0h, f16(x1[start + min(inner + 7u, 49u)]), outer < 100u && inner + 7u < 50u));
      let v = vec4<u32>(bitcast<vec2<u32>>(v_low), bitcast<vec2<u32>>(v_high));
      right_block[line * 5u + eight] = v;
    }
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 0u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 80u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, right_first + 0u, 5u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, right_first + 80u, 5u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 2u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_block, left_first + 82u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, right_first + 2u, 5u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&right_block, right_first + 82u, 5u);
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
      let b2 = (0.20000000298023224f * b1);
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
      let b2 = (0.20000000298023224f * b1);
      let b3 = tanh_of(b2);
      x3[(col + row * 100u)] = b3;
    }
  }
  workgroupBarrier();
}
