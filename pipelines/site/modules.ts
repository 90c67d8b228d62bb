/** WebAssembly modules of a site, assembled at export: those of every program that asking loads. */
import {
  cpuOn,
  type Device,
  type DeviceError,
  moduleName,
  nodeThreads,
  openAssembler,
  type Plan,
  renderModule,
  theDevice,
  wabtModules,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { type DiskError, onDisk } from "../base/disk.ts";
import { type AskFailure, openAsker, PROMPTS, type Question } from "../web/asker.ts";
import type { PageModel } from "../web/model.ts";

/** The CPU as a page has it. */
export const pageCpu = (threads?: number): Layer.Layer<Device, DeviceError> =>
  cpuOn(
    { spawn: nodeThreads(), assembler: openAssembler },
    threads === undefined ? {} : { threads },
  );

/** The same device, which tells `onPlan` every plan that it loads. */
const recording = (onPlan: (plan: Plan) => void): Layer.Layer<Device, DeviceError> =>
  Layer.effectContext(Effect.gen(function* () {
    const opened = yield* Layer.buildWithScope(pageCpu(), yield* Effect.scope);
    const device = Context.get(opened, theDevice());
    return Context.make(theDevice(), {
      profile: device.profile,
      load: (plan, alongside) => {
        onPlan(plan);
        return device.load(plan, alongside);
      },
    });
  }));

/** Programs for prompts of up to so many multiples of the shortest are assembled. */
const LENGTHS = 2;

/**
 * Asks about an image with prompts and answers of every length that shares a program, and writes the modules of all
 * programs, for machines with and without relaxed SIMD, into a folder. Gives the names of the files.
 */
export const writeModules = (
  model: PageModel,
  { rgb, question }: Question,
  folder: string,
): Effect.Effect<readonly string[], AskFailure | DiskError> =>
  Effect.gen(function* () {
    const plans = new Set<Plan>(), { speech } = model;
    yield* Effect.scoped(Effect.gen(function* () {
      const asker = yield* openAsker(model);
      for (let length = 1; length <= LENGTHS; length++) {
        // words are at least one token each
        const long = length === 1 ? question : Array.from({ length: PROMPTS + 2 }, () => "a").join(" ");
        const { ids } = yield* asker.answer({ rgb, question: long }, () => {});
        const one = ids[0] ?? speech.pad;
        for (const count of [1, PROMPTS - 1]) {
          yield* asker.maps({ rgb, question: long }, Array.from({ length: count }, () => one));
        }
      }
    })).pipe(Effect.provide(recording((plan) => plans.add(plan))));
    const texts = new Set(
      [...plans].flatMap((plan) => [true, false].map((relaxed) => renderModule(plan, { relaxed }).text)),
    );
    return yield* onDisk("write modules to", folder, async () => {
      await Deno.mkdir(folder, { recursive: true });
      const assemble = await wabtModules();
      for (const text of texts) await Deno.writeFile(`${folder}/${moduleName(text)}`, await assemble(text));
      return [...texts].map(moduleName).toSorted();
    });
  });
