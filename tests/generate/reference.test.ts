/** Writing by the reference interpreter. */
import { referenceServices } from "../support/reference_device.ts";
import { generateSuite } from "./suite.ts";

generateSuite("reference", referenceServices);
