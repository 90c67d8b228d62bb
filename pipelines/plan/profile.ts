/** The device that plans are made for: a GPU without limits, so that nothing is cut to fit a binding. */
import { type DeviceProfile, portableProfile } from "@chain-of-sight/kernels";

/** A GPU with fused attention, as much memory as is asked for, and bindings of any number and size. */
export const unlimitedProfile: DeviceProfile = {
  ...portableProfile,
  name: "a GPU without limits",
  maxBindings: 2 ** 20,
  maxBindingBytes: 2 ** 60,
  maxBufferBytes: 2 ** 60,
  maxPositions: 2 ** 60,
  maxInvocations: 1024,
  workgroupBytes: 48 * 2 ** 10,
};
