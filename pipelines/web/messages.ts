/** Messages between a page and its computing worker. */
import type { ContestResult } from "./contest.ts";
import type { SampleImage } from "./model.ts";

/** Device that runs it: the first that there is of a GPU, threads and one thread; or one of them. */
export type DeviceChoice = "auto" | "webgpu" | "threads" | "thread";

/** One scale of an attention map. */
export interface ScaleMap {
  /** Patches per side of a window. */
  readonly window: number;
  /** Visual tokens of a window. */
  readonly queries: number;
  /** Share of the attention that goes to the scale, 0 to 1. */
  readonly share: number;
  /** Share of every window, row-major. */
  readonly windows: readonly number[];
  /** Share of every patch, row-major. */
  readonly patches: Float64Array;
}

/** Requests to the worker. */
export type PageRequest =
  | { readonly kind: "open"; readonly device: DeviceChoice; readonly model: boolean }
  | { readonly kind: "ask"; readonly id: number; readonly image: Blob; readonly question: string }
  | { readonly kind: "inspect"; readonly id: number; readonly example: string };

/** A description, its kernels, its memory and its times. */
export interface Inspection {
  /** Nodes of the description, then of its gradient. */
  readonly nodes: { readonly forward: number; readonly gradient: number };
  /** Dispatches in order. */
  readonly kernels: readonly InspectedKernel[];
  /** Buffers of the memory plan. */
  readonly buffers: readonly { readonly role: string; readonly bytes: number }[];
  /** The plan as text. */
  readonly text: string;
  /** Value of the loss, computed on the device. */
  readonly value: number;
  /** Norm of its gradient, from the values that the device computed. */
  readonly gradientNorm: number;
  /** Name of the device. */
  readonly device: string;
  /** Whether it is WebGPU. */
  readonly onGpu: boolean;
}

/** A kernel of an inspection. */
export interface InspectedKernel {
  /** Its computation. */
  readonly label: string;
  /** Its source. */
  readonly code: string;
  /** FLOPs. */
  readonly flops: number;
  /** Milliseconds on the device; none where it measures none. */
  readonly milliseconds?: number;
}

/** A model that is ready. */
export interface OpenedModel {
  /** Name. */
  readonly name: string;
  /** Parameters. */
  readonly parameters: number;
  /** Visual tokens of an image. */
  readonly visualTokens: number;
  /** Side in pixels of the images that it reads. */
  readonly resolution: number;
  /** Images to try. */
  readonly samples: readonly SampleImage[];
}

/** Replies of the worker. */
export type WorkerReply =
  | { readonly kind: "progress"; readonly loaded: number; readonly total: number }
  | {
    readonly kind: "opened";
    readonly model: OpenedModel;
    readonly device: string;
    readonly seconds: number;
  }
  | { readonly kind: "words"; readonly id: number; readonly text: string }
  | {
    readonly kind: "answered";
    readonly id: number;
    readonly answer: string;
    readonly unknown: readonly string[];
    readonly seconds: number;
  }
  | {
    readonly kind: "maps";
    readonly id: number;
    /** Text of every token of the answer. */
    readonly tokens: readonly string[];
    /** Scales of every token, coarse to fine. */
    readonly maps: readonly (readonly ScaleMap[])[];
    readonly seconds: number;
  }
  | { readonly kind: "inspected"; readonly id: number; readonly inspection: Inspection }
  | { readonly kind: "failed"; readonly id?: number; readonly message: string };

/** The request to the worker that compares with jax-js. */
export interface ContestRequest {
  /** What computes for both: WebGPU, or one thread. */
  readonly device: "webgpu" | "thread";
}

/** Replies of the worker that compares with jax-js. */
export type ContestReply =
  | { readonly kind: "versions"; readonly device: string; readonly ours: string; readonly jax: string }
  | { readonly kind: "result"; readonly result: ContestResult }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string };
