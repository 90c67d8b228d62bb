diagnostic(off, chromium.subgroup_matrix_uniformity);
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
@group(0) @binding(0) var<storage, read> x0: array<vec4<u32>, 1120>;
@group(0) @binding(1) var<storage, read> x1: array<vec4<u32>, 1120>;
@group(0) @binding(2) var<storage, read> x2: array<vec4<u32>, 3200>;
@group(0) @binding(3) var<storage, read_write> x3: array<vec4<u32>, 3200>;
@group(0) @binding(4) var<storage, read> x4: array<f32, 400>;
@group(0) @binding(5) var<storage, read_write> x5: array<f32, 400>;
@group(0) @binding(6) var<storage, read> x6: array<f32, 400>;
@group(0) @binding(7) var<storage, read_write> x7: array<f32, 25600>;
@group(0) @binding(8) var<storage, read_write> x8: array<f16, 8960>;
@group(0) @binding(9) var<storage, read_write> x9: array<f16, 8960>;
var<workgroup> staged: array<vec4<u32>, 576>;
var<workgroup> weights: array<vec4<u32>, 640>;
var<workgroup> scores: array<vec4f, 1152>;
var<workgroup> numbers: array<vec4f, 16>;
var<workgroup> kept: array<vec4<u32>, 576>;
@compute @workgroup_size(128, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let pair_index = group.z;
  let batch = pair_index / 2u;
  let kv = pair_index % 2u;
  let split = group.x;
  for (var at = lane.x; at < 12800u; at += 128u) {
    x7[((batch * 1u + split) * 4u + kv * 2u) * 6400u + at] = 0f;
  }
  storageBarrier();
  let line_end = min(70u, (split + 1u) * 128u);
  for (var line_first = split * 128u; line_first < line_end; line_first += 64u) {
    let subgroup = lane.x / 32u;
    let own_line = subgroup_lane % 16u;
    let part = subgroup_lane / 16u;
    let score_base = subgroup * 288u;
    let weight_base = subgroup * 160u;
    let score_at = score_base + own_line * 9u + part * 4u;
    let weight_at = weight_base + own_line * 5u + part * 2u;
    let key = line_first + subgroup * 16u + own_line;
    for (var turn = lane.x; turn < 512u; turn += 128u) {
      let line = turn / 8u;
      let eight = turn % 8u;
      let place = line_first + line;
      let channel = eight * 8u;
      let key = min(place, 69u);
      let start = (key * 128u + kv * 64u);
      let v = select(vec4<u32>(), x0[(start + channel) >> 3u], place < 70u);
      kept[line * 9u + eight] = v;
    }
    for (var turn = lane.x; turn < 512u; turn += 128u) {
      let line = turn / 8u;
      let eight = turn % 8u;
      let place = line_first + line;
      let channel = eight * 8u;
      let key = min(place, 69u);
      let start = (key * 128u + kv * 64u);
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
      let start = (key * 128u + kv * 64u);
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
    let high_row = u32(max(0i, i32((line_first + 63u)) - -30i));
    for (var head = kv * 2u; head < (kv + 1u) * 2u; head++) {
      for (var first = begin; first < 100u; first += 32u) {
        for (var turn = lane.x; turn < 256u; turn += 128u) {
          let line = turn / 8u;
          let eight = turn % 8u;
          let place = first + line;
          let channel = eight * 8u;
          let row = min(place, 99u);
          let start = (head * 64u + row * 256u);
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
        for (var at = lane.x; at < 8u; at += 128u) {
          var lse0: f32;
          var delta0: f32;
          {
            let row = min(first + at * 4u + 0u, 99u);
            let c0 = x4[(head * 100u + row)];
            let c1 = x5[(head * 100u + row)];
            let c2 = x6[(head * 100u + row)];
            let c3 = (c1 - c2);
            lse0 = c0 * 1.4426950216293335f;
            delta0 = c3;
          }
          var lse1: f32;
          var delta1: f32;
          {
            let row = min(first + at * 4u + 1u, 99u);
            let c0 = x4[(head * 100u + row)];
            let c1 = x5[(head * 100u + row)];
            let c2 = x6[(head * 100u + row)];
            let c3 = (c1 - c2);
            lse1 = c0 * 1.4426950216293335f;
            delta1 = c3;
          }
          var lse2: f32;
          var delta2: f32;
          {
            let row = min(first + at * 4u + 2u, 99u);
            let c0 = x4[(head * 100u + row)];
            let c1 = x5[(head * 100u + row)];
            let c2 = x6[(head * 100u + row)];
            let c3 = (c1 - c2);
            lse2 = c0 * 1.4426950216293335f;
            delta2 = c3;
          }
          var lse3: f32;
          var delta3: f32;
          {
            let row = min(first + at * 4u + 3u, 99u);
            let c0 = x4[(head * 100u + row)];
            let c1 = x5[(head * 100u + row)];
            let c2 = x6[(head * 100u + row)];
            let c3 = (c1 - c2);
            lse3 = c0 * 1.4426950216293335f;
            delta3 = c3;
          }
          numbers[at] = vec4f(lse0, lse1, lse2, lse3);
          numbers[at + 8u] = vec4f(delta0, delta1, delta2, delta3);
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
          subgroupMatrixStore<row_major>(&scores, score_base + 0u, c0, 9u);
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
          subgroupMatrixStore<row_major>(&scores, score_base + 4u, c0, 9u);
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
          subgroupMatrixStore<row_major>(&scores, score_base + 144u, c0, 9u);
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
          subgroupMatrixStore<row_major>(&scores, score_base + 148u, c0, 9u);
        }
        workgroupBarrier();
        let lse_0 = numbers[part * 4u + 0u];
        let delta_0 = numbers[part * 4u + 8u];
        let lse_1 = numbers[part * 4u + 1u];
        let delta_1 = numbers[part * 4u + 9u];
        let lse_2 = numbers[part * 4u + 2u];
        let delta_2 = numbers[part * 4u + 10u];
        let lse_3 = numbers[part * 4u + 3u];
        let delta_3 = numbers[part * 4u + 11u];
        let raw0_0 = scores[score_at + 0u];
        let raw0_1 = scores[score_at + 1u];
        let raw0_2 = scores[score_at + 2u];
        let raw0_3 = scores[score_at + 3u];
        let raw1_0 = scores[score_at + 144u];
        let raw1_1 = scores[score_at + 145u];
        let raw1_2 = scores[score_at + 146u];
        let raw1_3 = scores[score_at + 147u];
        var p0 = exp2(fma(raw0_0.x, 0.432808518409729f, -lse_0.x));
        var p1 = exp2(fma(raw0_0.y, 0.432808518409729f, -lse_0.y));
        var p2 = exp2(fma(raw0_0.z, 0.432808518409729f, -lse_0.z));
        var p3 = exp2(fma(raw0_0.w, 0.432808518409729f, -lse_0.w));
        var p4 = exp2(fma(raw0_1.x, 0.432808518409729f, -lse_1.x));
        var p5 = exp2(fma(raw0_1.y, 0.432808518409729f, -lse_1.y));
        var p6 = exp2(fma(raw0_1.z, 0.432808518409729f, -lse_1.z));
        var p7 = exp2(fma(raw0_1.w, 0.432808518409729f, -lse_1.w));
        var p8 = exp2(fma(raw0_2.x, 0.432808518409729f, -lse_2.x));
        var p9 = exp2(fma(raw0_2.y, 0.432808518409729f, -lse_2.y));
        var p10 = exp2(fma(raw0_2.z, 0.432808518409729f, -lse_2.z));
        var p11 = exp2(fma(raw0_2.w, 0.432808518409729f, -lse_2.w));
        var p12 = exp2(fma(raw0_3.x, 0.432808518409729f, -lse_3.x));
        var p13 = exp2(fma(raw0_3.y, 0.432808518409729f, -lse_3.y));
        var p14 = exp2(fma(raw0_3.z, 0.432808518409729f, -lse_3.z));
        var p15 = exp2(fma(raw0_3.w, 0.432808518409729f, -lse_3.w));
        if (first < high_row || first + 32u > 100u) {
          p0 = select(0f, p0, first + part * 16u + 0u >= lowest && first + part * 16u + 0u < 100u);
          p1 = select(0f, p1, first + part * 16u + 1u >= lowest && first + part * 16u + 1u < 100u);
          p2 = select(0f, p2, first + part * 16u + 2u >= lowest && first + part * 16u + 2u < 100u);
          p3 = select(0f, p3, first + part * 16u + 3u >= lowest && first + part * 16u + 3u < 100u);
          p4 = select(0f, p4, first + part * 16u + 4u >= lowest && first + part * 16u + 4u < 100u);
          p5 = select(0f, p5, first + part * 16u + 5u >= lowest && first + part * 16u + 5u < 100u);
          p6 = select(0f, p6, first + part * 16u + 6u >= lowest && first + part * 16u + 6u < 100u);
          p7 = select(0f, p7, first + part * 16u + 7u >= lowest && first + part * 16u + 7u < 100u);
          p8 = select(0f, p8, first + part * 16u + 8u >= lowest && first + part * 16u + 8u < 100u);
          p9 = select(0f, p9, first + part * 16u + 9u >= lowest && first + part * 16u + 9u < 100u);
          p10 = select(0f, p10, first + part * 16u + 10u >= lowest && first + part * 16u + 10u < 100u);
          p11 = select(0f, p11, first + part * 16u + 11u >= lowest && first + part * 16u + 11u < 100u);
          p12 = select(0f, p12, first + part * 16u + 12u >= lowest && first + part * 16u + 12u < 100u);
          p13 = select(0f, p13, first + part * 16u + 13u >= lowest && first + part * 16u + 13u < 100u);
          p14 = select(0f, p14, first + part * 16u + 14u >= lowest && first + part * 16u + 14u < 100u);
          p15 = select(0f, p15, first + part * 16u + 15u >= lowest && first + part * 16u + 15u < 100u);
        }
        p0 = select(0f, p0, key < 70u);
        p1 = select(0f, p1, key < 70u);
        p2 = select(0f, p2, key < 70u);
        p3 = select(0f, p3, key < 70u);
        p4 = select(0f, p4, key < 70u);
        p5 = select(0f, p5, key < 70u);
        p6 = select(0f, p6, key < 70u);
        p7 = select(0f, p7, key < 70u);
        p8 = select(0f, p8, key < 70u);
        p9 = select(0f, p9, key < 70u);
        p10 = select(0f, p10, key < 70u);
        p11 = select(0f, p11, key < 70u);
        p12 = select(0f, p12, key < 70u);
        p13 = select(0f, p13, key < 70u);
        p14 = select(0f, p14, key < 70u);
        p15 = select(0f, p15, key < 70u);
        weights[weight_at + 0u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p0 * (raw1_0.x - delta_0.x)), f16(p1 * (raw1_0.y - delta_0.y)), f16(p2 * (raw1_0.z - delta_0.z)), f16(p3 * (raw1_0.w - delta_0.w)))), bitcast<vec2<u32>>(vec4<f16>(f16(p4 * (raw1_1.x - delta_1.x)), f16(p5 * (raw1_1.y - delta_1.y)), f16(p6 * (raw1_1.z - delta_1.z)), f16(p7 * (raw1_1.w - delta_1.w)))));
        weights[weight_at + 1u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p8 * (raw1_2.x - delta_2.x)), f16(p9 * (raw1_2.y - delta_2.y)), f16(p10 * (raw1_2.z - delta_2.z)), f16(p11 * (raw1_2.w - delta_2.w)))), bitcast<vec2<u32>>(vec4<f16>(f16(p12 * (raw1_3.x - delta_3.x)), f16(p13 * (raw1_3.y - delta_3.y)), f16(p14 * (raw1_3.z - delta_3.z)), f16(p15 * (raw1_3.w - delta_3.w)))));
        weights[weight_at + 80u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p0), f16(p1), f16(p2), f16(p3))), bitcast<vec2<u32>>(vec4<f16>(f16(p4), f16(p5), f16(p6), f16(p7))));
        weights[weight_at + 81u] = vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(f16(p8), f16(p9), f16(p10), f16(p11))), bitcast<vec2<u32>>(vec4<f16>(f16(p12), f16(p13), f16(p14), f16(p15))));
        workgroupBarrier();
        {
          let matrix = subgroup + 0u;
          let down = (matrix / 4u) * 16u;
          let across = (matrix % 4u) * 16u;
          var dq = subgroup_matrix_result<f32, 16, 16>();
          let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 0u + down / 8u, 5u);
          let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 0u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a0, b0, dq);
          let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 160u + down / 8u, 5u);
          let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 144u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a1, b1, dq);
          let a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 320u + down / 8u, 5u);
          let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 288u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a2, b2, dq);
          let a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 480u + down / 8u, 5u);
          let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 432u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a3, b3, dq);
          subgroupMatrixStore<row_major>(&scores, score_base, dq, 5u);
          workgroupBarrier();
          for (var e = subgroup_lane; e < 256u; e += 32u) {
            let line = e / 16u;
            let column = e % 16u;
            let row = first + down + line;
            let channel = across + column;
            if (row < 100u) {
              x7[((batch * 1u + split) * 4u + head) * 6400u + row * 64u + channel] = x7[((batch * 1u + split) * 4u + head) * 6400u + row * 64u + channel] + 0.30000001192092896f * scores[score_base + line * 5u + column / 4u][column % 4u];
            }
          }
          workgroupBarrier();
        }
        {
          let matrix = subgroup + 4u;
          let down = (matrix / 4u) * 16u;
          let across = (matrix % 4u) * 16u;
          var dq = subgroup_matrix_result<f32, 16, 16>();
          let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 0u + down / 8u, 5u);
          let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 0u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a0, b0, dq);
          let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 160u + down / 8u, 5u);
          let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 144u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a1, b1, dq);
          let a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 320u + down / 8u, 5u);
          let b2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 288u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a2, b2, dq);
          let a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&weights, 480u + down / 8u, 5u);
          let b3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kept, 432u + across / 8u, 9u);
          dq = subgroupMatrixMultiplyAccumulate(a3, b3, dq);
          subgroupMatrixStore<row_major>(&scores, score_base, dq, 5u);
          workgroupBarrier();
          for (var e = subgroup_lane; e < 256u; e += 32u) {
            let line = e / 16u;
            let column = e % 16u;
            let row = first + down + line;
            let channel = across + column;
            if (row < 100u) {
              x7[((batch * 1u + split) * 4u + head) * 6400u + row * 64u + channel] = x7[((batch * 1u + split) * 4u + head) * 6400u + row * 64u + channel] + 0.30000001192092896f * scores[score_base + line * 5u + column / 4u][column % 4u];
            }
          }
        }
        {
          let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 0u, 5u);
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
          let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 2u, 5u);
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
          let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 80u, 5u);
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
          let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&weights, weight_base + 82u, 5u);
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
      storageBarrier();
    }
    subgroupMatrixStore<row_major>(&scores, score_base + 0u, dk0_0, 17u);
    subgroupMatrixStore<row_major>(&scores, score_base + 4u, dk0_1, 17u);
    subgroupMatrixStore<row_major>(&scores, score_base + 8u, dk0_2, 17u);
    subgroupMatrixStore<row_major>(&scores, score_base + 12u, dk0_3, 17u);
    workgroupBarrier();
    for (var e = subgroup_lane; e < 1024u; e += 32u) {
      let line = e / 64u;
      let column = e % 64u;
      let channel = column;
      let key = line_first + subgroup * 16u + line;
      if (key < 70u) {
        x8[((batch * 2u + kv) * 70u + key) * 64u + channel] = f16(scores[score_base + line * 17u + column / 4u][column % 4u] * 0.30000001192092896f);
      }
    }
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&scores, score_base + 0u, dv0_0, 17u);
    subgroupMatrixStore<row_major>(&scores, score_base + 4u, dv0_1, 17u);
    subgroupMatrixStore<row_major>(&scores, score_base + 8u, dv0_2, 17u);
    subgroupMatrixStore<row_major>(&scores, score_base + 12u, dv0_3, 17u);
    workgroupBarrier();
    for (var e = subgroup_lane; e < 1024u; e += 32u) {
      let line = e / 64u;
      let column = e % 64u;
      let channel = column;
      let key = line_first + subgroup * 16u + line;
      if (key < 70u) {
        x9[((batch * 2u + kv) * 70u + key) * 64u + channel] = f16(scores[score_base + line * 17u + column / 4u][column % 4u]);
      }
    }
  }
}
