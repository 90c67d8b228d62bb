/** Donated state on WebGPU: as it is, with tensors in windows, and on Dawn. */
import { dawnServices, endWithTests, swiftShader } from "../support/dawn.ts";
import { services, servicesAs } from "../support/webgpu.ts";
import { donationSuite } from "./donation.ts";

donationSuite("webgpu", services, 16);
donationSuite("webgpu, small bindings", servicesAs({ maxBindingBytes: 1024, maxBufferBytes: 4096 }), 8);
if (swiftShader !== undefined) donationSuite("Dawn", dawnServices(), 8);
endWithTests();
