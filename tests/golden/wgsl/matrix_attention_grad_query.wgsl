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
var<workgroup> weights: array<f16, 2560>;
var<workgroup> scores: array<f32, 4608>;
@compute @workgroup_size(64, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let pair_index = group.z;
  let batch = pair_index / 2u;
  let head = pair_index % 2u;
  let kv = head / 1u;
  let line_first = group.x * 64u;
  let subgroup = lane.x / 32u;
  let own_line = subgroup_lane;
  let score_base = subgroup * 2304u;
  let weight_base = subgroup * 1280u;
  let score_at = score_base + own_line;
  let weight_at = weight_base + own_line;
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
      subgroupMatrixStore<col_major>(&scores, score_base + 0u, c0, 36u);
      subgroupMatrixStore<col_major>(&scores, score_base + 16u, c1, 36u);
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
      subgroupMatrixStore<col_major>(&scores, score_base + 576u, c0, 36u);
      subgroupMatrixStore<col_major>(&scores, score_base + 592u, c1, 36u);
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
      subgroupMatrixStore<col_major>(&scores, score_base + 1152u, c0, 36u);
      subgroupMatrixStore<col_major>(&scores, score_base + 1168u, c1, 36u);
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
      subgroupMatrixStore<col_major>(&scores, score_base + 1728u, c0, 36u);
      subgroupMatrixStore<col_major>(&scores, score_base + 1744u, c1, 36u);
    }
    workgroupBarrier();
    let p0 = exp2(fma(scores[score_at + 0u], 0.432808518409729f, -lse));
    weights[weight_at + 0u] = f16(p0 * (scores[score_at + 1152u] - delta));
    let p1 = exp2(fma(scores[score_at + 36u], 0.432808518409729f, -lse));
    weights[weight_at + 40u] = f16(p1 * (scores[score_at + 1188u] - delta));
    let p2 = exp2(fma(scores[score_at + 72u], 0.432808518409729f, -lse));
    weights[weight_at + 80u] = f16(p2 * (scores[score_at + 1224u] - delta));
    let p3 = exp2(fma(scores[score_at + 108u], 0.432808518409729f, -lse));
    weights[weight_at + 120u] = f16(p3 * (scores[score_at + 1260u] - delta));
    let p4 = exp2(fma(scores[score_at + 144u], 0.432808518409729f, -lse));
    weights[weight_at + 160u] = f16(p4 * (scores[score_at + 1296u] - delta));
    let p5 = exp2(fma(scores[score_at + 180u], 0.432808518409729f, -lse));
    weights[weight_at + 200u] = f16(p5 * (scores[score_at + 1332u] - delta));
    let p6 = exp2(fma(scores[score_at + 216u], 0.432808518409729f, -lse));
    weights[weight_at + 240u] = f16(p6 * (scores[score_at + 1368u] - delta));
    let p7 = exp2(fma(scores[score_at + 252u], 0.432808518409729f, -lse));
    weights[weight_at + 280u] = f16(p7 * (scores[score_at + 1404u] - delta));
    let p8 = exp2(fma(scores[score_at + 288u], 0.432808518409729f, -lse));
    weights[weight_at + 320u] = f16(p8 * (scores[score_at + 1440u] - delta));
    let p9 = exp2(fma(scores[score_at + 324u], 0.432808518409729f, -lse));
    weights[weight_at + 360u] = f16(p9 * (scores[score_at + 1476u] - delta));
    let p10 = exp2(fma(scores[score_at + 360u], 0.432808518409729f, -lse));
    weights[weight_at + 400u] = f16(p10 * (scores[score_at + 1512u] - delta));
    let p11 = exp2(fma(scores[score_at + 396u], 0.432808518409729f, -lse));
    weights[weight_at + 440u] = f16(p11 * (scores[score_at + 1548u] - delta));
    let p12 = exp2(fma(scores[score_at + 432u], 0.432808518409729f, -lse));
    weights[weight_at + 480u] = f16(p12 * (scores[score_at + 1584u] - delta));
    let p13 = exp2(fma(scores[score_at + 468u], 0.432808518409729f, -lse));
    weights[weight_at + 520u] = f16(p13 * (scores[score_at + 1620u] - delta));
    let p14 = exp2(fma(scores[score_at + 504u], 0.432808518409729f, -lse));
    weights[weight_at + 560u] = f16(p14 * (scores[score_at + 1656u] - delta));
    let p15 = exp2(fma(scores[score_at + 540u], 0.432808518409729f, -lse));
    weights[weight_at + 600u] = f16(p15 * (scores[score_at + 1692u] - delta));
    let p16 = exp2(fma(scores[score_at + 576u], 0.432808518409729f, -lse));
    weights[weight_at + 640u] = f16(p16 * (scores[score_at + 1728u] - delta));
    let p17 = exp2(fma(scores[score_at + 612u], 0.432808518409729f, -lse));
    weights[weight_at + 680u] = f16(p17 * (scores[score_at + 1764u] - delta));
    let p18 = exp2(fma(scores[score_at + 648u], 0.432808518409729f, -lse));
    weights[weight_at + 720u] = f16(p18 * (scores[score_at + 1800u] - delta));
    let p19 = exp2(fma(scores[score_at + 684u], 0.432808518409729f, -lse));
    weights[weight_at + 760u] = f16(p19 * (scores[score_at + 1836u] - delta));
    let p20 = exp2(fma(scores[score_at + 720u], 0.432808518409729f, -lse));
    weights[weight_at + 800u] = f16(p20 * (scores[score_at + 1872u] - delta));
    let p21 = exp2(fma(scores[score_at + 756u], 0.432808518409729f, -lse));
    weights[weight_at + 840u] = f16(p21 * (scores[score_at + 1908u] - delta));
    let p22 = exp2(fma(scores[score_at + 792u], 0.432808518409729f, -lse));
    weights[weight_at + 880u] = f16(p22 * (scores[score_at + 1944u] - delta));
    let p23 = exp2(fma(scores[score_at + 828u], 0.432808518409729f, -lse));
    weights[weight_at + 920u] = f16(p23 * (scores[score_at + 1980u] - delta));
    let p24 = exp2(fma(scores[score_at + 864u], 0.432808518409729f, -lse));
    weights[weight_at + 960u] = f16(p24 * (scores[score_at + 2016u] - delta));
    let p25 = exp2(fma(scores[score_at + 900u], 0.432808518409729f, -lse));
    weights[weight_at + 1000u] = f16(p25 * (scores[score_at + 2052u] - delta));
    let p26 = exp2(fma(scores[score_at + 936u], 0.432808518409729f, -lse));
    weights[weight_at + 1040u] = f16(p26 * (scores[score_at + 2088u] - delta));
    let p27 = exp2(fma(scores[score_at + 972u], 0.432808518409729f, -lse));
    weights[weight_at + 1080u] = f16(p27 * (scores[score_at + 2124u] - delta));
    let p28 = exp2(fma(scores[score_at + 1008u], 0.432808518409729f, -lse));
    weights[weight_at + 1120u] = f16(p28 * (scores[score_at + 2160u] - delta));
    let p29 = exp2(fma(scores[score_at + 1044u], 0.432808518409729f, -lse));
    weights[weight_at + 1160u] = f16(p29 * (scores[score_at + 2196u] - delta));
    let p30 = exp2(fma(scores[score_at + 1080u], 0.432808518409729f, -lse));
    weights[weight_at + 1200u] = f16(p30 * (scores[score_at + 2232u] - delta));
    let p31 = exp2(fma(scores[score_at + 1116u], 0.432808518409729f, -lse));
    weights[weight_at + 1240u] = f16(p31 * (scores[score_at + 2268u] - delta));
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 0u, 40u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 16u, 40u);
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
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 640u, 40u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 656u, 40u);
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
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, dq0_0, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 16u, dq0_1, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 32u, dq0_2, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 48u, dq0_3, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 1088u, dq1_0, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 1104u, dq1_1, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 1120u, dq1_2, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 1136u, dq1_3, 68u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 2048u; e += 32u) {
    let line = e / 64u;
    let column = e % 64u;
    let channel = column;
    let row = line_first + subgroup * 32u + line;
    x6[((batch * 2u + head) * 64u + row) * 64u + channel] = f16(scores[score_base + line * 68u + column] * 0.30000001192092896f);
  }
}
