/** Assembles WebAssembly text by wabt. */
import wabt from "wabt";
import * as Effect from "effect/Effect";
import { assemblerOf, type ModuleBytes, type OpenAssembler } from "./assembler.ts";
import { DeviceError } from "./errors.ts";

const FEATURES = { simd: true, threads: true, relaxed_simd: true, bulk_memory: true };

type Wabt = Awaited<ReturnType<typeof wabt>>;

const assembled = (tool: Wabt, text: string): Uint8Array<ArrayBuffer> => {
  const parsed = tool.parseWat("program.wat", text, FEATURES);
  try {
    return new Uint8Array(parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
};

/** Loads wabt. Rejects where it cannot be loaded. */
export const wabtModules = async (): Promise<ModuleBytes> => {
  const tool = await wabt();
  return (text) => Promise.resolve(assembled(tool, text));
};

/** The assembler, which loads wabt with the first text: programs that were kept need none. */
export const openAssembler: OpenAssembler = Effect.sync(() => {
  let opened: Promise<ModuleBytes> | undefined;
  return assemblerOf(async (text) => {
    opened ??= wabtModules().catch((e) => {
      throw new DeviceError({
        fault: "refused",
        got: String(e),
        hint: "check that npm:wabt can be loaded",
      });
    });
    return (await opened)(text);
  });
});
