diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
@group(0) @binding(0) var<storage, read_write> x0: array<vec4<u32>, 1024>;
@group(0) @binding(1) var<storage, read_write> x1: array<vec4<u32>, 1024>;
@group(0) @binding(2) var<storage, read_write> x2: array<vec4<u32>, 2048>;
@group(0) @binding(3) var<storage, read_write> x3: array<vec4<u32>, 2048>;
@group(0) @binding(4) var<storage, read> x4: array<f32, 128>;
@group(0) @binding(5) var<storage, read_write> x5: array<f32, 128>;
@group(0) @binding(6) var<storage, read_write> x6: array<f16, 8192>;
var<workgroup> staged: array<vec4<u32>, 576>;
var<workgroup> weights: array<vec4<u32>, 320>;
var<workgroup> scores: array<vec4f, 1152>;
@compute @workgroup_size(64, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let pair_index = group.z;
  let batch = pair_index / 2u;
  let head = pair_index % 2u;
  let kv = head / 1u;
  let line_first = group.x * 64u;
  let subgroup = lane.x / 32u;
  let own_line = subgroup_lane;
  let score_base = subgroup * 576u;
  let weight_base = subgroup * 160u;
  let score_at = score_base + own_line * 9u;
  let weight_at = weight_base + own_line * 5u;
  let row = line_first + subgroup * 32u + own_line;
  for (var turn = lane.x; turn < 512u; turn += 64u) {
    let line = turn / 8u;
    let eight = turn % 8u;
    let place = line_first + line;
    let channel = eight * 8u;
    let row = place;
    let start = (head * 4096u + row * 64u);
    let v = x0[(start + channel) >> 3u];
    staged[line * 9u + eight] = v;
  }
  workgroupBarrier();
  let own0_0_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 0u, 9u);
  let own0_0_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 2u, 9u);
  let own0_0_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 4u, 9u);
  let own0_0_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 6u, 9u);
  let own0_1_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 0u, 9u);
  let own0_1_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 2u, 9u);
  let own0_1_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 4u, 9u);
  let own0_1_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 6u, 9u);
  workgroupBarrier();
  for (var turn = lane.x; turn < 512u; turn += 64u) {
    let line = turn / 8u;
    let eight = turn % 8u;
    let place = line_first + line;
    let channel = eight * 8u;
    let row = place;
    let start = (head * 4096u + row * 64u);
    let v = x1[(start + channel) >> 3u];
    staged[line * 9u + eight] = v;
  }
  workgroupBarrier();
  let own1_0_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 0u, 9u);
  let own1_0_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 2u, 9u);
  let own1_0_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 4u, 9u);
  let own1_0_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 0u) * 9u + 6u, 9u);
  let own1_1_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 0u, 9u);
  let own1_1_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 2u, 9u);
  let own1_1_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 4u, 9u);
  let own1_1_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 32u + 16u) * 9u + 6u, 9u);
  workgroupBarrier();
  var dq0_0 = subgroup_matrix_result<f32, 16, 16>();
  var dq0_1 = subgroup_matrix_result<f32, 16, 16>();
  var dq0_2 = subgroup_matrix_result<f32, 16, 16>();
  var dq0_3 = subgroup_matrix_result<f32, 16, 16>();
  var dq1_0 = subgroup_matrix_result<f32, 16, 16>();
  var dq1_1 = subgroup_matrix_result<f32, 16, 16>();
  var dq1_2 = subgroup_matrix_result<f32, 16, 16>();
  var dq1_3 = subgroup_matrix_result<f32, 16, 16>();
  var lse: f32;
  var delta: f32;
  {
    let b0 = x4[(head * 64u + row)];
    let b1 = x5[(head * 64u + row)];
    lse = b0 * 1.4426950216293335f;
    delta = b1;
  }
  let seen = 128u;
  let end = 128u;
  for (var first = 0u; first < end; first += 32u) {
    for (var turn = lane.x; turn < 256u; turn += 64u) {
      let line = turn / 8u;
      let eight = turn % 8u;
      let place = first + line;
      let channel = eight * 8u;
      let key = place;
      let start = (key * 64u + kv * 8192u);
      let v = x2[(start + channel) >> 3u];
      staged[line * 9u + eight] = v;
    }
    for (var turn = lane.x; turn < 256u; turn += 64u) {
      let line = turn / 8u;
      let eight = turn % 8u;
      let place = first + line;
      let channel = eight * 8u;
      let key = place;
      let start = (key * 64u + kv * 8192u);
      let v = x3[(start + channel) >> 3u];
      staged[line * 9u + eight + 288u] = v;
    }
    workgroupBarrier();
    {
      var c0 = subgroup_matrix_result<f32, 16, 16>();
      var c1 = subgroup_matrix_result<f32, 16, 16>();
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 0u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_0, b0, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_0, b0, c1);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 2u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_1, b1, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_1, b1, c1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 4u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_2, b2, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_2, b2, c1);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 6u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_3, b3, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_3, b3, c1);
      subgroupMatrixStore<row_major>(&scores, score_base + 0u, c0, 9u);
      subgroupMatrixStore<row_major>(&scores, score_base + 144u, c1, 9u);
    }
    {
      var c0 = subgroup_matrix_result<f32, 16, 16>();
      var c1 = subgroup_matrix_result<f32, 16, 16>();
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 144u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_0, b0, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_0, b0, c1);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 146u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_1, b1, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_1, b1, c1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 148u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_2, b2, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_2, b2, c1);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 150u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own0_0_3, b3, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own0_1_3, b3, c1);
      subgroupMatrixStore<row_major>(&scores, score_base + 4u, c0, 9u);
      subgroupMatrixStore<row_major>(&scores, score_base + 148u, c1, 9u);
    }
    {
      var c0 = subgroup_matrix_result<f32, 16, 16>();
      var c1 = subgroup_matrix_result<f32, 16, 16>();
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 288u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_0, b0, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_0, b0, c1);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 290u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_1, b1, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_1, b1, c1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 292u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_2, b2, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_2, b2, c1);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 294u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_3, b3, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_3, b3, c1);
      subgroupMatrixStore<row_major>(&scores, score_base + 288u, c0, 9u);
      subgroupMatrixStore<row_major>(&scores, score_base + 432u, c1, 9u);
    }
    {
      var c0 = subgroup_matrix_result<f32, 16, 16>();
      var c1 = subgroup_matrix_result<f32, 16, 16>();
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 432u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_0, b0, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_0, b0, c1);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 434u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_1, b1, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_1, b1, c1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 436u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_2, b2, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_2, b2, c1);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 438u, 9u);
      c0 = subgroupMatrixMultiplyAccumulate(own1_0_3, b3, c0);
      c1 = subgroupMatrixMultiplyAccumulate(own1_1_3, b3, c1);
      subgroupMatrixStore<row_major>(&scores, score_base + 292u, c0, 9u);
      subgroupMatrixStore<row_major>(&scores, score_base + 436u, c1, 9u);
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
    let raw1_0 = scores[score_at + 288u];
    let raw1_1 = scores[score_at + 289u];
    let raw1_2 = scores[score_at + 290u];
    let raw1_3 = scores[score_at + 291u];
    let raw1_4 = scores[score_at + 292u];
    let raw1_5 = scores[score_at + 293u];
    let raw1_6 = scores[score_at + 294u];
    let raw1_7 = scores[score_at + 295u];
    var p0 = exp2(fma(raw0_0.x, 0.432808518409729f, -lse));
    var p1 = exp2(fma(raw0_0.y, 0.432808518409729f, -lse));
    var p2 = exp2(fma(raw0_0.z, 0.432808518409729f, -lse));
    var p3 = exp2(fma(raw0_0.w, 0.432808518409729f, -lse));
    var p4 = exp2(fma(raw0_1.x, 0.432808518409729f, -lse));
    var p5 = exp2(fma(raw0_1.y, 0.432808518409729f, -lse));
    var p6 = exp2(fma(raw0_1.z, 0.432808518409729f, -lse));
    var p7 = exp2(fma(raw0_1.w, 0.432808518409729f, -lse));
    var p8 = exp2(fma(raw0_2.x, 0.432808518409729f, -lse));
    var p9 = exp2(fma(raw0_2.y, 0.432808518409729f, -lse));
    var p10 = exp2(fma(raw0_2.z, 0.432808518409729f, -lse));
    var p11 = exp2(fma(raw0_2.w, 0.432808518409729f, -lse));
    var p12 = exp2(fma(raw0_3.x, 0.432808518409729f, -lse));
    var p13 = exp2(fma(raw0_3.y, 0.432808518409729f, -lse));
    var p14 = exp2(fma(raw0_3.z, 0.432808518409729f, -lse));
    var p15 = exp2(fma(raw0_3.w, 0.432808518409729f, -lse));
    var p16 = exp2(fma(raw0_4.x, 0.432808518409729f, -lse));
    var p17 = exp2(fma(raw0_4.y, 0.432808518409729f, -lse));
    var p18 = exp2(fma(raw0_4.z, 0.432808518409729f, -lse));
    var p19 = exp2(fma(raw0_4.w, 0.432808518409729f, -lse));
    var p20 = exp2(fma(raw0_5.x, 0.432808518409729f, -lse));
    var p21 = exp2(fma(raw0_5.y, 0.432808518409729f, -lse));
    var p22 = exp2(fma(raw0_5.z, 0.432808518409729f, -lse));
    var p23 = exp2(fma(raw0_5.w, 0.432808518409729f, -lse));
    var p24 = exp2(fma(raw0_6.x, 0.432808518409729f, -lse));
    var p25 = exp2(fma(raw0_6.y, 0.432808518409729f, -lse));
    var p26 = exp2(fma(raw0_6.z, 0.432808518409729f, -lse));
    var p27 = exp2(fma(raw0_6.w, 0.432808518409729f, -lse));
    var p28 = exp2(fma(raw0_7.x, 0.432808518409729f, -lse));
    var p29 = exp2(fma(raw0_7.y, 0.432808518409729f, -lse));
    var p30 = exp2(fma(raw0_7.z, 0.432808518409729f, -lse));
    var p31 = exp2(fma(raw0_7.w, 0.432808518409729f, -lse));
    weights[weight_at + 0u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p0 * (raw1_0.x - delta)), f16(p1 * (raw1_0.y - delta)), f16(p2 * (raw1_0.z - delta)), f16(p3 * (raw1_0.w - delta)))), bitcast<vec2<u32>>(vec4<f16>(f16(p4 * (raw1_1.x - delta)), f16(p5 * (raw1_1.y - delta)), f16(p6 * (raw1_1.z - delta)), f16(p7 * (raw1_1.w - delta)))));
    weights[weight_at + 1u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p8 * (raw1_2.x - delta)), f16(p9 * (raw1_2.y - delta)), f16(p10 * (raw1_2.z - delta)), f16(p11 * (raw1_2.w - delta)))), bitcast<vec2<u32>>(vec4<f16>(f16(p12 * (raw1_3.x - delta)), f16(p13 * (raw1_3.y - delta)), f16(p14 * (raw1_3.z - delta)), f16(p15 * (raw1_3.w - delta)))));
    weights[weight_at + 2u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p16 * (raw1_4.x - delta)), f16(p17 * (raw1_4.y - delta)), f16(p18 * (raw1_4.z - delta)), f16(p19 * (raw1_4.w - delta)))), bitcast<vec2<u32>>(vec4<f16>(f16(p20 * (raw1_5.x - delta)), f16(p21 * (raw1_5.y - delta)), f16(p22 * (raw1_5.z - delta)), f16(p23 * (raw1_5.w - delta)))));
    weights[weight_at + 3u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p24 * (raw1_6.x - delta)), f16(p25 * (raw1_6.y - delta)), f16(p26 * (raw1_6.z - delta)), f16(p27 * (raw1_6.w - delta)))), bitcast<vec2<u32>>(vec4<f16>(f16(p28 * (raw1_7.x - delta)), f16(p29 * (raw1_7.y - delta)), f16(p30 * (raw1_7.z - delta)), f16(p31 * (raw1_7.w - delta)))));
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 0u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 80u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 0u, 9u);
      dq0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, dq0_0);
      dq1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, dq1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 2u, 9u);
      dq0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, dq0_1);
      dq1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, dq1_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 4u, 9u);
      dq0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, dq0_2);
      dq1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, dq1_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 6u, 9u);
      dq0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, dq0_3);
      dq1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, dq1_3);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 2u, 5u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 82u, 5u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 144u, 9u);
      dq0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, dq0_0);
      dq1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, dq1_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 146u, 9u);
      dq0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, dq0_1);
      dq1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, dq1_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 148u, 9u);
      dq0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, dq0_2);
      dq1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, dq1_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 150u, 9u);
      dq0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, dq0_3);
      dq1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, dq1_3);
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, dq0_0, 17u);
  subgroupMatrixStore<row_major>(&scores, score_base + 4u, dq0_1, 17u);
  subgroupMatrixStore<row_major>(&scores, score_base + 8u, dq0_2, 17u);
  subgroupMatrixStore<row_major>(&scores, score_base + 12u, dq0_3, 17u);
  subgroupMatrixStore<row_major>(&scores, score_base + 272u, dq1_0, 17u);
  subgroupMatrixStore<row_major>(&scores, score_base + 276u, dq1_1, 17u);
  subgroupMatrixStore<row_major>(&scores, score_base + 280u, dq1_2, 17u);
  subgroupMatrixStore<row_major>(&scores, score_base + 284u, dq1_3, 17u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 2048u; e += 32u) {
    let line = e / 64u;
    let column = e % 64u;
    let channel = column;
    let row = line_first + subgroup * 32u + line;
    x6[((batch * 2u + head) * 64u + row) * 64u + channel] = f16(scores[score_base + line * 17u + column / 4u][column % 4u] * 0.30000001192092896f);
  }
}
