/** Golden numbers, computed on the CPU. */
import { onCpu } from "../support/cpu.ts";
import { cosBridgeSuite } from "./cos_bridge.suite.ts";
import { modelsSuite } from "./models.suite.ts";
import { opsSuite } from "./ops.suite.ts";
import { optimSuite } from "./optim.suite.ts";

const evaluate = onCpu();
opsSuite("cpu", evaluate);
optimSuite("cpu", evaluate);
modelsSuite("cpu", evaluate);
cosBridgeSuite("cpu", evaluate);
