/** The device profile: everything that the compiler knows about a device. */
import { type Capabilities, noCapabilities } from "./capabilities.ts";

/** Capabilities and sizes that schedules and renderers depend on. */
export interface DeviceProfile extends Capabilities {
  /** Name of the adapter. */
  readonly name: string;
  /** Whether it is a software adapter, which runs lanes in CPU vectors. */
  readonly software: boolean;
  /** Most storage buffers in one kernel. */
  readonly maxBindings: number;
  /** Maximum number of bytes in one binding. */
  readonly maxBindingBytes: number;
  /** Maximum number of bytes in one buffer. */
  readonly maxBufferBytes: number;
  /** Kernels count fewer elements than this: positions are words of 32 bits, and tiles reach over the end of what they cover. */
  readonly maxPositions: number;
  /** Bindings start at multiples of this many bytes: slices of stacks are padded to it. */
  readonly bindingAlignment: number;
  /** Maximum number of invocations in one workgroup. */
  readonly maxInvocations: number;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
  /** Whether the device has kernels for attention; without them it is made of products and a softmax. */
  readonly attention: boolean;
  /** Minimum number of queries for which those kernels are worth it: for fewer, scores take no more memory than keys. */
  readonly minQueries: number;
  /** Units of work that attention's gradient should have at least: heads of keys, or parts of them where there are fewer. */
  readonly attentionUnits: number;
  /** Most workgroups along one axis. */
  readonly maxWorkgroups: number;
  /** Longest sum that one workgroup computes when there are few: longer ones are summed in pieces. */
  readonly maxSumLength: number;
  /** Turns of loops in one invocation after which the device stops it, silently. */
  readonly maxIterations: number;
}

/** Maximum number of positions of kernels in WGSL: 2^32, less what the last tiles and the last workgroups may reach beyond. */
export const WGSL_POSITIONS: number = 31 * 2 ** 27;

/** The least that every WebGPU device gives: used to render text where no device is at hand. */
export const portableProfile: DeviceProfile = {
  ...noCapabilities,
  name: "portable",
  software: false,
  maxBindings: 8,
  maxBindingBytes: 128 * 2 ** 20,
  maxBufferBytes: 256 * 2 ** 20,
  maxPositions: WGSL_POSITIONS,
  bindingAlignment: 256,
  maxInvocations: 256,
  workgroupBytes: 16384,
  attention: true,
  minQueries: 0,
  attentionUnits: 64,
  maxWorkgroups: 65535,
  maxSumLength: 2 ** 15,
  maxIterations: Infinity,
};
