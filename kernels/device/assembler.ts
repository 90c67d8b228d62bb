/** Assembly of WebAssembly text to modules: by an assembler, or by lookup of modules assembled before. */
import { textHash } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Dialect } from "../wasm/math.ts";
import { DeviceError } from "./errors.ts";

/** A compiled module, and the bytes that it was compiled from. */
export interface AssembledModule {
  /** The module. */
  readonly module: WebAssembly.Module;
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Turns text into a compiled module.
 * @internal
 */
export type Assemble = (text: string) => Effect.Effect<AssembledModule, DeviceError>;

/** An assembler that remembers the modules of the texts it has seen. */
export interface Assembler {
  /** Assembles a text. */
  readonly assemble: Assemble;
  /** Features of this machine. */
  readonly dialect: Dialect;
}

/**
 * Opens an assembler.
 * @internal
 */
export type OpenAssembler = Effect.Effect<Assembler, DeviceError>;

const MAX_REMEMBERED = 64;

/** A module with one function of one `f32x4.relaxed_madd`, assembled. */
const RELAXED_MADD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...[1, 6, 1, 96, 1, 123, 1, 123],
  ...[3, 2, 1, 0],
  ...[10, 13, 1, 11, 0, 32, 0, 32, 0, 32, 0, 253, 133, 2, 11],
);

/** The instructions of this machine's WebAssembly. */
export const machineDialect = (): Dialect => ({ relaxed: WebAssembly.validate(RELAXED_MADD) });

/** Bytes of the module of a text. */
export type ModuleBytes = (text: string) => Promise<Uint8Array<ArrayBuffer>>;

/** An assembler over `bytesOf` that compiles each text once. */
export const assemblerOf = (bytesOf: ModuleBytes, dialect: Dialect = machineDialect()): Assembler => {
  const known = new Map<string, AssembledModule>();
  const assemble: Assemble = (text) =>
    Effect.tryPromise({
      try: async () => {
        const seen = known.get(text);
        if (seen !== undefined) return seen;
        const bytes = await bytesOf(text), made = { module: await WebAssembly.compile(bytes), bytes };
        if (known.size >= MAX_REMEMBERED) known.delete(known.keys().next().value!);
        known.set(text, made);
        return made;
      },
      catch: (e) =>
        e instanceof DeviceError ? e : new DeviceError({
          fault: "rejected kernel",
          got: e instanceof Error ? e.message : String(e),
          hint: "report the program's WebAssembly text",
        }),
    });
  return { assemble, dialect };
};

/** File name of the module of a text: two hashes and the length. */
export const moduleName = (text: string): string => {
  const hex = (basis: number): string => textHash(text, basis).toString(16).padStart(8, "0");
  return `${hex(0x811c9dc5)}${hex(0x9dc5811c)}-${text.length.toString(36)}.wasm`;
};

/** Modules that were assembled before, by {@link moduleName} under `folder`; texts that are not there go to `other`. */
export const assembledModules =
  (folder: URL | string, names: ReadonlySet<string>, other: ModuleBytes): ModuleBytes => async (text) => {
    const name = moduleName(text);
    if (!names.has(name)) return await other(text);
    const response = await fetch(new URL(name, folder));
    if (!response.ok) return await other(text);
    return new Uint8Array(await response.arrayBuffer());
  };
