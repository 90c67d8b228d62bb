/** What the doctor finds, says and advises. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  adviceOf,
  autoOf,
  type DeviceReport,
  type DoctorReport,
  doctorText,
  examined,
  fastestOf,
  type Findings,
} from "../../pipelines/doctor/report.ts";
import { ran } from "../bench/command.ts";

const doctor = (...args: readonly string[]) => ran("pipelines/cli/cos.ts", "doctor", ...args);

const command = suite("doctor, the command");

command("finds Deno's WebGPU and the CPU, and says why Dawn is missing where it is", async () => {
  const { code, out, err } = await doctor("--no-measure", "--json");
  assert.is(code, 0, err);
  const report = JSON.parse(out) as DoctorReport;
  assert.equal(report.devices.map((d) => d.device), [...examined]);
  for (const { device, adapter, problem } of report.devices) {
    assert.is(adapter === null, problem !== null, device);
    if (adapter !== null) assert.ok(adapter.limits.bindings! >= 8, device);
    if (device !== "dawn") assert.is(problem, null);
  }
  assert.ok(report.devices[0]!.adapter!.features.includes("timestamp-query"));
  assert.equal(report.wasm, { simd: true, relaxedSimd: true, threads: true });
  assert.is(report.fastest, null, "nothing was measured");
  assert.is(report.auto, report.devices[0]!.adapter!.software ? "cpu" : "webgpu");
  assert.not.match(err, /XDG_RUNTIME_DIR|\.cpp/, "drivers are silent");
});

command("measures one device alone", async () => {
  const { code, out, err } = await doctor("--device", "cpu", "--json");
  assert.is(code, 0, err);
  const report = JSON.parse(out) as DoctorReport, [cpu, ...more] = report.devices;
  assert.is(more.length, 0);
  const { flopsPerSecond, bytesPerSecond, waitMs } = cpu!.measured!;
  for (const x of [flopsPerSecond, bytesPerSecond, waitMs]) assert.ok(x > 0 && Number.isFinite(x));
  assert.is(report.fastest, "cpu");
});

command("refuses devices that it does not know", async () => {
  const { code, out, err } = await doctor("--device", "tpu");
  assert.is.not(code, 0);
  assert.match(out + err, /tpu/);
});

const judged = suite("doctor, what it says");

const adapter: NonNullable<DeviceReport["adapter"]> = {
  name: "a card",
  software: false,
  features: ["shader-f16"],
  limits: { bindings: 10, bindingBytes: 2 ** 31 },
  f16: true,
  subgroups: { least: 32, most: 32 },
  matrices: [],
};
const healthy: DeviceReport = {
  device: "webgpu",
  adapter,
  problem: null,
  measured: { bytesPerSecond: 3e12, flopsPerSecond: 4e13, waitMs: 11.4 },
};
const findings: Findings = {
  what: "doctor",
  versions: { Deno: "2.9.6" },
  machine: { os: "linux", arch: "x86_64", cores: 16, memoryBytes: 2 ** 37 },
  wasm: { simd: true, relaxedSimd: true, threads: true },
  drivers: ["/usr/share/vulkan/icd.d/nvidia_icd.json"],
  devices: [healthy],
};

judged("nothing where nothing is missing", () => {
  assert.equal(adviceOf(findings), []);
  assert.match(
    doctorText({ ...findings, fastest: "webgpu", auto: "webgpu", advice: [] }),
    /nothing is missing$/,
  );
});

judged("each thing that is missing, once", () => {
  const says = (changed: Partial<Findings>, pattern: RegExp) => {
    const advice = adviceOf({ ...findings, ...changed });
    assert.is(advice.filter((line) => pattern.test(line)).length, 1, `${pattern} in ${advice.join("; ")}`);
  };
  says({ drivers: [] }, /no Vulkan driver/);
  says({ machine: { ...findings.machine, cores: 1 } }, /one core/);
  says({ wasm: { simd: true, relaxedSimd: false, threads: true } }, /relaxed SIMD/);
  says({ wasm: { simd: false, relaxedSimd: false, threads: true } }, /update Deno/);
  says({ devices: [{ ...healthy, adapter: { ...adapter, software: true } }] }, /software adapter/);
  says({ devices: [{ ...healthy, adapter: { ...adapter, f16: false } }] }, /shader-f16/);
  says({
    devices: [{
      device: "webgpu",
      adapter: null,
      problem: { got: "no adapter", hint: "get one" },
      measured: null,
    }],
  }, /^webgpu: no adapter; get one$/);
  const unit = { M: 16, N: 16, K: 16, componentType: "f16", resultComponentType: "f32" };
  const dawn: DeviceReport = { ...healthy, device: "dawn", adapter: { ...adapter, matrices: [unit] } };
  says({ devices: [healthy, dawn] }, /--device dawn --precision mixed/);
  const faster = { ...dawn, measured: { ...healthy.measured!, flopsPerSecond: 9e13 } };
  says({ devices: [healthy, faster] }, /fastest here for large products: --device dawn/);
  assert.is(fastestOf([healthy, faster]), "dawn");
  assert.is(fastestOf([{ ...healthy, measured: null }]), null);
});

judged("auto is a GPU, else the CPU, else a software adapter", () => {
  const cpu: DeviceReport = { ...healthy, device: "cpu", adapter: { ...adapter, software: true } };
  const software: DeviceReport = { ...healthy, adapter: { ...adapter, software: true } };
  const none: DeviceReport = { ...healthy, adapter: null, problem: { got: "no adapter", hint: "get one" } };
  assert.is(autoOf([healthy, cpu]), "webgpu");
  assert.is(autoOf([software, cpu]), "cpu");
  assert.is(autoOf([none, cpu]), "cpu");
  assert.is(autoOf([software, { ...none, device: "cpu" }]), "webgpu");
  assert.is(autoOf([none]), null);
  assert.is(autoOf([cpu]), null, "WebGPU was not examined");
});

judged("adapters in full", () => {
  const unit = { M: 16, N: 8, K: 16, componentType: "f16", resultComponentType: "f32" };
  const text = doctorText({
    ...findings,
    devices: [{ ...healthy, adapter: { ...adapter, matrices: [unit] } }],
    fastest: "webgpu",
    auto: "cpu",
    advice: ["one thing"],
  });
  for (
    const part of [
      /a card/,
      /shader-f16/,
      /32 to 32 lanes/,
      /f16 to f32 16x8x16/,
      /2\.00 GiB/,
      /40000\.0 GFLOP/,
      /^--device auto takes cpu$/m,
      /^- one thing$/m,
    ]
  ) assert.match(text, part);
});

command.run();
judged.run();
