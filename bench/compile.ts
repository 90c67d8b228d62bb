/** Times the way from a model to a program on a device: in a new process, and again in the same one. */
import type { TreeError } from "@chain-of-sight/core";
import {
  bytesText,
  compileFor,
  type Device,
  DeviceError,
  type DeviceService,
  dispatchesOf,
  explain,
  isKept,
  type Plan,
  renderModule,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import process from "node:process";
import type { BenchError } from "../pipelines/tune/bench_fault.ts";
import { presets, type StepPreset } from "../pipelines/tune/presets.ts";
import type { StepDevice } from "../pipelines/tune/step_device.ts";
import { aboutLine, markdownTable } from "./step_report.ts";
import { type StepWork, stepWork } from "../pipelines/tune/step_work.ts";

/** Options of the timing. */
export interface CompileOptions {
  /** The model. */
  readonly preset: StepPreset;
  /** Visual tokens. */
  readonly tokens: number;
  /** Sequences of a step. */
  readonly batch: number;
  /** Which device it is for; it must be the one in the context. */
  readonly device: StepDevice;
}

/** Milliseconds of each part of the way. */
interface CompileTimes {
  /** Describing the model, its gradients and the update. */
  readonly describe: number;
  /** Simplifying, fusing and planning. */
  readonly compile: number;
  /** The kernels in the device's words. */
  readonly render: number;
  /** The driver's or assembler's work, and memory; up to the refusal where the device is too small. */
  readonly load: number;
  /** What the processor spent on all of it, in every thread: the same on a machine that does other things too. */
  readonly processor: number;
}

/** Findings. */
export interface CompileReport extends CompileOptions {
  /** The run. */
  readonly what: "compile";
  /** Name of the device. */
  readonly deviceName: string;
  /** Versions of the software. */
  readonly versions: Readonly<Record<string, string>>;
  /** Kernels of the plan. */
  readonly kernels: number;
  /** Characters of the kernels' texts, equal ones once. */
  readonly characters: number;
  /** Bytes of the program. */
  readonly bytes: number;
  /** Whether the device could hold it. */
  readonly loaded: boolean;
  /** Whether the program was on disk before. */
  readonly kept: boolean;
  /** The first time, and again in the same process while the first description is there. */
  readonly cold: CompileTimes;
  /** The second time. */
  readonly warm: CompileTimes;
}

const rendered = (plan: Plan, { profile }: DeviceService, device: StepDevice): number =>
  device === "cpu"
    ? renderModule(plan, { relaxed: true }).text.length
    : [...new Set(dispatchesOf(plan, profile).map((d) => d.code))].reduce((n, code) => n + code.length, 0);

interface Way {
  readonly work: StepWork;
  readonly plan: Plan;
  readonly loaded: boolean;
  readonly times: CompileTimes;
}

/** Milliseconds of processor time since the process began. */
const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const way = (service: DeviceService, { preset, tokens, batch, device }: CompileOptions) =>
  Effect.gen(function* () {
    const before = spent(),
      start = performance.now(),
      work = yield* Effect.try({
        try: () => stepWork(presets[preset], tokens, { batch }),
        catch: (e) => e as BenchError,
      });
    const described = performance.now(), plan = compileFor(service, work.source);
    const compiled = performance.now();
    if (!isKept(plan)) rendered(plan, service, device);
    const written = performance.now();
    const loaded = yield* service.load(plan).pipe(
      Effect.as(true),
      Effect.catch((e) =>
        e instanceof DeviceError && e.fault === "out of memory" ? Effect.succeed(false) : Effect.fail(e)
      ),
      Effect.scoped,
    );
    const times: CompileTimes = {
      describe: described - start,
      compile: compiled - described,
      render: written - compiled,
      load: performance.now() - written,
      processor: spent() - before,
    };
    return { work, plan, loaded, times } satisfies Way;
  });

/** Times the way twice on the device of the context. */
export const timeCompile = (
  options: CompileOptions,
  versions: Readonly<Record<string, string>>,
): Effect.Effect<CompileReport, BenchError | DeviceError | TreeError, Device> =>
  Effect.gen(function* () {
    const service = yield* theDevice(), first = yield* way(service, options);
    const second = yield* way(service, options), { memory } = explain(first.plan);
    return {
      what: "compile",
      ...options,
      deviceName: service.profile.name,
      versions,
      kernels: first.plan.kernels.length,
      characters: rendered(first.plan, service, options.device),
      bytes: memory.inputs + memory.outputs + memory.scratch,
      loaded: first.loaded,
      kept: isKept(first.plan),
      cold: first.times,
      warm: second.times,
    } satisfies CompileReport;
  });

const seconds = (ms: number): string => (ms / 1000).toFixed(2);

/** A report as Markdown. */
export const compileText = (r: CompileReport): string => {
  const row = (
    name: string,
    { describe, compile, render, load, processor }: CompileTimes,
  ): readonly string[] => [
    name,
    ...[describe, compile, render, load, describe + compile + render + load, processor].map(seconds),
  ];
  return [
    aboutLine(r),
    `${r.preset}, ${r.tokens} visual tokens, batch ${r.batch}: ${r.kernels} kernels, ${r.characters} characters, ${
      bytesText(r.bytes)
    }${r.loaded ? "" : " (more than the device holds: refused after its kernels were ready)"}`,
    "",
    markdownTable(["seconds", "describe", "compile", "render", "load", "all", "processor"], [
      row("cold", r.cold),
      row("warm", r.warm),
    ]),
  ].join("\n");
};
