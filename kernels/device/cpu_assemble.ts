/** Assembles WebAssembly text, and finds out what this machine's WebAssembly can do. */
import wabt from "wabt";
import * as Effect from "effect/Effect";
import type { Dialect } from "../wasm/math.ts";
import { DeviceError } from "./errors.ts";

/** Turns text into a compiled module. */
export type Assemble = (text: string) => Effect.Effect<WebAssembly.Module, DeviceError>;

/** An assembler that remembers the modules of the texts it has seen. */
export interface Assembler {
  /** Assembles a text. */
  readonly assemble: Assemble;
  /** What this machine offers. */
  readonly dialect: Dialect;
}

const FEATURES = { simd: true, threads: true, relaxed_simd: true, bulk_memory: true };
const MOST_REMEMBERED = 64;

const PROBE = `(module (func (param v128) (result v128)
  (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))`;

type Wabt = Awaited<ReturnType<typeof wabt>>;

const bytesOf = (tool: Wabt, text: string): Uint8Array<ArrayBuffer> => {
  const parsed = tool.parseWat("program.wat", text, FEATURES);
  try {
    return new Uint8Array(parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
};

/** Loads the assembler. */
export const openAssembler: Effect.Effect<Assembler, DeviceError> = Effect.gen(function* () {
  const tool = yield* Effect.tryPromise({
    try: () => wabt(),
    catch: (e) =>
      new DeviceError({ fault: "refused", got: String(e), mend: "check that npm:wabt can be loaded" }),
  });
  const known = new Map<string, WebAssembly.Module>();
  const assemble: Assemble = (text) =>
    Effect.tryPromise({
      try: async () => {
        const seen = known.get(text);
        if (seen !== undefined) return seen;
        const made = await WebAssembly.compile(bytesOf(tool, text));
        if (known.size >= MOST_REMEMBERED) known.delete(known.keys().next().value!);
        known.set(text, made);
        return made;
      },
      catch: (e) =>
        new DeviceError({
          fault: "rejected kernel",
          got: e instanceof Error ? e.message : String(e),
          mend: "report the program's WebAssembly text",
        }),
    });
  return { assemble, dialect: { relaxed: WebAssembly.validate(bytesOf(tool, PROBE)) } };
});
