diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
var<private> nan_bits: u32 = 0x7fc00000u;
@group(0) @binding(0) var<storage, read> x0: array<vec4<u32>, 7200>;
@group(0) @binding(1) var<storage, read_write> x1: array<f32, 800>;
@group(0) @binding(2) var<storage, read> x2: array<vec4<u32>, 3600>;
@group(0) @binding(3) var<storage, read> x3: array<vec4<u32>, 3600>;
@group(0) @binding(4) var<storage, read_write> x4: array<f32, 57600>;
var<workgroup> staged: array<vec4<u32>, 704>;
var<workgroup> weights: array<vec4<u32>, 640>;
var<workgroup> scores: array<vec4f, 1152>;
var<workgroup> shares: array<f32, 128>;
var<workgroup> grown: array<u32, 4>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let pair_index = group.z;
  let batch = pair_index / 4u;
  let head = pair_index % 4u;
  let kv = head / 2u;
  let line_first = group.x * 128u;
  let subgroup = lane.x / 32u;
  let own_line = subgroup_lane;
  let score_base = subgroup * 288u;
  let weight_base = subgroup * 160u;
  let score_at = score_base + own_line * 9u;
  let weight_at = weight_base + own_line * 5u;
  let row = line_first + subgroup * 32u + own_line;
  for (var turn = lane.x; turn < 256u; turn += 128u) {
    let line = turn / 2u;
    let eight = turn % 2u;
    let place = line_first + line;
    let channel = eight * 8u;
    let row = min(place, 99u);
    let start = (batch * 28800u + head * 72u + row * 288u);
    let v = select(vec4<u32>(), x0[(start + channel) >> 3u], place < 100u);
    staged[line * 3u + eight] = v;
  }
  workgroupBarrier();
  let own0_0_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 3u + 0u, 3u);
  let own0_1_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 3u + 0u, 3u);
  workgroupBarrier();
  for (var turn = lane.x; turn < 256u; turn += 128u) {
    let line = turn / 2u;
    let eight = turn % 2u;
    let place = line_first + line;
    let channel = eight * 8u + 16u;
    let row = min(place, 99u);
    let start = (batch * 28800u + head * 72u + row * 288u);
    let v = select(vec4<u32>(), x0[(start + channel) >> 3u], place < 100u);
    staged[line * 3u + eight] = v;
  }
  workgroupBarrier();
  let own0_0_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 3u + 0u, 3u);
  let own0_1_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 3u + 0u, 3u);
  workgroupBarrier();
  for (var turn = lane.x; turn < 256u; turn += 128u) {
    let line = turn / 2u;
    let eight = turn % 2u;
    let place = line_first + line;
    let channel = eight * 8u + 32u;
    let row = min(place, 99u);
    let start = (batch * 28800u + head * 72u + row * 288u);
    let v = select(vec4<u32>(), x0[(start + channel) >> 3u], place < 100u);
    staged[line * 3u + eight] = v;
  }
  workgroupBarrier();
  let own0_0_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 3u + 0u, 3u);
  let own0_1_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 3u + 0u, 3u);
  workgroupBarrier();
  for (var turn = lane.x; turn < 256u; turn += 128u) {
    let line = turn / 2u;
    let eight = turn % 2u;
    let place = line_first + line;
    let channel = eight * 8u + 48u;
    let row = min(place, 99u);
    let start = (batch * 28800u + head * 72u + row * 288u);
    let v = select(vec4<u32>(), x0[(start + channel) >> 3u], place < 100u);
    staged[line * 3u + eight] = v;
  }
  workgroupBarrier();
  let own0_0_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 3u + 0u, 3u);
  let own0_1_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 3u + 0u, 3u);
  workgroupBarrier();
  for (var turn = lane.x; turn < 256u; turn += 128u) {
    let line = turn / 2u;
    let eight = turn % 2u;
    let place = line_first + line;
    let channel = eight * 8u + 64u;
    let row = min(place, 99u);
    let start = (batch * 28800u + head * 72u + row * 288u);
    let v = select(vec4<u32>(), x0[(start + min(channel, 64u)) >> 3u], place < 100u && channel < 72u);
    staged[line * 3u + eight] = v;
  }
  workgroupBarrier();
  let own0_0_4 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 3u + 0u, 3u);
  let own0_1_4 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 3u + 0u, 3u);
  workgroupBarrier();
  var y0_0 = subgroup_matrix_result<f32, 16, 16>();
  var y0_1 = subgroup_matrix_result<f32, 16, 16>();
  var y0_2 = subgroup_matrix_result<f32, 16, 16>();
  var y0_3 = subgroup_matrix_result<f32, 16, 16>();
  var y0_4 = subgroup_matrix_result<f32, 16, 16>();
  var y1_0 = subgroup_matrix_result<f32, 16, 16>();
  var y1_1 = subgroup_matrix_result<f32, 16, 16>();
  var y1_2 = subgroup_matrix_result<f32, 16, 16>();
  var y1_3 = subgroup_matrix_result<f32, 16, 16>();
  var y1_4 = subgroup_matrix_result<f32, 16, 16>();
  var most = -1e30f;
  var total = 0f;
  let seen = min(100u, row + 1u);
  let low = min(100u, line_first + 1u);
  let last_row = min(line_first + 127u, 99u);
  let end = min(100u, last_row + 1u);
  for (var first = 0u; first < end; first += 32u) {
    for (var turn = lane.x; turn < 320u; turn += 128u) {
      let line = turn / 10u;
      let eight = turn % 10u;
      let place = first + line;
      let channel = eight * 8u;
      let key = min(place, 99u);
      let start = (batch * 14400u + key * 144u + kv * 72u);
      let v = select(vec4<u32>(), x2[(start + min(channel, 64u)) >> 3u], place < 100u && channel < 72u);
      staged[line * 11u + eight] = v;
    }
    for (var turn = lane.x; turn < 320u; turn += 128u) {
      let line = turn / 10u;
      let eight = turn % 10u;
      let place = first + line;
      let channel = eight * 8u;
      let key = min(place, 99u);
      let start = (batch * 14400u + key * 144u + kv * 72u);
      let v = select(vec4<u32>(), x3[(start + min(channel, 64u)) >> 3u], place < 100u && channel < 72u);
      staged[line * 11u + eight + 352u] = v;
    }
    workgroupBarrier();
    {
      var c0 = subgroup_matrix_result<f32, 16, 16>();
      var c1 = subgroup_matrix_result<f32, 16, 16>();
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 0u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_0, b0, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_0, b0, c1);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 2u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_1, b1, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_1, b1, c1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 4u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_2, b2, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_2, b2, c1);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 6u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_3, b3, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_3, b3, c1);
      let b4 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 8u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_4, b4, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_4, b4, c1);
      subgroupMatrixStore<row_major>(&scores, score_base + 0u, c0, 9u);
      subgroupMatrixStore<row_major>(&scores, score_base + 144u, c1, 9u);
    }
    {
      var c0 = subgroup_matrix_result<f32, 16, 16>();
      var c1 = subgroup_matrix_result<f32, 16, 16>();
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 176u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_0, b0, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_0, b0, c1);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 178u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_1, b1, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_1, b1, c1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 180u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_2, b2, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_2, b2, c1);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 182u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_3, b3, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_3, b3, c1);
      let b4 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 184u, 11u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_4, b4, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_4, b4, c1);
      subgroupMatrixStore<row_major>(&scores, score_base + 4u, c0, 9u);
      subgroupMatrixStore<row_major>(&scores, score_base + 148u, c1, 9u);
    }
    workgroupBarrier();
    let raw0_0 = scores[score_at + 0u];
    let raw0_1 = scores[score_at + 1u];
    let raw0_2 = scores[score_at + 2u];
    let raw0_3 = scores[score_at + 3u];
    let raw0_4 = scores[score_at + 4u];
    let raw0_5 = scores[score_at + 5u];
    let raw0_6 = scores[score_at + 6u];
    let raw0_7 = scores[score_at + 7u];
    var s0 = raw0_0.x * 0.432808518409729f;
    var s1 = raw0_0.y * 0.432808518409729f;
    var s2 = raw0_0.z * 0.432808518409729f;
    var s3 = raw0_0.w * 0.432808518409729f;
    var s4 = raw0_1.x * 0.432808518409729f;
    var s5 = raw0_1.y * 0.432808518409729f;
    var s6 = raw0_1.z * 0.432808518409729f;
    var s7 = raw0_1.w * 0.432808518409729f;
    var s8 = raw0_2.x * 0.432808518409729f;
    var s9 = raw0_2.y * 0.432808518409729f;
    var s10 = raw0_2.z * 0.432808518409729f;
    var s11 = raw0_2.w * 0.432808518409729f;
    var s12 = raw0_3.x * 0.432808518409729f;
    var s13 = raw0_3.y * 0.432808518409729f;
    var s14 = raw0_3.z * 0.432808518409729f;
    var s15 = raw0_3.w * 0.432808518409729f;
    var s16 = raw0_4.x * 0.432808518409729f;
    var s17 = raw0_4.y * 0.432808518409729f;
    var s18 = raw0_4.z * 0.432808518409729f;
    var s19 = raw0_4.w * 0.432808518409729f;
    var s20 = raw0_5.x * 0.432808518409729f;
    var s21 = raw0_5.y * 0.432808518409729f;
    var s22 = raw0_5.z * 0.432808518409729f;
    var s23 = raw0_5.w * 0.432808518409729f;
    var s24 = raw0_6.x * 0.432808518409729f;
    var s25 = raw0_6.y * 0.432808518409729f;
    var s26 = raw0_6.z * 0.432808518409729f;
    var s27 = raw0_6.w * 0.432808518409729f;
    var s28 = raw0_7.x * 0.432808518409729f;
    var s29 = raw0_7.y * 0.432808518409729f;
    var s30 = raw0_7.z * 0.432808518409729f;
    var s31 = raw0_7.w * 0.432808518409729f;
    if (first + 32u > low) {
      s0 = select(-3e38f, s0, first + 0u < seen);
      s1 = select(-3e38f, s1, first + 1u < seen);
      s2 = select(-3e38f, s2, first + 2u < seen);
      s3 = select(-3e38f, s3, first + 3u < seen);
      s4 = select(-3e38f, s4, first + 4u < seen);
      s5 = select(-3e38f, s5, first + 5u < seen);
      s6 = select(-3e38f, s6, first + 6u < seen);
      s7 = select(-3e38f, s7, first + 7u < seen);
      s8 = select(-3e38f, s8, first + 8u < seen);
      s9 = select(-3e38f, s9, first + 9u < seen);
      s10 = select(-3e38f, s10, first + 10u < seen);
      s11 = select(-3e38f, s11, first + 11u < seen);
      s12 = select(-3e38f, s12, first + 12u < seen);
      s13 = select(-3e38f, s13, first + 13u < seen);
      s14 = select(-3e38f, s14, first + 14u < seen);
      s15 = select(-3e38f, s15, first + 15u < seen);
      s16 = select(-3e38f, s16, first + 16u < seen);
      s17 = select(-3e38f, s17, first + 17u < seen);
      s18 = select(-3e38f, s18, first + 18u < seen);
      s19 = select(-3e38f, s19, first + 19u < seen);
      s20 = select(-3e38f, s20, first + 20u < seen);
      s21 = select(-3e38f, s21, first + 21u < seen);
      s22 = select(-3e38f, s22, first + 22u < seen);
      s23 = select(-3e38f, s23, first + 23u < seen);
      s24 = select(-3e38f, s24, first + 24u < seen);
      s25 = select(-3e38f, s25, first + 25u < seen);
      s26 = select(-3e38f, s26, first + 26u < seen);
      s27 = select(-3e38f, s27, first + 27u < seen);
      s28 = select(-3e38f, s28, first + 28u < seen);
      s29 = select(-3e38f, s29, first + 29u < seen);
      s30 = select(-3e38f, s30, first + 30u < seen);
      s31 = select(-3e38f, s31, first + 31u < seen);
    }
    var top = max(max(max(max(max(s0, s1), max(s2, s3)), max(max(s4, s5), max(s6, s7))), max(max(max(s8, s9), max(s10, s11)), max(max(s12, s13), max(s14, s15)))), max(max(max(max(s16, s17), max(s18, s19)), max(max(s20, s21), max(s22, s23))), max(max(max(s24, s25), max(s26, s27)), max(max(s28, s29), max(s30, s31)))));
    let grows = top > most + 8f;
    let next = select(most, top, grows);
    let shrink = exp2(most - next);
    most = next;
    let p0 = exp2(s0 - next);
    let p1 = exp2(s1 - next);
    let p2 = exp2(s2 - next);
    let p3 = exp2(s3 - next);
    let p4 = exp2(s4 - next);
    let p5 = exp2(s5 - next);
    let p6 = exp2(s6 - next);
    let p7 = exp2(s7 - next);
    let p8 = exp2(s8 - next);
    let p9 = exp2(s9 - next);
    let p10 = exp2(s10 - next);
    let p11 = exp2(s11 - next);
    let p12 = exp2(s12 - next);
    let p13 = exp2(s13 - next);
    let p14 = exp2(s14 - next);
    let p15 = exp2(s15 - next);
    let p16 = exp2(s16 - next);
    let p17 = exp2(s17 - next);
    let p18 = exp2(s18 - next);
    let p19 = exp2(s19 - next);
    let p20 = exp2(s20 - next);
    let p21 = exp2(s21 - next);
    let p22 = exp2(s22 - next);
    let p23 = exp2(s23 - next);
    let p24 = exp2(s24 - next);
    let p25 = exp2(s25 - next);
    let p26 = exp2(s26 - next);
    let p27 = exp2(s27 - next);
    let p28 = exp2(s28 - next);
    let p29 = exp2(s29 - next);
    let p30 = exp2(s30 - next);
    let p31 = exp2(s31 - next);
    total = fma(total, shrink, (((((p0 + p1) + (p2 + p3)) + ((p4 + p5) + (p6 + p7))) + (((p8 + p9) + (p10 + p11)) + ((p12 + p13) + (p14 + p15)))) + ((((p16 + p17) + (p18 + p19)) + ((p20 + p21) + (p22 + p23))) + (((p24 + p25) + (p26 + p27)) + ((p28 + p29) + (p30 + p31))))));
    weights[weight_at + 0u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p0), f16(p1), f16(p2), f16(p3))), bitcast<vec2<u32>>(vec4<f16>(f16(p4), f16(p5), f16(p6), f16(p7))));
    weights[weight_at + 1u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p8), f16(p9), f16(p10), f16(p11))), bitcast<vec2<u32>>(vec4<f16>(f16(p12), f16(p13), f16(p14), f16(p15))));
    weights[weight_at + 2u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p16), f16(p17), f16(p18), f16(p19))), bitcast<vec2<u32>>(vec4<f16>(f16(p20), f16(p21), f16(p22), f16(p23))));
    weights[weight_at + 3u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p24), f16(p25), f16(p26), f16(p27))), bitcast<vec2<u32>>(vec4<f16>(f16(p28), f16(p29), f16(p30), f16(p31))));
    let grown_here = subgroupAny(grows);
    if (subgroup_lane == 0u) {
      grown[subgroup] = select(0u, 1u, grown_here && first > 0u);
    }
    let grown_of = workgroupUniformLoad(&grown);
    if (grown_of[0u] + grown_of[1u] + grown_of[2u] + grown_of[3u] > 0u) {
      subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_0, 5u);
      subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_0, 5u);
      workgroupBarrier();
      {
        let band_at = score_base + own_line * 5u;
        scores[band_at + 0u] = scores[band_at + 0u] * shrink;
        scores[band_at + 1u] = scores[band_at + 1u] * shrink;
        scores[band_at + 2u] = scores[band_at + 2u] * shrink;
        scores[band_at + 3u] = scores[band_at + 3u] * shrink;
      }
      workgroupBarrier();
      y0_0 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 0u, 5u);
      y1_0 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 80u, 5u);
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_1, 5u);
      subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_1, 5u);
      workgroupBarrier();
      {
        let band_at = score_base + own_line * 5u;
        scores[band_at + 0u] = scores[band_at + 0u] * shrink;
        scores[band_at + 1u] = scores[band_at + 1u] * shrink;
        scores[band_at + 2u] = scores[band_at + 2u] * shrink;
        scores[band_at + 3u] = scores[band_at + 3u] * shrink;
      }
      workgroupBarrier();
      y0_1 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 0u, 5u);
      y1_1 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 80u, 5u);
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_2, 5u);
      subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_2, 5u);
      workgroupBarrier();
      {
        let band_at = score_base + own_line * 5u;
        scores[band_at + 0u] = scores[band_at + 0u] * shrink;
        scores[band_at + 1u] = scores[band_at + 1u] * shrink;
        scores[band_at + 2u] = scores[band_at + 2u] * shrink;
        scores[band_at + 3u] = scores[band_at + 3u] * shrink;
      }
      workgroupBarrier();
      y0_2 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 0u, 5u);
      y1_2 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 80u, 5u);
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_3, 5u);
      subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_3, 5u);
      workgroupBarrier();
      {
        let band_at = score_base + own_line * 5u;
        scores[band_at + 0u] = scores[band_at + 0u] * shrink;
        scores[band_at + 1u] = scores[band_at + 1u] * shrink;
        scores[band_at + 2u] = scores[band_at + 2u] * shrink;
        scores[band_at + 3u] = scores[band_at + 3u] * shrink;
      }
      workgroupBarrier();
      y0_3 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 0u, 5u);
      y1_3 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 80u, 5u);
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_4, 5u);
      subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_4, 5u);
      workgroupBarrier();
      {
        let band_at = score_base + own_line * 5u;
        scores[band_at + 0u] = scores[band_at + 0u] * shrink;
        scores[band_at + 1u] = scores[band_at + 1u] * shrink;
        scores[band_at + 2u] = scores[band_at + 2u] * shrink;
        scores[band_at + 3u] = scores[band_at + 3u] * shrink;
      }
      workgroupBarrier();
      y0_4 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 0u, 5u);
      y1_4 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, score_base + 80u, 5u);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 0u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 80u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 352u, 11u);
      y0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, y0_0);
      y1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, y1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 354u, 11u);
      y0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, y0_1);
      y1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, y1_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 356u, 11u);
      y0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, y0_2);
      y1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, y1_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 358u, 11u);
      y0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, y0_3);
      y1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, y1_3);
      let b4 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 360u, 11u);
      y0_4 = subgroupMatrixMultiplyAccumulate(a0, b4, y0_4);
      y1_4 = subgroupMatrixMultiplyAccumulate(a1, b4, y1_4);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 2u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 82u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 528u, 11u);
      y0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, y0_0);
      y1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, y1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 530u, 11u);
      y0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, y0_1);
      y1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, y1_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 532u, 11u);
      y0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, y0_2);
      y1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, y1_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 534u, 11u);
      y0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, y0_3);
      y1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, y1_3);
      let b4 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 536u, 11u);
      y0_4 = subgroupMatrixMultiplyAccumulate(a0, b4, y0_4);
      y1_4 = subgroupMatrixMultiplyAccumulate(a1, b4, y1_4);
    }
    workgroupBarrier();
  }
  var sum = total;
  shares[subgroup * 32u + own_line] = 1f / sum;
  if (row < 100u) {
    x1[(batch * 4u + head) * 100u + row] = select(fma(most, 0.6931471824645996f, log(sum)), bitcast<f32>(nan_bits), sum == 0f);
  }
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_0, 5u);
  subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_0, 5u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 512u; e += 32u) {
    let line = e / 16u;
    let column = e % 16u;
    let channel = column;
    let row = line_first + subgroup * 32u + line;
    if (row < 100u) {
      x4[((batch * 4u + head) * 100u + row) * 72u + channel] = scores[score_base + line * 5u + column / 4u][column % 4u] * shares[subgroup * 32u + line];
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_1, 5u);
  subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_1, 5u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 512u; e += 32u) {
    let line = e / 16u;
    let column = e % 16u;
    let channel = column + 16u;
    let row = line_first + subgroup * 32u + line;
    if (row < 100u) {
      x4[((batch * 4u + head) * 100u + row) * 72u + channel] = scores[score_base + line * 5u + column / 4u][column % 4u] * shares[subgroup * 32u + line];
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_2, 5u);
  subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_2, 5u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 512u; e += 32u) {
    let line = e / 16u;
    let column = e % 16u;
    let channel = column + 32u;
    let row = line_first + subgroup * 32u + line;
    if (row < 100u) {
      x4[((batch * 4u + head) * 100u + row) * 72u + channel] = scores[score_base + line * 5u + column / 4u][column % 4u] * shares[subgroup * 32u + line];
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_3, 5u);
  subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_3, 5u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 512u; e += 32u) {
    let line = e / 16u;
    let column = e % 16u;
    let channel = column + 48u;
    let row = line_first + subgroup * 32u + line;
    if (row < 100u) {
      x4[((batch * 4u + head) * 100u + row) * 72u + channel] = scores[score_base + line * 5u + column / 4u][column % 4u] * shares[subgroup * 32u + line];
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, y0_4, 5u);
  subgroupMatrixStore<row_major>(&scores, score_base + 80u, y1_4, 5u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 512u; e += 32u) {
    let line = e / 16u;
    let column = e % 16u;
    let channel = column + 64u;
    let row = line_first + subgroup * 32u + line;
    if (row < 100u && channel < 72u) {
      x4[((batch * 4u + head) * 100u + row) * 72u + channel] = scores[score_base + line * 5u + column / 4u][column % 4u] * shares[subgroup * 32u + line];
    }
  }
}
