/** Golden numbers, computed by the reference interpreter. */
import { reference } from "../support/evaluate.ts";
import { cosBridgeSuite } from "./cos_bridge.suite.ts";
import { modelsSuite } from "./models.suite.ts";
import { opsSuite } from "./ops.suite.ts";
import { optimSuite } from "./optim.suite.ts";

opsSuite("reference", reference);
optimSuite("reference", reference);
modelsSuite("reference", reference);
cosBridgeSuite("reference", reference);
