/** Golden numbers, computed on WebGPU. */
import { onWebGpu } from "../support/webgpu.ts";
import { cosBridgeSuite } from "./cos_bridge.suite.ts";
import { modelsSuite } from "./models.suite.ts";
import { opsSuite } from "./ops.suite.ts";
import { optimSuite } from "./optim.suite.ts";

const evaluate = onWebGpu();
opsSuite("webgpu", evaluate, 10);
optimSuite("webgpu", evaluate);
modelsSuite("webgpu", evaluate);
cosBridgeSuite("webgpu", evaluate);
