/** Checkpoints in the layouts of Hugging Face, written from the golden numbers. */
import type { NdArray } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { encode } from "../../pipelines/weights/safetensors.ts";
import { golden } from "./fixtures.ts";

/** A model as `save_pretrained` wrote it: its config.json and its tensors by name. */
export interface Saved {
  /** config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The tensors. */
  readonly tensors: Readonly<Record<string, NdArray>>;
}

/** A golden model. */
export const savedModel = (name: "clip_vision" | "llama"): Saved => {
  const file = golden<Record<string, unknown>>(name);
  const tensors = Object.entries(file.under("")).filter(([key]) => !key.startsWith("io."));
  return { config: file.meta, tensors: Object.fromEntries(tensors) };
};

/** The bytes of a safetensors file. */
export const fileOf = (tensors: Readonly<Record<string, NdArray>>): Uint8Array<ArrayBuffer> => {
  const bytes = encode(tensors, { format: "pt" });
  if (E.isLeft(bytes)) throw bytes.left;
  return bytes.right;
};

/** Writes a model into a folder as one file. */
export const writeModel = async (folder: string, { config, tensors }: Saved): Promise<void> => {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
  await Deno.writeFile(`${folder}/model.safetensors`, fileOf(tensors));
};

/** Runs with a folder that is removed afterwards. */
export const inFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};
