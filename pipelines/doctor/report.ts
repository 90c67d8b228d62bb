/** What a machine has to compute with, as JSON and as text. */
import { bytesText } from "@chain-of-sight/kernels";

/** A device that is looked at. */
export type Examined = "webgpu" | "dawn" | "cpu";

/** Every device that is looked at. */
export const examined: readonly Examined[] = ["webgpu", "dawn", "cpu"];

/** One shape of product of a matrix unit. */
export interface MatrixUnit {
  /** Rows of the result. */
  readonly M: number;
  /** Columns of the result. */
  readonly N: number;
  /** Length of the sums. */
  readonly K: number;
  /** Type of the operands. */
  readonly componentType: string;
  /** Type of the result. */
  readonly resultComponentType: string;
}

/** An adapter, as far as programs can tell. */
export interface AdapterReport {
  /** Its own name. */
  readonly name: string;
  /** Whether it is a software device. */
  readonly software: boolean;
  /** Features that were granted. */
  readonly features: readonly string[];
  /** Its limits by name: bytes, bindings, invocations of a workgroup, workgroups along an axis. */
  readonly limits: Readonly<Record<string, number>>;
  /** Whether it holds 16-bit floating point. */
  readonly f16: boolean;
  /** Lanes of a subgroup, or `null`. */
  readonly subgroups: { readonly least: number; readonly most: number } | null;
  /** Shapes of its matrix units. */
  readonly matrices: readonly MatrixUnit[];
}

/** One device; what is missing is `null`. */
export interface DeviceReport {
  /** Which. */
  readonly device: Examined;
  /** Findings. */
  readonly adapter: AdapterReport | null;
  /** Why nothing was found, and what to do. */
  readonly problem: { readonly got: string; readonly hint: string } | null;
  /** Achieved rates of it: memory, arithmetic, and milliseconds to the result of a small program. */
  readonly measured:
    | { readonly bytesPerSecond: number; readonly flopsPerSecond: number; readonly waitMs: number }
    | null;
}

/** Findings on a machine. */
export interface Findings {
  /** Discriminates reports. */
  readonly what: "doctor";
  /** Versions by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** The machine: operating system, architecture, cores, bytes of memory. */
  readonly machine: {
    readonly os: string;
    readonly arch: string;
    readonly cores: number;
    readonly memoryBytes: number;
  };
  /** What WebAssembly can do here. */
  readonly wasm: { readonly simd: boolean; readonly relaxedSimd: boolean; readonly threads: boolean };
  /** Files that describe Vulkan drivers. */
  readonly drivers: readonly string[];
  /** The devices, in the order of looking. */
  readonly devices: readonly DeviceReport[];
}

/** The whole report. */
export interface DoctorReport extends Findings {
  /** The device that does most arithmetic; `null` where nothing was measured. */
  readonly fastest: Examined | null;
  /** The device that `--device auto` takes; `null` where that is not known. */
  readonly auto: "webgpu" | "cpu" | null;
  /** How to fix it, most important first. */
  readonly advice: readonly string[];
}

/** The device that does most arithmetic, of those that were measured. */
export const fastestOf = (devices: readonly DeviceReport[]): Examined | null =>
  devices.reduce<DeviceReport | undefined>(
    (best, d) =>
      d.measured !== null && d.measured.flopsPerSecond > (best?.measured?.flopsPerSecond ?? 0) ? d : best,
    undefined,
  )?.device ?? null;

/**
 * The device that `--device auto` takes: a GPU, else the CPU back end, else a software adapter. `null` where none of
 * them opens, or where WebGPU was not examined.
 */
export const autoOf = (devices: readonly DeviceReport[]): DoctorReport["auto"] => {
  const web = devices.find((d) => d.device === "webgpu");
  if (web === undefined) return null;
  if (web.adapter !== null && !web.adapter.software) return "webgpu";
  if (devices.some((d) => d.device === "cpu" && d.adapter !== null)) return "cpu";
  return web.adapter === null ? null : "webgpu";
};

