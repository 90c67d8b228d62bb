/**
 * The memory of a small configuration's step: as planned, and as the CPU takes it from an arena of its own for the
 * compiled program.
 */
import { compile, cpuProfile, type Plan } from "@chain-of-sight/kernels";
import { Effect, Exit, Scope } from "effect";
import * as E from "fp-ts/lib/Either.js";
import { openAssembler } from "../../kernels/device/cpu_assemble.ts";
import { Arena } from "../../kernels/device/cpu_memory.ts";
import { Pool } from "../../kernels/device/cpu_pool.ts";
import { nodeThreads } from "../../kernels/device/threads_node.ts";
import { loadCpuProgram, turns } from "../../kernels/device/cpu_program.ts";
import type { NamedConfig, StageName } from "../../pipelines/configs/config.ts";
import { configNamed } from "../../pipelines/configs/named.ts";
import { planDevices } from "../../pipelines/plan/device.ts";
import { estimateOf } from "../../pipelines/plan/memory.ts";
import { plannedTraining } from "../../pipelines/plan/step.ts";
import { stepSource } from "../../pipelines/train/step_source.ts";

const THREADS = 2;

/** Bytes that a program takes of the device's memory. */
const taken = async (plan: Plan): Promise<number> => {
  const arena = new Arena(),
    pool = new Pool(arena.memory, THREADS, nodeThreads()),
    scope = Scope.makeUnsafe();
  const assembler = await Effect.runPromise(openAssembler);
  const device = { arena, pool, assembler, inTurn: turns(), nextId: () => 0 };
  await Effect.runPromise(Scope.provide(loadCpuProgram(device, plan), scope));
  const used = arena.used();
  await Effect.runPromise(Scope.close(scope, Exit.void));
  await pool.close();
  return used;
};

/** A small configuration with some images in the steps of both stages. */
export const smallConfig = (name: string, batch: number): NamedConfig => {
  const found = configNamed(name, "small");
  if (E.isLeft(found)) throw found.left;
  const { pretrain, finetune } = found.right;
  return { ...found.right, pretrain: { ...pretrain, batch }, finetune: { ...finetune, batch } };
};

/** Bytes of a step in f32, with its blocks recomputed or stored: as planned, and as the CPU takes them. */
export const stepBytes = async (
  name: string,
  stage: StageName,
  images: number,
  recomputed: boolean,
): Promise<{ readonly planned: number; readonly taken: number }> => {
  const remat = recomputed ? ["vision", "decoder"] as const : [];
  const form = { precision: "f32", images, remat, micro: 1 } as const;
  const training = plannedTraining(smallConfig(name, images), stage, form);
  return {
    planned: estimateOf(training, planDevices["h100-f32"], undefined, cpuProfile).memory.peak,
    taken: await taken(compile(stepSource(training).source, cpuProfile)),
  };
};
