diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
@group(0) @binding(0) var<storage, read_write> x0: array<vec4<u32>, 1120>;
@group(0) @binding(1) var<storage, read_write> x1: array<vec4<u32>, 1120>;
@group(0) @binding(2) var<storage, read_write> x2: array<vec4<u32>, 3200>;
@group(0) @binding(3) var<storage, read_write> x3: array<vec4<u32>, 3200>;
@group(0) @binding(4) var<storage, read> x4: array<f32, 400>;
@group(0) @binding(5) var<storage, read_write> x5: array<f32, 400>;
@group(0) @binding(6) var<storage, read_write> x6: array<f16, 17920>;
var<workgroup> staged: array<vec4<u32>, 576>;
var<workgroup> weights: array<f16, 6144>;
var<workgroup> scores: array<f32, 5120>;
var<workgroup> numbers: array<f32, 64>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let pair_index = group.z;
  let batch = pair_index / 2u;
  let kv = pair_index % 2u;
  let line_first = group.x * 64u;
  let subgroup = lane.x / 32u;
  let own_line = subgroup_lane % 16u;
  let part = subgroup_lane / 16u;
  let score_base = subgroup * 1280u;
  let weight_base = subgroup * 1536u;
  let score_at = score_base + part * 20u + own_line;
  let weight_at = weight_base + part * 24u + own_line;
  let key = line_first + subgroup * 16u + own_line;
  for (var turn = lane.x; turn < 512u; turn += 128u) {
    let line = turn / 8u;
    let eight = turn % 8u;
    let place = line_first + line;
    let channel = eight * 8u;
    let key = min(place, 69u);
    let start = (key * 64u + kv * 4480u);
    let v = select(vec4<u32>(), x0[(start + channel) >> 3u], place < 70u);
    staged[line * 9u + eight] = v;
  }
  workgroupBarrier();
  let own0_0_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 0u, 9u);
  let own0_0_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 2u, 9u);
  let own0_0_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 4u, 9u);
  let own0_0_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 6u, 9u);
  workgroupBarrier();
  for (var turn = lane.x; turn < 512u; turn += 128u) {
    let line = turn / 8u;
    let eight = turn % 8u;
    let place = line_first + line;
    let channel = eight * 8u;
    let key = min(place, 69u);
    let start = (key * 64u + kv * 4480u);
    let v = select(vec4<u32>(), x1[(start + channel) >> 3u], place < 70u);
    staged[line * 9u + eight] = v;
  }
  workgroupBarrier();
  let own1_0_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 0u, 9u);
  let own1_0_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 2u, 9u);
  let own1_0_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 4u, 9u);
  let own1_0_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, (subgroup * 16u + 0u) * 9u + 6u, 9u);
  workgroupBarrier();
  var dk0_0 = subgroup_matrix_result<f32, 16, 16>();
  var dk0_1 = subgroup_matrix_result<f32, 16, 16>();
  var dk0_2 = subgroup_matrix_result<f32, 16, 16>();
  var dk0_3 = subgroup_matrix_result<f32, 16, 16>();
  var dv0_0 = subgroup_matrix_result<f32, 16, 16>();
  var dv0_1 = subgroup_matrix_result<f32, 16, 16>();
  var dv0_2 = subgroup_matrix_result<f32, 16, 16>();
  var dv0_3 = subgroup_matrix_result<f32, 16, 16>();
  let lowest = u32(max(0i, i32(key) - -30i));
  let low_row = u32(max(0i, i32(line_first) - -30i));
  let begin = low_row - low_row % 32u;
  for (var head = kv * 2u; head < (kv + 1u) * 2u; head++) {
    for (var first = begin; first < 100u; first += 32u) {
      for (var turn = lane.x; turn < 256u; turn += 128u) {
        let line = turn / 8u;
        let eight = turn % 8u;
        let place = first + line;
        let channel = eight * 8u;
        let row = min(place, 99u);
        let start = (head * 6400u + row * 64u);
        let v = select(vec4<u32>(), x2[(start + channel) >> 3u], place < 100u);
        staged[line * 9u + eight] = v;
      }
      for (var turn = lane.x; turn < 256u; turn += 128u) {
        let line = turn / 8u;
        let eight = turn % 8u;
        let place = first + line;
        let channel = eight * 8u;
        let row = min(place, 99u);
        let start = (head * 6400u + row * 64u);
        let v = select(vec4<u32>(), x3[(start + channel) >> 3u], place < 100u);
        staged[line * 9u + eight + 288u] = v;
      }
      for (var at = lane.x; at < 32u; at += 128u) {
        let row = min(first + at, 99u);
        let c0 = x4[(head * 100u + row)];
        let c1 = x5[(head * 100u + row)];
        numbers[at] = c0 * 1.4426950216293335f;
        numbers[at + 32u] = c1;
      }
      workgroupBarrier();
      {
        var c0 = subgroup_matrix_result<f32, 16, 16>();
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 0u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_0, b0, c0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 2u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_1, b1, c0);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 4u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_2, b2, c0);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 6u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_3, b3, c0);
        subgroupMatrixStore<col_major>(&scores, score_base + 0u, c0, 20u);
      }
      {
        var c0 = subgroup_matrix_result<f32, 16, 16>();
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 144u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_0, b0, c0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 146u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_1, b1, c0);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 148u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_2, b2, c0);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 150u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own0_0_3, b3, c0);
        subgroupMatrixStore<col_major>(&scores, score_base + 320u, c0, 20u);
      }
      {
        var c0 = subgroup_matrix_result<f32, 16, 16>();
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 288u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_0, b0, c0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 290u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_1, b1, c0);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 292u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_2, b2, c0);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 294u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_3, b3, c0);
        subgroupMatrixStore<col_major>(&scores, score_base + 640u, c0, 20u);
      }
      {
        var c0 = subgroup_matrix_result<f32, 16, 16>();
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 432u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_0, b0, c0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 434u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_1, b1, c0);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 436u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_2, b2, c0);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&staged, 438u, 9u);
        c0 = subgroupMatrixMultiplyAccumulate(own1_0_3, b3, c0);
        subgroupMatrixStore<col_major>(&scores, score_base + 960u, c0, 20u);
      }
      workgroupBarrier();
      let p0 = select(0f, exp2(fma(scores[score_at + 0u], 0.432808518409729f, -numbers[part + 0u])), first + part + 0u >= lowest && first + part + 0u < 100u);
      weights[weight_at + 0u] = f16(p0 * (scores[score_at + 640u] - numbers[part + 0u + 32u]));
      weights[weight_at + 768u] = f16(p0);
      let p1 = select(0f, exp2(fma(scores[score_at + 40u], 0.432808518409729f, -numbers[part + 2u])), first + part + 2u >= lowest && first + part + 2u < 100u);
      weights[weight_at + 48u] = f16(p1 * (scores[score_at + 680u] - numbers[part + 2u + 32u]));
      weights[weight_at + 816u] = f16(p1);
      let p2 = select(0f, exp2(fma(scores[score_at + 80u], 0.432808518409729f, -numbers[part + 4u])), first + part + 4u >= lowest && first + part + 4u < 100u);
      weights[weight_at + 96u] = f16(p2 * (scores[score_at + 720u] - numbers[part + 4u + 32u]));
      weights[weight_at + 864u] = f16(p2);
      let p3 = select(0f, exp2(fma(scores[score_at + 120u], 0.432808518409729f, -numbers[part + 6u])), first + part + 6u >= lowest && first + part + 6u < 100u);
      weights[weight_at + 144u] = f16(p3 * (scores[score_at + 760u] - numbers[part + 6u + 32u]));
      weights[weight_at + 912u] = f16(p3);
      let p4 = select(0f, exp2(fma(scores[score_at + 160u], 0.432808518409729f, -numbers[part + 8u])), first + part + 8u >= lowest && first + part + 8u < 100u);
      weights[weight_at + 192u] = f16(p4 * (scores[score_at + 800u] - numbers[part + 8u + 32u]));
      weights[weight_at + 960u] = f16(p4);
      let p5 = select(0f, exp2(fma(scores[score_at + 200u], 0.432808518409729f, -numbers[part + 10u])), first + part + 10u >= lowest && first + part + 10u < 100u);
      weights[weight_at + 240u] = f16(p5 * (scores[score_at + 840u] - numbers[part + 10u + 32u]));
      weights[weight_at + 1008u] = f16(p5);
      let p6 = select(0f, exp2(fma(scores[score_at + 240u], 0.432808518409729f, -numbers[part + 12u])), first + part + 12u >= lowest && first + part + 12u < 100u);
      weights[weight_at + 288u] = f16(p6 * (scores[score_at + 880u] - numbers[part + 12u + 32u]));
      weights[weight_at + 1056u] = f16(p6);
      let p7 = select(0f, exp2(fma(scores[score_at + 280u], 0.432808518409729f, -numbers[part + 14u])), first + part + 14u >= lowest && first + part + 14u < 100u);
      weights[weight_at + 336u] = f16(p7 * (scores[score_at + 920u] - numbers[part + 14u + 32u]));
      weights[weight_at + 1104u] = f16(p7);
      let p8 = select(0f, exp2(fma(scores[score_at + 320u], 0.432808518409729f, -numbers[part + 16u])), first + part + 16u >= lowest && first + part + 16u < 100u);
      weights[weight_at + 384u] = f16(p8 * (scores[score_at + 960u] - numbers[part + 16u + 32u]));
      weights[weight_at + 1152u] = f16(p8);
      let p9 = select(0f, exp2(fma(scores[score_at + 360u], 0.432808518409729f, -numbers[part + 18u])), first + part + 18u >= lowest && first + part + 18u < 100u);
      weights[weight_at + 432u] = f16(p9 * (scores[score_at + 1000u] - numbers[part + 18u + 32u]));
      weights[weight_at + 1200u] = f16(p9);
      let p10 = select(0f, exp2(fma(scores[score_at + 400u], 0.432808518409729f, -numbers[part + 20u])), first + part + 20u >= lowest && first + part + 20u < 100u);
      weights[weight_at + 480u] = f16(p10 * (scores[score_at + 1040u] - numbers[part + 20u + 32u]));
      weights[weight_at + 1248u] = f16(p10);
      let p11 = select(0f, exp2(fma(scores[score_at + 440u], 0.432808518409729f, -numbers[part + 22u])), first + part + 22u >= lowest && first + part + 22u < 100u);
      weights[weight_at + 528u] = f16(p11 * (scores[score_at + 1080u] - numbers[part + 22u + 32u]));
      weights[weight_at + 1296u] = f16(p11);
      let p12 = select(0f, exp2(fma(scores[score_at + 480u], 0.432808518409729f, -numbers[part + 24u])), first + part + 24u >= lowest && first + part + 24u < 100u);
      weights[weight_at + 576u] = f16(p12 * (scores[score_at + 1120u] - numbers[part + 24u + 32u]));
      weights[weight_at + 1344u] = f16(p12);
      let p13 = select(0f, exp2(fma(scores[score_at + 520u], 0.432808518409729f, -numbers[part + 26u])), first + part + 26u >= lowest && first + part + 26u < 100u);
      weights[weight_at + 624u] = f16(p13 * (scores[score_at + 1160u] - numbers[part + 26u + 32u]));
      weights[weight_at + 1392u] = f16(p13);
      let p14 = select(0f, exp2(fma(scores[score_at + 560u], 0.432808518409729f, -numbers[part + 28u])), first + part + 28u >= lowest && first + part + 28u < 100u);
      weights[weight_at + 672u] = f16(p14 * (scores[score_at + 1200u] - numbers[part + 28u + 32u]));
      weights[weight_at + 1440u] = f16(p14);
      let p15 = select(0f, exp2(fma(scores[score_at + 600u], 0.432808518409729f, -numbers[part + 30u])), first + part + 30u >= lowest && first + part + 30u < 100u);
      weights[weight_at + 720u] = f16(p15 * (scores[score_at + 1240u] - numbers[part + 30u + 32u]));
      weights[weight_at + 1488u] = f16(p15);
      workgroupBarrier();
      {
        let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 0u, 24u);
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 0u, 9u);
        dk0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, dk0_0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 2u, 9u);
        dk0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, dk0_1);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 4u, 9u);
        dk0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, dk0_2);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 6u, 9u);
        dk0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, dk0_3);
      }
      {
        let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 384u, 24u);
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 144u, 9u);
        dk0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, dk0_0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 146u, 9u);
        dk0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, dk0_1);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 148u, 9u);
        dk0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, dk0_2);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 150u, 9u);
        dk0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, dk0_3);
      }
      {
        let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 768u, 24u);
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 288u, 9u);
        dv0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, dv0_0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 290u, 9u);
        dv0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, dv0_1);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 292u, 9u);
        dv0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, dv0_2);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 294u, 9u);
        dv0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, dv0_3);
      }
      {
        let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, weight_base + 1152u, 24u);
        let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 432u, 9u);
        dv0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, dv0_0);
        let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 434u, 9u);
        dv0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, dv0_1);
        let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 436u, 9u);
        dv0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, dv0_2);
        let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, 438u, 9u);
        dv0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, dv0_3);
      }
      workgroupBarrier();
    }
  }
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, dk0_0, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 16u, dk0_1, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 32u, dk0_2, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 48u, dk0_3, 68u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 1024u; e += 32u) {
    let line = e / 64u;
    let column = e % 64u;
    let channel = column;
    let key = line_first + subgroup * 16u + line;
    if (key < 70u) {
      x6[((batch * 2u + kv) * 70u + key) * 128u + channel] = f16(scores[score_base + line * 68u + column] * 0.30000001192092896f);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, score_base + 0u, dv0_0, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 16u, dv0_1, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 32u, dv0_2, 68u);
  subgroupMatrixStore<row_major>(&scores, score_base + 48u, dv0_3, 68u);
  workgroupBarrier();
  for (var e = subgroup_lane; e < 1024u; e += 32u) {
    let line = e / 64u;
    let column = e % 64u;
    let channel = column;
    let key = line_first + subgroup * 16u + line;
    if (key < 70u) {
      x6[((batch * 2u + kv) * 70u + key) * 128u + channel + 64u] = f16(scores[score_base + line * 68u + column]);
    }
  }
}