/** How to fix it, most important first; nothing where nothing is missing. */
export const adviceOf = ({ devices, wasm, machine, drivers }: Findings): readonly string[] => {
  const of = (name: Examined) => devices.find((d) => d.device === name), out: string[] = [];
  const web = of("webgpu"), dawn = of("dawn"), fastest = fastestOf(devices);
  for (const { device, problem } of devices) {
    if (problem !== null) out.push(`${device}: ${problem.got}; ${problem.hint}`);
  }
  if (web?.adapter?.software) {
    out.push(
      "webgpu: a software adapter, which --device auto leaves to the CPU; a GPU needs its vendor's Vulkan driver (Debian: mesa-vulkan-drivers for AMD and " +
        "Intel, nvidia-driver for NVIDIA), and VK_DRIVER_FILES where it is not found",
    );
  }
  if (drivers.length === 0) {
    out.push("no Vulkan driver is installed (Debian: mesa-vulkan-drivers, libvulkan1)");
  }
  if (web?.adapter !== undefined && web.adapter !== null && !web.adapter.software && !web.adapter.f16) {
    out.push("webgpu: no 16-bit floating point (shader-f16): mixed precision needs a newer driver");
  }
  if ((dawn?.adapter?.matrices.length ?? 0) > 0) {
    out.push("dawn: this GPU has matrix units: --device dawn --precision mixed uses them");
  }
  if (!wasm.simd || !wasm.threads) out.push("cpu: WebAssembly SIMD and threads are missing: update Deno");
  if (wasm.simd && !wasm.relaxedSimd) {
    out.push("cpu: no relaxed SIMD: products take a multiply and an add each");
  }
  if (machine.cores === 1) out.push("cpu: one core only");
  if (fastest !== null && devices.filter((d) => d.measured !== null).length > 1) {
    out.push(`fastest here for large products: --device ${fastest}`);
  }
  return out;
};

const deviceText = ({ device, adapter, problem, measured }: DeviceReport): readonly string[] => [
  `${device}: ${adapter?.name ?? `not available (${problem?.got})`}`,
  ...(adapter === null ? [] : [
    `  features   ${adapter.features.join(", ") || "none"}`,
    ...(adapter.subgroups === null
      ? []
      : [`  subgroups  ${adapter.subgroups.least} to ${adapter.subgroups.most} lanes`]),
    ...(adapter.matrices.length === 0 ? [] : [
      `  matrices   ${
        adapter.matrices.map((m) => `${m.componentType} to ${m.resultComponentType} ${m.M}x${m.N}x${m.K}`)
          .join(", ")
      }`,
    ]),
    ...Object.entries(adapter.limits).map(([name, n]) =>
      `  ${name}  ${/bytes/i.test(name) ? bytesText(n) : n}`
    ),
  ]),
  ...(measured === null ? [] : [
    `  measured   ${(measured.flopsPerSecond / 1e9).toFixed(1)} GFLOP/s, ${
      (measured.bytesPerSecond / 1e9).toFixed(1)
    } GB/s, ${measured.waitMs.toFixed(2)} ms for a small program and its result`,
  ]),
];

/** The report for people. */
export const doctorText = (r: DoctorReport): string =>
  [
    Object.entries(r.versions).map(([name, v]) => `${name} ${v}`).join(", "),
    `${r.machine.os} ${r.machine.arch}, ${r.machine.cores} cores, ${bytesText(r.machine.memoryBytes)}`,
    `WebAssembly: ${Object.entries(r.wasm).map(([name, has]) => `${name} ${has ? "yes" : "no"}`).join(", ")}`,
    `Vulkan drivers: ${r.drivers.join(", ") || "none"}`,
    "",
    ...r.devices.flatMap(deviceText),
    "",
    ...(r.auto === null ? [] : [`--device auto takes ${r.auto}`]),
    ...(r.advice.length === 0 ? ["nothing is missing"] : r.advice.map((line) => `- ${line}`)),
  ].join("\n");
